/* SPDX-License-Identifier: MIT */
/* gzip and deflate, by zlib. gzip may consist of several members (RFC 1952 2.2): the next one
 * begins where one ends. */
#include <stdlib.h>
#include <zlib.h>

#include "common/base/alloc.h"
#include "server/coding/coding_inside.h"

#define WINDOW_BITS 15 /* the largest there is: 32 KiB */
#define OF_GZIP     16 /* added to them */

struct zlib_decoder {
    struct coding_decoder base;
    z_stream z;
    enum coding coding;
    bool has_ended;  /* a member has */
    bool is_started; /* false: the kind of deflate is not known yet */
    bool is_bad;
};

static void start(struct zlib_decoder *d, int window_bits)
{
    if (inflateInit2(&d->z, window_bits) != Z_OK)
        abort(); /* no memory: as xmalloc */
    d->is_started = true;
}

static struct coding_decoder *open_decoder(enum coding coding)
{
    struct zlib_decoder *d = xcalloc(1, sizeof(*d));
    d->coding = coding;
    if (coding == CODING_GZIP)
        start(d, WINDOW_BITS + OF_GZIP);
    return &d->base;
}

static void close_decoder(struct coding_decoder *base)
{
    struct zlib_decoder *d = (struct zlib_decoder *)base;
    if (d->is_started)
        inflateEnd(&d->z);
    free(d);
}

/* A zlib header's first byte names the method, 8, and a window of at most 32 KiB. As the first byte
 * of bare deflate it would begin a stored block with bits set that are padding. */
static bool is_zlib_header(unsigned char byte)
{
    return (byte & 0x0f) == Z_DEFLATED && byte >> 4 <= WINDOW_BITS - 8;
}

static enum coding_result refuse(struct zlib_decoder *d)
{
    d->is_bad = true;
    d->base.may_end = false;
    return CODING_BAD;
}

static enum coding_result decode(struct coding_decoder *base, const char *in, size_t len,
                                 size_t *used, char *out, size_t size, size_t *got)
{
    struct zlib_decoder *d = (struct zlib_decoder *)base;
    *used = *got = 0;
    if (d->is_bad)
        return CODING_BAD;
    if (len == 0 && (!d->is_started || d->has_ended))
        return CODING_GOOD;
    if (!d->is_started)
        start(d, is_zlib_header((unsigned char)in[0]) ? WINDOW_BITS : -WINDOW_BITS);
    if (d->has_ended && (d->coding != CODING_GZIP || inflateReset(&d->z) != Z_OK))
        return refuse(d);
    d->z.next_in = (Bytef *)in;
    d->z.avail_in = (uInt)len;
    d->z.next_out = (Bytef *)out;
    d->z.avail_out = (uInt)size;
    int result = inflate(&d->z, Z_SYNC_FLUSH);
    *used = len - d->z.avail_in;
    *got = size - d->z.avail_out;
    d->z.next_in = d->z.next_out = NULL;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return refuse(d);
    base->may_end = d->has_ended = result == Z_STREAM_END;
    return CODING_GOOD;
}

const struct coding_kind coding_zlib = {open_decoder, close_decoder, decode};
