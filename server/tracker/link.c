/* SPDX-License-Identifier: MIT */
/* See link.h. */
#include "server/tracker/link.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/unixsock.h"
#include "server/tracker/backlog.h"

#define RECONNECT_FIRST_MS 50
#define RECONNECT_LAST_MS  2000

struct report {
    struct report_setup setup;
    int fd; /* -1: not connected */
    struct event *readable, *writable, *retry;
    unsigned retry_ms;
    bool was_told_down; /* the log says so once, not at each try */

    bool
        has_answered; /* trackerd, on this connection: until then it may be stopped, or refuse us */
    struct evqueue queue; /* what it has not acknowledged yet */
    uint64_t acked_seq;
    bool was_told_full;
    struct report_waiter *waiters;
};

static void try_connect(struct report *r);
static void flush(struct report *r);

/* ---- waiters ------------------------------------------------------------------------------- */

static void release_waiters(struct report *r, uint64_t up_to)
{
    struct report_waiter **at = &r->waiters;
    while (*at != NULL) {
        struct report_waiter *w = *at;
        if (w->seq > up_to) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = NULL;
        w->fn(w->arg);
        at = &r->waiters; /* fn may have changed the list */
    }
}

bool report_wait(struct report *r, struct report_waiter *waiter)
{
    if (!r->has_answered || waiter->seq <= r->acked_seq)
        return false;
    waiter->next = r->waiters;
    r->waiters = waiter;
    return true;
}

void report_unwait(struct report *r, struct report_waiter *waiter)
{
    for (struct report_waiter **at = &r->waiters; *at != NULL; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            return;
        }
    }
}

static enum log_level told_at(const struct report *r)
{
    return r->setup.is_quiet ? LOGLV_DEBUG : LOGLV_WARN;
}

/* ---- the connection ------------------------------------------------------------------------ */

static void retry_later(struct report *r)
{
    /* Half of the time is jitter, so that workers do not come all at once. */
    unsigned ms = r->retry_ms / 2 + (unsigned)rand() % (r->retry_ms / 2 + 1);
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    event_add(r->retry, &tv);
    r->retry_ms = r->retry_ms * 2 < RECONNECT_LAST_MS ? r->retry_ms * 2 : RECONNECT_LAST_MS;
}

static void disconnect(struct report *r)
{
    event_free(r->readable);
    event_free(r->writable);
    r->readable = r->writable = NULL;
    close(r->fd);
    r->fd = -1;
    r->has_answered = false;
    evqueue_rewind(&r->queue);
    if (!r->was_told_down)
        log_fields(
            told_at(r), NULL, 0,
            "trackerd is gone; what it owns stays in force, events are kept until it is back");
    r->was_told_down = true;
    release_waiters(r, UINT64_MAX);
    retry_later(r);
}

/* trackerd has answered our hello: only now the connection is one. */
static void welcome(struct report *r)
{
    r->has_answered = true;
    r->retry_ms = RECONNECT_FIRST_MS;
    if (r->was_told_down)
        log_fields(told_at(r) == LOGLV_WARN ? LOGLV_INFO : LOGLV_DEBUG, NULL, 0,
                   "connected to trackerd at %s", r->setup.socket_path);
    r->was_told_down = false;
    r->setup.on_connected(r->setup.arg);
}

static void take_ack(struct report *r, uint64_t seq)
{
    evqueue_acknowledge(&r->queue, seq);
    if (seq > r->acked_seq && seq <= r->queue.last_seq)
        r->acked_seq = seq;
    if (!r->has_answered)
        welcome(r);
    release_waiters(r, r->acked_seq);
}

/* The only reply a worker gets says why it is not heard. The connection ends then. */
static void note_refusal(struct report *r, const struct evwire_head *head)
{
    struct evwire_reply reply;
    memcpy(&reply, evwire_payload(head), sizeof(reply));
    if (!r->was_told_down)
        log_fields(told_at(r), NULL, 0, "trackerd refuses this worker: %s", reply.text);
    r->was_told_down = true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct report *r = arg;
    char packet[EVWIRE_PACKET_MAX];
    for (;;) {
        ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            disconnect(r);
            return;
        }
        enum ev_status status;
        const struct evwire_head *head = evwire_check(packet, (size_t)n, &status);
        if (head != NULL && head->kind == EVWIRE_REPLY)
            note_refusal(r, head);
        if (head == NULL || head->kind != EVWIRE_ACK)
            continue;
        struct evwire_ack ack;
        memcpy(&ack, evwire_payload(head), sizeof(ack));
        take_ack(r, ack.seq);
        if (r->fd < 0)
            return;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    flush(arg);
}

static bool send_packet(struct report *r, enum evwire_kind kind, const void *payload, size_t size,
                        uint32_t count)
{
    char packet[EVWIRE_PACKET_MAX];
    size_t len = evwire_pack(packet, sizeof(packet), kind, payload, size, count);
    return send(r->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static void flush(struct report *r)
{
    uint32_t n;
    const struct evwire_event *events;
    while (r->fd >= 0 && (events = evqueue_unsent(&r->queue, EVWIRE_EVENTS_MAX, &n)) != NULL) {
        if (send_packet(r, EVWIRE_EVENTS, events, sizeof(*events), n)) {
            evqueue_sent(&r->queue, n);
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            event_add(r->writable, NULL);
            return;
        } else {
            disconnect(r);
        }
    }
}

static bool say_hello(struct report *r)
{
    struct evwire_hello hello = {
        .slot = r->setup.slot,
        .incarnation = r->setup.incarnation,
        .next_seq = r->queue.n > 0 ? r->queue.items[0].seq : r->queue.last_seq + 1,
    };
    return send_packet(r, EVWIRE_HELLO, &hello, sizeof(hello), 1);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    try_connect(arg);
}

static void try_connect(struct report *r)
{
    r->fd = unixsock_connect(r->setup.socket_path);
    if (r->fd < 0 || !say_hello(r)) {
        if (r->fd >= 0)
            close(r->fd);
        r->fd = -1;
        if (!r->was_told_down)
            log_fields(told_at(r), NULL, 0,
                       "no trackerd at %s: every pair without a table row counts as available",
                       r->setup.socket_path);
        r->was_told_down = true;
        retry_later(r);
        return;
    }
    r->readable = event_new(r->setup.base, r->fd, EV_READ | EV_PERSIST, on_readable, r);
    r->writable = event_new(r->setup.base, r->fd, EV_WRITE, on_writable, r);
    event_add(r->readable, NULL);
    flush(r);
}

/* ---- posting ------------------------------------------------------------------------------- */

uint64_t report_post(struct report *r, const struct evwire_event *event)
{
    uint64_t seq = evqueue_post(&r->queue, event);
    if (r->queue.dropped > 0 && !r->was_told_full)
        log_warn("too many events wait for trackerd; those that say least are given up");
    r->was_told_full = r->queue.dropped > 0;
    flush(r);
    return seq;
}

bool report_has_failure(const struct report *r, uint64_t key_hash)
{
    return evqueue_has_failure(&r->queue, key_hash);
}

bool report_is_connected(const struct report *r)
{
    return r->has_answered;
}

struct report *report_new(const struct report_setup *setup)
{
    struct report *r = xcalloc(1, sizeof(*r));
    r->setup = *setup;
    r->fd = -1;
    r->retry_ms = RECONNECT_FIRST_MS;
    r->retry = evtimer_new(setup->base, on_retry, r);
    try_connect(r);
    return r;
}

void report_free(struct report **report)
{
    struct report *r = *report;
    *report = NULL;
    if (r->fd >= 0) {
        event_free(r->readable);
        event_free(r->writable);
        close(r->fd);
    }
    event_free(r->retry);
    free(r);
}
