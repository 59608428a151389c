/* SPDX-License-Identifier: MIT */
/* See queue.h. */
#include "server/exchange/queue.h"

#include <stdlib.h>

#include "common/base/alloc.h"

TAILQ_HEAD(fifo, queue_waiter);

struct queue {
    uint32_t n_chains, max, total;
    uint32_t *depths;
    struct fifo *fifos;
};

struct queue *queue_new(uint32_t n_chains, uint32_t max_per_chain)
{
    struct queue *q = xcalloc(1, sizeof(*q));
    q->n_chains = n_chains;
    q->max = max_per_chain;
    q->depths = xcalloc(n_chains, sizeof(*q->depths));
    q->fifos = xcalloc(n_chains, sizeof(*q->fifos));
    for (uint32_t i = 0; i < n_chains; i++)
        TAILQ_INIT(&q->fifos[i]);
    return q;
}

void queue_free(struct queue **queue)
{
    free((*queue)->depths);
    free((*queue)->fifos);
    free(*queue);
    *queue = NULL;
}

bool queue_join(struct queue *q, struct queue_waiter *waiter, bool at_head)
{
    if (!at_head && q->depths[waiter->chain] >= q->max)
        return false;
    if (at_head)
        TAILQ_INSERT_HEAD(&q->fifos[waiter->chain], waiter, link);
    else
        TAILQ_INSERT_TAIL(&q->fifos[waiter->chain], waiter, link);
    waiter->is_waiting = true;
    q->depths[waiter->chain]++;
    q->total++;
    return true;
}

void queue_leave(struct queue *q, struct queue_waiter *waiter)
{
    if (!waiter->is_waiting)
        return;
    TAILQ_REMOVE(&q->fifos[waiter->chain], waiter, link);
    waiter->is_waiting = false;
    q->depths[waiter->chain]--;
    q->total--;
}

uint32_t queue_depth(const struct queue *q, uint32_t chain)
{
    return q->depths[chain];
}

bool queue_is_empty(const struct queue *q)
{
    return q->total == 0;
}

void queue_run(struct queue *q, bool (*may_go)(void *arg, uint32_t chain), void *arg)
{
    for (uint32_t i = 0; i < q->n_chains && q->total > 0; i++) {
        /* Those who join while this runs wait for the next time. */
        for (uint32_t left = q->depths[i]; left > 0 && may_go(arg, i); left--) {
            struct queue_waiter *first = TAILQ_FIRST(&q->fifos[i]);
            if (first == NULL)
                break;
            queue_leave(q, first);
            first->wake(first->arg);
            if (TAILQ_FIRST(&q->fifos[i]) == first)
                break;
        }
    }
}
