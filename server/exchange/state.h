/* SPDX-License-Identifier: MIT */
/* The inside of an exchange, for the files of this room only, and what all of them need: the state
 * and its one setter, the ways to end, the timer. The bottom of the room: it calls no other part.
 * From top to bottom:
 *
 *     exchange.c   the driver: runs the steps, owns every callback
 *     route.c      steps READ, ROUTE, CHOOSE, RETRY: from the body to an attempt
 *     finish.c     step FINISH: the end goes to the client; the one exit
 *     hear.c       what an attempt brings, and what its end leads to
 *     queueing.c   what to do when no pair of the chain is usable
 *     gate.c       the wait for a recovering pair that others try
 *     headers.c    the headers of an answer
 *     state.c
 *
 * The parts only change the state; the driver then runs whatever step that state has. */
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
    EX_READ,    /* the body is there: what does it ask for? */
    EX_ROUTE,   /* which chain? */
    EX_CHOOSE,  /* which entry is next? */
    EX_GATE,    /* passed by only for their gates; waits for one, at most CLAIMS_GATE_WAIT_MS */
    EX_QUEUE,   /* no pair is usable now; waits until one may be */
    EX_ATTEMPT, /* an attempt runs, the client has seen nothing of it */
    EX_RETRY,   /* the same entry is tried again, perhaps after the wait it asked for */
    EX_RELAY,   /* committed: content goes to the client, no other entry any more */
    EX_CONFIRM, /* the end is known; trackerd is given a moment to apply what was reported */
    EX_FINISH,  /* the end goes to the client */
    EX_OVER,
    EX_STATES
};

/* How it will end, once that is known. */
enum ending {
    ENDING_NONE,
    ENDING_REFUSED,   /* an error of weir's own: x->refusal, x->message */
    ENDING_ANSWER,    /* the attempt's whole answer */
    ENDING_PROVIDER,  /* a provider's own error, relayed: x->kept */
    ENDING_EXHAUSTED, /* no entry is left */
    ENDING_STREAMED,  /* a stream came to its clean end */
    ENDING_BROKEN,    /* a stream broke after commit: x->message */
};

/* A provider's error that may be relayed. */
struct kept_error {
    int status;
    char *body, *content_type; /* NULL = nothing kept */
    size_t len;
    uint32_t pair;
};

struct exchange {
    struct exchange_env env;
    const struct attempt_events *attempt_events; /* the driver's */
    const struct downstream *downstream;
    void *client; /* for downstream */
    struct exchange_order order;
    char *request_id;
    enum exchange_state state; /* changed by exchange_set_state only */
    enum ending ending;

    struct dialect_request asked;   /* what its body asks for */
    const struct conf_chain *chain; /* its name and its settings; a probe's is `walked` */
    struct conf_chain walked; /* its pairs in the order to try them: of a probe one, of a request
                                 that names a model an order of its own */
    uint32_t *own_order;      /* of `walked`; NULL: the chain's */
    uint32_t probed_pair;
    uint32_t current_entry; /* position in the chain: tried now, or the next to be looked at */
    uint32_t n_entries;     /* that were tried or passed by on this pass along the chain */
    uint32_t retries;       /* of the current entry */
    enum delivery delivery;
    struct pair_seen seen;
    struct claim claim; /* held while an attempt runs */
    struct attempt *attempt;
    bool is_counted; /* as an active stream */
    struct trail trail;
    struct relay relay;

    enum own_error refusal;
    struct buf message;     /* of the error that ends it */
    struct kept_error kept; /* the first 4xx that is relayed when all entries agree on one */
    bool has_other_failure; /* some attempt failed with something else than a relayable 4xx */

    struct queue_waiter queue_waiter;
    uint64_t queued_until_at; /* 0 = was never queued */

    /* first wait at a gate, next look at it; 0 = none */
    uint64_t gate_since_at, gate_look_at;

    uint64_t deadline_at, heartbeat_at, retry_at, confirm_until_at; /* 0 = none */
    uint64_t silent_since_at; /* the latest heartbeat, or the time when the first one's began */
    struct tracker_link_waiter ack_waiter;
    uint64_t last_event_seq; /* of the last event that was reported; 0 = none */

    uint64_t begun_at, own_ns; /* own_ns: the time that weir itself took */
    int status;                /* of the answer, for its record */
    enum outcome outcome;      /* of the attempt that ended it */
    uint64_t first_token_at;
    struct dialect_usage usage;
    uint64_t answer_bytes;
};

/* What a step tells the driver. */
enum exchange_step {
    EXCHANGE_GO_ON, /* run the step of the new state */
    EXCHANGE_WAIT,  /* nothing more until a callback */
};

/* The one place where the state changes. */
void exchange_set_state(struct exchange *x, enum exchange_state state);

/* The end is known; returns what a step returns then. */
enum exchange_step exchange_end_with(struct exchange *x, enum ending ending);
/* Ends with an error of weir's own. */
enum exchange_step exchange_refuse(struct exchange *x, enum own_error error, const char *message);

/* Has deadlineMs passed without content? Once an attempt has content the deadline is suspended; it
 * applies again if that attempt fails. */
bool exchange_is_past_deadline(const struct exchange *x);
/* Sets the client's timer to the soonest of what the exchange waits for. */
void exchange_update_timer(struct exchange *x);

#endif
