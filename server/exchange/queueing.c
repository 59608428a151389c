/* SPDX-License-Identifier: MIT */
/* See queueing.h. */
#include "server/exchange/queueing.h"

#include "common/base/clock.h"
#include "server/exchange/gate.h"

uint64_t exchange_soonest_ms(struct exchange *x)
{
    uint64_t soonest = 0, now_at = clock_boot_ns();
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++) {
        const struct trail_step *step = &x->trail.steps[i];
        struct pair_seen seen;
        uint64_t rest_ms = 0;
        enum outcome now = tableview_verdict(x->env.view, step->pair, now_at, &seen, &rest_ms);
        /* What a provider asked of this request itself may not be in the table yet. */
        if (now != OUTCOME_IN_COOLDOWN)
            rest_ms = step->outcome != OUTCOME_IN_COOLDOWN ? step->rest_ms : 0;
        if (rest_ms != 0 && (soonest == 0 || rest_ms < soonest))
            soonest = rest_ms;
    }
    return soonest;
}

static bool has_queue(const struct exchange *x)
{
    return x->env.conf->queue_mode && !x->order.is_probe;
}

bool exchange_is_behind_queue(const struct exchange *x)
{
    return has_queue(x) && x->queued_until_at == 0 && x->trail.n == 0 &&
           queue_depth(x->env.queue, (uint32_t)(x->chain - x->env.conf->chains)) > 0;
}

static void note_depth(const struct exchange *x)
{
    pages_counter *gauge = recorder_queue_gauge(x->env.recorder, x->chain);
    pages_counter_set(gauge, queue_depth(x->env.queue, x->queue_waiter.chain));
}

enum exchange_step exchange_enqueue(struct exchange *x, bool at_head)
{
    uint64_t now_at = clock_boot_ns();
    x->queue_waiter.chain = (uint32_t)(x->chain - x->env.conf->chains);
    if (x->queued_until_at == 0)
        x->queued_until_at = now_at + x->env.conf->queue_max_wait_ms * CLOCK_NS_PER_MS;
    if (now_at >= x->queued_until_at)
        return exchange_queue_timed_out(x);
    /* Each worker has a queue of its own; the bound is for all of them together. */
    bool is_full =
        !at_head && recorder_queued(x->env.recorder, x->chain) >= x->env.conf->queue_max_size;
    if (is_full || !queue_join(x->env.queue, &x->queue_waiter, at_head))
        return exchange_refuse(x, OWN_ERROR_QUEUE_FULL,
                               "All pairs of the chain are at rest, and its queue is full.");
    note_depth(x);
    exchange_set_state(x, EX_QUEUE);
    return EXCHANGE_WAIT;
}

void exchange_dequeue(struct exchange *x)
{
    if (!x->queue_waiter.is_waiting)
        return;
    queue_leave(x->env.queue, &x->queue_waiter);
    note_depth(x);
}

void exchange_woken(struct exchange *x)
{
    note_depth(x);
    x->current_entry = x->n_entries = x->retries = 0;
    x->gate_since_at = 0;
    trail_begin_pass(&x->trail);
    exchange_set_state(x, EX_CHOOSE);
}

enum exchange_step exchange_queue_timed_out(struct exchange *x)
{
    exchange_dequeue(x);
    return exchange_refuse(x, OWN_ERROR_QUEUE_TIMEOUT,
                           "No pair of the chain became available within queueMaxWaitMs.");
}

/* Was any entry passed by, or has any failed, for a reason that time removes? */
static bool can_waiting_help(const struct exchange *x)
{
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++) {
        enum outcome o = x->trail.steps[i].outcome;
        if (o == OUTCOME_IN_COOLDOWN || o == OUTCOME_NO_QUOTA || x->trail.steps[i].rest_ms != 0)
            return true;
    }
    return false;
}

static bool was_tried(const struct exchange *x)
{
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++)
        if (outcome_was_attempted(x->trail.steps[i].outcome))
            return true;
    return false;
}

enum exchange_step exchange_chain_ended(struct exchange *x)
{
    x->n_entries = x->chain->n_pairs;
    if (exchange_wait_at_gate(x))
        return EXCHANGE_WAIT;
    if (x->kept.body != NULL && !x->has_other_failure)
        return exchange_end_with(x, ENDING_PROVIDER);
    if (!has_queue(x) || !can_waiting_help(x))
        return exchange_end_with(x, ENDING_EXHAUSTED);
    /* Woken, but another request took the free place first: it keeps its position. */
    return exchange_enqueue(x, x->queued_until_at != 0 && !was_tried(x));
}
