/* SPDX-License-Identifier: MIT */
/* See recent.h. */
#include "server/record/recent.h"

#include <string.h>

static uint32_t at_most(uint64_t number, uint32_t most)
{
    return number < most ? (uint32_t)number : most;
}

static int32_t tokens(int64_t n)
{
    return n < INT32_MAX ? (int32_t)n : INT32_MAX;
}

static bool is_tried_again(const struct trail *trail, uint32_t i)
{
    for (uint32_t k = i + 1; k < trail->n; k++)
        if (trail->steps[k].pair == trail->steps[i].pair && trail->steps[k].ended_at != 0)
            return true;
    return false;
}

/* The rest that the attempt itself asked for; after a failure that is counted, the cooldown that
 * trackerd began since, if it did. */
static uint64_t rest_ms(struct tableview *view, const struct trail *trail, uint32_t i)
{
    const struct trail_step *step = &trail->steps[i];
    enum outcome_credit credit = outcome_info(step->outcome)->credit;
    bool is_counted = credit == CREDIT_PRE_FAILURE || credit == CREDIT_MID_FAILURE;
    if (step->rest_ms != 0 || !is_counted || is_tried_again(trail, i))
        return step->rest_ms;
    return tableview_rest_since(view, step->pair, step->ended_at);
}

void record_recent(struct recent_writer *writer, const struct conf *conf, struct tableview *view,
                   const struct request_record *record)
{
    const struct trail *trail = record->trail;
    struct recent_step steps[RECENT_STEPS];
    uint32_t n = recent_kept(trail->n);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = k + 1 < n ? k : trail->n - 1;
        const struct trail_step *step = &trail->steps[i];
        steps[k] = (struct recent_step){
            .key_hash = conf->pairs[step->pair].key_hash,
            .elapsed_ms = at_most(step->elapsed_ms, UINT32_MAX),
            .rest_ms = at_most(rest_ms(view, trail, i), UINT32_MAX),
            .status = (uint16_t)step->status,
            .outcome = (uint8_t)step->outcome,
        };
    }
    struct recent_head head = {
        .received_at = record->received_at,
        .ended_at = record->ended_at,
        .bytes = record->bytes,
        .chain_hash = record->chain != NULL ? record->chain->name_hash : 0,
        .first_token_us = at_most(record->first_token_us, UINT32_MAX),
        .prompt_tokens = tokens(record->prompt_tokens),
        .completion_tokens = tokens(record->completion_tokens),
        .status = (uint16_t)record->status,
        .n_steps = (uint16_t)at_most(trail->n, UINT16_MAX),
        .is_stream = record->is_stream,
        .delivery = (uint8_t)record->delivery,
        .id_bytes = (uint8_t)at_most(strlen(record->request_id), RECENT_ID_BYTES),
    };
    memcpy(head.outcome, record->outcome, strnlen(record->outcome, sizeof(head.outcome) - 1));
    recent_put(writer, &head, steps, record->request_id);
}
