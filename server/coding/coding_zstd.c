/* SPDX-License-Identifier: MIT */
/* zstd, by libzstd; several frames may follow each other (RFC 8878 3). */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "common/base/alloc.h"
#include "server/coding/coding_inside.h"

struct zstd_decoder {
    struct coding_decoder base;
    ZSTD_DStream *stream;
    enum coding_result result; /* of the last step */
};

static struct coding_decoder *open_decoder(enum coding coding)
{
    struct zstd_decoder *d = xcalloc(1, sizeof(*d));
    d->stream = ZSTD_createDStream();
    if (d->stream == NULL)
        abort(); /* no memory: as xmalloc */
    ZSTD_DCtx_setParameter(d->stream, ZSTD_d_windowLogMax, CODING_ZSTD_WINDOW_LOG);
    return &d->base;
}

static void close_decoder(struct coding_decoder *base)
{
    struct zstd_decoder *d = (struct zstd_decoder *)base;
    ZSTD_freeDStream(d->stream);
    free(d);
}

static enum coding_result decode(struct coding_decoder *base, const char *in, size_t len,
                                 size_t *used, char *out, size_t size, size_t *got)
{
    struct zstd_decoder *d = (struct zstd_decoder *)base;
    ZSTD_inBuffer input = {in, len, 0};
    ZSTD_outBuffer output = {out, size, 0};
    *used = *got = 0;
    if (d->result != CODING_GOOD || (len == 0 && base->may_end))
        return d->result;
    size_t left = ZSTD_decompressStream(d->stream, &output, &input);
    *used = input.pos;
    *got = output.pos;
    base->may_end = left == 0;
    if (ZSTD_isError(left)) {
        bool is_window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
        base->may_end = false;
        d->result = is_window ? CODING_TOO_BIG : CODING_BAD;
    }
    return d->result;
}

const struct coding_kind coding_zstd = {open_decoder, close_decoder, decode};
