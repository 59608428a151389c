/* SPDX-License-Identifier: MIT */
/* Looks into one event of a chat's stream, and into a whole reply. Pure. Tells content from
 * preamble, finish from running, error from all else (CONTRACT 4.3), by validating the JSON in one
 * pass. Called through the row dialect_chat; nothing is copied. */
#ifndef WEIR_SERVER_DIALECT_CHAT_EVENT_H
#define WEIR_SERVER_DIALECT_CHAT_EVENT_H

#include "server/dialect/dialect.h"

/* A part of the answer is a choice, by its index; one past 63 is not tracked. Of the flags:
 * - has_content: in a choice's delta non-empty content, reasoning_content, reasoning, refusal, or a
 *   tool call (tool_calls, function_call); or the choice's `text`;
 * - has_finish: a finish_reason on some choice; "" counts as none;
 * - has_error: an `error` at the root, in a choice or in x_groq (null, false and "" count as none),
 *   {"object":"error"}, or finish_reason "error". Its message is its own, else the root's. */
void chat_read_event(struct dialect_stream *stream, const char *data, size_t len,
                     struct dialect_event *out);

/* Good: a JSON object with an array `choices` (or `data`, for embeddings). An error: as in an
 * event; also Google's [{"error":...}]. SDKs take {"error":...} for an event. Leading blank lines
 * are allowed: some providers keep a connection alive with them. */
void chat_read_reply(const char *body, size_t len, struct dialect_reply *out);

#endif
