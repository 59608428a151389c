/* SPDX-License-Identifier: MIT */
/* The provider of `make bench`: answers chat requests at little cost and always the same, so that a
 * gateway's speed and not its provider's is what is measured. weir-sim is for faults: it is too
 * slow, and does not stamp. One epoll loop, no libraries; tests/bench/run starts it.
 *
 *   provider -p PORT
 *
 * The model of a request says what it gets; see `models`. A request has a Content-Length and names
 * its model within it; whatever else it says is not looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "tests/bench/stamp.h"

#define READ_BYTES   (256u << 10)
#define HEAD_MAX     16384
#define BODY_MAX     (1u << 20)
#define READY_EVENTS 256
#define TEXT_BYTES   64 /* of an event's content */

#define STREAM_HEAD \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EVENT_BEGIN                                                                            \
    "data: "                                                                                   \
    "{\"id\":\"chatcmpl-0123456789abcdefghijklmnopqrs\",\"object\":\"chat.completion.chunk\"," \
    "\"created\":1764000000,\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"delta\":"
#define EVENT_END "}]}\n\n"

/* What a model answers with. `writes` 0: one JSON document; else a stream, one write every pace_ms,
 * at the same instants for all streams or, with `phases`, spread over the pace, so that they do not
 * beat together. Paced, because what a provider writes without pause a gateway reads by the dozen,
 * and how many depends on the scheduler. The first event of a write is stamped. */
static const struct shape {
    const char *name;
    int writes, events_a_write;
    unsigned pace_ms, phases;
    bool is_endless; /* falls silent after its events, until the client leaves */
} models[] = {
    {"answer", 0, 0, 0, 0, false},       {"stream", 250, 1, 2, 1, false},
    {"stream-16", 250, 16, 2, 1, false}, {"stream-slow", 50, 1, 20, 50, false},
    {"stream-held", 1, 1, 1, 1, true},
};

enum state {
    READING,
    STREAMING,
    SILENT,
    DEAD
};

struct conn {
    TAILQ_ENTRY(conn) link; /* streaming or dead */
    int fd;
    enum state state;
    const struct shape *shape;
    struct buf in, out;
    size_t out_at;
    int writes; /* of a stream, done */
    uint64_t due_at;
};
TAILQ_HEAD(conn_list, conn);

static struct conn_list streaming = TAILQ_HEAD_INITIALIZER(streaming); /* by due_at */
static struct conn_list dead = TAILQ_HEAD_INITIALIZER(dead);
static int poll_fd, listen_fd, timer_fd;
static unsigned next_phase;
static char scratch[READ_BYTES];
static struct buf answer, event, last_events; /* the last two framed as chunks */

/* ---- texts ---------------------------------------------------------------------------------- */

static void put_chunk(struct buf *out, const char *data, size_t len)
{
    buf_printf(out, "%zx\r\n", len);
    buf_put(out, data, len);
    buf_puts(out, "\r\n");
}

static void put_event(struct buf *out, const char *rest)
{
    struct buf text = BUF_INIT;
    buf_puts(&text, EVENT_BEGIN);
    buf_puts(&text, rest);
    buf_puts(&text, EVENT_END);
    put_chunk(out, text.data, text.len);
    buf_free(&text);
}

static void make_texts(void)
{
    struct buf body = BUF_INIT;
    buf_puts(&body,
             "{\"id\":\"chatcmpl-0123456789abcdefghijklmnopqrs\",\"object\":\"chat.completion\","
             "\"created\":1764000000,\"model\":\"bench-model\",\"choices\":[{\"index\":0,"
             "\"message\":{\"role\":\"assistant\",\"content\":\"");
    for (int i = 0; i < TEXT_BYTES * 4; i++)
        buf_putc(&body, (char)('a' + i % 26));
    buf_puts(&body, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":256,"
                    "\"completion_tokens\":64,\"total_tokens\":320}}");
    buf_printf(&answer,
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               body.len);
    buf_put(&answer, body.data, body.len);
    buf_free(&body);
    put_event(&event, "{\"content\":\"" STAMP_NONE " and the words of one event of a stream\"},"
                      "\"finish_reason\":null");
    put_event(&last_events, "{},\"finish_reason\":\"stop\"");
    put_chunk(&last_events, "data: [DONE]\n\n", 14);
    buf_puts(&last_events, "0\r\n\r\n");
}

/* ---- sending -------------------------------------------------------------------------------- */

static void watch(struct conn *c, uint32_t what)
{
    struct epoll_event ev = {.events = what, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

/* Freed at the end of the turn, because events of it may still be waiting. */
static void close_conn(struct conn *c)
{
    if (c->state == STREAMING)
        TAILQ_REMOVE(&streaming, c, link);
    close(c->fd);
    c->state = DEAD;
    TAILQ_INSERT_TAIL(&dead, c, link);
}

static void free_dead(void)
{
    struct conn *c;
    while ((c = TAILQ_FIRST(&dead)) != NULL) {
        TAILQ_REMOVE(&dead, c, link);
        buf_free(&c->in);
        buf_free(&c->out);
        free(c);
    }
}

/* What the socket does not take is kept in c->out. False: the connection is broken. */
static bool send_text(struct conn *c, const char *data, size_t len)
{
    ssize_t n = c->out.len > 0 ? 0 : send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        return false;
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent < len) {
        buf_put(&c->out, data + sent, len - sent);
        watch(c, EPOLLIN | EPOLLOUT);
    }
    return true;
}

static void insert_by_due(struct conn *c)
{
    struct conn *before = TAILQ_LAST(&streaming, conn_list);
    while (before != NULL && before->due_at > c->due_at)
        before = TAILQ_PREV(before, conn_list, link);
    if (before != NULL)
        TAILQ_INSERT_AFTER(&streaming, before, c, link);
    else
        TAILQ_INSERT_HEAD(&streaming, c, link);
}

/* The next instant of the stream's clock that is still to come: what was missed stays missed. */
static void schedule(struct conn *c)
{
    uint64_t pace_ns = c->shape->pace_ms * CLOCK_NS_PER_MS, now_at = clock_boot_ns();
    if (c->due_at == 0)
        c->due_at = now_at / pace_ns * pace_ns +
                    next_phase++ % c->shape->phases * pace_ns / c->shape->phases;
    do
        c->due_at += pace_ns;
    while (c->due_at <= now_at);
    c->state = STREAMING;
    insert_by_due(c);
}

/* The next write of a stream; it has just been taken off the list. */
static bool send_events(struct conn *c)
{
    static struct buf text;
    const struct shape *s = c->shape;
    c->state = READING;
    if (c->writes == s->writes)
        return send_text(c, last_events.data, last_events.len);
    buf_clear(&text);
    for (int i = 0; i < s->events_a_write; i++)
        buf_put(&text, event.data, event.len);
    stamp_put(text.data, text.len, clock_boot_ns());
    c->writes++;
    bool is_sent = send_text(c, text.data, text.len);
    if (c->writes == s->writes && s->is_endless)
        c->state = SILENT;
    else
        schedule(c);
    return is_sent;
}

static void arm_timer(void)
{
    const struct conn *first = TAILQ_FIRST(&streaming);
    struct itimerspec at = {{0, 0}, {0, 0}};
    if (first != NULL) {
        at.it_value.tv_sec = (time_t)(first->due_at / 1000000000);
        at.it_value.tv_nsec = (long)(first->due_at % 1000000000);
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void send_due(void)
{
    struct conn *c;
    uint64_t expirations;
    if (read(timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
        exit(EX_OSERR);
    while ((c = TAILQ_FIRST(&streaming)) != NULL && c->due_at <= clock_boot_ns()) {
        TAILQ_REMOVE(&streaming, c, link);
        if (!send_events(c))
            close_conn(c);
    }
    arm_timer();
}

static void send_stuck(struct conn *c)
{
    ssize_t n =
        send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        return; /* its end will be read */
    c->out_at += n > 0 ? (size_t)n : 0;
    if (c->out_at < c->out.len)
        return;
    buf_clear(&c->out);
    c->out_at = 0;
    watch(c, EPOLLIN);
}

/* ---- requests ------------------------------------------------------------------------------- */

static const struct shape *find_shape(const char *body, size_t len)
{
    static const char key[] = "\"model\":\"";
    const char *at = memmem(body, len, key, sizeof(key) - 1);
    size_t left = at != NULL ? (size_t)(body + len - at) - (sizeof(key) - 1) : 0;
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        size_t n = strlen(models[i].name);
        if (left > n && memcmp(at + sizeof(key) - 1, models[i].name, n) == 0 &&
            at[sizeof(key) - 1 + n] == '"')
            return &models[i];
    }
    return NULL;
}

static bool begin_answer(struct conn *c, const char *body, size_t len)
{
    c->shape = find_shape(body, len);
    if (c->shape == NULL)
        return false;
    if (c->shape->writes == 0)
        return send_text(c, answer.data, answer.len);
    c->writes = 0;
    c->due_at = 0;
    schedule(c);
    return send_text(c, STREAM_HEAD, sizeof(STREAM_HEAD) - 1);
}

/* Bytes of the whole request at the beginning of c->in, its head's in *head_len; 0 = more is to
 * come, SIZE_MAX = no request that this provider reads. */
static size_t request_length(struct conn *c, size_t *head_len)
{
    const char *end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
    if (end == NULL)
        return c->in.len > HEAD_MAX ? SIZE_MAX : 0;
    *head_len = (size_t)(end + 4 - c->in.data);
    char head[HEAD_MAX + 1];
    if (*head_len > HEAD_MAX)
        return SIZE_MAX;
    memcpy(head, c->in.data, *head_len);
    head[*head_len] = '\0';
    const char *length = strcasestr(head, "\r\ncontent-length:");
    unsigned long body_len = length != NULL ? strtoul(length + 17, NULL, 10) : BODY_MAX + 1;
    if (body_len > BODY_MAX)
        return SIZE_MAX;
    return c->in.len - *head_len >= body_len ? *head_len + body_len : 0;
}

/* No client of a benchmark sends ahead: what follows a request is a mistake. */
static bool take_input(struct conn *c)
{
    size_t head_len = 0, len = request_length(c, &head_len);
    if (len == 0)
        return true;
    if (len != c->in.len || c->state != READING)
        return false;
    bool is_good = begin_answer(c, c->in.data + head_len, len - head_len);
    buf_clear(&c->in);
    return is_good;
}

static void on_readable(struct conn *c)
{
    ssize_t n = recv(c->fd, scratch, sizeof(scratch), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        buf_put(&c->in, scratch, (size_t)n);
    if (n <= 0 || !take_input(c))
        close_conn(c);
}

static void on_connection(void)
{
    int on = 1, fd;
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = xcalloc(1, sizeof(*c));
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev);
    }
}

/* ---- the run -------------------------------------------------------------------------------- */

static void take_event(const struct epoll_event *ev)
{
    if (ev->data.ptr == &listen_fd) {
        on_connection();
        return;
    }
    if (ev->data.ptr == &timer_fd) {
        send_due();
        return;
    }
    struct conn *c = ev->data.ptr;
    if ((ev->events & EPOLLOUT) != 0 && c->state != DEAD)
        send_stuck(c);
    if ((ev->events & ~(uint32_t)EPOLLOUT) != 0 && c->state != DEAD)
        on_readable(c);
}

static void serve(void)
{
    struct epoll_event ready[READY_EVENTS];
    for (;;) {
        const struct conn *first = TAILQ_FIRST(&streaming);
        int n = epoll_wait(poll_fd, ready, READY_EVENTS, -1);
        for (int i = 0; i < n; i++)
            take_event(&ready[i]);
        if (TAILQ_FIRST(&streaming) != first)
            arm_timer();
        free_dead();
    }
}

static void watch_own(int *fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = fd};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, *fd, &ev);
}

static void start(int port)
{
    int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(listen_fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listen_fd, 4096) != 0) {
        perror("provider: listen");
        exit(EX_UNAVAILABLE);
    }
    watch_own(&listen_fd);
    watch_own(&timer_fd);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 3 || strcmp(argv[1], "-p") != 0) {
        fprintf(stderr, "usage: provider -p PORT\n");
        return EX_USAGE;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    make_texts();
    start(atoi(argv[2]));
    serve();
}
