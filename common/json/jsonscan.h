/* SPDX-License-Identifier: MIT */
/* A validating pull scanner for JSON text (RFC 8259, strict). Pure; workers run it over request
 * bodies and over every event of a stream. It copies nothing and builds no tree: callers walk the
 * members they care for and skip the rest, and every byte is validated on the way (grammar,
 * numbers, escapes, UTF-8, no raw control characters), so that weir and a provider cannot read
 * different documents. Never allocates, never recurses. Known to be weak: a key that comes twice is
 * not noticed, callers settle that where it matters; what is nested deeper than JSONSCAN_DEPTH_MAX
 * is refused.
 * NaN, Infinity and -Infinity, which Python's json writes into logprobs, are numbers where the
 * caller allows them: in what providers send, never in a request. */
#ifndef WEIR_COMMON_JSON_JSONSCAN_H
#define WEIR_COMMON_JSON_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"

#define JSONSCAN_DEPTH_MAX 128

enum jsonscan_error {
    JSONSCAN_OK,
    JSONSCAN_SYNTAX,
    JSONSCAN_TOO_DEEP,
    JSONSCAN_BAD_STRING, /* bad escape, control character or UTF-8 */
    JSONSCAN_CUT,        /* the text ends inside the document */
    JSONSCAN_TRAILING,   /* something follows the document */
};
const char *jsonscan_error_text(enum jsonscan_error error);

enum jsonscan_type {
    JSONSCAN_NONE, /* an error stands, or the end */
    JSONSCAN_OBJECT,
    JSONSCAN_ARRAY,
    JSONSCAN_STRING,
    JSONSCAN_NUMBER,
    JSONSCAN_TRUE,
    JSONSCAN_FALSE,
    JSONSCAN_NULL,
};

/* A stretch of the text: of a string, without its quotes and with its escapes as written. */
struct jsonscan_span {
    const char *at;
    size_t len;
};

struct jsonscan {
    const char *start, *at, *end; /* after an error, at is where it was found */
    enum jsonscan_error error;    /* sticky: after the first one every call answers false/NONE */
    uint32_t depth;
    uint64_t is_object[JSONSCAN_DEPTH_MAX / 64]; /* kind of each open container */
    bool is_first; /* the container just entered has had no member yet */
    bool
        allows_nan; /* set it after jsonscan_init to take NaN, Infinity and -Infinity for numbers */
};

void jsonscan_init(struct jsonscan *s, const char *text, size_t len);
/* Type of the value ahead (skips white space); consumes nothing else. */
enum jsonscan_type jsonscan_peek(struct jsonscan *s);
/* Enters the object or array ahead; false when something else is there (an error then stands). */
bool jsonscan_enter(struct jsonscan *s);
/* Next member of the innermost object: its key, and the scanner stands before its value, which the
 * caller must consume. False at the closing brace (consumed: the object is left) or on an error. */
WEIR_MUST_CHECK bool jsonscan_next_member(struct jsonscan *s, struct jsonscan_span *key);
/* The same for an array: true when an element stands ahead. */
WEIR_MUST_CHECK bool jsonscan_next_element(struct jsonscan *s);
/* Consumes the value ahead, whatever it is. *value (may be NULL) gets its whole text. */
bool jsonscan_skip(struct jsonscan *s, struct jsonscan_span *value);
/* Consumes the string ahead; *content is what stands between its quotes. */
bool jsonscan_string(struct jsonscan *s, struct jsonscan_span *content);
/* Nothing but white space follows the document: call after the root value. */
WEIR_MUST_CHECK bool jsonscan_finish(struct jsonscan *s);

/* Does the string content equal the NUL-terminated literal, once its escapes are resolved? */
bool jsonscan_equals(struct jsonscan_span content, const char *literal);
/* Unescapes content into out (at most cap bytes with the NUL; cut at a character's border when it
 * does not fit). Returns the length written; a \u0000 is a NUL among them. Half a surrogate pair,
 * which JSON's grammar allows, becomes U+FFFD. */
size_t jsonscan_unescape(struct jsonscan_span content, char *out, size_t cap);

#endif
