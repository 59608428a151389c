/* SPDX-License-Identifier: MIT */
/* Finds texts by value in constant time: duplicate keys, provider ids, chain names, pairs. Used
 * while a configuration is checked, and thrown away afterwards. Borrows the texts. Pure. */
#ifndef WEIR_COMMON_CONF_INDEX_H
#define WEIR_COMMON_CONF_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct conf_index_slot {
    const char *text; /* NULL: free */
    size_t len;
    uint32_t value;
};

struct conf_index {
    struct conf_index_slot *slots;
    size_t n, cap; /* cap is 0 or a power of two */
};

#define CONF_INDEX_INIT \
    {                   \
        NULL, 0, 0      \
    }
#define CONF_INDEX_NONE UINT32_MAX

/* The value stored with an equal text; if there is none, stores this one and returns
 * CONF_INDEX_NONE. The text must live as long as the index. */
uint32_t conf_index_put(struct conf_index *index, const char *text, size_t len, uint32_t value);
/* The value stored with the text, or CONF_INDEX_NONE. */
uint32_t conf_index_get(const struct conf_index *index, const char *text, size_t len);
void conf_index_free(struct conf_index *index);

#endif
