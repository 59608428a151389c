/* SPDX-License-Identifier: MIT */
/* See nearest.h. */
#include "common/base/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define EDIT_COST 2u
#define CASE_COST 1u

static unsigned replace_cost(char a, char b)
{
    if (a == b)
        return 0;
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? CASE_COST : EDIT_COST;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t looked_at(size_t len)
{
    return len < NEAREST_MAX ? len : NEAREST_MAX;
}

/* Levenshtein, one row of the matrix at a time. */
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[NEAREST_MAX + 1];
    a_len = looked_at(a_len);
    b_len = looked_at(b_len);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j * EDIT_COST;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i * EDIT_COST;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned above = row[j];
            row[j] = min3(above + EDIT_COST, row[j - 1] + EDIT_COST,
                          diagonal + replace_cost(a[i - 1], b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

struct nearest nearest_start(const char *word, size_t len)
{
    return (struct nearest){.word = word, .len = len, .distance = UINT_MAX};
}

void nearest_offer(struct nearest *search, const char *candidate)
{
    unsigned distance = nearest_distance(search->word, search->len, candidate, strlen(candidate));
    if (distance < search->distance) {
        search->distance = distance;
        search->best = candidate;
    }
}

const char *nearest_if_close(const struct nearest *search)
{
    size_t len = search->len < NEAREST_MAX ? search->len : NEAREST_MAX;
    return search->best != NULL && search->distance <= (len > 2 ? len : 2) ? search->best : NULL;
}
