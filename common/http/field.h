/* SPDX-License-Identifier: MIT */
/* What heads of requests and of responses have in common (RFC 9110 5, RFC 9112 5 and 6): where they
 * end, lines, header fields, and the fields that framing depends on. Strict towards requests; of
 * answers (`forgives`) that is taken which can mean one thing only. request.c and response.c are
 * written on it. Pure. Known to be weak: obsolete folded lines and every coding but `chunked` are
 * refused from either side. */
#ifndef WEIR_COMMON_HTTP_FIELD_H
#define WEIR_COMMON_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"

struct http_text {
    const char *at; /* into the head that was parsed */
    size_t len;
};
bool http_text_equals(struct http_text text, const char *literal); /* exact */
bool http_text_equals_nocase(struct http_text text, const char *literal);

/* Kinds of bytes (RFC 9110 5.6.2, RFC 3986 3.2.2). */
enum http_byte_kind {
    HTTP_BYTE_TOKEN = 1, /* of a method or header name */
    HTTP_BYTE_HOST = 2,  /* of a Host's value */
};
extern const uint8_t http_byte_kinds[256];
bool http_text_is_all(struct http_text text, enum http_byte_kind kind);

static inline bool http_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Where a head ends: offset just behind its blank line, or 0 when it is not all there. `from` is
 * how many bytes an earlier call was given (0 at first), so that all calls together look at each
 * byte once. Leading CRLFs are skipped, up to four: *skip says how many bytes; the head is what
 * lies between *skip and the end. A blank line made with bare LFs is an end as well: the parsers
 * refuse such a head, and the peer hears so at once. */
size_t http_head_end(const char *data, size_t len, size_t from, size_t *skip);

/* A walk over a head. */
struct http_cursor {
    const char *at, *end;
    bool forgives; /* blanks between a field's name and its colon */
};

/* The line at the cursor, ended by CRLF, which the cursor is behind afterwards. False when its
 * first control character, tabs aside, is no CRLF. */
WEIR_MUST_CHECK bool http_cursor_take_line(struct http_cursor *cursor, struct http_text *line);
/* The same for a header field; its value comes without white space around it. NULL, or what is
 * wrong (static). */
const char *http_cursor_take_field(struct http_cursor *cursor, struct http_text *name,
                                   struct http_text *value);
/* Is what is left the empty line that ends a head? */
bool http_cursor_is_at_last_line(const struct http_cursor *cursor);

/* What the fields seen so far say about the body and the connection; starts as all zero, but for
 * `forgives`. */
struct http_field_facts {
    bool forgives; /* an equal Content-Length said again, one beside a Transfer-Encoding, which
                      wins, and chunks in HTTP/1.0 */
    bool has_length, has_coding; /* the coding is `chunked`: nothing else is accepted */
    bool asks_close, asks_keep_alive;
    bool is_doubtful; /* another reader might see another end: the connection is not used again */
    uint64_t length;
};
/* Notes a field when it is Content-Length (1 to 15 digits), Transfer-Encoding or Connection. The
 * name lies in its head. NULL, or what is wrong (static): anything said twice or in a way that can
 * be read in two ways. */
const char *http_field_note(struct http_field_facts *facts, struct http_text name,
                            struct http_text value);
/* The rules that need all fields; the same result. */
const char *http_field_check(struct http_field_facts *facts, int version_minor);
/* As version and Connection ask. */
bool http_field_keeps_alive(const struct http_field_facts *facts, int version_minor);

#endif
