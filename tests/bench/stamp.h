/* SPDX-License-Identifier: MIT */
/* The instant at which the benchmark's provider wrote an event, inside the event's content:
 * provider puts it, load reads it and knows how long the event was under way. Both run on one
 * machine. */
#ifndef WEIR_BENCH_STAMP_H
#define WEIR_BENCH_STAMP_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAMP_MARK   "sent-at-"
#define STAMP_DIGITS 20
#define STAMP_NONE   STAMP_MARK "00000000000000000000"
#define STAMP_BYTES  (sizeof(STAMP_NONE) - 1)

/* Over a STAMP_NONE somewhere in the text. */
static inline void stamp_put(char *text, size_t len, uint64_t at)
{
    char digits[STAMP_DIGITS + 1];
    char *mark = memmem(text, len, STAMP_NONE, STAMP_BYTES);
    snprintf(digits, sizeof(digits), "%020" PRIu64, at);
    memcpy(mark + sizeof(STAMP_MARK) - 1, digits, STAMP_DIGITS);
}

/* 0: there is none. `mark` is where STAMP_MARK was found, with STAMP_BYTES readable. */
static inline uint64_t stamp_get(const char *mark)
{
    char digits[STAMP_DIGITS + 1] = "";
    memcpy(digits, mark + sizeof(STAMP_MARK) - 1, STAMP_DIGITS);
    return strtoull(digits, NULL, 10);
}

#endif
