/* SPDX-License-Identifier: MIT */
/* Request lives on a fake clock: a real exchange, real attempts, relay and counters' bookkeeping,
 * between a scripted transfer and a client that writes down what it is sent. No sockets, no event
 * loop, no waiting: hours of timeouts pass in microseconds. Link-time stand-ins replace transfer.h,
 * tableview.h, tracker/link.h and loop/defer.h (replay.c). */
#ifndef WEIR_TESTS_REPLAY_H
#define WEIR_TESTS_REPLAY_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/shm/recent_ring.h"
#include "common/wire/evwire.h"
#include "server/upstream/transfer.h"

#define REPLAY_PAIRS 3 /* a/m0, b/m1, c/m2: the chain "main", in this order */

/* A fresh world: clock at some instant, three pairs, no cooldowns, default settings. */
void replay_begin(void);
/* Checks that nothing is left running, frees everything. */
void replay_end(void);
struct conf *replay_conf(void);

/* Starts a chat; the replay owns it. One before it must be over; its answer is forgotten. */
void replay_chat(const char *body);
void replay_explain(void); /* the chats from now on ask for their trail */
void replay_probe(void);   /* the chats from now on are probes */
void replay_chat_stream(void);
void replay_chat_plain(void);

#define REPLAY_QUEUE_MAX 2 /* queueMaxSize */
/* Others wait in the chain's queue already. They leave it when they are woken. */
void replay_queue_others(unsigned count);
/* The worker takes no more requests. */
void replay_drain(void);

/* Lets time pass; timers fire on the way, each at its instant. */
void replay_pass_ms(uint64_t ms);

/* The worker's tick: what was held back is sent. */
void replay_tick(void);

/* The provider's side, of the transfer that runs now. */
bool replay_is_sending(void);
uint32_t replay_pair(void);                        /* whose transfer it is; fails when none runs */
const char *replay_sent_body(void);                /* what the pair was sent */
void replay_head(int status, const char *headers); /* "name: value\n..." in lower case */
void replay_data(const char *text);
void replay_bytes(const void *data, size_t len);
/* The loop's next turn; false when no slice of work was due in it. */
bool replay_slice(void);
void replay_done(enum transfer_end end);
unsigned replay_transfers(void); /* started so far */
unsigned replay_aborts(void);    /* of them aborted */
bool replay_is_paused(void);

/* The client's side. */
int replay_status(void); /* 0 = no head yet */
const char *replay_headers(void);
const char *replay_body(void); /* all of it so far */
unsigned replay_writes(void);  /* how often some of it was flushed */
bool replay_is_over(void);
/* What is kept of the last request that is over. */
struct recent_request replay_remembered(void);
void replay_client_leaves(void);
void replay_client_queues(size_t bytes); /* pretends that so much waits for the client to read */
void replay_client_reads(void);          /* it read everything */

/* The table's side. */
void replay_cooldown_ms(uint32_t pair, uint64_t ms); /* the pair is in cooldown from now */
void replay_wants_reset(uint32_t pair);              /* its row has something to reset */
void replay_hold_acks(void);                         /* trackerd does not answer from now */
/* The pair recovers, with recoveryConcurrency 1, or no longer does. */
void replay_recovering(uint32_t pair, bool recovers);
/* A request of another worker tries the pair and has no content yet; or it has some now. */
void replay_other_tries(uint32_t pair);
void replay_other_has_content(uint32_t pair);
void replay_other_stops(void);          /* that worker: its loop turns no more */
unsigned replay_at_gate(uint32_t pair); /* places taken */
unsigned replay_events(enum ev_kind kind, uint32_t pair);
unsigned replay_all_events(void);
const struct evwire_event *replay_last_event(void);

#endif
