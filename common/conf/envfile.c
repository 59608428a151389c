/* SPDX-License-Identifier: MIT */
/* See envfile.h. */
#include "common/conf/envfile.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void take_value(const char *at, const char *end, struct buf *out)
{
    while (at < end && is_blank(end[-1]))
        end--;
    if (end - at >= 2 && (*at == '"' || *at == '\'') && end[-1] == *at) {
        at++;
        end--;
    }
    buf_clear(out);
    buf_put(out, at, (size_t)(end - at));
}

bool envfile_find(const char *text, size_t len, const char *name, struct buf *out)
{
    const char *end = text + len;
    size_t name_len = strlen(name);
    bool is_found = false;
    for (const char *line = text, *next; line < end; line = next) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end != NULL ? line_end : end;
        next = line_end < end ? line_end + 1 : end;
        while (line < line_end && is_blank(*line))
            line++;
        if ((size_t)(line_end - line) <= name_len || memcmp(line, name, name_len) != 0 ||
            line[name_len] != '=')
            continue;
        take_value(line + name_len + 1, line_end, out);
        is_found = true;
    }
    return is_found;
}
