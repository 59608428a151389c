/* What a provider's type means for a request (CONTRACT 5.3), as a table: pure. attempt asks for the
 * URL and the headers, exchange for the rules by which a request's body is rewritten. How to add a
 * type is told in PROVIDERS.md. */
#ifndef WEIR_SERVER_PROVIDER_H
#define WEIR_SERVER_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"
#include "server/rewrite.h"

#define PROVIDER_HEADERS_MAX 10

struct provider_headers {
    char *lines[PROVIDER_HEADERS_MAX]; /* "Name: value" */
    size_t n;
};

/* The URL of an endpoint ("/chat/completions") of the provider. The caller frees it. */
char *provider_url(const struct conf_provider *provider, const char *endpoint);
/* The headers of a request; free with provider_headers_free. They hold the key: never log them. */
void provider_headers_build(const struct conf_provider *provider, bool is_stream,
                            const char *request_id, struct provider_headers *out);
void provider_headers_free(struct provider_headers *headers);

/* What must be rewritten in a request for this model; NULL = nothing. Static. */
const struct rewrite_rules *provider_rules(enum provider_type type, const char *model);

#endif
