/* SPDX-License-Identifier: MIT */
/* See provider.h. */
#include "server/provider/provider.h"

#include <string.h>

#include "config.h"

#define WEIR_HOME "https://github.com/weir-gateway/weir"

/* What a type wants that OpenAI does not; a type without a row wants nothing. */
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

void provider_put_url(const struct conf_provider *provider, const char *path, const char *query,
                      struct buf *out)
{
    buf_puts(out, provider->base_url);
    buf_puts(out, path);
    if (query == NULL)
        return;
    buf_putc(out, '?');
    buf_puts(out, query);
}

void provider_put_headers(const struct conf_provider *provider, bool is_stream,
                          const char *request_id, struct buf *out)
{
    /* Compressed answers would be buffered by a paused decompressor. */
    buf_puts(out, "Content-Type: application/json\r\n"
                  "Accept-Encoding: identity\r\n"
                  "User-Agent: weir/" PACKAGE_VERSION "\r\n");
    buf_puts(out, is_stream ? "Accept: text/event-stream\r\n" : "Accept: application/json\r\n");
    buf_puts(out, "Authorization: Bearer ");
    buf_puts(out, provider->api_key);
    buf_puts(out, "\r\nX-Request-Id: ");
    buf_puts(out, request_id);
    buf_puts(out, "\r\n");
    const char *const *extra = rows[provider->type].headers;
    for (; extra != NULL && *extra != NULL; extra++) {
        buf_puts(out, *extra);
        buf_puts(out, "\r\n");
    }
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
