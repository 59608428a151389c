/* SPDX-License-Identifier: MIT */
/* What an exchange does when its chain has no usable pair: with queueMode it waits its turn, else
 * it ends. See state.h and queue.h. */
#include "common/base/clock.h"
#include "server/exchange/state.h"

uint64_t exchange_soonest_ms(struct exchange *x)
{
    uint64_t soonest = 0, now_at = clock_boot_ns();
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++) {
        const struct trail_step *step = &x->trail.steps[i];
        struct pair_seen seen;
        uint64_t rest_ms = 0;
        enum outcome now = tableview_verdict(x->env.view, step->pair, now_at, &seen, &rest_ms);
        /* What this request was told itself may not be in the table yet. */
        if (now != OUTCOME_IN_COOLDOWN)
            rest_ms = step->outcome != OUTCOME_IN_COOLDOWN ? step->rest_ms : 0;
        if (rest_ms != 0 && (soonest == 0 || rest_ms < soonest))
            soonest = rest_ms;
    }
    return soonest;
}

static bool has_queue(const struct exchange *x)
{
    return x->env.conf->queue_mode && !x->request.is_probe;
}

bool exchange_is_behind_queue(const struct exchange *x)
{
    return has_queue(x) && x->queued_until_at == 0 && x->trail.n == 0 &&
           queue_depth(x->env.queue, (uint32_t)(x->chain - x->env.conf->chains)) > 0;
}

static void note_depth(const struct exchange *x)
{
    pages_counter *gauge = recorder_queue_gauge(x->env.recorder, x->chain);
    pages_counter_set(gauge, queue_depth(x->env.queue, x->waiter_in_queue.chain));
}

static void on_turn(void *arg)
{
    struct exchange *x = arg;
    note_depth(x);
    x->next_entry = 0;
    trail_begin_pass(&x->trail);
    exchange_set_state(x, EX_CHOOSE);
    exchange_run(x);
}

/* Each worker has its own line; the bound is for all of them together. */
static bool is_full_elsewhere(const struct exchange *x)
{
    return recorder_queued(x->env.recorder, x->chain) >= x->env.conf->queue_max_size;
}

enum step exchange_join_queue(struct exchange *x, bool at_head)
{
    uint64_t now_at = clock_boot_ns();
    x->waiter_in_queue.wake = on_turn;
    x->waiter_in_queue.arg = x;
    x->waiter_in_queue.chain = (uint32_t)(x->chain - x->env.conf->chains);
    if (x->queued_until_at == 0)
        x->queued_until_at = now_at + x->env.conf->queue_max_wait_ms * CLOCK_NS_PER_MS;
    if (now_at >= x->queued_until_at)
        return exchange_queue_timed_out(x);
    if ((!at_head && is_full_elsewhere(x)) ||
        !queue_join(x->env.queue, &x->waiter_in_queue, at_head))
        return exchange_refuse(x, OWN_ERROR_QUEUE_FULL,
                               "All pairs of the chain are at rest, and its queue is full.");
    note_depth(x);
    exchange_set_state(x, EX_QUEUE);
    return WAIT;
}

void exchange_leave_queue(struct exchange *x)
{
    if (!x->waiter_in_queue.is_waiting)
        return;
    queue_leave(x->env.queue, &x->waiter_in_queue);
    note_depth(x);
}

enum step exchange_queue_timed_out(struct exchange *x)
{
    exchange_leave_queue(x);
    return exchange_refuse(x, OWN_ERROR_QUEUE_TIMEOUT,
                           "No pair of the chain became available within queueMaxWaitMs.");
}

/* Did anything fail that waiting would not change? */
static bool can_waiting_help(const struct exchange *x)
{
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++) {
        enum outcome o = x->trail.steps[i].outcome;
        if (o == OUTCOME_IN_COOLDOWN || o == OUTCOME_IN_RECOVERY || o == OUTCOME_NO_QUOTA ||
            x->trail.steps[i].rest_ms != 0)
            return true;
    }
    return false;
}

static bool agree(const struct exchange *x)
{
    return x->kept.body != NULL && !x->has_disagreement;
}

static bool was_tried(const struct exchange *x)
{
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++)
        if (outcome_was_attempted(x->trail.steps[i].outcome))
            return true;
    return false;
}

enum step exchange_chain_ended(struct exchange *x)
{
    x->next_entry = x->chain->n_pairs;
    if (agree(x))
        return exchange_end_with(x, ENDING_PROVIDER);
    if (!has_queue(x) || !can_waiting_help(x))
        return exchange_end_with(x, ENDING_EXHAUSTED);
    /* Woken in vain, another took the place meanwhile: it keeps its turn. */
    return exchange_join_queue(x, x->queued_until_at != 0 && !was_tried(x));
}

bool exchange_may_go(void *env, uint32_t chain)
{
    const struct exchange_env *e = env;
    const struct conf_chain *c = &e->conf->chains[chain];
    for (uint32_t i = 0; i < c->n_pairs; i++)
        if (claims_look(e->claims, e->view, c->pairs[i], clock_boot_ns()).outcome == OUTCOME_NONE)
            return true;
    return false;
}
