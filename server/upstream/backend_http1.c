/* SPDX-License-Identifier: MIT */
/* The backend that is our own: HTTP/1.1, one request at a time on a connection of conn.h. The
 * request leaves as one piece when the connection takes it; the answer is read into one buffer for
 * all transfers, and passed on in place. Called by transfer.c through the table at the end. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "common/base/log.h"
#include "common/http/response.h"
#include "common/http/url.h"
#include "server/upstream/backend.h"
#include "server/upstream/conn.h"
#include "server/upstream/headers.h"

#define READ_BYTES      65536
#define HEAD_REST_BYTES 128 /* of a request's head, beside its URL and headers */
#define SEND_PIECES     16  /* of a request, at once */

struct http1_pool {
    struct event_base *base;
    struct conn_pool *conns;
    LIST_HEAD(, http1_transfer) all;
    TAILQ_HEAD(, http1_transfer) finishing; /* the first one's time is over first */
    struct event finish_timer;
    struct transfer_headers headers; /* of the head that is being passed on */
    struct http_response_head head;
    char buffer[READ_BYTES];
};

struct http1_transfer {
    struct transfer base;
    struct http1_pool *owner;
    struct conn_host *host;
    struct conn *conn;                    /* NULL once it is over */
    const struct transfer_events *events; /* NULL: nobody listens any more */
    void *arg;
    struct http_response response;
    uint64_t sent_at;    /* of the first sending; 0 = not yet */
    uint64_t finish_at;  /* when it is aborted; 0 = it is not finishing */
    size_t finish_bytes; /* received after transfer_finish */
    bool is_fresh;       /* goes on a fresh connection, whatever the pool has */
    bool has_answer;     /* a byte of it */
    bool is_parsing, is_dead;
    int write_error;
    LIST_ENTRY(http1_transfer) link;
    TAILQ_ENTRY(http1_transfer) finish_link;
    const struct iovec *body;
    size_t n_body, body_len, head_len;
    size_t sent, piece, piece_sent; /* of head and body together; the head is piece 0 */
    char head[];
};

/* ---- a transfer's end ---------------------------------------------------------------------- */

static void close_conn(struct http1_transfer *t)
{
    if (t->conn != NULL)
        conn_close(t->conn);
    t->conn = NULL;
}

/* While its own data is parsed it is only marked, and on_readable calls again. */
static void destroy_transfer(struct http1_transfer *t)
{
    t->events = NULL;
    close_conn(t);
    t->is_dead = true;
    if (t->is_parsing)
        return;
    if (t->finish_at != 0)
        TAILQ_REMOVE(&t->owner->finishing, t, finish_link);
    LIST_REMOVE(t, link);
    http_response_deinit(&t->response);
    explicit_bzero(t->head, t->head_len);
    free(t);
}

static void end_transfer(struct http1_transfer *t, enum transfer_end how, const char *detail)
{
    const struct transfer_events *events = t->events;
    t->events = NULL;
    close_conn(t);
    if (events != NULL)
        events->done(t->arg, how, detail);
    destroy_transfer(t);
}

/* `words` are a library's or the system's, and become part of a sentence. */
static void end_with_words(struct http1_transfer *t, enum transfer_end how, const char *words)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", words);
    if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
    end_transfer(t, how, text);
}

/* ---- the request --------------------------------------------------------------------------- */

static bool is_sent(const struct http1_transfer *t)
{
    return t->sent == t->head_len + t->body_len;
}

static struct iovec piece_of(const struct http1_transfer *t, size_t i)
{
    return i == 0 ? (struct iovec){(char *)t->head, t->head_len} : t->body[i - 1];
}

/* What comes next of head and body; returns the number of pieces. */
static size_t next_pieces(const struct http1_transfer *t, struct iovec *pieces)
{
    size_t n = 0;
    for (size_t i = t->piece; i <= t->n_body && n < SEND_PIECES; i++) {
        struct iovec piece = piece_of(t, i);
        size_t skip = i == t->piece ? t->piece_sent : 0;
        pieces[n++] = (struct iovec){(char *)piece.iov_base + skip, piece.iov_len - skip};
    }
    return n;
}

static void note_sent(struct http1_transfer *t, size_t len)
{
    t->sent += len;
    for (size_t left; len >= (left = piece_of(t, t->piece).iov_len - t->piece_sent);) {
        len -= left;
        t->piece_sent = 0;
        if (++t->piece > t->n_body)
            return;
    }
    t->piece_sent += len;
}

/* Sends what the connection takes. If that fails for good, the reading side is made to end, and
 * ends the transfer: an answer that came before (a 413, say) is still read there. Also conn.h's
 * `connected` and `writable`. */
static void send_request(void *user)
{
    struct http1_transfer *t = user;
    struct iovec pieces[SEND_PIECES];
    ssize_t n = 0;
    while (n >= 0 && !is_sent(t)) {
        n = conn_send(t->conn, pieces, next_pieces(t, pieces));
        if (n > 0)
            note_sent(t, (size_t)n);
    }
    if (t->sent_at == 0)
        t->sent_at = clock_boot_ns();
    if (n >= 0)
        return;
    if (errno == EAGAIN || errno == EINTR) {
        conn_await_writable(t->conn);
    } else {
        t->write_error = errno;
        shutdown(t->conn->fd, SHUT_RDWR);
    }
}

static void begin_sending(struct http1_transfer *t)
{
    http_response_init(&t->response);
    t->sent = t->piece = t->piece_sent = 0;
    t->conn = t->is_fresh ? NULL : conn_take(t->host, t);
    if (t->conn != NULL)
        send_request(t);
    else
        t->conn = conn_open(t->host, t);
}

static void on_failed(void *user, enum transfer_end how, const char *detail)
{
    struct http1_transfer *t = user;
    t->conn = NULL;
    end_with_words(t, how, detail);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static bool is_listened(const struct http1_transfer *t)
{
    return t->events != NULL;
}

static void pass_head(struct http1_transfer *t)
{
    struct http1_pool *pool = t->owner;
    transfer_headers_clear(&pool->headers);
    for (size_t i = 0; i < pool->head.n_headers; i++) {
        const struct http_text *name = &pool->head.headers[i].name;
        const struct http_text *value = &pool->head.headers[i].value;
        /* The parser's own bounds are the same: it fits. */
        (void)!transfer_headers_add(&pool->headers, name->at, name->len, value->at, value->len);
    }
    if (is_listened(t))
        t->events->head(t->arg, pool->head.status, &pool->headers);
}

static void pass_data(struct http1_transfer *t, const struct http_text *piece)
{
    if (is_listened(t)) {
        t->events->data(t->arg, piece->at, piece->len);
        return;
    }
    t->finish_bytes += piece->len;
    if (t->finish_bytes > TRANSFER_FINISH_BYTES)
        destroy_transfer(t);
}

/* The answer is complete. Its connection is released first: `done` may start the next request. */
static void complete_response(struct http1_transfer *t, bool has_more)
{
    if (t->response.keeps_alive && is_sent(t) && !has_more) {
        conn_release(t->conn);
        t->conn = NULL;
    }
    end_transfer(t, TRANSFER_COMPLETE, "");
}

/* Parses what one read brought; t may be dead afterwards. */
static void parse_response(struct http1_transfer *t, const char *data, size_t len)
{
    enum http_response_result result = HTTP_RESPONSE_HEAD;
    while (!t->is_dead && result != HTTP_RESPONSE_MORE) {
        struct http_text piece;
        size_t used;
        result = http_response_feed(&t->response, data, len, &used, &t->owner->head, &piece);
        data += used;
        len -= used;
        if (result == HTTP_RESPONSE_HEAD)
            pass_head(t);
        else if (result == HTTP_RESPONSE_DATA)
            pass_data(t, &piece);
        else if (result == HTTP_RESPONSE_END)
            complete_response(t, len > 0);
        else if (result == HTTP_RESPONSE_BAD)
            end_transfer(t, http_response_has_head(&t->response) ? TRANSFER_CUT : TRANSFER_BAD_HEAD,
                         http_response_why(&t->response));
    }
}

/* A pooled connection that was dead already says nothing about the provider. */
static bool may_go_again(const struct http1_transfer *t)
{
    return t->conn->is_used && !t->is_fresh && !t->has_answer && is_listened(t) &&
           clock_boot_ns() - t->sent_at <= TRANSFER_REPLAY_MS * CLOCK_NS_PER_MS;
}

/* Read error, or the end when error is 0. */
static void connection_ended(struct http1_transfer *t, int error)
{
    bool has_head = http_response_has_head(&t->response);
    if (error == 0 && t->write_error == 0 && http_response_may_end_here(&t->response)) {
        end_transfer(t, TRANSFER_COMPLETE, "");
    } else if (may_go_again(t)) {
        log_debug("a pooled connection was dead, using a fresh one");
        conn_close(t->conn);
        t->is_fresh = true;
        t->write_error = 0;
        begin_sending(t);
    } else if (error != 0 || t->write_error != 0) {
        end_with_words(t, has_head ? TRANSFER_CUT : TRANSFER_LOST,
                       strerror(error != 0 ? error : t->write_error));
    } else {
        end_transfer(t, has_head ? TRANSFER_CUT : TRANSFER_LOST,
                     has_head ? "connection closed within the answer"
                              : "connection closed without an answer");
    }
}

static void on_readable(void *user)
{
    struct http1_transfer *t = user;
    char *buffer = t->owner->buffer;
    ssize_t n = conn_recv(t->conn, buffer, READ_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        connection_ended(t, n == 0 ? 0 : errno);
        return;
    }
    t->has_answer = true;
    t->is_parsing = true;
    parse_response(t, buffer, (size_t)n);
    if (is_listened(t))
        t->events->fed(t->arg);
    t->is_parsing = false;
    if (t->is_dead)
        destroy_transfer(t);
}

static const struct conn_events conn_events = {
    .connected = send_request,
    .failed = on_failed,
    .readable = on_readable,
    .writable = send_request,
};

/* ---- what transfer.c calls ----------------------------------------------------------------- */

static char *append(char *to, const void *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

#define APPEND(to, literal) append(to, literal, sizeof(literal) - 1)

static void write_head(struct http1_transfer *t, const struct transfer_request *request,
                       const struct http_url *url)
{
    char *p = APPEND(t->head, "POST ");
    p = append(p, url->path, strlen(url->path));
    p = APPEND(p, " HTTP/1.1\r\nHost: ");
    p = append(p, url->authority, url->authority_len);
    p = APPEND(p, "\r\nContent-Length: ");
    p += decimal_put(p, t->body_len);
    p = APPEND(p, "\r\n");
    p = append(p, request->headers, request->headers_len);
    p = APPEND(p, "\r\n");
    t->head_len = (size_t)(p - t->head);
}

static struct transfer *start_transfer(void *opaque, struct transfer_request *request,
                                       const struct transfer_events *events, void *arg)
{
    struct http1_pool *pool = opaque;
    struct http_url url;
    bool is_parsed = http_url_parse(request->url, &url);
    assert(is_parsed); /* transfer.c asks us for no other */
    (void)is_parsed;
    struct http1_transfer *t =
        xmalloc(sizeof(*t) + strlen(request->url) + request->headers_len + HEAD_REST_BYTES);
    *t = (struct http1_transfer){
        .base = {&backend_http1},
        .owner = pool,
        .host = conn_pool_host(pool->conns, request->url, &url, request->ca_file),
        .events = events,
        .arg = arg,
        .body = request->body,
        .n_body = request->n_body,
    };
    for (size_t i = 0; i < t->n_body; i++)
        t->body_len += t->body[i].iov_len;
    write_head(t, request, &url);
    LIST_INSERT_HEAD(&pool->all, t, link);
    begin_sending(t);
    return &t->base;
}

static void pause_transfer(struct transfer *base, bool paused)
{
    struct http1_transfer *t = (struct http1_transfer *)base;
    if (t->conn != NULL)
        conn_pause(t->conn, paused);
}

static bool needs_body(const struct transfer *base)
{
    const struct http1_transfer *t = (const struct http1_transfer *)base;
    return !t->has_answer || !is_sent(t);
}

static void abort_transfer(struct transfer *base)
{
    destroy_transfer((struct http1_transfer *)base);
}

static void set_finish_timer(struct http1_pool *pool, uint64_t ms)
{
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(&pool->finish_timer, &tv);
}

static void on_finish_timer(evutil_socket_t fd, short what, void *arg)
{
    struct http1_pool *pool = arg;
    struct http1_transfer *t;
    uint64_t now_at = clock_boot_ns();
    while ((t = TAILQ_FIRST(&pool->finishing)) != NULL && t->finish_at <= now_at)
        destroy_transfer(t);
    if (t != NULL)
        set_finish_timer(pool, (t->finish_at - now_at) / CLOCK_NS_PER_MS + 1);
}

static void finish_transfer(struct transfer *base)
{
    struct http1_transfer *t = (struct http1_transfer *)base;
    struct http1_pool *pool = t->owner;
    if (needs_body(base)) {
        destroy_transfer(t);
        return;
    }
    t->events = NULL;
    t->finish_at = clock_boot_ns() + TRANSFER_FINISH_MS * CLOCK_NS_PER_MS;
    TAILQ_INSERT_TAIL(&pool->finishing, t, finish_link);
    /* The timer is left to run when nobody is finishing any more: most are through at once. */
    if (!event_pending(&pool->finish_timer, EV_TIMEOUT, NULL))
        set_finish_timer(pool, TRANSFER_FINISH_MS + 1);
    pause_transfer(base, false);
}

static void *pool_new(struct event_base *base, const struct conn_kind *const *kinds)
{
    struct http1_pool *pool = xcalloc(1, sizeof(*pool));
    pool->base = base;
    pool->conns = conn_pool_new(base, &conn_events, kinds);
    LIST_INIT(&pool->all);
    TAILQ_INIT(&pool->finishing);
    event_assign(&pool->finish_timer, base, -1, 0, on_finish_timer, pool);
    return pool;
}

static void pool_free(void *opaque)
{
    struct http1_pool *pool = opaque;
    while (!LIST_EMPTY(&pool->all))
        destroy_transfer(LIST_FIRST(&pool->all));
    event_del(&pool->finish_timer);
    conn_pool_free(&pool->conns);
    transfer_headers_free(&pool->headers);
    free(pool);
}

static void prepare_host(void *opaque, const char *url, const char *ca_file)
{
    struct http1_pool *pool = opaque;
    struct http_url parts;
    if (http_url_parse(url, &parts))
        conn_host_prepare(conn_pool_host(pool->conns, url, &parts, ca_file));
}

bool backend_http1_can(const char *url)
{
    struct http_url parts;
    return http_url_parse(url, &parts);
}

const struct transfer_backend backend_http1 = {
    .pool_new = pool_new,
    .pool_free = pool_free,
    .prepare = prepare_host,
    .start = start_transfer,
    .pause = pause_transfer,
    .needs_body = needs_body,
    .abort = abort_transfer,
    .finish = finish_transfer,
};
