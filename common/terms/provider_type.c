/* SPDX-License-Identifier: MIT */
/* See provider_type.h. */
#include "common/terms/provider_type.h"

#include <stddef.h>

#define PROVIDER_TYPE_WORD(type, word, url) [type] = (word),
const char *const provider_type_words[] = {PROVIDER_TYPES(PROVIDER_TYPE_WORD) NULL};

#define PROVIDER_TYPE_URL(type, word, url) [type] = (url),
static const char *const base_urls[] = {PROVIDER_TYPES(PROVIDER_TYPE_URL)};

/* A type without one takes "max_tokens": most know nothing else. */
static const char *const token_limits[PROVIDER_TYPES_COUNT] = {
    [PROVIDER_OPENAI] = "max_completion_tokens", /* its newer models refuse max_tokens */
};

const char *provider_type_name(enum provider_type type)
{
    return provider_type_words[type];
}

const char *provider_type_base_url(enum provider_type type)
{
    return base_urls[type];
}

const char *provider_type_token_limit(enum provider_type type)
{
    return token_limits[type] != NULL ? token_limits[type] : "max_tokens";
}
