/* SPDX-License-Identifier: MIT */
/* When a client gets a stream: at once, or when its clean end was seen. One list for settings, for
 * the X-Weir-Delivery header, and for what prints them. Pure. */
#ifndef WEIR_COMMON_TERMS_DELIVERY_H
#define WEIR_COMMON_TERMS_DELIVERY_H

#include <stddef.h>

#include "common/base/attributes.h"

/* In the records of recent requests: append only. */
enum delivery {
    DELIVERY_STREAM,   /* from the first content on */
    DELIVERY_COMPLETE, /* all of it, once it is complete */
    DELIVERY_COUNT
};

extern const char *const delivery_words[]; /* by number, ended by NULL */
/* Never NULL; an unknown number gives the word of DELIVERY_STREAM. */
const char *delivery_word(enum delivery delivery);
/* The delivery with that word; -1 = there is none. */
WEIR_MUST_CHECK int delivery_find(const char *word, size_t len);

#endif
