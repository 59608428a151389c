/* SPDX-License-Identifier: MIT */
/* One client request with everything done for it, in a worker: reads its body, routes it to a
 * chain, tries entry after entry, commits when content comes, relays, finishes. (An attempt is one
 * try at one pair, a transfer one HTTP request to a provider.) It reaches its client through struct
 * downstream and providers through attempt.h. No sockets, no event loop: tests drive it with a fake
 * clock.
 *
 *     READ -> ROUTE -> CHOOSE -> ATTEMPT -> RELAY -> CONFIRM -> FINISH -> OVER
 *                        ^ ^-- RETRY <-/ |  the same entry once more (retryAttempts)
 *                        \---------------/  any other failure before commit
 *
 * A request that finds nothing usable but recovering pairs that others try waits in GATE for one of
 * them. With queueMode, a request whose chain has no usable pair waits in QUEUE and then chooses
 * anew. Delivery `stream` commits at the first content; `complete` holds a stream until its clean
 * end was seen, and commits early only when it grows past server.maxHeldBytes.
 *
 * Known weakness: what a stream holds before commit lies in memory, up to server.maxHeldBytes each.
 */
#ifndef WEIR_SERVER_EXCHANGE_EXCHANGE_H
#define WEIR_SERVER_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/routing/claims.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "server/dialect/dialect.h"
#include "server/exchange/downstream.h"
#include "server/exchange/queue.h"
#include "server/record/credit.h"
#include "server/record/request_record.h"
#include "server/tracker/link.h"
#include "server/upstream/transfer.h"

/* Bytes queued to a client: past the first its provider is paused, below the second resumed. */
#define EXCHANGE_QUEUED_HIGH (256u << 10)
#define EXCHANGE_QUEUED_LOW  (64u << 10)
/* How long the end of an answer waits for trackerd to have applied what the request reported, so
 * that a client that saw a failure finds it in the table. Then it goes out all the same. */
#define EXCHANGE_CONFIRM_MS 50

struct exchange;

/* What a worker lends to all its requests. */
struct exchange_env {
    const struct conf *conf;
    struct transfers *transfers;
    struct tableview *view;
    struct credit *credit;
    struct recorder *recorder;
    struct tracker_link *tracker_link;
    struct queue *queue;
    struct claims *claims;
    struct pages_slot *slot; /* gauges; never NULL */
};

/* What is asked of an exchange. */
struct exchange_order {
    const struct dialect_operation *operation;
    const char *path;       /* as the client asked, for the log; static */
    const char *query;      /* for the provider; NULL = none. Lives until the answer's end */
    const char *request_id; /* copied */
    char *body;             /* taken */
    size_t body_len;
    uint64_t received_at; /* when the head was complete, boot clock ns */
    int delivery;         /* enum delivery, or -1: as configured for the chain */
    bool explain;         /* the client wants to know the trail */
    bool is_probe;        /* an operator tries one pair: one attempt, whatever keeps other requests
                             from it, and an error carries what came of it */
};

/* The exchange frees itself: once it has called downstream->end, or after exchange_client_left. */
struct exchange *exchange_new(const struct exchange_env *env, struct exchange_order *order,
                              const struct downstream *downstream, void *client);
/* Sets it going. The answer may be complete, and the exchange over, before this returns. */
void exchange_begin(struct exchange *exchange);
/* The client hung up: everything is aborted, nothing counts. The exchange is dead afterwards. */
void exchange_client_left(struct exchange *exchange);
/* The client's queue fell below EXCHANGE_QUEUED_LOW. */
void exchange_client_drained(struct exchange *exchange);
void exchange_on_timer(struct exchange *exchange);
/* weir stops: a request that only waits in the queue is refused. Nothing for any other. */
void exchange_leave_queue(struct exchange *exchange);
/* The worker's drain time ran out: ends a running answer with an error. */
void exchange_shutdown(struct exchange *exchange);

/* For queue_run: may a request of this chain try one of its pairs now, or wait at its gate? `env`
 * is a struct exchange_env. */
bool exchange_may_go(void *env, uint32_t chain);

#endif
