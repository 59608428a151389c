/* SPDX-License-Identifier: MIT */
/* See target.h. */
#include "common/http/target.h"

#include <string.h>

static bool is_tidy(struct http_text path)
{
    for (size_t i = 1; i < path.len; i++)
        if (path.at[i] == '/' && (path.at[i - 1] == '/' || i + 1 == path.len))
            return false;
    return true;
}

struct http_text http_target_tidy(struct http_text path, struct buf *room)
{
    if (is_tidy(path))
        return path;
    size_t from = room->len;
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] != '/' || i == 0 || path.at[i - 1] != '/')
            buf_putc(room, path.at[i]);
    if (room->len - from > 1 && room->data[room->len - 1] == '/')
        room->len--;
    return (struct http_text){room->data + from, room->len - from};
}

/* -1: no hexadecimal digit. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at *i, resolved; *i is behind it afterwards. -1: malformed. */
static int take_byte(struct http_text text, size_t *i)
{
    char c = text.at[(*i)++];
    if (c != '%')
        return (unsigned char)c;
    if (text.len - *i < 2)
        return -1;
    int high = digit_value(text.at[*i]), low = digit_value(text.at[*i + 1]);
    *i += 2;
    return high >= 0 && low >= 0 ? high << 4 | low : -1;
}

bool http_target_decode(struct http_text text, struct buf *out)
{
    for (size_t i = 0; i < text.len;) {
        int byte = take_byte(text, &i);
        if (byte < ' ' || byte == 0x7f)
            return false;
        buf_putc(out, (char)byte);
    }
    return true;
}

static bool is_name(struct http_text text, const char *name)
{
    size_t i = 0;
    for (; i < text.len; name++) {
        int byte = take_byte(text, &i);
        if (byte >= 'A' && byte <= 'Z')
            byte |= 0x20;
        if (*name == '\0' || byte != *name)
            return false;
    }
    return *name == '\0';
}

static bool is_one_of(struct http_text name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (is_name(name, *names))
            return true;
    return false;
}

void http_target_put_query(struct http_text query, const char *const *less, struct buf *out)
{
    const char *at = query.at, *end = query.at + query.len;
    bool has_put = false;
    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        struct http_text parameter = {at, (size_t)((next != NULL ? next : end) - at)};
        const char *sign = parameter.len > 0 ? memchr(at, '=', parameter.len) : NULL;
        struct http_text name = {at, sign != NULL ? (size_t)(sign - at) : parameter.len};
        at += parameter.len + 1;
        if (parameter.len == 0 || is_one_of(name, less))
            continue;
        if (has_put)
            buf_putc(out, '&');
        buf_put(out, parameter.at, parameter.len);
        has_put = true;
    }
}
