/* SPDX-License-Identifier: MIT */
/* See sim_conn.h. A connection is freed at the end of the loop's turn, never inside a callback. */
#include "tests/sim/sim_conn.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"

#define READ_BYTES    (64 * 1024)
#define BODY_READ_MAX (1024 * 1024) /* straight into the buffer of a long body */
#define AHEAD_MAX     (1024 * 1024) /* what a peer may send ahead of an answer */
#define IDLE_KEEP     (16 * 1024)   /* larger buffers are given back after an answer */
#define LINGER_MS     2000          /* how long a peer may take to close after our FIN */
#define ACK_POLL_MS   1
#define ACK_MAX_MS    5000 /* then the reset happens all the same */
#define SLOW_BYTES    1024
#define SLOW_MS       10
#define SLOW_RCVBUF   4096 /* the kernel must not read ahead for us */
#define MS_NS(ms)     ((ms)*CLOCK_NS_PER_MS)

enum state {
    READING,
    READING_SLOWLY,
    ANSWERING,
    FINISHING, /* the answer is queued, not yet sent */
    CLOSING,   /* as FINISHING, then FIN */
    LINGERING, /* FIN sent, waiting for the peer's */
    RESETTING, /* as FINISHING, then RST */
    DEAD
};

struct conn {
    LIST_ENTRY(conn) link;
    evutil_socket_t fd;
    struct event read_ev, write_ev, timer;
    enum state state;
    bool is_quiet;
    bool is_processing; /* process_input is on the stack */
    bool is_broken;     /* a send failed: the read event will tell */
    bool is_slow_asked;
    uint64_t timer_at, reset_by_at;
    const struct conn_answerer *answerer;
    void *arg;
    struct buf in, out;
    size_t in_at, out_at;
    struct sim_http_request request;
};
LIST_HEAD(conn_list, conn);

static struct {
    struct event_base *base;
    const struct conn_handler *handler;
    struct conn_list open, dead;
    struct event *reaper;
    char scratch[READ_BYTES];
} all;

static void process_input(struct conn *c);

static void free_dead(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c;
    while ((c = LIST_FIRST(&all.dead)) != NULL) {
        LIST_REMOVE(c, link);
        sim_http_free(&c->request);
        buf_free(&c->in);
        buf_free(&c->out);
        free(c);
    }
}

static void bury(struct conn *c)
{
    event_del(&c->read_ev);
    event_del(&c->write_ev);
    event_del(&c->timer);
    close(c->fd);
    c->state = DEAD;
    LIST_REMOVE(c, link);
    LIST_INSERT_HEAD(&all.dead, c, link);
    event_active(all.reaper, EV_TIMEOUT, 0);
    all.handler->on_closed(c->is_quiet);
}

/* The peer is gone: tells the answerer, if an answer was under way. */
static void leave(struct conn *c)
{
    const struct conn_answerer *answerer = c->state == ANSWERING ? c->answerer : NULL;
    c->answerer = NULL;
    bury(c);
    if (answerer != NULL)
        answerer->on_gone(c->arg);
}

static void send_reset(struct conn *c)
{
    struct linger off = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    bury(c);
}

void conn_set_timer(struct conn *c, uint64_t at)
{
    uint64_t now = clock_boot_ns();
    uint64_t us = at > now ? (at - now + 999) / 1000 : 0;
    struct timeval tv = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    c->timer_at = at;
    event_add(&c->timer, &tv);
}

static void start_lingering(struct conn *c)
{
    shutdown(c->fd, SHUT_WR);
    c->state = LINGERING;
    conn_set_timer(c, clock_boot_ns() + MS_NS(LINGER_MS));
}

static void reset_when_acknowledged(struct conn *c)
{
    int unacknowledged = 0;
    uint64_t now = clock_boot_ns();
    if (ioctl(c->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0 && now < c->reset_by_at)
        conn_set_timer(c, now + MS_NS(ACK_POLL_MS));
    else
        send_reset(c);
}

static void forget_request(struct conn *c)
{
    c->in_at += c->request.read_at;
    if (c->in_at == c->in.len) {
        c->in_at = 0;
        buf_clear(&c->in);
        if (c->in.cap > IDLE_KEEP)
            buf_free(&c->in);
    }
    if (c->out.cap > IDLE_KEEP)
        buf_free(&c->out);
    sim_http_free(&c->request);
    sim_http_init(&c->request);
    c->is_slow_asked = false;
}

/* Everything queued has gone out. */
static void on_sent(struct conn *c)
{
    switch (c->state) {
    case FINISHING:
        if (!c->request.is_keep_alive) {
            start_lingering(c);
            break;
        }
        c->state = READING;
        forget_request(c);
        process_input(c);
        break;
    case CLOSING:
        start_lingering(c);
        break;
    case RESETTING:
        c->reset_by_at = clock_boot_ns() + MS_NS(ACK_MAX_MS);
        reset_when_acknowledged(c);
        break;
    case ANSWERING:
        c->answerer->on_writable(c->arg);
        break;
    default:
        break;
    }
}

/* True: all is sent. A broken connection takes nothing; its read event ends it. */
static bool send_out(struct conn *c)
{
    while (c->out_at < c->out.len && !c->is_broken) {
        ssize_t n = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n > 0) {
            c->out_at += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            c->is_broken = true;
            event_active(&c->read_ev, EV_READ, 0);
        }
    }
    if (c->out_at < c->out.len || c->is_broken)
        return false;
    c->out_at = 0;
    buf_clear(&c->out);
    return true;
}

bool conn_flush(struct conn *c)
{
    if (send_out(c))
        return true;
    if (!c->is_broken)
        event_add(&c->write_ev, NULL);
    return false;
}

void conn_wake(struct conn *c)
{
    event_add(&c->write_ev, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    if (conn_flush(c))
        on_sent(c);
}

/* Ends the answer; what its end asks for happens once everything is sent. */
static void end_answer(struct conn *c, enum state state)
{
    c->state = state;
    c->answerer = NULL;
    event_del(&c->timer);
    if (conn_flush(c))
        on_sent(c);
}

void conn_finish(struct conn *c)
{
    end_answer(c, FINISHING);
}

void conn_close(struct conn *c)
{
    end_answer(c, CLOSING);
}

void conn_reset(struct conn *c)
{
    end_answer(c, RESETTING);
}

void conn_answer_with(struct conn *c, const struct conn_answerer *answerer, void *arg)
{
    c->answerer = answerer;
    c->arg = arg;
}

struct buf *conn_out(struct conn *c)
{
    return &c->out;
}

bool conn_is_keep_alive(const struct conn *c)
{
    return c->request.is_keep_alive;
}

bool conn_is_http11(const struct conn *c)
{
    return !c->request.is_http10;
}

void conn_set_quiet(struct conn *c)
{
    c->is_quiet = true;
}

bool conn_is_quiet(const struct conn *c)
{
    return c->is_quiet;
}

static void read_slowly(struct conn *c)
{
    int bytes = SLOW_RCVBUF;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    event_del(&c->read_ev);
    c->state = READING_SLOWLY;
    conn_set_timer(c, clock_boot_ns() + MS_NS(SLOW_MS));
}

/* More of the request has to come: the first time its body is in sight, greet and look at it. */
static void wait_for_more(struct conn *c, const char *data, size_t len)
{
    size_t body_len;
    const char *body = sim_http_body(&c->request, data, len, &body_len);
    if (c->request.is_expecting) {
        c->request.is_expecting = false;
        buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        conn_flush(c);
    }
    if (c->is_slow_asked || body_len == 0)
        return;
    c->is_slow_asked = true;
    if (all.handler->is_slow(body, body_len))
        read_slowly(c);
}

static void take_request(struct conn *c, const char *data, size_t len)
{
    if (c->state == READING_SLOWLY) {
        event_del(&c->timer);
        event_add(&c->read_ev, NULL);
    }
    c->state = ANSWERING;
    if (c->request.state == SIM_HTTP_BAD)
        all.handler->on_bad_request(c, &c->request);
    else
        all.handler->on_request(c, &c->request, data, len);
}

/* Reads requests off the input until one is being answered or more must come. */
static void process_input(struct conn *c)
{
    if (c->is_processing)
        return;
    c->is_processing = true;
    while ((c->state == READING || c->state == READING_SLOWLY) && c->in_at < c->in.len) {
        const char *data = c->in.data + c->in_at;
        size_t len = c->in.len - c->in_at;
        enum sim_http_state state = sim_http_read(&c->request, data, len);
        if (state == SIM_HTTP_IN_BODY)
            wait_for_more(c, data, len);
        if (state == SIM_HTTP_IN_HEAD || state == SIM_HTTP_IN_BODY)
            break;
        take_request(c, data, len);
    }
    c->is_processing = false;
}

static bool is_reading(const struct conn *c)
{
    return c->state == READING || c->state == READING_SLOWLY;
}

/* Into the shared scratch, so that idle connections own no memory; a long body goes straight into
 * its buffer. */
static ssize_t receive(struct conn *c, size_t max)
{
    const struct sim_http_request *r = &c->request;
    uint64_t left = 0;
    if (is_reading(c) && r->state == SIM_HTTP_IN_BODY && !r->is_chunked)
        left = r->head_len + r->content_length - r->read_at;
    if (left <= READ_BYTES || max < READ_BYTES) {
        ssize_t n = recv(c->fd, all.scratch, max, 0);
        if (n > 0 && c->state != LINGERING)
            buf_put(&c->in, all.scratch, (size_t)n);
        return n;
    }
    size_t room = left < BODY_READ_MAX ? (size_t)left : BODY_READ_MAX;
    ssize_t n = recv(c->fd, buf_reserve(&c->in, room), room, 0);
    if (n > 0)
        c->in.len += (size_t)n;
    return n;
}

/* What has been read of answered requests makes room before the buffer grows. */
static void compact(struct conn *c)
{
    if (c->in_at == 0 || c->in_at < c->in.len / 2)
        return;
    memmove(c->in.data, c->in.data + c->in_at, c->in.len - c->in_at);
    c->in.len -= c->in_at;
    c->in_at = 0;
}

static void read_some(struct conn *c, size_t max)
{
    if (is_reading(c))
        compact(c);
    ssize_t n = receive(c, max);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) && !c->is_broken)
        return;
    if (n <= 0) {
        leave(c);
        return;
    }
    if (is_reading(c))
        process_input(c);
    else if (c->in.len - c->in_at > c->request.read_at + AHEAD_MAX)
        leave(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    read_some(arg, READ_BYTES);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    if (clock_boot_ns() < c->timer_at) {
        conn_set_timer(c, c->timer_at);
        return;
    }
    switch (c->state) {
    case ANSWERING:
        c->answerer->on_timer(c->arg);
        break;
    case READING_SLOWLY:
        conn_set_timer(c, clock_boot_ns() + MS_NS(SLOW_MS));
        read_some(c, SLOW_BYTES);
        break;
    case LINGERING:
        bury(c);
        break;
    case RESETTING:
        reset_when_acknowledged(c);
        break;
    default:
        break;
    }
}

void conn_new(evutil_socket_t fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->fd = fd;
    sim_http_init(&c->request);
    event_assign(&c->read_ev, all.base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->write_ev, all.base, fd, EV_WRITE, on_writable, c);
    evtimer_assign(&c->timer, all.base, on_timer, c);
    event_add(&c->read_ev, NULL);
    LIST_INSERT_HEAD(&all.open, c, link);
    all.handler->on_open();
}

void conn_setup(struct event_base *base, const struct conn_handler *handler)
{
    all.base = base;
    all.handler = handler;
    LIST_INIT(&all.open);
    LIST_INIT(&all.dead);
    all.reaper = event_new(base, -1, 0, free_dead, NULL);
}

void conn_shutdown(void)
{
    while (!LIST_EMPTY(&all.open))
        leave(LIST_FIRST(&all.open));
    free_dead(-1, 0, NULL);
    event_free(all.reaper);
}
