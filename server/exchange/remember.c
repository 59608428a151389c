/* SPDX-License-Identifier: MIT */
/* What is kept of a request that is over, for weirctl explain: a record in the worker's ring of
 * shared memory. On the road of each request: no clock, no allocation, no text but what is copied.
 * See state.h and recent_ring.h. */
#include <string.h>

#include "server/exchange/state.h"

static uint32_t at_most(uint64_t number, uint32_t most)
{
    return number < most ? (uint32_t)number : most;
}

static bool is_tried_again(const struct trail *trail, uint32_t i)
{
    for (uint32_t k = i + 1; k < trail->n; k++)
        if (trail->steps[k].pair == trail->steps[i].pair && trail->steps[k].ended_at != 0)
            return true;
    return false;
}

/* What the attempt asked for itself; of a failure that is counted, the cooldown that trackerd began
 * after it, where it has. */
static uint64_t rest_ms(struct exchange *x, uint32_t i)
{
    const struct trail_step *step = &x->trail.steps[i];
    enum outcome_credit credit = outcome_info(step->outcome)->credit;
    bool is_counted = credit == CREDIT_PRE_FAILURE || credit == CREDIT_MID_FAILURE;
    if (step->rest_ms != 0 || !is_counted || is_tried_again(&x->trail, i))
        return step->rest_ms;
    return tableview_rest_since(x->env.view, step->pair, step->ended_at);
}

static struct recent_step step_of(struct exchange *x, uint32_t i)
{
    const struct trail_step *step = &x->trail.steps[i];
    return (struct recent_step){
        .key_hash = x->env.conf->pairs[step->pair].key_hash,
        .elapsed_ms = at_most(step->elapsed_ms, UINT32_MAX),
        .rest_ms = at_most(rest_ms(x, i), UINT32_MAX),
        .status = (uint16_t)step->status,
        .outcome = (uint8_t)step->outcome,
    };
}

static int32_t tokens(int64_t n)
{
    return n < INT32_MAX ? (int32_t)n : INT32_MAX;
}

void exchange_remember(struct exchange *x, uint64_t now_at)
{
    struct recent_step steps[RECENT_STEPS];
    uint32_t n = recent_kept(x->trail.n);
    if (x->env.recent == NULL)
        return;
    for (uint32_t i = 0; i < n; i++)
        steps[i] = step_of(x, i + 1 < n ? i : x->trail.n - 1);
    struct recent_head head = {
        .received_at = x->request.received_at,
        .ended_at = now_at,
        .bytes = x->answer_bytes + x->relay.sent_bytes,
        .chain_hash = x->chain != NULL ? x->chain->name_hash : 0,
        .first_token_us = at_most(exchange_first_token_us(x), UINT32_MAX),
        .prompt_tokens = tokens(x->prompt_tokens),
        .completion_tokens = tokens(x->completion_tokens),
        .status = (uint16_t)x->status,
        .n_steps = (uint16_t)at_most(x->trail.n, UINT16_MAX),
        .is_stream = x->chat.is_stream,
        .delivery = (uint8_t)x->delivery,
        .id_bytes = (uint8_t)at_most(strlen(x->request_id), RECENT_ID_BYTES),
    };
    const char *word = exchange_word(x);
    memcpy(head.outcome, word, strnlen(word, sizeof(head.outcome) - 1));
    recent_put(x->env.recent, &head, steps, x->request_id);
}
