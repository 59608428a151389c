/* SPDX-License-Identifier: MIT */
/* One UTF-8 character, by the rules of RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF. Pure. */
#ifndef WEIR_COMMON_BASE_UTF8_H
#define WEIR_COMMON_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool utf8_is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the character at s (len > 0 bytes are there), 0 when there is no whole valid one. */
static inline size_t utf8_length(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xe0)
        return len >= 2 && s[0] >= 0xc2 && utf8_is_tail(s[1]) ? 2 : 0;
    if (len < 3 || !utf8_is_tail(s[1]) || !utf8_is_tail(s[2]))
        return 0;
    if (s[0] < 0xf0)
        return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
    if (len < 4 || !utf8_is_tail(s[3]) || s[0] > 0xf4)
        return 0;
    return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
}

/* Writes a code point below 0x110000 (no surrogate) and returns its length, 1 to 4. */
static inline size_t utf8_encode(uint32_t code, char out[4])
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[n] | code);
    return n;
}

#endif
