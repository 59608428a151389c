/* SPDX-License-Identifier: MIT */
/* One try of a request at one pair, in a worker: sends it, watches what comes and the clock, and
 * ends with exactly one outcome. exchange starts attempts and hears from them through a small table
 * of functions. An attempt knows nothing of clients, chains or counters. Known weakness: an answer
 * without streaming lies whole in memory before any of it goes on. */
#ifndef WEIR_SERVER_ATTEMPT_ATTEMPT_H
#define WEIR_SERVER_ATTEMPT_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/http/sse.h"
#include "common/terms/outcome.h"
#include "common/terms/quota.h"
#include "server/dialect/dialect.h"
#include "server/provider/limit_headers.h"
#include "server/upstream/transfer.h"

#define ATTEMPT_ERROR_MAX_BYTES (256u << 10) /* of an error's body; the rest is not read */
#define ATTEMPT_MALFORMED_MAX \
    3 /* events in a row that are torn JSON are dropped; one more is a failure */
#define ATTEMPT_MESSAGE_BYTES 512 /* of the provider's own words */

struct attempt;

struct attempt_spec {
    const struct conf *conf;
    struct transfers *transfers;
    uint32_t pair;
    const struct dialect_operation *operation;
    const char *query; /* the client's, for the provider; NULL = none. Outlives the attempt */
    const char *request_id;
    const struct dialect_request *request; /* what was read in the body; only for attempt_start */
    bool may_ask_usage; /* where the client did not; the answer to that stays with the attempt */
    bool shows_usage;   /* it goes on all the same */
    const char *body;   /* the client's; borrowed until attempt_gives_back_body says so */
    size_t body_len;
};

struct attempt_result {
    enum outcome outcome;
    int status;          /* HTTP status; 0 = no response */
    uint64_t rest_ms;    /* the cooldown that the pair must have; 0 = none */
    bool has_named_wait; /* the response itself said how long */
    struct quota quota;
    char message[ATTEMPT_MESSAGE_BYTES]; /* the provider's words, or the transfer's; may be "" */
    const char
        *body; /* a complete answer or error body; NULL = none. Lives as long as the attempt */
    size_t body_len;
    char content_type[128]; /* of body */
    struct dialect_usage usage;
    bool has_finish; /* a part of the stream was finished by a reason */
    uint64_t started_at, first_content_at, ended_at; /* 0 = never */
};

struct attempt_events {
    /* An event of the stream, JSON checked. Not called for the mark of its end, comments and
     * dropped events. */
    void (*event)(void *arg, const struct sse_event *event);
    /* All events that came in one read were raised. Not called when the last of them ended the
     * attempt. */
    void (*fed)(void *arg);
    /* The attempt is over: attempt_result says how. Free it then. */
    void (*done)(void *arg);
    /* attempt_due_at is now earlier. */
    void (*due_sooner)(void *arg);
    /* The stream's end mark came, and no part of it was ever finished: must one have been, by what
     * this pair usually sends or by its provider's finishReason? */
    bool (*expects_finish)(void *arg);
    /* The pair refused the request because weir asked for usage in it, and takes it without. */
    void (*usage_refused)(void *arg);
};

/* Raises no event before it returns. */
struct attempt *attempt_start(const struct attempt_spec *spec, const struct attempt_events *events,
                              void *arg);
/* True once the attempt will not read the client's body again: it has forgotten it then, and the
 * owner may free it. */
bool attempt_gives_back_body(struct attempt *attempt);
/* Ends a running attempt with this outcome (the client left, a deadline): its connection is closed
 * at once, `done` is not called. */
void attempt_cancel(struct attempt *attempt, enum outcome outcome);
/* Ends it if it still runs; frees once the running callback has returned to the event loop. */
void attempt_free(struct attempt **attempt);

const struct attempt_result *attempt_result(const struct attempt *attempt);
uint32_t attempt_pair(const struct attempt *attempt);
/* After a failure, for the client that asked: the provider's words, even where they may quote the
 * request, so never for a log; weir's key is masked in them. */
void attempt_words(const struct attempt *attempt, char out[ATTEMPT_MESSAGE_BYTES]);

/* When the latest event or piece of a body that says something came, boot clock ns. */
uint64_t attempt_last_sign_at(const struct attempt *attempt);
/* When attempt_on_timer must be called at the latest (boot clock ns); 0 = not at all. May become
 * later without notice: a call that comes too early does nothing. */
uint64_t attempt_due_at(const struct attempt *attempt);
void attempt_on_timer(struct attempt *attempt, uint64_t now_at);

/* The client's buffer is full / has room again. Silence while paused is not the provider's. */
void attempt_pause(struct attempt *attempt, bool paused);

#endif
