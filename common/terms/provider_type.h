/* SPDX-License-Identifier: MIT */
/* The types a provider can have, one line each: the word of the enum, the name in the configuration
 * file, and the type's own base URL (NULL: the file must give one); and what both a worker and
 * weirctl know of a type. Everything else that a type means is in server/provider/, and a type that
 * has no row there is like OpenAI. doc/provider-types.md tells how to add one. Pure. */
#ifndef WEIR_COMMON_TERMS_PROVIDER_TYPE_H
#define WEIR_COMMON_TERMS_PROVIDER_TYPE_H

#define PROVIDER_TYPES(TYPE)                                                \
    TYPE(PROVIDER_OPENAI, "openai", "https://api.openai.com/v1")            \
    TYPE(PROVIDER_OPENROUTER, "openrouter", "https://openrouter.ai/api/v1") \
    TYPE(PROVIDER_GROQ, "groq", "https://api.groq.com/openai/v1")           \
    TYPE(PROVIDER_CEREBRAS, "cerebras", "https://api.cerebras.ai/v1")       \
    TYPE(PROVIDER_GOOGLE_AI, "google-ai",                                   \
         "https://generativelanguage.googleapis.com/v1beta/openai")         \
    TYPE(PROVIDER_GENERIC_OPENAI, "generic-openai", NULL)

#define PROVIDER_TYPE_ENUM(word, name, url) word,
enum provider_type {
    PROVIDER_TYPES(PROVIDER_TYPE_ENUM) PROVIDER_TYPES_COUNT
};
#undef PROVIDER_TYPE_ENUM

/* As the configuration file spells it. */
const char *provider_type_name(enum provider_type type);
/* All of them by type, NULL at the end. */
extern const char *const provider_type_words[];
/* Without a trailing slash; NULL for a type that has none of its own. */
const char *provider_type_base_url(enum provider_type type);
/* The member of a chat request that bounds the tokens of its answer. */
const char *provider_type_token_limit(enum provider_type type);

#endif
