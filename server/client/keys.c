/* SPDX-License-Identifier: MIT */
/* See keys.h. Open addressing, at most half full. */
#include "server/client/keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/siphash.h"

struct key_slot {
    const char *key; /* NULL: free */
    size_t len;
    uint64_t hash;
    uint32_t number;
};

struct keys {
    uint64_t secret[2];
    size_t longest; /* key: what is longer is none */
    size_t mask;    /* slots - 1 */
    struct key_slot slots[];
};

/* In time that depends on nothing but the length. */
static bool is_equal(const char *a, const char *b, size_t len)
{
    uint64_t difference = 0, of_a = 0, of_b = 0;
    size_t i = 0;
    for (; i + sizeof(of_a) <= len; i += sizeof(of_a)) {
        memcpy(&of_a, a + i, sizeof(of_a));
        memcpy(&of_b, b + i, sizeof(of_b));
        difference |= of_a ^ of_b;
    }
    for (; i < len; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static void add(struct keys *keys, const char *key, uint32_t number)
{
    size_t len = strlen(key);
    uint64_t hash = siphash(keys->secret, key, len);
    size_t i = hash & keys->mask;
    while (keys->slots[i].key != NULL)
        i = (i + 1) & keys->mask;
    keys->slots[i] = (struct key_slot){key, len, hash, number};
    if (len > keys->longest)
        keys->longest = len;
}

struct keys *keys_new(char *const *texts, uint32_t n, const uint64_t secret[2])
{
    size_t slots = 2;
    while (slots < (size_t)n * 2)
        slots *= 2;
    struct keys *keys = xcalloc(1, sizeof(*keys) + slots * sizeof(keys->slots[0]));
    memcpy(keys->secret, secret, sizeof(keys->secret));
    keys->mask = slots - 1;
    for (uint32_t i = 0; i < n; i++)
        add(keys, texts[i], i);
    return keys;
}

void keys_free(struct keys **keys)
{
    free(*keys);
    *keys = NULL;
}

int keys_find(const struct keys *keys, struct http_text given)
{
    if (given.len == 0 || given.len > keys->longest)
        return -1;
    uint64_t hash = siphash(keys->secret, given.at, given.len);
    for (size_t i = hash & keys->mask; keys->slots[i].key != NULL; i = (i + 1) & keys->mask) {
        const struct key_slot *slot = &keys->slots[i];
        if (slot->hash == hash && slot->len == given.len &&
            is_equal(given.at, slot->key, given.len))
            return (int)slot->number;
    }
    return -1;
}

static int find_bearer(const struct keys *keys, struct http_text value)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof(scheme) - 1;
    if (value.len < len || strncasecmp(value.at, scheme, len) != 0)
        return -1;
    struct http_text key = {value.at + len, value.len - len};
    for (; key.len > 0 && key.at[0] == ' '; key.at++)
        key.len--;
    return keys_find(keys, key);
}

int keys_find_in(const struct keys *keys, const struct http_request *request)
{
    static const char *const names[] = {"x-api-key", "api-key"};
    const struct http_text *header = http_request_header(request, "authorization");
    int found = header != NULL ? find_bearer(keys, *header) : -1;
    for (size_t i = 0; found < 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        header = http_request_header(request, names[i]);
        found = header != NULL ? keys_find(keys, *header) : -1;
    }
    return found;
}
