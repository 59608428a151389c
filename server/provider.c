/* See provider.h. */
#include "server/provider.h"

#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "config.h"

#define WEIR_HOME "https://github.com/weir-gateway/weir"

/* Headers a type wants beside the common ones; ended by NULL. */
static const char *const extra_headers[][3] = {
    [PROVIDER_OPENAI] = {NULL},
    [PROVIDER_OPENROUTER] = {"HTTP-Referer: " WEIR_HOME, "X-Title: weir", NULL},
    [PROVIDER_GROQ] = {NULL},
    [PROVIDER_CEREBRAS] = {NULL},
    [PROVIDER_GOOGLE_AI] = {NULL},
    [PROVIDER_GENERIC_OPENAI] = {NULL},
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
    for (const char *const *extra = extra_headers[provider->type]; *extra != NULL; extra++)
        add(out, xstrdup(*extra));
}

void provider_headers_free(struct provider_headers *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        explicit_bzero(headers->lines[i], strlen(headers->lines[i]));
        free(headers->lines[i]);
    }
    headers->n = 0;
}
