/* SPDX-License-Identifier: MIT */
/* See provider_type.h. */
#include "common/terms/provider_type.h"

#include <stddef.h>

#define PROVIDER_TYPE_WORD(type, word, url) [type] = (word),
const char *const provider_type_words[] = {PROVIDER_TYPES(PROVIDER_TYPE_WORD) NULL};

#define PROVIDER_TYPE_URL(type, word, url) [type] = (url),
static const char *const base_urls[] = {PROVIDER_TYPES(PROVIDER_TYPE_URL)};

const char *provider_type_name(enum provider_type type)
{
    return provider_type_words[type];
}

const char *provider_type_base_url(enum provider_type type)
{
    return base_urls[type];
}
