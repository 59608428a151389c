/* SPDX-License-Identifier: MIT */
/* The known word that is nearest to an unknown one: "did you mean ...?" in messages about keys and
 * names. Pure. */
#ifndef WEIR_COMMON_BASE_NEAREST_H
#define WEIR_COMMON_BASE_NEAREST_H

#include <stddef.h>

/* The distance of two words: a letter inserted, dropped or replaced costs 2, the wrong case 1. Only
 * the first NEAREST_MAX bytes count. */
#define NEAREST_MAX 128
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* A search over candidates offered one after the other; of equal ones the first wins. `best` is
 * NULL while there was no candidate. Borrows the word and the candidates. */
struct nearest {
    const char *word;
    size_t len;
    const char *best;
    unsigned distance;
};

struct nearest nearest_start(const char *word, size_t len);
void nearest_offer(struct nearest *search, const char *candidate);
/* The best one if at least about half of the word is in it, else NULL: worth a question. */
const char *nearest_if_close(const struct nearest *search);

#endif
