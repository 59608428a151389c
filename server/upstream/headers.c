/* SPDX-License-Identifier: MIT */
/* See headers.h. */
#include "server/upstream/headers.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

#define FIRST_PLACES 16

/* Offsets into the text, which may move while it grows. */
struct transfer_header_place {
    uint32_t name, name_len, value;
};

void transfer_headers_clear(struct transfer_headers *h)
{
    buf_clear(&h->text);
    h->n = 0;
}

void transfer_headers_free(struct transfer_headers *h)
{
    buf_free(&h->text);
    free(h->places);
    *h = (struct transfer_headers){.text = BUF_INIT};
}

static struct transfer_header_place *new_place(struct transfer_headers *h)
{
    if (h->n == h->cap) {
        h->cap = h->cap != 0 ? h->cap * 2 : FIRST_PLACES;
        h->places = xreallocarray(h->places, h->cap, sizeof(*h->places));
    }
    return &h->places[h->n++];
}

static char to_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool transfer_headers_add(struct transfer_headers *h, const char *name, size_t name_len,
                          const char *value, size_t value_len)
{
    size_t size = name_len + value_len + 2;
    if (h->n == TRANSFER_HEADERS_MAX || size > TRANSFER_HEAD_MAX ||
        h->text.len > TRANSFER_HEAD_MAX - size)
        return false;
    char *to = buf_reserve(&h->text, size);
    struct transfer_header_place *place = new_place(h);
    place->name = (uint32_t)h->text.len;
    place->name_len = (uint32_t)name_len;
    place->value = (uint32_t)(h->text.len + name_len + 1);
    for (size_t i = 0; i < name_len; i++)
        to[i] = to_lower(name[i]);
    to[name_len] = '\0';
    if (value_len > 0)
        memcpy(to + name_len + 1, value, value_len);
    to[size - 1] = '\0';
    h->text.len += size;
    return true;
}

const char *transfer_header(const void *headers, const char *name)
{
    const struct transfer_headers *h = headers;
    size_t len = strlen(name);
    for (size_t i = 0; i < h->n; i++) {
        const struct transfer_header_place *place = &h->places[i];
        if (place->name_len == len && memcmp(h->text.data + place->name, name, len) == 0)
            return h->text.data + place->value;
    }
    return NULL;
}
