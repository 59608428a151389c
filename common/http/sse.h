/* SPDX-License-Identifier: MIT */
/* Cuts a byte stream into server-sent events (WHATWG HTML, "9.2.6 Interpreting an event stream").
 * Pure push parser; attempt feeds it what the transfer delivers, weirctl probe what weir sends, cut
 * anywhere, a byte at a time if it comes so. LF, CRLF and CR end lines; a BOM is dropped; comments
 * and unknown fields are dropped; `data:` with or without a space; several data lines are joined by
 * LF. Knows no JSON. */
#ifndef WEIR_COMMON_HTTP_SSE_H
#define WEIR_COMMON_HTTP_SSE_H

#include <stdbool.h>
#include <stddef.h>

struct sse_event {
    const char *type; /* value of `event:`, not NUL-terminated; type_len 0 = none */
    size_t type_len;
    const char *data; /* joined data lines; valid during the callback only */
    size_t data_len;
};

/* Returns false to stop the feeding (the stream is over for the receiver). Must not free or feed
 * the parser it is called from. */
typedef bool (*sse_event_fn)(void *arg, const struct sse_event *event);

/* Sticky: after STOPPED or TOO_LARGE every call returns it again. */
enum sse_result {
    SSE_OK,
    SSE_STOPPED,   /* the callback said so; what was not consumed is dropped */
    SSE_TOO_LARGE, /* an event is larger than the parser's max_bytes */
};

struct sse;
/* arg is handed to on_event; the caller frees the parser. An event may have max_bytes of data. */
struct sse *sse_new(sse_event_fn on_event, void *arg, size_t max_bytes);
void sse_free(struct sse **sse);
/* Feeds bytes; calls on_event for each complete event that has data. An event that lies whole in
 * one feed is handed out without copying it. */
enum sse_result sse_feed(struct sse *sse, const char *data, size_t len);
/* The stream ended: an event whose blank line is missing is handed out all the same when its data
 * line is there (providers end `data: [DONE]` without a newline). */
enum sse_result sse_finish(struct sse *sse);
/* Comment lines seen so far (keep-alives; for the log). */
size_t sse_comments(const struct sse *sse);

#endif
