/* SPDX-License-Identifier: MIT */
/* See start.h. */
#include "server/api/start.h"

/* ---- what an exchange asks of its client ----------------------------------------------------- */

static void head(void *client, int status, const char *headers, size_t headers_len, int64_t length)
{
    client_answer_head(client, status, headers, headers_len, length);
}

static void body(void *client, const struct iovec *pieces, int n)
{
    client_answer_body(client, pieces, n);
}

static void flush(void *client)
{
    client_answer_flush(client);
}

static void end(void *client)
{
    client_answer_end(client);
}

static size_t queued(void *client)
{
    return client_answer_queued(client);
}

static void set_timer(void *client, uint64_t due_at)
{
    client_set_job_timer(client, due_at);
}

static const struct downstream to_client = {head, body, flush, end, queued, set_timer};

/* ---- what a client reports to its exchange --------------------------------------------------- */

static void left(void *exchange)
{
    exchange_client_left(exchange);
}

static void drained(void *exchange)
{
    exchange_client_drained(exchange);
}

static void on_timer(void *exchange)
{
    exchange_on_timer(exchange);
}

static void leave_queue(void *exchange)
{
    exchange_leave_queue(exchange);
}

static void shut_down(void *exchange)
{
    exchange_shutdown(exchange);
}

static const struct client_job to_exchange = {left, drained, on_timer, leave_queue, shut_down};

void api_start(const struct exchange_env *env, struct client *client, struct client_call *call)
{
    struct exchange_order order = {
        .operation = call->endpoint->operation,
        .path = call->endpoint->path,
        .query = call->query,
        .request_id = call->request_id,
        .body = call->body,
        .body_len = call->body_len,
        .received_at = call->received_at,
        .delivery = call->delivery,
        .explain = call->explain,
        .is_probe = call->is_probe,
    };
    call->body = NULL;
    struct exchange *exchange = exchange_new(env, &order, &to_client, client);
    client_set_job(client, &to_exchange, exchange);
    exchange_begin(exchange);
}
