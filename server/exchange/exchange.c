/* SPDX-License-Identifier: MIT */
/* See exchange.h. Each state is a step with a name; a step does its work and says whether the
 * driver goes on or waits. */
#include "server/exchange/exchange.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/exchange/state.h"

static enum step step_wait(struct exchange *x)
{
    return WAIT;
}

static void on_applied(void *arg)
{
    struct exchange *x = arg;
    exchange_set_state(x, EX_FINISH);
    exchange_run(x);
}

static enum step step_settle(struct exchange *x)
{
    x->waiter = (struct tracker_link_waiter){.seq = x->last_event_seq, .fn = on_applied, .arg = x};
    if (x->last_event_seq != 0 && tracker_link_wait(x->env.tracker_link, &x->waiter)) {
        relay_flush(&x->relay);
        x->settle_at = clock_boot_ns() + EXCHANGE_SETTLE_MS * CLOCK_NS_PER_MS;
        return WAIT;
    }
    exchange_set_state(x, EX_FINISH);
    return GO_ON;
}

static const struct {
    const char *name;
    enum step (*step)(struct exchange *x);
} states[] = {
    [EX_READ] = {"read", exchange_step_read},
    [EX_ROUTE] = {"route", exchange_step_route},
    [EX_CHOOSE] = {"choose", exchange_step_choose},
    [EX_QUEUE] = {"queue", step_wait},
    [EX_ATTEMPT] = {"attempt", step_wait},
    [EX_RETRY] = {"retry", exchange_step_retry},
    [EX_RELAY] = {"relay", step_wait},
    [EX_SETTLE] = {"settle", step_settle},
    [EX_FINISH] = {"finish", exchange_step_finish},
    [EX_OVER] = {"over", step_wait},
};

void exchange_set_state(struct exchange *x, enum exchange_state state)
{
    log_fields(LOGLV_DEBUG, LOG_LIST(LOG_STR("requestId", x->request_id)), "exchange %s -> %s",
               states[x->state].name, states[state].name);
    x->state = state;
}

void exchange_run(struct exchange *x)
{
    while (x->state != EX_OVER && states[x->state].step(x) == GO_ON)
        continue;
    if (x->state != EX_OVER)
        exchange_update_timer(x);
}

enum step exchange_end_with(struct exchange *x, enum ending ending)
{
    x->ending = ending;
    exchange_set_state(x, EX_SETTLE);
    return GO_ON;
}

static void sooner(uint64_t *due_at, uint64_t at)
{
    if (at != 0 && (*due_at == 0 || at < *due_at))
        *due_at = at;
}

/* A held answer that grows is no longer waited for: the deadline looks away until it fails. */
static bool has_content(const struct exchange *x)
{
    return x->attempt != NULL && attempt_result(x->attempt)->first_content_at != 0;
}

void exchange_update_timer(struct exchange *x)
{
    uint64_t due_at = 0;
    if (x->state == EX_SETTLE) {
        due_at = x->settle_at;
    } else {
        sooner(&due_at, x->retry_at);
        if (x->state == EX_QUEUE)
            sooner(&due_at, x->queued_until_at);
        if (!has_content(x))
            sooner(&due_at, x->deadline_at);
        sooner(&due_at, x->heartbeat_at);
        if (x->attempt != NULL)
            sooner(&due_at, attempt_due_at(x->attempt));
    }
    x->ops->set_timer(x->client, due_at);
}

static void heartbeat(struct exchange *x, uint64_t now_at)
{
    struct buf headers = BUF_INIT;
    exchange_put_stream_headers(&headers);
    exchange_put_request_id(x, &headers);
    relay_heartbeat(&x->relay, headers.data, headers.len);
    buf_free(&headers);
    x->heartbeat_at = now_at + x->env.conf->stream_heartbeat_ms * CLOCK_NS_PER_MS;
}

static void end_attempt(struct exchange *x, enum outcome outcome)
{
    if (x->attempt == NULL)
        return;
    attempt_cancel(x->attempt, outcome);
    exchange_record_attempt(x);
    attempt_free(&x->attempt);
}

static void deadline_passed(struct exchange *x)
{
    exchange_leave_queue(x);
    end_attempt(x, OUTCOME_DEADLINE);
    exchange_end_by_deadline(x);
    exchange_run(x);
}

/* What came due, first match wins; false: nothing but a heartbeat or the attempt's own affair. */
static bool is_over_time(struct exchange *x, uint64_t now_at)
{
    if (x->state == EX_SETTLE && now_at >= x->settle_at) {
        tracker_link_unwait(x->env.tracker_link, &x->waiter);
        on_applied(x);
    } else if (x->state == EX_SETTLE) {
        return false;
    } else if (exchange_is_past_deadline(x) && !has_content(x)) {
        deadline_passed(x);
    } else if (x->state == EX_QUEUE && now_at >= x->queued_until_at) {
        exchange_queue_timed_out(x);
        exchange_run(x);
    } else if (x->state == EX_RETRY && now_at >= x->retry_at) {
        exchange_run(x);
    } else {
        return false;
    }
    return true;
}

void exchange_on_timer(struct exchange *x)
{
    uint64_t now_at = clock_boot_ns();
    if (is_over_time(x, now_at))
        return;
    if (x->heartbeat_at != 0 && now_at >= x->heartbeat_at && x->state != EX_SETTLE)
        heartbeat(x, now_at);
    if (x->attempt != NULL)
        attempt_on_timer(x->attempt, now_at);
    if (x->state != EX_OVER)
        exchange_update_timer(x);
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
        end_attempt(x, OUTCOME_CLIENT_LEFT);
    x->outcome = OUTCOME_CLIENT_LEFT;
    x->status = 499; /* for the log only, as nginx writes it */
    exchange_leave(x);
}

void exchange_leave_line(struct exchange *x)
{
    if (x->state != EX_QUEUE)
        return;
    exchange_leave_queue(x);
    exchange_refuse(x, OWN_ERROR_QUEUE_SHUTDOWN, outcome_info(OUTCOME_SHUTDOWN)->text);
    exchange_run(x);
}

void exchange_shutdown(struct exchange *x)
{
    exchange_leave_line(x);
    if (x->state != EX_ATTEMPT && x->state != EX_RELAY && x->state != EX_RETRY)
        return;
    bool is_committed = x->relay.is_committed;
    end_attempt(x, OUTCOME_SHUTDOWN);
    buf_puts(&x->message, outcome_info(OUTCOME_SHUTDOWN)->text);
    x->refusal = OWN_ERROR_OVERLOADED;
    exchange_end_with(x, is_committed ? ENDING_BROKEN : ENDING_REFUSED);
    exchange_run(x);
}

struct exchange *exchange_new(const struct exchange_env *env, struct exchange_request *request,
                              const struct downstream *ops, void *client)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    x->env = *env;
    x->ops = ops;
    x->client = client;
    x->request = *request;
    x->request_id = xstrdup(request->request_id);
    x->state = EX_READ;
    x->prompt_tokens = x->completion_tokens = -1;
    relay_init(&x->relay, request->operation->dialect, ops, client);
    request->body = NULL;
    return x;
}

void exchange_begin(struct exchange *x)
{
    x->begun_at = clock_boot_ns();
    exchange_run(x);
}
