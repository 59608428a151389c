/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 as weir accepts it from clients (RFC 9112), strict. Pure. client/head.c collects bytes
 * and asks here. Whatever two parsers could read in two ways is refused (the list in the test's
 * table): Content-Length with Transfer-Encoding, two Content-Lengths, signs or lists in one,
 * codings other than exactly `chunked`, white space before a colon, folded lines, bare LF or CR,
 * NUL and control characters, a missing or second Host, versions other than 1.0 and 1.1, a body on
 * GET or HEAD. */
#ifndef WEIR_COMMON_HTTP_REQUEST_H
#define WEIR_COMMON_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/http/field.h"

#define HTTP_REQUEST_HEADERS_MAX 100

enum http_request_error {
    HTTP_REQUEST_OK,
    HTTP_REQUEST_BAD,                /* 400, connection closed */
    HTTP_REQUEST_TOO_MANY_HEADERS,   /* 431 */
    HTTP_REQUEST_BAD_VERSION,        /* 505: a well-formed version that is neither 1.0 nor 1.1 */
    HTTP_REQUEST_EXPECTATION_FAILED, /* 417: an Expect other than 100-continue */
};

enum http_request_framing {
    HTTP_REQUEST_NO_BODY, /* also with Content-Length: 0 */
    HTTP_REQUEST_LENGTH,
    HTTP_REQUEST_CHUNKED
};

struct http_request {
    struct http_text method, target; /* method: a token of at most 32 bytes */
    /* The target's path, without query, scheme and authority; a static "/" where it has none; "*"
     * for OPTIONS. */
    struct http_text path, query; /* query: without its question mark; empty where there is none */
    int version_minor;            /* HTTP/1.x */
    enum http_request_framing framing;
    uint64_t content_length; /* with HTTP_REQUEST_LENGTH */
    bool keep_alive;         /* as version and Connection ask */
    bool expect_continue;    /* HTTP/1.1 with a body and Expect: 100-continue */
    size_t n_headers;
    struct {
        struct http_text name, value; /* value without white space around it */
    } headers[HTTP_REQUEST_HEADERS_MAX];
    const char *why; /* with an error: what is wrong, static, for the answer's message */
};

/* Parses a head of exactly len bytes (with its blank line). Slices of *out point into head. With an
 * error only what was parsed before it is set, and `why`. */
enum http_request_error http_request_parse(const char *head, size_t len, struct http_request *out);
/* Value of a header by name (case-insensitive), or NULL. The first when it stands twice. */
const struct http_text *http_request_header(const struct http_request *req, const char *name);

#endif
