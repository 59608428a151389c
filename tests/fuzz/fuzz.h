/* SPDX-License-Identifier: MIT */
/* What every fuzz target needs: its entry point's prototype, and a check that fails loudly in every
 * build. A target states properties (whole and cut input give the same; what one parser accepts,
 * another does too); the sanitizers watch over memory. */
#ifndef WEIR_TESTS_FUZZ_FUZZ_H
#define WEIR_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                              \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

/* Memory of exactly that size, so that a sanitizer sees every access outside it; the caller frees
 * it. */
static inline char *fuzz_alloc(size_t size)
{
    char *out = calloc(size != 0 ? size : 1, 1);
    if (out == NULL)
        abort();
    return out;
}

static inline char *fuzz_copy(const void *data, size_t size)
{
    char *copy = fuzz_alloc(size);
    if (size != 0)
        memcpy(copy, data, size);
    return copy;
}

/* How the inputs of the cutting targets begin: a byte that says how long the pieces are. The length
 * of the next piece, 1 to 16 or, for every fourth value, the rest. */
static inline size_t fuzz_piece(uint8_t how, size_t nth, size_t left)
{
    size_t length = 1 + (how + nth * (how >> 4)) % 16;
    return how % 4 == 3 || length > left ? left : length;
}

#endif
