/* SPDX-License-Identifier: MIT */
/* See sim_query.h. */
#include "tests/sim/sim_query.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

static bool decode_byte(const char *text, size_t len, char *out)
{
    char digits[3] = {0};
    if (len < 3 || !isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
        return false;
    memcpy(digits, text + 1, 2);
    *out = (char)strtoul(digits, NULL, 16);
    return *out != '\0';
}

char *query_decode(const char *text, size_t len, bool is_query)
{
    char *out = xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        out[n] = text[i] == '+' && is_query ? ' ' : text[i];
        if (text[i] == '%') {
            if (!decode_byte(text + i, len - i, &out[n])) {
                free(out);
                return NULL;
            }
            i += 2;
        }
        n++;
    }
    out[n] = '\0';
    return out;
}

bool query_next(const char **query, size_t *len, char **name, char **value, bool *is_bad)
{
    *is_bad = false;
    if (*len == 0)
        return false;
    const char *part = *query;
    const char *end = memchr(part, '&', *len);
    size_t part_len = end != NULL ? (size_t)(end - part) : *len;
    const char *equals = memchr(part, '=', part_len);
    size_t name_len = equals != NULL ? (size_t)(equals - part) : part_len;
    size_t value_at = equals != NULL ? name_len + 1 : part_len;
    *query += part_len + (end != NULL);
    *len -= part_len + (end != NULL);
    *name = query_decode(part, name_len, true);
    *value = query_decode(part + value_at, part_len - value_at, true);
    if (*name != NULL && *value != NULL)
        return true;
    free(*name);
    free(*value);
    *is_bad = true;
    return false;
}

bool query_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    *out = n;
    return errno == 0 && *end == '\0' && n <= max;
}
