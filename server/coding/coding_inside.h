/* SPDX-License-Identifier: MIT */
/* What stands behind a decoder of coding.h: a table of functions for each library. coding.c, the
 * only caller, picks one. Each begins its own struct with a struct coding_decoder. */
#ifndef WEIR_SERVER_CODING_CODING_INSIDE_H
#define WEIR_SERVER_CODING_CODING_INSIDE_H

#include "server/coding/coding.h"

#define CODING_ZSTD_WINDOW_LOG 23 /* 8 MiB */

struct coding_decoder {
    const struct coding_kind *kind;
    bool may_end;
};

struct coding_kind {
    struct coding_decoder *(*open)(enum coding coding);
    void (*close)(struct coding_decoder *decoder);
    enum coding_result (*decode)(struct coding_decoder *decoder, const char *in, size_t len,
                                 size_t *used, char *out, size_t size, size_t *got);
};

extern const struct coding_kind coding_zlib, coding_zstd;

#endif
