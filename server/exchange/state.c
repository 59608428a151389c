/* SPDX-License-Identifier: MIT */
/* See state.h. */
#include "server/exchange/state.h"

#include "common/base/clock.h"
#include "common/base/log.h"

static const char *const state_names[EX_STATES] = {
    [EX_READ] = "read",     [EX_ROUTE] = "route", [EX_CHOOSE] = "choose",
    [EX_GATE] = "gate",     [EX_QUEUE] = "queue", [EX_ATTEMPT] = "attempt",
    [EX_RETRY] = "retry",   [EX_RELAY] = "relay", [EX_CONFIRM] = "confirm",
    [EX_FINISH] = "finish", [EX_OVER] = "over",
};

void exchange_set_state(struct exchange *x, enum exchange_state state)
{
    log_fields(LOGLV_DEBUG, LOG_LIST(LOG_STR("requestId", x->request_id)), "exchange %s -> %s",
               state_names[x->state], state_names[state]);
    x->state = state;
}

enum exchange_step exchange_end_with(struct exchange *x, enum ending ending)
{
    x->ending = ending;
    exchange_set_state(x, EX_CONFIRM);
    return EXCHANGE_GO_ON;
}

enum exchange_step exchange_refuse(struct exchange *x, enum own_error error, const char *message)
{
    x->refusal = error;
    buf_puts(&x->message, message);
    return exchange_end_with(x, ENDING_REFUSED);
}

/* The deadline that holds now; 0 = none. */
static uint64_t deadline_at(const struct exchange *x)
{
    bool has_content = x->attempt != NULL && attempt_result(x->attempt)->first_content_at != 0;
    return has_content ? 0 : x->deadline_at;
}

bool exchange_is_past_deadline(const struct exchange *x)
{
    uint64_t due_at = deadline_at(x);
    return due_at != 0 && clock_boot_ns() >= due_at;
}

static void sooner(uint64_t *due_at, uint64_t at)
{
    if (at != 0 && (*due_at == 0 || at < *due_at))
        *due_at = at;
}

void exchange_update_timer(struct exchange *x)
{
    uint64_t due_at = 0;
    if (x->state == EX_CONFIRM) {
        due_at = x->confirm_until_at;
    } else {
        sooner(&due_at, x->retry_at);
        if (x->state == EX_GATE)
            sooner(&due_at, x->gate_look_at);
        if (x->state == EX_QUEUE)
            sooner(&due_at, x->queued_until_at);
        sooner(&due_at, deadline_at(x));
        sooner(&due_at, x->heartbeat_at);
        if (x->attempt != NULL)
            sooner(&due_at, attempt_due_at(x->attempt));
    }
    x->downstream->set_timer(x->client, due_at);
}
