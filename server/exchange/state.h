/* SPDX-License-Identifier: MIT */
/* The inside of an exchange, for the files that make it up and for nobody else: exchange.c (states,
 * clock, what comes from outside), route.c (from the body to an attempt),
 * hear.c (what an attempt tells), finish.c (how it ends). */
#ifndef WEIR_SERVER_EXCHANGE_STATE_H
#define WEIR_SERVER_EXCHANGE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/routing/trail.h"
#include "server/attempt/attempt.h"
#include "server/dialect/dialect.h"
#include "server/dialect/own_error.h"
#include "server/exchange/exchange.h"
#include "server/exchange/relay.h"

enum exchange_state {
    EX_READ,    /* the body is there: is it a chat request? */
    EX_ROUTE,   /* which chain? */
    EX_CHOOSE,  /* which entry is next? */
    EX_QUEUE,   /* no pair is usable now; waits for its turn */
    EX_ATTEMPT, /* an attempt runs, nothing of it was shown to the client */
    EX_RETRY,   /* the same entry is tried again, perhaps after the wait it asked for */
    EX_RELAY,   /* committed: content goes to the client, no other entry any more */
    EX_SETTLE,  /* the end is known; trackerd is given a moment to apply what was reported */
    EX_FINISH,  /* the end goes to the client */
    EX_OVER,
};

/* How it will end, once it is known. */
enum ending {
    ENDING_NONE,
    ENDING_REFUSED,   /* an error of weir's own: x->refusal, x->message */
    ENDING_ANSWER,    /* the attempt's whole answer */
    ENDING_PROVIDER,  /* the provider's own error, relayed */
    ENDING_EXHAUSTED, /* no entry is left */
    ENDING_STREAMED,  /* a stream came to its clean end */
    ENDING_BROKEN,    /* a stream broke after commit: x->message */
};

/* The first provider error of the kind that is relayed when all agree. */
struct kept_error {
    int status;
    char *body, *content_type; /* NULL = nothing kept */
    size_t len;
    uint32_t pair;
};

struct exchange {
    struct exchange_env env;
    const struct downstream *ops;
    void *client;
    struct exchange_request request;
    char *request_id;
    enum exchange_state state;
    enum ending ending;

    struct dialect_request asked; /* what its body asks for */
    const struct conf_chain *chain;
    struct conf_chain probed; /* a probe's: of one entry, the pair that the model names */
    uint32_t probed_pair;
    uint32_t next_entry; /* position in the chain: entries before it were tried or passed by */
    uint32_t retries;    /* of the current entry */
    enum delivery delivery;
    struct pair_seen seen;
    struct claim claim; /* held while an attempt runs */
    struct attempt *attempt;
    bool is_recorded; /* the attempt's result is in the trail */
    bool is_counted;  /* as an active stream */
    struct trail trail;
    struct relay relay;

    enum own_error refusal;
    struct buf message; /* of the error that ends it */
    struct kept_error kept;
    bool has_disagreement; /* an entry that was tried failed otherwise than by an agreeable 4xx */

    struct queue_waiter waiter_in_queue;
    uint64_t queued_until_at; /* 0 = was never queued */

    uint64_t deadline_at, heartbeat_at, retry_at, settle_at; /* 0 = none */
    struct tracker_link_waiter waiter;
    uint64_t last_event_seq; /* of the last event that was reported; 0 = none */

    uint64_t begun_at, own_ns; /* own_ns: the time that weir itself took */
    int status;                /* of the answer, for the log */
    enum outcome outcome;      /* of the attempt that ended it */
    uint64_t first_token_at;
    int64_t prompt_tokens, completion_tokens;
    uint64_t answer_bytes;
};

enum step {
    GO_ON,
    WAIT,
};

/* The one place where the state changes. */
void exchange_set_state(struct exchange *x, enum exchange_state state);
/* Sets the client's timer to the soonest of what the exchange waits for. */
void exchange_update_timer(struct exchange *x);
/* Runs steps until one waits. */
void exchange_run(struct exchange *x);
/* The end is known: what a step returns. */
enum step exchange_end_with(struct exchange *x, enum ending ending);

/* queueing.c */
/* The step when no entry is left: waits in the queue where that can help, or ends. */
enum step exchange_chain_ended(struct exchange *x);
/* May this request not choose yet, because others of its chain wait already? */
bool exchange_is_behind_queue(const struct exchange *x);
enum step exchange_join_queue(struct exchange *x, bool at_head);
void exchange_leave_queue(struct exchange *x);
enum step exchange_queue_timed_out(struct exchange *x);
/* Until the soonest cooldown among the chain's pairs ends; 0 when none is in cooldown. */
uint64_t exchange_soonest_ms(struct exchange *x);

/* route.c */
enum step exchange_refuse(struct exchange *x, enum own_error error, const char *message);
enum step exchange_step_read(struct exchange *x);
enum step exchange_step_route(struct exchange *x);
enum step exchange_step_choose(struct exchange *x);
enum step exchange_step_retry(struct exchange *x);
bool exchange_is_past_deadline(const struct exchange *x);
enum step exchange_end_by_deadline(struct exchange *x);

/* hear.c */
extern const struct attempt_events exchange_attempt_events;
/* The result goes to the counters and the trail, whatever follows from it. */
void exchange_record_attempt(struct exchange *x);
/* Keeps the error of the running attempt, to be relayed. */
void exchange_keep_error(struct exchange *x, const struct attempt_result *result);

/* finish.c */
enum step exchange_step_finish(struct exchange *x);
/* The one exit. */
void exchange_leave(struct exchange *x);
/* How it ended, for those who look later: an outcome's word, or the code of an error of weir's own.
 */
const char *exchange_word(const struct exchange *x);
/* Of the first content; 0 = there was none. */
uint64_t exchange_first_token_us(const struct exchange *x);
void exchange_put_trail(const struct exchange *x, struct buf *out);
void exchange_put_request_id(const struct exchange *x, struct buf *out);
void exchange_put_common_headers(const struct exchange *x, struct buf *out);
void exchange_put_provider_header(const struct exchange *x, uint32_t pair, struct buf *out);
void exchange_put_stream_headers(struct buf *out);

#endif
