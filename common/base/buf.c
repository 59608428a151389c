/* SPDX-License-Identifier: MIT */
/* See buf.h. */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/decimal.h"
#include "common/base/utf8.h"

#define BUF_FIRST_BYTES 256

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

char *buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->len < more || b->data == NULL) {
        size_t cap = b->cap != 0 ? b->cap : BUF_FIRST_BYTES;
        while (cap - b->len < more)
            cap *= 2;
        b->data = xreallocarray(b->data, cap, 1);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_put_u64(struct buf *b, uint64_t number)
{
    b->len += decimal_put(buf_reserve(b, DECIMAL_MAX), number);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->data != NULL ? b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n >= room) {
        buf_reserve(b, (size_t)n + 1);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    if (n > 0)
        b->len += (size_t)n;
}

static void put_json_escape(struct buf *b, unsigned char c)
{
    static const char short_names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                       ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (c < sizeof(short_names) && short_names[c] != 0) {
        char two[2] = {'\\', short_names[c]};
        buf_put(b, two, 2);
    } else {
        buf_printf(b, "\\u%04x", c);
    }
}

/* Printable ASCII that a JSON string takes as it is: how much of it comes first. */
static size_t plain_run(const unsigned char *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\')
        n++;
    return n;
}

void buf_put_json(struct buf *b, const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    buf_putc(b, '"');
    for (size_t i = 0; i < len;) {
        size_t run = plain_run(p + i, len - i);
        buf_put(b, p + i, run);
        i += run;
        if (i == len)
            break;
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f) {
            put_json_escape(b, p[i]);
            i++;
            continue;
        }
        size_t n = utf8_length(p + i, len - i);
        if (n == 0) {
            buf_puts(b, "\xef\xbf\xbd");
            i++;
        } else {
            buf_put(b, p + i, n);
            i += n;
        }
    }
    buf_putc(b, '"');
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->data;
}

char *buf_take(struct buf *b)
{
    buf_cstr(b);
    char *out = b->data;
    *b = (struct buf)BUF_INIT;
    return out;
}
