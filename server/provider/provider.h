/* SPDX-License-Identifier: MIT */
/* What a provider's type means for a request (CONTRACT 5.3), as a table. Pure. attempt asks for the
 * URL, the headers, and the rules by which a request's body is rewritten; it sends them.
 * doc/provider-types.md tells how to add a type. Known weakness: the rules know the members of a
 * chat request only. */
#ifndef WEIR_SERVER_PROVIDER_PROVIDER_H
#define WEIR_SERVER_PROVIDER_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "server/provider/rewrite.h"

/* Appends the provider's URL of an operation's path ("/chat/completions"), and of a query, unless
 * that is NULL. */
void provider_put_url(const struct conf_provider *provider, const char *path, const char *query,
                      struct buf *out);
/* Appends the headers of a request, each ended by CRLF. They hold the key: never log them, and wipe
 * them after use. */
void provider_put_headers(const struct conf_provider *provider, bool is_stream,
                          const char *request_id, struct buf *out);

/* What must be rewritten in a request for this model; NULL = nothing. Static. */
const struct rewrite_rules *provider_rules(enum provider_type type, const char *model);

#endif
