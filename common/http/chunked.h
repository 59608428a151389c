/* SPDX-License-Identifier: MIT */
/* Takes the chunks off a body (RFC 9112 7.1), fed as it comes, cut anywhere: a client's (client) or
 * a provider's (response.h). Pure. Extensions are ignored, trailers discarded. Strict, unless it
 * `forgives`: then blanks may follow a size, and zeros lead it. */
#ifndef WEIR_COMMON_HTTP_CHUNKED_H
#define WEIR_COMMON_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/http/field.h"

/* A size line may have 256 bytes, all trailers together 8 KiB; sizes are 1 to 8 hex digits (behind
 * leading zeros, where they are forgiven) and nothing else. */
struct http_chunked {
    uint8_t state;
    uint8_t digits;
    bool forgives;
    uint32_t left;     /* bytes of the current chunk */
    uint32_t overhead; /* bytes of the current line or of the trailers, for their bounds */
};
void http_chunked_init(struct http_chunked *c, bool forgives);

enum http_chunked_result {
    HTTP_CHUNKED_MORE, /* all was consumed, feed more */
    HTTP_CHUNKED_DATA, /* *piece is body, inside data: call again with the rest */
    HTTP_CHUNKED_END,  /* the body is complete; what follows `used` does not belong to it */
    HTTP_CHUNKED_BAD,
};
/* Consumes some of data: *used says how much. END and BAD are final: further calls say the same and
 * use nothing. */
enum http_chunked_result http_chunked_feed(struct http_chunked *c, const char *data, size_t len,
                                           size_t *used, struct http_text *piece);

#endif
