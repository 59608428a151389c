/* SPDX-License-Identifier: MIT */
/* Looks into one event of a chat stream and one whole answer. Pure. Tells content from preamble,
 * finish from running, error from all else (CONTRACT 4.3), by validating the JSON in one pass.
 * attempt calls it for every event; nothing is copied. */
#ifndef WEIR_SERVER_DIALECT_CHAT_EVENT_H
#define WEIR_SERVER_DIALECT_CHAT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json/jsonscan.h"

enum dialect_event_kind {
    DIALECT_EVENT_JSON,
    DIALECT_EVENT_END,       /* [DONE] */
    DIALECT_EVENT_MALFORMED, /* not a JSON object */
};

struct dialect_event {
    enum dialect_event_kind kind;
    bool has_content; /* in a choice's delta: non-empty content, reasoning_content, reasoning,
                         refusal, or a tool call (tool_calls, function_call); or its `text` */
    bool has_finish;  /* a finish_reason on some choice; "" counts as none */
    bool has_error;   /* an `error` at the root, in a choice or in x_groq (null, false and "" count
                         as none), {"object":"error"}, or finish_reason "error" */
    uint64_t choices_seen, choices_finished; /* bit i = choice index i (0..63) appears / finished */
    struct jsonscan_span error_message; /* what an error says, as written, inside the data: its own
                                           `message`, else the root's; len 0 = none */
    int64_t prompt_tokens, completion_tokens, total_tokens; /* from usage; -1 = not there */
};

/* Reads the data of one event. A malformed one has no flag set, whatever stands in it. */
void chat_read_event(const char *data, size_t len, struct dialect_event *out);

enum dialect_reply_kind {
    DIALECT_REPLY_GOOD,     /* a JSON object with an array `choices` (or `data`, for embeddings) */
    DIALECT_REPLY_ERROR,    /* JSON with an error, as in a chunk; also Google's [{"error":...}] */
    DIALECT_REPLY_NOT_JSON, /* not a JSON object of that kind */
};
struct dialect_reply {
    enum dialect_reply_kind kind;
    bool has_error_member; /* {"error":...}: what SDKs raise on, in an event too */
    struct jsonscan_span error_message, error_code, error_type; /* as written; len 0 = none */
    int64_t prompt_tokens, completion_tokens, total_tokens;
};
/* Reads a whole JSON body: a 200 without streaming, or an error answer of any status (for its
 * message, code and type). Leading blank lines are allowed (some providers keep alive with them).
 */
void chat_read_reply(const char *body, size_t len, struct dialect_reply *out);

#endif
