/* SPDX-License-Identifier: MIT */
/* See output.h. */
#include "server/client/output.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server/client/answer.h"
#include "server/client/state.h"
#include "server/loop/defer.h"

#define CHUNK_HEAD_BYTES   6 /* four digits, CR, LF */
#define CHUNK_TAIL_BYTES   2
#define CHUNK_PIECES_MAX   8
#define CHUNK_DIRECT_BYTES (CLIENT_OUT_BYTES / 4) /* larger ones are not copied */

/* ---- to the socket ------------------------------------------------------------------------- */

static void queue_rest(struct client *c, const struct iovec *pieces, int n, size_t sent)
{
    if (c->out == NULL) {
        c->out = evbuffer_new();
        client_begin_write_timer(c);
    }
    for (int i = 0; i < n; i++) {
        size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        sent -= skip;
        if (pieces[i].iov_len > skip)
            evbuffer_add(c->out, (const char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
    }
    event_add(&c->on_write, NULL);
}

/* The socket takes nothing any more. Whoever is putting an answer goes on first. */
static void drop_broken(void *client)
{
    client_drop(client);
}

static void send_pieces(struct client *c, const struct iovec *pieces, int n)
{
    size_t total = 0;
    for (int i = 0; i < n; i++)
        total += pieces[i].iov_len;
    if (c->is_broken || c->state == CLIENT_DEAD || total == 0)
        return;
    ssize_t sent = 0;
    if (c->out == NULL) {
        struct msghdr msg = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)n};
        sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            c->is_broken = true;
            defer_call(drop_broken, c);
            return;
        }
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent < total)
        queue_rest(c, pieces, n, (size_t)sent);
}

void client_half_close(struct client *c)
{
    shutdown(c->fd, SHUT_WR);
    client_set_timer_ms(c, CLIENT_LINGER_MS);
}

/* Everything is with the client: clocks that waited for that begin to run. */
static void all_is_sent(struct client *c)
{
    evbuffer_free(c->out);
    c->out = NULL;
    client_end_write_timer(c);
    if (c->state == CLIENT_LINGER)
        client_half_close(c);
    else if (c->state == CLIENT_HEAD)
        client_set_wait_timer(c);
}

void client_on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    int n = evbuffer_write(c->out, c->fd);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        client_drop(c);
        return;
    }
    size_t left = evbuffer_get_length(c->out);
    if (n > 0)
        client_begin_write_timer(c);
    if (left > 0)
        event_add(&c->on_write, NULL);
    else
        all_is_sent(c);
    if (left < c->owner->setup.queued_low && c->job != NULL)
        c->job_ops->drained(c->job);
    if (c->state == CLIENT_HEAD && c->in.len > 0 && left <= CLIENT_OUT_HIGH)
        defer_call(c->owner->go_on, c);
    client_update_reading(c);
}

/* ---- the worker's buffer ------------------------------------------------------------------- */

/* One client's bytes; they never outlast the callback in which they were put. */
static struct client_outbox *outbox_of(struct client *c)
{
    struct client_outbox *box = &c->owner->outbox;
    if (box->client != c && box->client != NULL)
        client_flush(box->client);
    box->client = c;
    return box;
}

static void box_put(struct client_outbox *box, const void *data, size_t len)
{
    memcpy(box->data + box->len, data, len);
    box->len += len;
}

static void box_open_chunk(struct client_outbox *box)
{
    box->chunk_at = box->len;
    box->len += CHUNK_HEAD_BYTES;
    box->is_in_chunk = true;
}

static void box_close_chunk(struct client_outbox *box)
{
    static const char digits[] = "0123456789abcdef";
    if (!box->is_in_chunk)
        return;
    size_t size = box->len - box->chunk_at - CHUNK_HEAD_BYTES;
    char *head = box->data + box->chunk_at;
    for (int i = 3; i >= 0; i--, size >>= 4)
        head[i] = digits[size & 15];
    memcpy(head + 4, "\r\n", 2);
    box_put(box, "\r\n", CHUNK_TAIL_BYTES);
    box->is_in_chunk = false;
}

/* Sends what is collected, and n more pieces after it. */
static void box_send_with(struct client_outbox *box, const struct iovec *more, int n)
{
    struct iovec pieces[CHUNK_PIECES_MAX + 3];
    box_close_chunk(box);
    pieces[0] = (struct iovec){box->data, box->len};
    if (n > 0)
        memcpy(pieces + 1, more, (size_t)n * sizeof(*more));
    struct client *c = box->client;
    box->client = NULL;
    box->len = 0;
    send_pieces(c, pieces, n + 1);
}

void client_flush(struct client *c)
{
    if (c->owner->outbox.client == c)
        box_send_with(&c->owner->outbox, NULL, 0);
}

void client_put(struct client *c, const void *data, size_t len)
{
    struct client_outbox *box = outbox_of(c);
    box_close_chunk(box);
    if (len <= CLIENT_OUT_BYTES - box->len) {
        box_put(box, data, len);
        return;
    }
    const struct iovec piece = {(void *)data, len};
    box_send_with(box, &piece, 1);
}

/* A chunk of its own, from where its bytes lie. */
static void put_large_chunk(struct client *c, const struct iovec *pieces, int n, size_t total)
{
    char size[24];
    struct iovec framed[CHUNK_PIECES_MAX + 2];
    framed[0] = (struct iovec){size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", total)};
    memcpy(framed + 1, pieces, (size_t)n * sizeof(*pieces));
    framed[n + 1] = (struct iovec){(char *)"\r\n", CHUNK_TAIL_BYTES};
    box_send_with(outbox_of(c), framed, n + 2);
}

void client_put_chunk(struct client *c, const struct iovec *pieces, int n)
{
    struct client_outbox *box = outbox_of(c);
    size_t total = 0;
    for (int i = 0; i < n; i++)
        total += pieces[i].iov_len;
    if (total == 0)
        return; /* an empty chunk would end the body */
    if (total > CHUNK_DIRECT_BYTES) {
        put_large_chunk(c, pieces, n, total);
        return;
    }
    if (total + CHUNK_HEAD_BYTES + CHUNK_TAIL_BYTES > CLIENT_OUT_BYTES - box->len) {
        client_flush(c);
        box = outbox_of(c);
    }
    if (!box->is_in_chunk)
        box_open_chunk(box);
    for (int i = 0; i < n; i++)
        box_put(box, pieces[i].iov_base, pieces[i].iov_len);
}

size_t client_queued(const struct client *c)
{
    const struct client_outbox *box = &c->owner->outbox;
    return (c->out != NULL ? evbuffer_get_length(c->out) : 0) + (box->client == c ? box->len : 0);
}
