/* SPDX-License-Identifier: MIT */
/* See exchange.h. The driver: each state has a step, which does its work and says whether to go on
 * or to wait. Every callback (the attempt's, the queue's, the tracker's, the client's) ends here:
 * it has a part change the state, then runs the steps. */
#include "server/exchange/exchange.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "server/exchange/finish.h"
#include "server/exchange/gate.h"
#include "server/exchange/headers.h"
#include "server/exchange/hear.h"
#include "server/exchange/queueing.h"
#include "server/exchange/route.h"

/* ---- the driver ------------------------------------------------------------------------------ */

static enum exchange_step step_wait(struct exchange *x)
{
    return EXCHANGE_WAIT;
}

static enum exchange_step step_confirm(struct exchange *x)
{
    x->ack_waiter.seq = x->last_event_seq;
    if (x->last_event_seq != 0 && tracker_link_wait(x->env.tracker_link, &x->ack_waiter)) {
        relay_flush(&x->relay);
        x->confirm_until_at = clock_boot_ns() + EXCHANGE_CONFIRM_MS * CLOCK_NS_PER_MS;
        return EXCHANGE_WAIT;
    }
    exchange_set_state(x, EX_FINISH);
    return EXCHANGE_GO_ON;
}

static enum exchange_step (*const steps[EX_STATES])(struct exchange *x) = {
    [EX_READ] = exchange_step_read,
    [EX_ROUTE] = exchange_step_route,
    [EX_CHOOSE] = exchange_step_choose,
    [EX_GATE] = exchange_step_gate,
    [EX_QUEUE] = step_wait,
    [EX_ATTEMPT] = step_wait,
    [EX_RETRY] = exchange_step_retry,
    [EX_RELAY] = step_wait,
    [EX_CONFIRM] = step_confirm,
    [EX_FINISH] = exchange_step_finish,
    [EX_OVER] = step_wait,
};

/* Runs steps until one waits. */
static void run(struct exchange *x)
{
    while (x->state != EX_OVER && steps[x->state](x) == EXCHANGE_GO_ON)
        continue;
    if (x->state != EX_OVER)
        exchange_update_timer(x);
}

/* ---- what the attempt, the queue and trackerd call ------------------------------------------- */

static void on_event(void *arg, const struct sse_event *event)
{
    exchange_hear_event(arg, event);
}

static void on_fed(void *arg)
{
    exchange_hear_fed(arg);
}

static void on_attempt_over(void *arg)
{
    exchange_hear_end(arg);
    run(arg);
}

static void on_due_sooner(void *arg)
{
    exchange_update_timer(arg);
}

static bool expects_finish(void *arg)
{
    return exchange_expects_finish(arg);
}

static void usage_refused(void *arg)
{
    const struct exchange *x = arg;
    credit_usage_was_refused(x->env.credit, attempt_pair(x->attempt));
}

static const struct attempt_events attempt_events = {on_event,      on_fed,         on_attempt_over,
                                                     on_due_sooner, expects_finish, usage_refused};

static void on_woken(void *arg)
{
    exchange_woken(arg);
    run(arg);
}

static void on_applied(void *arg)
{
    exchange_set_state(arg, EX_FINISH);
    run(arg);
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* When the client was sent something last, or the latest event after commit came, which is the
 * same. Before commit only heartbeats are sent. */
static uint64_t sent_at(const struct exchange *x)
{
    uint64_t sign_at = x->state == EX_RELAY ? attempt_last_sign_at(x->attempt) : 0;
    return sign_at > x->silent_since_at ? sign_at : x->silent_since_at;
}

/* Nothing goes to a client that has not read what it was sent before. */
static void heartbeat(struct exchange *x, uint64_t now_at)
{
    uint64_t period_ns = x->env.conf->stream_heartbeat_ms * CLOCK_NS_PER_MS;
    x->heartbeat_at = sent_at(x) + period_ns;
    if (now_at < x->heartbeat_at)
        return;
    x->silent_since_at = now_at;
    x->heartbeat_at = now_at + period_ns;
    if (x->relay.is_head_sent && x->downstream->queued(x->client) > 0)
        return;
    struct buf headers = BUF_INIT;
    exchange_put_stream_headers(&headers);
    exchange_put_request_id(x, &headers);
    relay_heartbeat(&x->relay, headers.data, headers.len);
    buf_free(&headers);
}

/* What came due and changes the state, first match wins; false: nothing did. */
static bool has_come_due(struct exchange *x, uint64_t now_at)
{
    if (x->state == EX_CONFIRM) {
        if (now_at < x->confirm_until_at)
            return false;
        tracker_link_unwait(x->env.tracker_link, &x->ack_waiter);
        exchange_set_state(x, EX_FINISH);
        return true;
    }
    if (exchange_is_past_deadline(x)) {
        exchange_dequeue(x);
        exchange_end_attempt(x, OUTCOME_DEADLINE);
        exchange_end_by_deadline(x);
        return true;
    }
    if (x->state == EX_QUEUE && now_at >= x->queued_until_at) {
        exchange_queue_timed_out(x);
        return true;
    }
    return (x->state == EX_GATE && now_at >= x->gate_look_at) ||
           (x->state == EX_RETRY && now_at >= x->retry_at);
}

void exchange_on_timer(struct exchange *x)
{
    uint64_t now_at = clock_boot_ns();
    if (has_come_due(x, now_at)) {
        run(x);
        return;
    }
    if (x->heartbeat_at != 0 && now_at >= x->heartbeat_at && x->state != EX_CONFIRM)
        heartbeat(x, now_at);
    if (x->attempt != NULL)
        attempt_on_timer(x->attempt, now_at);
    if (x->state != EX_OVER)
        exchange_update_timer(x);
}

/* ---- what the client's side calls ------------------------------------------------------------ */

struct exchange *exchange_new(const struct exchange_env *env, struct exchange_order *order,
                              const struct downstream *downstream, void *client)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    x->env = *env;
    x->attempt_events = &attempt_events;
    x->downstream = downstream;
    x->client = client;
    x->order = *order;
    x->request_id = xstrdup(order->request_id);
    x->state = EX_READ;
    x->queue_waiter = (struct queue_waiter){.wake = on_woken, .arg = x};
    x->ack_waiter = (struct tracker_link_waiter){.fn = on_applied, .arg = x};
    x->usage = DIALECT_USAGE_UNKNOWN;
    relay_init(&x->relay, order->operation->dialect, downstream, client);
    order->body = NULL;
    return x;
}

void exchange_begin(struct exchange *x)
{
    x->begun_at = clock_boot_ns();
    run(x);
}

void exchange_client_drained(struct exchange *x)
{
    if (x->attempt == NULL || x->state != EX_RELAY)
        return;
    attempt_pause(x->attempt, false);
    exchange_update_timer(x);
}

void exchange_client_left(struct exchange *x)
{
    if (x->state == EX_ATTEMPT || x->state == EX_RELAY)
        exchange_end_attempt(x, OUTCOME_CLIENT_LEFT);
    x->outcome = OUTCOME_CLIENT_LEFT;
    x->status = 499; /* for its record only, as nginx writes it */
    exchange_leave(x);
}

void exchange_leave_queue(struct exchange *x)
{
    if (x->state != EX_QUEUE)
        return;
    exchange_dequeue(x);
    exchange_refuse(x, OWN_ERROR_QUEUE_SHUTDOWN, outcome_info(OUTCOME_SHUTDOWN)->text);
    run(x);
}

void exchange_shutdown(struct exchange *x)
{
    if (x->state == EX_QUEUE) {
        exchange_leave_queue(x);
        return;
    }
    if (x->state != EX_ATTEMPT && x->state != EX_RELAY && x->state != EX_RETRY &&
        x->state != EX_GATE)
        return;
    bool is_committed = x->relay.is_committed;
    exchange_end_attempt(x, OUTCOME_SHUTDOWN);
    x->refusal = OWN_ERROR_OVERLOADED;
    buf_puts(&x->message, outcome_info(OUTCOME_SHUTDOWN)->text);
    exchange_end_with(x, is_committed ? ENDING_BROKEN : ENDING_REFUSED);
    run(x);
}

bool exchange_may_go(void *env, uint32_t chain)
{
    const struct exchange_env *e = env;
    const struct conf_chain *c = &e->conf->chains[chain];
    for (uint32_t i = 0; i < c->n_pairs; i++) {
        enum outcome now = claims_look(e->claims, e->view, c->pairs[i], clock_boot_ns()).outcome;
        if (now == OUTCOME_NONE || now == OUTCOME_IN_RECOVERY)
            return true;
    }
    return false;
}
