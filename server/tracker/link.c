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
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/unixsock.h"
#include "server/loop/crumb.h"
#include "server/tracker/backlog.h"

#define RECONNECT_FIRST_MS 50
#define RECONNECT_LAST_MS  2000

struct tracker_link {
    struct tracker_link_setup setup;
    int fd; /* -1: not connected */
    struct event *readable, *writable, *retry;
    unsigned retry_ms;
    bool was_told_down; /* logged once, not at each try */

    /* trackerd, on this connection: until then it may be stopped, or refuse us */
    bool has_answered;
    uint64_t answered_at;   /* boot clock ns */
    struct backlog backlog; /* what it has not acknowledged yet */
    uint64_t acked_seq;
    /* It refused a packet: one event goes at a time until all have gone, so that a refusal names
     * the event that it is for. */
    bool is_careful;
    bool was_told_full, was_told_unsound;
    struct tracker_link_waiter *waiters;
};

static void try_connect(struct tracker_link *link);
static void flush(struct tracker_link *link);

/* ---- waiters ------------------------------------------------------------------------------- */

static void release_waiters(struct tracker_link *link, uint64_t up_to)
{
    struct tracker_link_waiter **at = &link->waiters;
    while (*at != NULL) {
        struct tracker_link_waiter *w = *at;
        if (w->seq > up_to) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = NULL;
        w->fn(w->arg);
        at = &link->waiters; /* fn may have changed the list */
    }
}

bool tracker_link_wait(struct tracker_link *link, struct tracker_link_waiter *waiter)
{
    if (!link->has_answered || waiter->seq <= link->acked_seq)
        return false;
    waiter->next = link->waiters;
    link->waiters = waiter;
    return true;
}

void tracker_link_unwait(struct tracker_link *link, struct tracker_link_waiter *waiter)
{
    for (struct tracker_link_waiter **at = &link->waiters; *at != NULL; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            return;
        }
    }
}

static enum log_level told_at(const struct tracker_link *link)
{
    return link->setup.is_quiet ? LOGLV_DEBUG : LOGLV_WARN;
}

/* ---- the connection ------------------------------------------------------------------------ */

static void retry_later(struct tracker_link *link)
{
    /* Half of the time is jitter, so that workers do not reconnect all at once. */
    unsigned ms = link->retry_ms / 2 + (unsigned)rand() % (link->retry_ms / 2 + 1);
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    event_add(link->retry, &tv);
    link->retry_ms =
        link->retry_ms * 2 < RECONNECT_LAST_MS ? link->retry_ms * 2 : RECONNECT_LAST_MS;
}

static void disconnect(struct tracker_link *link)
{
    /* A connection that ends right after its welcome earns no quick next one. */
    if (link->has_answered &&
        clock_boot_ns() - link->answered_at > RECONNECT_LAST_MS * CLOCK_NS_PER_MS)
        link->retry_ms = RECONNECT_FIRST_MS;
    event_free(link->readable);
    event_free(link->writable);
    link->readable = link->writable = NULL;
    close(link->fd);
    link->fd = -1;
    link->has_answered = false;
    backlog_rewind(&link->backlog);
    if (!link->was_told_down)
        log_fields(
            told_at(link), NULL, 0,
            "trackerd is gone; what it owns stays in force, events are kept until it is back");
    link->was_told_down = true;
    release_waiters(link, UINT64_MAX);
    retry_later(link);
}

/* trackerd has answered our hello: only now does the connection count. */
static void welcome(struct tracker_link *link)
{
    link->has_answered = true;
    link->answered_at = clock_boot_ns();
    if (link->was_told_down)
        log_fields(told_at(link) == LOGLV_WARN ? LOGLV_INFO : LOGLV_DEBUG, NULL, 0,
                   "connected to trackerd at %s", link->setup.socket_path);
    link->was_told_down = false;
    link->setup.on_connected(link->setup.arg);
}

static void take_ack(struct tracker_link *link, uint64_t seq)
{
    backlog_acknowledge(&link->backlog, seq);
    if (seq > link->acked_seq && seq <= link->backlog.last_seq) {
        link->acked_seq = seq;
        link->retry_ms = RECONNECT_FIRST_MS;
    }
    link->is_careful = link->is_careful && link->backlog.n > 0;
    if (!link->has_answered)
        welcome(link);
    release_waiters(link, link->acked_seq);
    if (link->is_careful && link->fd >= 0)
        flush(link);
}

static void note_bad_event(const struct evwire_event *event)
{
    log_fields(LOGLV_ERROR, LOG_LIST(LOG_INT("kind", event->kind), LOG_INT("cause", event->cause)),
               "an event for trackerd makes no sense and is given up");
}

/* A worker gets a reply only when it is refused; the reply says why. The connection ends then. When
 * it was one event that was refused, that event is given up; when there were more, they go one by
 * one over the next connection. */
static void note_refusal(struct tracker_link *link, const struct evwire_head *head)
{
    struct evwire_reply reply;
    memcpy(&reply, evwire_payload(head), sizeof(reply));
    if (!link->was_told_down)
        log_fields(told_at(link), NULL, 0, "trackerd refuses this worker: %s", reply.text);
    link->was_told_down = true;
    if (!link->has_answered || reply.status != EVST_BAD_REQUEST || link->backlog.n_sent == 0)
        return;
    if (link->backlog.n_sent == 1) {
        note_bad_event(&link->backlog.items[0]);
        backlog_acknowledge(&link->backlog, link->backlog.items[0].seq);
    }
    link->is_careful = link->backlog.n > 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct tracker_link *link = arg;
    char packet[EVWIRE_PACKET_MAX];
    crumb_leave(CRUMB_TRACKER);
    for (;;) {
        ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0 && errno == ECONNRESET)
            continue; /* told once, when it left packets of ours unread; its last words wait behind
                       */
        if (n <= 0) {
            disconnect(link);
            return;
        }
        enum ev_status status;
        const struct evwire_head *head = evwire_check(packet, (size_t)n, &status);
        if (head != NULL && head->kind == EVWIRE_REPLY)
            note_refusal(link, head);
        if (head == NULL || head->kind != EVWIRE_ACK)
            continue;
        struct evwire_ack ack;
        memcpy(&ack, evwire_payload(head), sizeof(ack));
        take_ack(link, ack.seq);
        if (link->fd < 0)
            return;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    flush(arg);
}

static bool send_packet(struct tracker_link *link, enum evwire_kind kind, const void *payload,
                        size_t size, uint32_t count)
{
    char packet[EVWIRE_PACKET_MAX];
    size_t len = evwire_pack(packet, sizeof(packet), kind, payload, size, count);
    return send(link->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static void flush(struct tracker_link *link)
{
    uint32_t n, max = link->is_careful ? 1 : EVWIRE_EVENTS_MAX;
    const struct evwire_event *events;
    while (link->fd >= 0 && !(link->is_careful && link->backlog.n_sent > 0) &&
           (events = backlog_unsent(&link->backlog, max, &n)) != NULL) {
        if (send_packet(link, EVWIRE_EVENTS, events, sizeof(*events), n)) {
            backlog_sent(&link->backlog, n);
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            event_add(link->writable, NULL);
            return;
        } else {
            disconnect(link);
        }
    }
}

static bool say_hello(struct tracker_link *link)
{
    struct evwire_hello hello = {
        .slot = link->setup.slot,
        .incarnation = link->setup.incarnation,
        .next_seq = link->backlog.n > 0 ? link->backlog.items[0].seq : link->backlog.last_seq + 1,
    };
    return send_packet(link, EVWIRE_HELLO, &hello, sizeof(hello), 1);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    try_connect(arg);
}

static void try_connect(struct tracker_link *link)
{
    link->fd = unixsock_connect(link->setup.socket_path);
    if (link->fd < 0 || !say_hello(link)) {
        if (link->fd >= 0)
            close(link->fd);
        link->fd = -1;
        if (!link->was_told_down)
            log_fields(told_at(link), NULL, 0,
                       "no trackerd at %s: every pair without a table row counts as available",
                       link->setup.socket_path);
        link->was_told_down = true;
        retry_later(link);
        return;
    }
    link->readable = event_new(link->setup.base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
    link->writable = event_new(link->setup.base, link->fd, EV_WRITE, on_writable, link);
    event_add(link->readable, NULL);
    flush(link);
}

/* ---- posting ------------------------------------------------------------------------------- */

uint64_t tracker_link_post(struct tracker_link *link, const struct evwire_event *event)
{
    if (!evwire_event_is_sound(event)) {
        if (!link->was_told_unsound)
            note_bad_event(event);
        link->was_told_unsound = true;
        return 0;
    }
    uint64_t seq = backlog_post(&link->backlog, event);
    if (link->backlog.dropped > 0 && !link->was_told_full)
        log_warn("too many events wait for trackerd; those that say least are given up");
    link->was_told_full = link->backlog.dropped > 0;
    flush(link);
    return seq;
}

bool tracker_link_has_failure(const struct tracker_link *link, uint64_t key_hash)
{
    return backlog_has_failure(&link->backlog, key_hash);
}

bool tracker_link_is_connected(const struct tracker_link *link)
{
    return link->has_answered;
}

struct tracker_link *tracker_link_new(const struct tracker_link_setup *setup)
{
    struct tracker_link *link = xcalloc(1, sizeof(*link));
    link->setup = *setup;
    link->fd = -1;
    link->retry_ms = RECONNECT_FIRST_MS;
    link->retry = evtimer_new(setup->base, on_retry, link);
    try_connect(link);
    return link;
}

void tracker_link_free(struct tracker_link **taken)
{
    struct tracker_link *link = *taken;
    *taken = NULL;
    if (link->fd >= 0) {
        event_free(link->readable);
        event_free(link->writable);
        close(link->fd);
    }
    event_free(link->retry);
    free(link);
}
