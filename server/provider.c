/* See provider.h. */
#include "server/provider.h"

#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "config.h"

#define WEIR_HOME "https://github.com/weir-gateway/weir"

/* What a type wants that OpenAI's dialect does not have; a type without a row wants nothing. */
struct provider_row {
    const char *const *headers; /* lines beside the common ones, NULL-terminated */
    struct rewrite_rules rules; /* what must not be in a request */
    const char *spared_models;  /* how the names of models begin that need no rules; NULL = none */
};

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct provider_row rows[PROVIDER_TYPES_COUNT] = {
    /* It ranks the applications that use it by these. */
    [PROVIDER_OPENROUTER] = {.headers = LINES("HTTP-Referer: " WEIR_HOME, "X-Title: weir")},
    [PROVIDER_CEREBRAS] = {.rules = {.removed = LINES("presence_penalty", "frequency_penalty")}},
    /* Gemma and its like know neither system messages nor tools. */
    [PROVIDER_GOOGLE_AI] = {.rules = {.removed = LINES("response_format", "tools", "tool_choice"),
                                      .merges_system = true},
                            .spared_models = "gemini-"},
};

char *provider_url(const struct conf_provider *provider, const char *endpoint)
{
    return xasprintf("%s%s", provider->base_url, endpoint);
}

static void add(struct provider_headers *headers, char *line)
{
    headers->lines[headers->n++] = line;
}

void provider_headers_build(const struct conf_provider *provider, bool is_stream,
                            const char *request_id, struct provider_headers *out)
{
    out->n = 0;
    add(out, xstrdup("Content-Type: application/json"));
    add(out, xasprintf("Accept: %s", is_stream ? "text/event-stream" : "application/json"));
    /* Compressed answers would be buffered by a paused decompressor. */
    add(out, xstrdup("Accept-Encoding: identity"));
    add(out, xstrdup("User-Agent: weir/" PACKAGE_VERSION));
    add(out, xasprintf("Authorization: Bearer %s", provider->api_key));
    add(out, xasprintf("X-Request-Id: %s", request_id));
    const char *const *extra = rows[provider->type].headers;
    for (; extra != NULL && *extra != NULL; extra++)
        add(out, xstrdup(*extra));
}

const struct rewrite_rules *provider_rules(enum provider_type type, const char *model)
{
    const struct provider_row *row = &rows[type];
    if (row->rules.removed == NULL && !row->rules.merges_system)
        return NULL;
    if (row->spared_models != NULL &&
        strncmp(model, row->spared_models, strlen(row->spared_models)) == 0)
        return NULL;
    return &row->rules;
}

void provider_headers_free(struct provider_headers *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        explicit_bzero(headers->lines[i], strlen(headers->lines[i]));
        free(headers->lines[i]);
    }
    headers->n = 0;
}
