/* SPDX-License-Identifier: MIT */
/* Requests that wait for a pair of their chain to become available (queueMode), in one worker: a
 * bounded FIFO for each chain. Pure. exchange joins and leaves; the worker runs it from a short
 * timer. Known weakness: among workers there is no order, each has a queue of its own. */
#ifndef WEIR_SERVER_EXCHANGE_QUEUE_H
#define WEIR_SERVER_EXCHANGE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/attributes.h"

struct queue;

/* Embedded in its owner; zeroed before use. */
struct queue_waiter {
    void (*wake)(void *arg); /* it has left the queue: try again now */
    void *arg;
    uint32_t chain;
    bool is_waiting;
    TAILQ_ENTRY(queue_waiter) link;
};

struct queue *queue_new(uint32_t n_chains, uint32_t max_per_chain);
/* Nobody may wait in it any more. */
void queue_free(struct queue **queue);

/* Joins its chain's queue at the tail. With `at_head` (it was woken but found no pair) it keeps its
 * place at the head, even if the queue is full. False: the queue is full. */
bool queue_join(struct queue *queue, struct queue_waiter *waiter, bool at_head) WEIR_MUST_CHECK;
/* Allowed when it does not wait. */
void queue_leave(struct queue *queue, struct queue_waiter *waiter);

uint32_t queue_depth(const struct queue *queue, uint32_t chain);
bool queue_is_empty(const struct queue *queue);

/* Wakes the first of each chain as long as may_go says that the chain has a usable pair. If the
 * woken request joins at the head again, the chain is finished for this run. */
void queue_run(struct queue *queue, bool (*may_go)(void *arg, uint32_t chain), void *arg);

#endif
