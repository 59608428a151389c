/* SPDX-License-Identifier: MIT */
/* A dialect: what an API that weir speaks says, as a row of functions and texts (CONTRACT 4.4).
 * Pure. api gives each path its dialect; client, exchange, relay and attempt ask the row they were
 * given and know no dialect by name. A row reads, and writes what is weir's own; it never
 * translates, and what it does not understand stays as it was.
 *
 * A further dialect is NAME_request.c and NAME_event.c (one validating pass each), NAME.c with its
 * errors and its row, and an operation for each path. Known weakness: what only one dialect needs
 * of a request stands in the struct of all. */
#ifndef WEIR_SERVER_DIALECT_DIALECT_H
#define WEIR_SERVER_DIALECT_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "common/json/jsonscan.h"
#include "common/json/splice.h"

/* Tokens as a provider counts them; -1 = it did not say. */
struct dialect_usage {
    int64_t prompt_tokens, completion_tokens, total_tokens;
};
#define DIALECT_USAGE_UNKNOWN ((struct dialect_usage){-1, -1, -1})

/* What weir needs to know of a request. Offsets and spans point into the body that was read;
 * nothing is copied. */
struct dialect_request {
    bool has_model, is_stream;
    bool has_effort;            /* it asks for reasoning: the first content may be long in coming */
    struct jsonscan_span model; /* string content as written, for the chain's name */
    size_t model_from, model_to; /* the value with its quotes; equal when there is no model */
    size_t first_member_at;      /* offset just after the root's opening brace */
    bool asks_usage; /* chat: a stream without stream_options, so weir asks for usage. Whoever does
                        not want that clears it before edit_request */
};

enum dialect_event_kind {
    DIALECT_EVENT_JSON,
    DIALECT_EVENT_END,        /* the mark of a stream's end: the row's end_mark says the same */
    DIALECT_EVENT_KEEP_ALIVE, /* no data, or a word that is no JSON: says nothing */
    DIALECT_EVENT_MALFORMED,
};

/* An error as a provider tells it, in whatever shape; as written, len 0 = not there. `reason` is
 * Google's reason or status, or the code of Azure's inner error. */
struct dialect_fault {
    struct jsonscan_span message, code, type, reason;
};

/* What one event of a stream says. */
struct dialect_event {
    enum dialect_event_kind kind;
    bool has_content;           /* what a client waits for, reasoning and tool calls too */
    bool has_finish;            /* a part of the answer says that it is complete */
    bool has_error;             /* the provider reports a failure */
    struct dialect_fault fault; /* what it says of it */
    struct dialect_usage usage;
    bool is_usage; /* there is nothing else in it */
};

/* Of 64 parts of an answer each, by their bits. */
#define DIALECT_PART_WORDS 2
struct dialect_parts {
    uint64_t opened, closed; /* was seen, was finished */
    uint64_t in_tool;        /* is in the middle of a tool call */
};

/* What all events of a stream have said so far; zeroed before the first. */
struct dialect_stream {
    struct dialect_parts parts[DIALECT_PART_WORDS];
    bool has_finish;  /* some part was finished, if only for a while */
    bool is_complete; /* every part is finished: an end without its mark is clean, too */
};

enum dialect_reply_kind {
    DIALECT_REPLY_GOOD,     /* an answer */
    DIALECT_REPLY_ERROR,    /* an error, in any shape that providers give it */
    DIALECT_REPLY_NOT_JSON, /* neither */
};

/* What a whole body of a provider says. */
struct dialect_reply {
    enum dialect_reply_kind kind;
    bool is_error_event; /* an error that clients understand as an event of a stream, too */
    struct dialect_fault fault;
    struct dialect_usage usage;
};

/* An error of weir's own, before it has a shape. */
struct dialect_error {
    int status;       /* of HTTP; for a stream that broke, the one that would say so */
    const char *code; /* a word of CONTRACT 4.2 or 4.3 */
    const char *message;
    size_t len; /* of the message: any bytes */
    const char *request_id;
};

struct dialect {
    const char *name;

    /* The body of a request; `kind` is an operation's. False: `why` is a message for the client (no
     * text of the client's in it, except an offset). */
    bool (*read_request)(unsigned kind, const char *body, size_t len, struct dialect_request *out,
                         char *why, size_t why_cap) WEIR_MUST_CHECK;
    /* Adds what must be edited for the body to go upstream: the model, given as a JSON string with
     * its quotes, and what weir asks for beside it. `request` is of a read_request that returned
     * true; the model is borrowed. Edits come in the order of the body. */
    void (*edit_request)(const struct dialect_request *request, struct jsonscan_span model,
                         struct splices *out);

    /* The data of one event. A malformed one has no flag set, whatever stands in it, and leaves the
     * stream as it was. */
    void (*read_event)(struct dialect_stream *stream, const char *data, size_t len,
                       struct dialect_event *out);
    /* A whole body: a 200 without streaming, or an error's of any status. */
    void (*read_reply)(unsigned kind, const char *body, size_t len, struct dialect_reply *out);

    /* settings.normalizeResponses, NULL where it has no meaning: on an event's data or a whole body
     * that was read as JSON. Returns NULL when nothing needs a change, as nearly always; else the
     * changed text, a NUL after it, which the caller frees. */
    char *(*normalize_event)(const char *data, size_t len, size_t *out_len);
    char *(*normalize_reply)(const char *body, size_t len, size_t *out_len);

    /* Appends the JSON of an error: as a body, and as the data of a stream's last event. */
    void (*put_error)(struct buf *out, const struct dialect_error *error);
    void (*put_error_event)(struct buf *out, const struct dialect_error *error);
    const char
        *error_event_type; /* of that event, also when a provider's error is in it; "" = none */

    /* As they are sent, line ends included. */
    const char *heartbeat; /* keeps a client's connection alive between two events. Where it is a
                              comment no empty line follows: some decoders make an empty event of
                              one */
    const char *end_mark;  /* after the last event of a clean end; "" = its last event says it */
};

/* What one path asks for. */
struct dialect_operation {
    const struct dialect *dialect;
    unsigned kind;    /* the dialect's own number for it */
    const char *path; /* behind a provider's base URL */
};

extern const struct dialect dialect_chat;
#define DIALECT_DEFAULT (&dialect_chat) /* of errors where no path says which */
extern const struct dialect_operation dialect_chat_completions, dialect_completions,
    dialect_embeddings;

#endif
