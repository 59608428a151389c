/* SPDX-License-Identifier: MIT */
/* See delivery.h. */
#include "common/terms/delivery.h"

#include <string.h>

const char *const delivery_words[] = {
    [DELIVERY_STREAM] = "stream", [DELIVERY_COMPLETE] = "complete", NULL};
_Static_assert(sizeof(delivery_words) / sizeof(delivery_words[0]) == DELIVERY_COUNT + 1,
               "every delivery has its word");

const char *delivery_word(enum delivery delivery)
{
    return delivery_words[(unsigned)delivery < DELIVERY_COUNT ? delivery : DELIVERY_STREAM];
}

int delivery_find(const char *word, size_t len)
{
    for (int i = 0; i < DELIVERY_COUNT; i++)
        if (strlen(delivery_words[i]) == len && memcmp(delivery_words[i], word, len) == 0)
            return i;
    return -1;
}
