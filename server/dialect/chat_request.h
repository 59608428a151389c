/* SPDX-License-Identifier: MIT */
/* Reads the body of a chat request and says what of it must be edited to go upstream
 * (CONTRACT 4.1). Pure. One validating pass finds the few members weir cares for; the upstream body
 * is the client's bytes with the model's value replaced in place and, for a stream without
 * stream_options, those added. Every other byte goes as the client wrote it. Called through the row
 * dialect_chat. */
#ifndef WEIR_SERVER_DIALECT_CHAT_REQUEST_H
#define WEIR_SERVER_DIALECT_CHAT_REQUEST_H

#include "server/dialect/dialect.h"

/* What is asked for, and so which member must be there. */
enum chat_kind {
    CHAT_MESSAGES, /* /v1/chat/completions: `messages`, an array */
    CHAT_PROMPT,   /* /v1/completions: `prompt` */
    CHAT_INPUT,    /* /v1/embeddings: `input` */
};

/* True when the body is a JSON object with the member its kind demands, at most one of each of
 * that, `model` (string), `stream` (bool or null), `stream_options`. */
bool chat_read_request(unsigned kind, const char *body, size_t len, struct dialect_request *out,
                       char *why, size_t why_cap) WEIR_MUST_CHECK;

/* The model, and stream_options for a stream that has none. What has to be added goes right behind
 * the opening brace. */
void chat_edit_request(const struct dialect_request *request, struct jsonscan_span model,
                       struct splices *out);

#endif
