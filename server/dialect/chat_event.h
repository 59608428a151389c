/* SPDX-License-Identifier: MIT */
/* Looks into one event of a chat's stream, and into a whole reply. Pure. Tells content from
 * preamble, finish from running, error from all else (CONTRACT 4.3), by validating the JSON in one
 * pass. Called through the row dialect_chat; nothing is copied. */
#ifndef WEIR_SERVER_DIALECT_CHAT_EVENT_H
#define WEIR_SERVER_DIALECT_CHAT_EVENT_H

#include "server/dialect/dialect.h"

/* A part of the answer is a choice, by its index; one past 127 is not tracked. Of the flags:
 * - has_content: in a choice's delta any member but `role` that is not empty, or the choice's
 * `text`; empty are null, "", [], {}, false, 0, and what holds nothing else;
 * - has_finish: a finish_reason on some choice; "" counts as none;
 * - has_error: an `error` at the root, in a choice or in x_groq (one that is empty counts as none),
 *   `errors`, error_message, error_type, {"object":"error"}, a list [{"error":...}], `detail` or
 * `code` with `message` where there are no choices, or a finish_reason that says broken off. Its
 * message is its own, else the root's. */
void chat_read_event(struct dialect_stream *stream, const char *data, size_t len,
                     struct dialect_event *out);

/* Good: choices, each with a message (chat) or a text (completions), or a list `data` that is not
 * empty (embeddings), by the operation's kind. An error: as in an event. SDKs take {"error":...}
 * for an event. Leading blank lines are allowed: some providers keep a connection alive with them.
 */
void chat_read_reply(unsigned kind, const char *body, size_t len, struct dialect_reply *out);

#endif
