/* SPDX-License-Identifier: MIT */
/* Numbers as decimal text, without printf, whose cost shows where every request passes: in heads of
 * requests and answers, and in texts (buf.h). Pure. */
#ifndef WEIR_COMMON_BASE_DECIMAL_H
#define WEIR_COMMON_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_MAX 20 /* digits of the largest number */

/* Writes the number to `to`, at most DECIMAL_MAX bytes and no NUL, and returns how many. */
static inline size_t decimal_put(char *to, uint64_t number)
{
    char digits[DECIMAL_MAX];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    for (size_t i = 0; i < n; i++)
        to[i] = digits[n - 1 - i];
    return n;
}

#endif
