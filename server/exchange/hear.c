/* SPDX-License-Identifier: MIT */
/* See hear.h. */
#include "server/exchange/hear.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/exchange/headers.h"
#include "server/judge/judge.h"

static void commit(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    exchange_put_stream_headers(&headers);
    exchange_put_provider_header(x, attempt_pair(x->attempt), &headers);
    exchange_put_common_headers(x, &headers);
    x->deadline_at = 0;
    x->first_token_at = clock_boot_ns();
    exchange_set_state(x, EX_RELAY);
    /* There is no other entry from here on: what only that one would need is given back. */
    if (attempt_gives_back_body(x->attempt)) {
        free(x->order.body);
        x->order.body = NULL;
    }
    relay_commit(&x->relay, headers.data, headers.len);
    buf_free(&headers);
}

/* An event before commit: holds it, or commits with it. */
static void hold_or_commit(struct exchange *x, const struct sse_event *event)
{
    bool has_content = attempt_result(x->attempt)->first_content_at != 0;
    bool is_full = x->relay.held.len + event->data_len > x->env.conf->max_held_bytes;
    if (!is_full && (x->delivery == DELIVERY_COMPLETE || !has_content)) {
        relay_hold(&x->relay, event);
        return;
    }
    if (x->delivery == DELIVERY_COMPLETE)
        log_fields(LOGLV_WARN, LOG_LIST(LOG_STR("requestId", x->request_id)),
                   "the answer grew past server.maxHeldBytes: it is committed and streamed");
    commit(x);
    relay_event(&x->relay, event);
}

void exchange_hear_event(struct exchange *x, const struct sse_event *event)
{
    if (attempt_result(x->attempt)->first_content_at != 0)
        claims_open_gate(x->env.claims, &x->claim);
    if (x->state == EX_ATTEMPT)
        hold_or_commit(x, event);
    else
        relay_event(&x->relay, event);
}

bool exchange_expects_finish(const struct exchange *x)
{
    uint32_t pair = attempt_pair(x->attempt);
    switch (x->env.conf->pairs[pair].provider->finish_reason) {
    case CONF_FINISH_REASON_REQUIRED:
        return true;
    case CONF_FINISH_REASON_OPTIONAL:
        return false;
    case CONF_FINISH_REASON_AUTO:
        break;
    }
    return credit_expects_finish(x->env.credit, pair);
}

void exchange_hear_fed(struct exchange *x)
{
    if (x->state != EX_RELAY)
        return;
    relay_flush(&x->relay);
    if (x->downstream->queued(x->client) > EXCHANGE_QUEUED_HIGH)
        attempt_pause(x->attempt, true);
}

/* The result goes to the counters and into the trail, whatever follows from it. */
static void credit(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    uint32_t pair = attempt_pair(x->attempt);
    uint64_t tokens = r->usage.total_tokens > 0 ? (uint64_t)r->usage.total_tokens : 0;
    struct claims_used_up used_up;
    struct trail_step *step = trail_add(&x->trail, pair, r->outcome);
    step->status = r->status;
    step->rest_ms = r->rest_ms;
    step->ended_at = r->ended_at;
    step->elapsed_ms = (r->ended_at - r->started_at) / CLOCK_NS_PER_MS;
    x->outcome = r->outcome;
    x->usage = r->usage;
    claims_spend_tokens(x->env.claims, pair, &x->claim, tokens, r->ended_at, &used_up);
    credit_used_up(x->env.credit, pair, &x->seen, &used_up, r->ended_at);
    claims_release(x->env.claims, &x->claim);
    uint64_t seq = credit_ended(x->env.credit, &(struct credit_result){
                                                   .pair = pair,
                                                   .outcome = r->outcome,
                                                   .seen = x->seen,
                                                   .started_at = r->started_at,
                                                   .ended_at = r->ended_at,
                                                   .rest_ms = r->rest_ms,
                                                   .quota = r->quota,
                                                   .has_finish = r->has_finish,
                                                   .has_content = r->first_content_at != 0,
                                                   .tokens = r->usage.total_tokens,
                                               });
    if (seq != 0)
        x->last_event_seq = seq;
}

void exchange_end_attempt(struct exchange *x, enum outcome outcome)
{
    if (x->attempt == NULL)
        return;
    attempt_cancel(x->attempt, outcome);
    credit(x);
    attempt_free(&x->attempt);
}

static void log_failure(const struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    const struct conf_pair *pair = &x->env.conf->pairs[attempt_pair(x->attempt)];
    enum log_level level = r->outcome == OUTCOME_AUTH_FAILED ? LOGLV_ERROR : LOGLV_WARN;
    log_fields(level,
               LOG_LIST(LOG_STR("requestId", x->request_id),
                        LOG_STR("provider", pair->provider->id), LOG_STR("model", pair->model),
                        LOG_STR("outcome", outcome_info(r->outcome)->word),
                        LOG_INT("status", r->status), LOG_STR("detail", r->message)),
               "Provider %s/%s failed: %s", pair->provider->id, pair->model,
               outcome_info(r->outcome)->text);
}

static void keep_error(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    free(x->kept.body);
    free(x->kept.content_type);
    x->kept = (struct kept_error){
        .status = judge_status_for_client(r->status),
        .body = xmemdup(r->body, r->body_len),
        .len = r->body_len,
        .content_type = xstrdup(r->content_type[0] != '\0' ? r->content_type : "application/json"),
        .pair = attempt_pair(x->attempt),
    };
}

static void describe_broken(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    const struct conf_pair *pair = &x->env.conf->pairs[attempt_pair(x->attempt)];
    char words[ATTEMPT_MESSAGE_BYTES];
    attempt_words(x->attempt, words);
    /* Agents decide by these words whether to try again. */
    buf_printf(&x->message, "%s/%s: provider returned error: %s", pair->provider->id, pair->model,
               outcome_info(r->outcome)->text);
    if (words[0] != '\0')
        buf_printf(&x->message, ": %s", words);
}

/* Every entry that was tried must have found the request at fault for the first one's error to go
 * back as it is. */
static void note_client_error(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    if (r->body == NULL || !judge_is_relayable(r->status))
        x->has_other_failure = true;
    if (r->body != NULL && x->kept.body == NULL)
        keep_error(x);
}

/* May the same entry be tried once more, and after how long? Never after a timeout: a silent route
 * stays silent. */
static bool may_retry(const struct exchange *x, uint64_t *wait_ms)
{
    const struct conf *conf = x->env.conf;
    const struct attempt_result *r = attempt_result(x->attempt);
    *wait_ms = 0;
    if (x->retries >= conf->retry_attempts)
        return false;
    if (r->outcome == OUTCOME_RATE_LIMITED) {
        *wait_ms = r->rest_ms;
        return r->has_named_wait && r->rest_ms <= conf->retry_max_wait_ms;
    }
    return r->outcome == OUTCOME_CONNECTION_LOST ||
           (r->outcome == OUTCOME_SERVER_ERROR && (r->status == 500 || r->status == 502));
}

/* Nobody has seen the failure: the same entry is tried again, or the next one. */
static void move_on(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    uint64_t wait_ms;
    relay_drop_held(&x->relay);
    if (may_retry(x, &wait_ms)) {
        x->retry_at = r->ended_at + wait_ms * CLOCK_NS_PER_MS;
        x->retries++;
        exchange_set_state(x, EX_RETRY);
    } else {
        if (r->outcome == OUTCOME_CLIENT_ERROR)
            note_client_error(x);
        else
            x->has_other_failure = true;
        x->current_entry++;
        x->retries = 0;
        exchange_set_state(x, EX_CHOOSE);
    }
    attempt_free(&x->attempt);
}

void exchange_hear_end(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    credit(x);
    if (r->outcome == OUTCOME_STREAM_COMPLETED || r->outcome == OUTCOME_STREAM_UNPROVED) {
        if (!x->relay.is_committed)
            commit(x);
        exchange_end_with(x, ENDING_STREAMED);
        return;
    }
    if (r->outcome == OUTCOME_ANSWER_COMPLETED) {
        x->first_token_at = r->first_content_at;
        exchange_end_with(x, ENDING_ANSWER);
        return;
    }
    log_failure(x);
    if (x->relay.is_committed) {
        describe_broken(x);
        exchange_end_with(x, ENDING_BROKEN);
    } else if (x->order.is_probe) {
        exchange_end_with(x, ENDING_EXHAUSTED);
    } else if (r->outcome == OUTCOME_CONTENT_FILTERED && r->body != NULL) {
        keep_error(x); /* another entry's 4xx, kept before, is not what the client is sent */
        exchange_end_with(x, ENDING_PROVIDER);
    } else {
        move_on(x);
    }
}
