/* SPDX-License-Identifier: MIT */
/* Reads the body of a chat request and says what of it must be edited to go upstream
 * (CONTRACT 4.1). Pure. One validating pass finds the few members weir cares for; the upstream body
 * is the client's bytes with the model's value replaced in place and, for a stream without
 * stream_options, those added. Every other byte goes as the client wrote it. exchange calls it. */
#ifndef WEIR_SERVER_DIALECT_CHAT_REQUEST_H
#define WEIR_SERVER_DIALECT_CHAT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json/jsonscan.h"
#include "common/json/splice.h"

/* What is asked for, and so which member must be there. */
enum chat_kind {
    CHAT_MESSAGES, /* /v1/chat/completions: `messages`, an array */
    CHAT_PROMPT,   /* /v1/completions: `prompt` */
    CHAT_INPUT,    /* /v1/embeddings: `input` */
};

/* Offsets point into the body that was read; nothing is copied. */
struct dialect_request {
    bool has_model, is_stream;
    bool has_stream_options;     /* whatever its value, null too */
    struct jsonscan_span model;  /* string content as written, for the chain's name */
    size_t model_from, model_to; /* the value with its quotes; equal when there is no model */
    size_t first_member_at;      /* offset just behind the root's opening brace */
};

/* True when the body is a JSON object with the member its kind demands, at most one of each of
 * that, `model` (string), `stream` (bool or null), `stream_options`. False: *why is a message for
 * the client (static or written to why_buf, no user text in it save an offset). */
bool chat_read_request(enum chat_kind kind, const char *body, size_t len,
                       struct dialect_request *out, char *why, size_t why_cap);

/* Adds what must be edited for the body to go upstream: the model, given as a JSON string with its
 * quotes, and stream_options for a stream that has none. What has to be added goes right behind the
 * opening brace. `chat` is of a chat_read_request that returned true; the model is borrowed. */
void chat_edit_request(const struct dialect_request *chat, struct jsonscan_span model,
                       struct splices *out);

#endif
