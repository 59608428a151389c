/* Reads the body of a chat request and builds the body that goes upstream (CONTRACT 4.1): pure.
 * One validating pass finds the few members weir cares for; the upstream body is the client's bytes
 * with the model's value replaced in place and, for a stream without stream_options, those added.
 * Every other byte goes as the client wrote it. exchange calls it. */
#ifndef WEIR_SERVER_CHAT_H
#define WEIR_SERVER_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include "server/jsonscan.h"

/* What is asked for, and so which member must be there. */
enum chat_kind {
    CHAT_MESSAGES, /* /v1/chat/completions: `messages`, an array */
    CHAT_PROMPT,   /* /v1/completions: `prompt` */
    CHAT_INPUT,    /* /v1/embeddings: `input` */
};

/* Offsets point into the body that was read; nothing is copied. */
struct chat_request {
    bool has_model, is_stream;
    bool has_stream_options;     /* whatever its value, null too */
    struct jsonscan_span model;  /* string content as written, for the chain's name */
    size_t model_from, model_to; /* the value with its quotes; equal when there is no model */
    size_t first_member_at;      /* offset just behind the root's opening brace */
};

/* True when the body is a JSON object with the member its kind demands, at most one of each of
 * that, `model` (string), `stream` (bool or null), `stream_options`. False: *why is a message for
 * the client (static or written to why_buf, no user text in it save an offset). */
bool chat_read(enum chat_kind kind, const char *body, size_t len, struct chat_request *out,
               char *why, size_t why_cap);

/* Length of the body that goes upstream for this model, and the body itself (out has that room).
 * chat and body are of one chat_read that returned true; the model is UTF-8 and is escaped as JSON
 * needs it. What has to be added goes right behind the opening brace. */
size_t chat_upstream_length(const struct chat_request *chat, size_t len, const char *model);
void chat_write_upstream(const struct chat_request *chat, const char *body, size_t len,
                         const char *model, char *out);

#endif
