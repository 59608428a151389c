/* SPDX-License-Identifier: MIT */
/* See finish.h. */
#include "server/exchange/finish.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "server/exchange/headers.h"
#include "server/exchange/queueing.h"
#include "server/judge/judge.h"
#include "server/loop/defer.h"

#define RETRY_UNKNOWN_MS 1000 /* Retry-After where no cooldown names a time */
#define BROKEN_STATUS    502  /* what a stream that broke would be, had it not begun */

static void send_whole(struct exchange *x, int status, const char *content_type,
                       const struct buf *extra_headers, const char *body, size_t len)
{
    struct buf headers = BUF_INIT;
    buf_puts(&headers, "Content-Type: ");
    buf_puts(&headers, content_type);
    buf_puts(&headers, "\r\n");
    if (extra_headers != NULL)
        buf_put(&headers, extra_headers->data, extra_headers->len);
    exchange_put_common_headers(x, &headers);
    x->status = status;
    x->answer_bytes = len;
    x->downstream->head(x->client, status, headers.data, headers.len, (int64_t)len);
    const struct iovec piece = {(void *)body, len};
    x->downstream->body(x->client, &piece, 1);
    buf_free(&headers);
}

/* An error as the closing event of a stream. It is too late for a header with the trail: when it
 * was asked for, it stands in the error. */
static void send_error_event(struct exchange *x, const char *json, size_t len)
{
    struct buf trail = BUF_INIT, with_trail = BUF_INIT;
    x->status = 200;
    if (!x->order.explain) {
        relay_error(&x->relay, json, len);
        return;
    }
    exchange_put_trail(x, &trail);
    own_error_put_with(&with_trail, json, len, "trail", buf_cstr(&trail));
    relay_error(&x->relay, with_trail.data, with_trail.len);
    buf_free(&trail);
    buf_free(&with_trail);
}

/* The answer to a probe carries what came of the attempt, in the provider's words too. */
static void add_probe(const struct exchange *x, struct buf *json)
{
    char words[ATTEMPT_MESSAGE_BYTES];
    if (!x->order.is_probe || x->attempt == NULL)
        return;
    const struct attempt_result *r = attempt_result(x->attempt);
    attempt_words(x->attempt, words);
    own_error_add_probe(json, outcome_info(r->outcome)->word, r->status, words);
}

static const struct dialect *dialect_of(const struct exchange *x)
{
    return x->order.operation->dialect;
}

/* As the answer's body, or, when a heartbeat has sent a 200 head already, as the closing event. */
static void send_own_error(struct exchange *x, enum own_error own_error, const struct buf *headers)
{
    struct buf body = BUF_INIT;
    const struct dialect_error error =
        own_error_with_message(own_error, buf_cstr(&x->message), x->message.len, x->request_id);
    if (x->relay.is_head_sent) {
        dialect_of(x)->put_error_event(&body, &error);
        add_probe(x, &body);
        send_error_event(x, body.data, body.len);
    } else {
        dialect_of(x)->put_error(&body, &error);
        add_probe(x, &body);
        send_whole(x, error.status, "application/json", headers, body.data, body.len);
    }
    buf_free(&body);
}

static void put_retry_after(struct buf *headers, uint64_t wait_ms)
{
    buf_printf(headers, "Retry-After: %" PRIu64 "\r\nretry-after-ms: %" PRIu64 "\r\n",
               (wait_ms + 999) / 1000, wait_ms);
}

static void put_words(const struct dialect_fault *fault, struct buf *out)
{
    size_t cap = fault->message.len + 1;
    out->len += jsonscan_unescape(fault->message, buf_reserve(out, cap), cap);
}

/* Each entry and why; what was said of the request helps the client most. */
static void describe_exhausted(struct exchange *x)
{
    struct dialect_reply reply = {0};
    buf_puts(&x->message, "All providers exhausted: ");
    trail_describe(&x->trail, x->env.conf, &x->message);
    if (x->kept.body != NULL)
        dialect_of(x)->read_reply(x->order.operation->kind, x->kept.body, x->kept.len, &reply);
    if (reply.fault.message.len == 0)
        return;
    const struct conf_pair *pair = &x->env.conf->pairs[x->kept.pair];
    buf_printf(&x->message, "; %s/%s said: ", pair->provider->id, pair->model);
    put_words(&reply.fault, &x->message);
}

static void finish_exhausted(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    uint64_t wait_ms = exchange_soonest_ms(x);
    if (wait_ms != 0)
        put_retry_after(&headers, wait_ms);
    describe_exhausted(x);
    send_own_error(x, OWN_ERROR_ALL_EXHAUSTED, &headers);
    buf_free(&headers);
}

static void finish_answer(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    struct buf headers = BUF_INIT;
    exchange_put_provider_header(x, attempt_pair(x->attempt), &headers);
    send_whole(x, 200, "application/json", &headers, r->body, r->body_len);
    buf_free(&headers);
}

/* A provider's refusal behind a heartbeat's head. SDKs crash on an event that they do not know:
 * what is none gets a shape that they raise on, and no type says that trying again would help. */
static void finish_provider_as_event(struct exchange *x)
{
    struct dialect_reply reply;
    dialect_of(x)->read_reply(x->order.operation->kind, x->kept.body, x->kept.len, &reply);
    if (reply.is_error_event && !judge_invites_retry(reply.fault.type)) {
        send_error_event(x, x->kept.body, x->kept.len);
    } else if (reply.is_error_event) {
        struct buf event = BUF_INIT;
        own_error_put_with(&event, x->kept.body, x->kept.len, "type", "invalid_request_error");
        send_error_event(x, event.data, event.len);
        buf_free(&event);
    } else {
        if (reply.fault.message.len > 0)
            put_words(&reply.fault, &x->message);
        else
            describe_exhausted(x);
        send_own_error(x, OWN_ERROR_INVALID_REQUEST, NULL);
    }
}

static void finish_provider(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    if (x->relay.is_head_sent) {
        finish_provider_as_event(x);
        return;
    }
    exchange_put_provider_header(x, x->kept.pair, &headers);
    send_whole(x, x->kept.status, x->kept.content_type, &headers, x->kept.body, x->kept.len);
    buf_free(&headers);
}

/* A request refused through no fault of its own gets Retry-After. */
static void finish_refused(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    uint64_t wait_ms = exchange_soonest_ms(x);
    if (own_error_status(x->refusal) == 503)
        put_retry_after(&headers, wait_ms != 0 ? wait_ms : RETRY_UNKNOWN_MS);
    send_own_error(x, x->refusal, &headers);
    buf_free(&headers);
}

static void finish_streamed(struct exchange *x)
{
    relay_end(&x->relay);
    x->status = 200;
}

static void finish_broken(struct exchange *x)
{
    struct buf json = BUF_INIT;
    dialect_of(x)->put_error_event(&json, &(struct dialect_error){
                                              .status = BROKEN_STATUS,
                                              .code = outcome_info(x->outcome)->error_code,
                                              .message = buf_cstr(&x->message),
                                              .len = x->message.len,
                                              .request_id = x->request_id,
                                          });
    add_probe(x, &json);
    send_error_event(x, json.data, json.len);
    buf_free(&json);
}

static void (*const endings[])(struct exchange *x) = {
    [ENDING_REFUSED] = finish_refused,   [ENDING_ANSWER] = finish_answer,
    [ENDING_PROVIDER] = finish_provider, [ENDING_EXHAUSTED] = finish_exhausted,
    [ENDING_STREAMED] = finish_streamed, [ENDING_BROKEN] = finish_broken,
};

/* How it ended: an outcome's word, or the code of an error of weir's own. */
static const char *word(const struct exchange *x)
{
    if (x->ending == ENDING_REFUSED)
        return own_error_code(x->refusal);
    if (x->ending == ENDING_EXHAUSTED)
        return own_error_code(OWN_ERROR_ALL_EXHAUSTED);
    return outcome_info(x->outcome)->word;
}

/* The pair whose answer the client got, if only in part; NULL = none. */
static const struct conf_pair *served_by(const struct exchange *x)
{
    bool was_served = x->ending == ENDING_ANSWER || x->ending == ENDING_STREAMED ||
                      x->ending == ENDING_BROKEN || x->outcome == OUTCOME_CLIENT_LEFT;
    return was_served && x->trail.n > 0 ? &x->env.conf->pairs[x->trail.steps[x->trail.n - 1].pair]
                                        : NULL;
}

/* A stream's status was 200 before anybody knew. */
static enum pages_answer answer_of(const struct exchange *x)
{
    if (x->outcome == OUTCOME_CLIENT_LEFT)
        return PAGES_ANSWER_LEFT;
    if (x->ending == ENDING_BROKEN)
        return PAGES_ANSWER_BROKEN;
    bool nobody_served = x->ending == ENDING_EXHAUSTED ||
                         (x->ending == ENDING_REFUSED && own_error_status(x->refusal) >= 500);
    return nobody_served ? PAGES_ANSWER_ERROR : PAGES_ANSWER_COMPLETE;
}

static void record(const struct exchange *x)
{
    uint64_t now_at = clock_boot_ns(), own_ns = x->own_ns;
    uint64_t first_token_ns = x->first_token_at != 0 ? x->first_token_at - x->order.received_at : 0;
    if (x->attempt != NULL)
        own_ns += now_at - attempt_result(x->attempt)->ended_at;
    record_request(x->env.recorder, &(struct request_record){
                                        .request_id = x->request_id,
                                        .method = "POST",
                                        .path = x->order.path,
                                        .chain = x->chain,
                                        .pair = served_by(x),
                                        .trail = &x->trail,
                                        .n_entries = x->n_entries,
                                        .is_stream = x->asked.is_stream,
                                        .delivery = x->delivery,
                                        .status = x->status,
                                        .answer = answer_of(x),
                                        .outcome = word(x),
                                        .received_at = x->order.received_at,
                                        .ended_at = now_at,
                                        .first_token_us = first_token_ns / 1000,
                                        .overhead_us = own_ns / 1000,
                                        .bytes = x->answer_bytes + x->relay.sent_bytes,
                                        .prompt_tokens = x->usage.prompt_tokens,
                                        .completion_tokens = x->usage.completion_tokens,
                                        .is_counted = true,
                                        .is_kept = true,
                                    });
}

static void destroy(void *ptr)
{
    struct exchange *x = ptr;
    relay_deinit(&x->relay);
    trail_free(&x->trail);
    buf_free(&x->message);
    free(x->kept.body);
    free(x->kept.content_type);
    free(x->order.body);
    free(x->request_id);
    free(x->own_order);
    free(x);
}

void exchange_leave(struct exchange *x)
{
    record(x);
    exchange_set_state(x, EX_OVER);
    tracker_link_unwait(x->env.tracker_link, &x->ack_waiter);
    exchange_dequeue(x);
    if (x->attempt != NULL)
        attempt_free(&x->attempt);
    if (x->is_counted)
        pages_counter_set(&x->env.slot->active_streams,
                          pages_counter_get(&x->env.slot->active_streams) - 1);
    x->downstream->set_timer(x->client, 0);
    defer_call(destroy, x);
}

enum exchange_step exchange_step_finish(struct exchange *x)
{
    endings[x->ending](x);
    exchange_leave(x);
    x->downstream->end(x->client);
    return EXCHANGE_WAIT;
}
