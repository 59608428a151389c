/* SPDX-License-Identifier: MIT */
/* What web pages of other origins may do with weir: server.corsOrigins as headers of answers (the
 * Fetch standard's CORS protocol, without credentials mode). Pure. head.c asks for paths under
 * /v1/; for no other path is there an answer that a page could read. */
#ifndef WEIR_SERVER_CLIENT_CORS_H
#define WEIR_SERVER_CLIENT_CORS_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "common/http/request.h"

/* Is the path one that pages may use at all? */
bool cors_has_path(struct http_text path);
/* Appends the header lines of any answer to the request. True: its origin may read it. Nothing is
 * appended where no origin is configured. */
bool cors_put_headers(const struct conf *conf, const struct http_request *request, struct buf *out);
/* A browser's question before the request itself, which comes without a key? */
bool cors_is_preflight(const struct http_request *request);
/* Appends the header lines that answer it, beside those of any answer. */
void cors_put_preflight(const struct http_request *request, struct buf *out);

#endif
