/* SPDX-License-Identifier: MIT */
/* See answer.h. */
#include "server/client/answer.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "common/http/date.h"
#include "common/http/reason.h"
#include "server/client/endpoint.h"
#include "server/client/output.h"
#include "server/client/state.h"
#include "server/loop/defer.h"
#include "server/record/request_record.h"

#define LINGER_ALL_MS 30000u /* for a closing client that goes on sending */

/* The Date of an answer, written once a second. */
static const char *date_now(struct clients *owner)
{
    uint64_t now_wall_ms = clock_wall_ms(), second = now_wall_ms / 1000;
    if (second != owner->date_second) {
        http_date_put(owner->date, now_wall_ms);
        owner->date_second = second;
    }
    return owner->date;
}

static void put_text(struct client *c, const char *text)
{
    client_put(c, text, strlen(text));
}

static void put_number(struct client *c, uint64_t number)
{
    char digits[DECIMAL_MAX];
    client_put(c, digits, decimal_put(digits, number));
}

static void put_framing(struct client *c, int64_t length)
{
    if (length >= 0) {
        put_text(c, "Content-Length: ");
        put_number(c, (uint64_t)length);
        put_text(c, "\r\n");
    } else if (c->is_chunked_answer) {
        put_text(c, "Transfer-Encoding: chunked\r\n");
    }
    if (!c->keep_alive)
        put_text(c, "Connection: close\r\n");
    else if (c->is_http10)
        put_text(c, "Connection: keep-alive\r\n");
}

void client_answer_head(struct client *c, int status, const char *headers, size_t headers_len,
                        int64_t length)
{
    c->keep_alive = c->keep_alive && !c->owner->is_draining;
    c->is_chunked_answer = length < 0 && !c->is_http10;
    if (length < 0 && c->is_http10)
        c->keep_alive = false;
    put_text(c, "HTTP/1.1 ");
    put_number(c, (uint64_t)status);
    put_text(c, " ");
    put_text(c, http_reason_phrase(status));
    put_text(c, "\r\nDate: ");
    put_text(c, date_now(c->owner));
    put_text(c, "\r\n");
    put_framing(c, length);
    client_put(c, headers, headers_len);
    if (c->cors.len > 0)
        client_put(c, c->cors.data, c->cors.len);
    put_text(c, "\r\n");
}

void client_answer_body(struct client *c, const struct iovec *pieces, int n)
{
    if (c->is_head_request)
        return;
    if (c->is_chunked_answer) {
        client_put_chunk(c, pieces, n);
        return;
    }
    for (int i = 0; i < n; i++)
        client_put(c, pieces[i].iov_base, pieces[i].iov_len);
}

void client_answer_flush(struct client *c)
{
    client_flush(c);
}

size_t client_answer_queued(const struct client *c)
{
    return client_queued(c);
}

/* Half-closes once all is sent, and waits for the peer's EOF, so that it reads our answer before it
 * sees a reset. */
static void linger(struct client *c)
{
    client_set_state(c, CLIENT_LINGER);
    buf_free(&c->in);
    buf_free(&c->body);
    c->lingered = 0;
    c->linger_until_at = clock_boot_ns() + LINGER_ALL_MS * CLOCK_NS_PER_MS;
    client_set_timer_at(c, 0);
    client_update_reading(c);
    if (c->out == NULL) /* else client_on_writable does it */
        client_half_close(c);
}

void client_answer_end(struct client *c)
{
    c->job = NULL;
    if (c->state == CLIENT_DEAD)
        return;
    if (c->is_chunked_answer)
        client_put(c, "0\r\n\r\n", 5);
    client_flush(c);
    if (!c->keep_alive || c->owner->is_draining) {
        linger(c);
        return;
    }
    client_await_request(c);
    if (c->in.len > 0)
        defer_call(c->owner->go_on, c); /* a request sent ahead: not from inside this answer */
}

void client_set_job(struct client *c, const struct client_job *ops, void *job)
{
    c->job_ops = ops;
    c->job = job;
}

void client_set_job_timer(struct client *c, uint64_t at)
{
    if (c->state == CLIENT_BUSY)
        client_set_timer_at(c, at);
}

static void answer_whole(struct client *c, int status, const char *content_type,
                         const char *headers, const struct iovec *body, const char *outcome)
{
    struct buf extra = BUF_INIT;
    buf_printf(&extra, "Content-Type: %s\r\n", content_type);
    if (headers != NULL)
        buf_puts(&extra, headers);
    buf_printf(&extra, "X-Request-Id: %s\r\n", c->request_id);
    client_answer_head(c, status, extra.data, extra.len, (int64_t)body->iov_len);
    client_answer_body(c, body, 1);
    buf_free(&extra);
    record_request(c->owner->setup.recorder,
                   &(struct request_record){
                       .request_id = c->request_id,
                       .path = c->endpoint != NULL ? c->endpoint->path : NULL,
                       .method = c->endpoint != NULL ? c->endpoint->method : NULL,
                       .status = status,
                       .answer = status >= 500 ? PAGES_ANSWER_ERROR : PAGES_ANSWER_COMPLETE,
                       .outcome = outcome,
                       .bytes = body->iov_len,
                       .prompt_tokens = -1,
                       .completion_tokens = -1,
                       .is_counted = c->endpoint == NULL || c->endpoint->has_body,
                   });
    client_answer_end(c);
}

void client_answer(struct client *c, int status, const char *content_type, const char *headers,
                   const void *body, size_t len)
{
    const struct iovec piece = {(void *)body, len};
    answer_whole(c, status, content_type, headers, &piece, "answered");
}

void client_answer_error(struct client *c, enum own_error own_error, const char *headers,
                         const char *message)
{
    struct buf body = BUF_INIT;
    const struct dialect_error error =
        own_error_with_message(own_error, message, strlen(message), c->request_id);
    c->dialect->put_error(&body, &error);
    const struct iovec piece = {body.data, body.len};
    if (headers == NULL && own_error == OWN_ERROR_OVERLOADED)
        headers = "Retry-After: 1\r\n";
    answer_whole(c, error.status, "application/json", headers, &piece, error.code);
    buf_free(&body);
}

void client_refuse(struct client *c, enum own_error error, const char *message)
{
    client_set_state(c, CLIENT_BUSY);
    c->keep_alive = false;
    client_answer_error(c, error, NULL, message);
}
