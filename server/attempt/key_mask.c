/* SPDX-License-Identifier: MIT */
/* See key_mask.h. */
#include "server/attempt/key_mask.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/hex.h"

static bool is_secret(const char *key)
{
    return strlen(key) >= KEY_MASK_MIN_BYTES;
}

void key_mask_text(const char *key, char *text, size_t len)
{
    size_t key_len = strlen(key);
    char *at;
    while (is_secret(key) && len >= key_len && (at = memmem(text, len, key, key_len)) != NULL) {
        memset(at, '*', key_len);
        len -= (size_t)(at + key_len - text);
        text = at + key_len;
    }
}

/* How many bytes at `at`, inside a string, are one character that is c; 0: they are another. */
static size_t bytes_of(char c, const char *at, const char *end)
{
    if (at == end || *at == '"')
        return 0;
    if (*at != '\\')
        return *at == c;
    if (end - at >= 2 && at[1] != 'u')
        return at[1] == c && (c == '"' || c == '\\' || c == '/') ? 2 : 0;
    if (end - at < 6 || at[2] != '0' || at[3] != '0')
        return 0;
    int high = hex_value((unsigned char)at[4]), low = hex_value((unsigned char)at[5]);
    return high >= 0 && high < 8 && low >= 0 && high * 16 + low == c ? 6 : 0;
}

/* The end of the key that begins at `at`; NULL: none does. */
static char *end_of_key(const char *key, char *at, const char *end)
{
    for (; *key != '\0'; key++) {
        size_t n = bytes_of(*key, at, end);
        if (n == 0)
            return NULL;
        at += n;
    }
    return at;
}

void key_mask_json(const char *key, char *json, size_t len)
{
    char *end = json + len;
    bool is_in_string = false;
    if (!is_secret(key))
        return;
    for (char *at = json; at < end;) {
        char *behind = is_in_string ? end_of_key(key, at, end) : NULL;
        if (behind != NULL) {
            memset(at, '*', (size_t)(behind - at));
            at = behind;
        } else if (is_in_string && *at == '\\') {
            at += end - at >= 2 ? 2 : 1;
        } else {
            is_in_string ^= *at == '"';
            at++;
        }
    }
}
