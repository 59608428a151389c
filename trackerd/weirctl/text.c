/* SPDX-License-Identifier: MIT */
/* See text.h. */
#include "trackerd/weirctl/text.h"

#include <inttypes.h>
#include <stdbool.h>

#include "common/base/utf8.h"

#define CUT_MARK '~'

void text_put_duration(struct buf *out, uint64_t ms)
{
    uint64_t s = ms / 1000;
    if (ms < 1000)
        buf_printf(out, "%" PRIu64 "ms", ms);
    else if (s < 60)
        buf_printf(out, "%" PRIu64 ".%" PRIu64 "s", s, ms % 1000 / 100);
    else if (s < 3600)
        buf_printf(out, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else if (s < 86400)
        buf_printf(out, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s % 3600 / 60);
    else
        buf_printf(out, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s % 86400 / 3600);
}

/* U+0080 to U+009F are control characters, too: as bytes c2 80 to c2 9f. */
static bool is_control(const unsigned char *s, size_t length)
{
    return *s < 0x20 || *s == 0x7f || (length == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

void text_put_clean(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_length(at, left);
        if (length == 0 || is_control(at, length))
            buf_putc(out, *at == '\n' || *at == '\r' || *at == '\t' ? ' ' : '?');
        else
            buf_put(out, at, length);
        length = length == 0 ? 1 : length;
        at += length;
        left -= length;
    }
}

size_t text_width(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len; i++)
        width += !utf8_is_tail((unsigned char)text[i]);
    return width;
}

void text_put_cut(struct buf *out, const char *text, size_t len, size_t width)
{
    if (width == 0 || text_width(text, len) <= width) {
        buf_put(out, text, len);
        return;
    }
    size_t end = 0;
    for (size_t seen = 0; end < len; end++)
        if (!utf8_is_tail((unsigned char)text[end]) && ++seen == width)
            break;
    buf_put(out, text, end);
    buf_putc(out, CUT_MARK);
}
