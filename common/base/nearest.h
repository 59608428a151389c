/* SPDX-License-Identifier: MIT */
/* Which known word did somebody mean? For messages about unknown keys and names. Pure. */
#ifndef WEIR_COMMON_BASE_NEAREST_H
#define WEIR_COMMON_BASE_NEAREST_H

#include <stddef.h>

/* How far apart two words are: a letter inserted, dropped or replaced costs 2, the wrong case 1.
 * Only the first NEAREST_MAX bytes are looked at. */
#define NEAREST_MAX 128
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* A search over candidates given one after the other. `best` stays
 * NULL when there was no candidate. Borrows the candidates. */
struct nearest {
    const char *word;
    size_t len;
    const char *best;
    unsigned distance;
};

struct nearest nearest_start(const char *word, size_t len);
void nearest_offer(struct nearest *search, const char *candidate);

#endif
