/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 as weir accepts it from providers (RFC 9112): a push parser that
 * upstream/backend_http1.c and weirctl's probe feed what a connection brings, cut anywhere. Pure.
 * Heads of 1xx answers are skipped, trailers discarded. Providers are forgiven what real ones send
 * and what can only mean one thing (field.h and chunked.h: `forgives`), and a status line without
 * the space before its missing reason. Where another reader might see the answer's end elsewhere
 * (Transfer-Encoding beside Content-Length, say), its connection is not used again; what nobody can
 * tell (two lengths) is refused, as from clients (request.h). */
#ifndef WEIR_COMMON_HTTP_RESPONSE_H
#define WEIR_COMMON_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/http/chunked.h"

#define HTTP_RESPONSE_HEAD_MAX    65536 /* bytes of all heads of an answer, 1xx included */
#define HTTP_RESPONSE_HEADERS_MAX 256

/* A final head; its texts are valid until the next feed. */
struct http_response_head {
    int status; /* 200..999 */
    size_t n_headers;
    struct {
        struct http_text name, value; /* value without white space around it */
    } headers[HTTP_RESPONSE_HEADERS_MAX];
};

enum http_response_result {
    HTTP_RESPONSE_MORE, /* all was consumed, feed more */
    HTTP_RESPONSE_HEAD, /* *head is filled */
    HTTP_RESPONSE_DATA, /* *piece is body, inside data */
    HTTP_RESPONSE_END,  /* complete; what follows `used` does not belong to it */
    HTTP_RESPONSE_BAD,  /* http_response_why says what is wrong */
};

struct http_response {
    uint8_t state;
    bool has_head;
    bool keeps_alive;    /* with a head: may its connection be used again? */
    uint32_t head_bytes; /* of the heads so far */
    struct buf head;     /* one that is not all there */
    union {
        uint64_t left; /* of a counted body */
        struct http_chunked chunked;
        const char *why; /* it was refused */
    };
};

void http_response_init(struct http_response *response);
void http_response_deinit(struct http_response *response);
/* Consumes some of data: *used says how much. After HEAD and DATA call again with the rest, even
 * when it is empty: the answer may be complete. END and BAD are final. */
enum http_response_result http_response_feed(struct http_response *response, const char *data,
                                             size_t len, size_t *used,
                                             struct http_response_head *head,
                                             struct http_text *piece);
/* Has the head been complete? */
bool http_response_has_head(const struct http_response *response);
/* The connection ended here: may that be the answer's end? True for a body that neither
 * Content-Length nor chunks delimit, of which nobody can tell whether it was cut. */
bool http_response_may_end_here(const struct http_response *response);
/* After BAD: what is wrong, static. */
const char *http_response_why(const struct http_response *response);

#endif
