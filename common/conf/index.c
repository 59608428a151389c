/* SPDX-License-Identifier: MIT */
/* See index.h. Open addressing, at most half full. */
#include "common/conf/index.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/fnv.h"

#define INDEX_FIRST_SLOTS 16

/* The slot that holds the text, or the free one where it belongs. */
static struct conf_index_slot *find_slot(const struct conf_index *index, const char *text,
                                         size_t len)
{
    size_t i = fnv1a(FNV1A_BASIS, text, len) & (index->cap - 1);
    while (index->slots[i].text != NULL &&
           (index->slots[i].len != len || memcmp(index->slots[i].text, text, len) != 0))
        i = (i + 1) & (index->cap - 1);
    return &index->slots[i];
}

static void grow(struct conf_index *index)
{
    struct conf_index old = *index;
    index->cap = old.cap != 0 ? old.cap * 2 : INDEX_FIRST_SLOTS;
    index->slots = xcalloc(index->cap, sizeof(*index->slots));
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].text != NULL)
            *find_slot(index, old.slots[i].text, old.slots[i].len) = old.slots[i];
    free(old.slots);
}

uint32_t conf_index_put(struct conf_index *index, const char *text, size_t len, uint32_t value)
{
    if (index->n * 2 >= index->cap)
        grow(index);
    struct conf_index_slot *slot = find_slot(index, text, len);
    if (slot->text != NULL)
        return slot->value;
    *slot = (struct conf_index_slot){text, len, value};
    index->n++;
    return CONF_INDEX_NONE;
}

uint32_t conf_index_get(const struct conf_index *index, const char *text, size_t len)
{
    if (index->cap == 0)
        return CONF_INDEX_NONE;
    const struct conf_index_slot *slot = find_slot(index, text, len);
    return slot->text != NULL ? slot->value : CONF_INDEX_NONE;
}

void conf_index_free(struct conf_index *index)
{
    free(index->slots);
    *index = (struct conf_index)CONF_INDEX_INIT;
}
