/* See report.h. */
#include "server/report.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/unixsock.h"

#define RECONNECT_FIRST_MS 50
#define RECONNECT_LAST_MS  2000

struct report {
    struct report_setup setup;
    int fd; /* -1: not connected */
    struct event *readable, *writable, *retry;
    unsigned retry_ms;
    bool was_told_down; /* the log says so once, not at each try */

    /* Events not yet acknowledged, in order; the first n_sent of them went over this connection. */
    struct evwire_event queue[REPORT_QUEUE_MAX];
    uint32_t n, n_sent;
    uint64_t next_seq, acked_seq, dropped;
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
    if (r->fd < 0 || waiter->seq <= r->acked_seq)
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
    r->n_sent = 0;
    if (!r->was_told_down)
        log_fields(
            told_at(r), NULL, 0,
            "trackerd is gone; what it owns stays in force, events are kept until it is back");
    r->was_told_down = true;
    release_waiters(r, UINT64_MAX);
    retry_later(r);
}

static void forget_acknowledged(struct report *r, uint64_t seq)
{
    uint32_t done = 0;
    while (done < r->n && r->queue[done].seq <= seq)
        done++;
    r->n -= done;
    r->n_sent -= done < r->n_sent ? done : r->n_sent;
    memmove(r->queue, r->queue + done, r->n * sizeof(r->queue[0]));
    if (seq > r->acked_seq && seq < r->next_seq)
        r->acked_seq = seq;
    release_waiters(r, r->acked_seq);
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
        if (head == NULL || head->kind != EVWIRE_ACK)
            continue;
        struct evwire_ack ack;
        memcpy(&ack, evwire_payload(head), sizeof(ack));
        forget_acknowledged(r, ack.seq);
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
    while (r->fd >= 0 && r->n_sent < r->n) {
        uint32_t count = r->n - r->n_sent;
        if (count > EVWIRE_EVENTS_MAX)
            count = EVWIRE_EVENTS_MAX;
        if (!send_packet(r, EVWIRE_EVENTS, &r->queue[r->n_sent], sizeof(r->queue[0]), count)) {
            if (errno == EAGAIN || errno == ENOBUFS)
                event_add(r->writable, NULL);
            else
                disconnect(r);
            return;
        }
        r->n_sent += count;
    }
}

static bool say_hello(struct report *r)
{
    struct evwire_hello hello = {
        .slot = r->setup.slot,
        .incarnation = r->setup.incarnation,
        .next_seq = r->n > 0 ? r->queue[0].seq : r->next_seq,
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
    r->retry_ms = RECONNECT_FIRST_MS;
    if (r->was_told_down)
        log_info("connected to trackerd at %s", r->setup.socket_path);
    r->was_told_down = false;
    r->setup.on_connected(r->setup.arg);
    flush(r);
}

/* ---- posting ------------------------------------------------------------------------------- */

/* An unsent event of the same pair, kind and incident: one record can stand for both. */
static struct evwire_event *find_equal(struct report *r, const struct evwire_event *ev)
{
    for (uint32_t i = r->n_sent; i < r->n; i++) {
        struct evwire_event *q = &r->queue[i];
        if (q->key_hash == ev->key_hash && q->kind == ev->kind && q->incident == ev->incident)
            return q;
    }
    return NULL;
}

static void merge(struct evwire_event *into, const struct evwire_event *ev)
{
    uint32_t count = into->count + ev->count;
    uint64_t seq = into->seq;
    uint64_t until_at = into->until_at > ev->until_at ? into->until_at : ev->until_at;
    *into = *ev;
    into->seq = seq;
    into->count = count;
    into->until_at = until_at;
}

/* Makes room in a full queue: the oldest unsent quota event says least, else the oldest of all. */
static void drop_one(struct report *r)
{
    uint32_t victim = 0;
    for (uint32_t i = r->n_sent; i < r->n; i++) {
        if (r->queue[i].kind == EV_QUOTA) {
            victim = i;
            break;
        }
    }
    r->n--;
    memmove(&r->queue[victim], &r->queue[victim + 1], (r->n - victim) * sizeof(r->queue[0]));
    if (victim < r->n_sent)
        r->n_sent--;
    if (r->dropped++ == 0)
        log_warn("too many events wait for trackerd; the oldest are dropped");
}

uint64_t report_post(struct report *r, const struct evwire_event *event)
{
    if (r->n > REPORT_QUEUE_MAX / 2) {
        struct evwire_event *equal = find_equal(r, event);
        if (equal != NULL) {
            merge(equal, event);
            return equal->seq;
        }
    }
    if (r->n == REPORT_QUEUE_MAX)
        drop_one(r);
    struct evwire_event *q = &r->queue[r->n++];
    *q = *event;
    q->seq = r->next_seq++;
    uint64_t seq = q->seq;
    flush(r);
    return seq;
}

bool report_is_connected(const struct report *r)
{
    return r->fd >= 0;
}

uint64_t report_dropped(const struct report *r)
{
    return r->dropped;
}

struct report *report_new(const struct report_setup *setup)
{
    struct report *r = xcalloc(1, sizeof(*r));
    r->setup = *setup;
    r->fd = -1;
    r->next_seq = 1;
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
