/* SPDX-License-Identifier: MIT */
/* The load generator of `make bench`: chat requests against an OpenAI-compatible server on loopback
 * for some seconds, each answer checked: a benchmark of wrong answers measures nothing. One epoll
 * loop, no libraries.
 *
 *   load -p PORT [-c CONNECTIONS] [-d SECONDS] [-k KEY] [-m MODEL] [-b PROMPT_BYTES] [-r RATE] [-s]
 *
 * Each connection has a request under way all the time; with -r RATE so many requests a second are
 * due at equal distances, and their times count from when they were due, however late they are
 * sent. With -s the requests stream; a stream is good when it ends with [DONE] and a whole HTTP
 * body. Streams that are still running at the end are left without a word. `all streams have begun`
 * is said, with -s, when each connection has had an event.
 *
 * The output is one line: answers, events, failures, seconds, and the 50th and 99th percentile, in
 * us, of the answers' times; where events are stamped (see stamp.h), of the events' times under
 * way. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "tests/bench/stamp.h"

#define READ_BYTES (256u << 10)
#define HEAD_MAX   8192
#define TIMES_MAX  (1u << 22)
#define TAIL_BYTES 32 /* of the body: enough to see how it ended */

struct connection {
    int fd;
    uint64_t asked_at; /* with a rate: when it was due */
    bool has_begun;
    char head[HEAD_MAX];
    size_t head_len;
    bool in_body;
    int64_t left;          /* of a body with a length; -1 = chunked */
    char tail[TAIL_BYTES]; /* the last bytes that came */
    size_t tail_len;
};

static struct {
    int port, connections, seconds, prompt_bytes, rate;
    const char *key, *model;
    bool is_stream;
} options = {
    .connections = 64, .seconds = 3, .prompt_bytes = 1024, .key = "bench-key", .model = "default"};

static struct buf request;
static char *input;
static uint32_t *times_ns; /* answers', or stamped events' */
static uint64_t n_times, answers, events, failures;
static int poll_fd, timer_fd;
static struct connection *all;
static int begun; /* streams that have had an event, each connection counted once */
/* With a rate: when the next request is due; free connections, last freed first. */
static uint64_t next_due_at;
static struct connection **free_ones;
static int n_free;

/* ---- requests ------------------------------------------------------------------------------- */

static void make_request(void)
{
    struct buf body = BUF_INIT;
    buf_printf(&body, "{\"model\":\"%s\",%s\"messages\":[{\"role\":\"user\",\"content\":\"",
               options.model, options.is_stream ? "\"stream\":true," : "");
    for (int i = 0; i < options.prompt_bytes; i++)
        buf_putc(&body, (char)('a' + i % 26));
    buf_puts(&body, "\"}]}");
    buf_printf(
        &request,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
        options.key, body.len);
    buf_put(&request, body.data, body.len);
    buf_free(&body);
}

static void send_request(struct connection *c, uint64_t asked_at)
{
    c->asked_at = asked_at;
    c->head_len = c->tail_len = 0;
    c->in_body = false;
    /* A few kilobytes into an idle connection: the socket takes them at once. */
    if (send(c->fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) {
        perror("load: send");
        exit(EX_UNAVAILABLE);
    }
}

static void open_connection(struct connection *c)
{
    int on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("load: connect");
        exit(EX_UNAVAILABLE);
    }
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &ev);
}

/* The connection's next turn: at once, or when a request is due. */
static void go_on(struct connection *c)
{
    if (options.rate > 0)
        free_ones[n_free++] = c;
    else
        send_request(c, clock_boot_ns());
}

/* A request that finds no free connection waits for one, and its time counts. */
static void send_due(void)
{
    uint64_t gap_ns = UINT64_C(1000000000) / (uint64_t)options.rate, now_at = clock_boot_ns();
    for (; n_free > 0 && next_due_at <= now_at; next_due_at += gap_ns)
        send_request(free_ones[--n_free], next_due_at);
    uint64_t at = next_due_at > now_at ? next_due_at : now_at + gap_ns;
    struct itimerspec when = {{0, 0}, {(time_t)(at / 1000000000), (long)(at % 1000000000)}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void note_time(uint64_t since)
{
    uint64_t ns = clock_boot_ns() - since;
    if (n_times < TIMES_MAX)
        times_ns[n_times++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static void finish(struct connection *c, bool is_good)
{
    if (!options.is_stream)
        note_time(c->asked_at);
    answers += is_good;
    failures += !is_good;
}

static void start_anew(struct connection *c)
{
    close(c->fd);
    open_connection(c);
    go_on(c);
}

static void read_head(struct connection *c)
{
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->in_body = true;
    c->left = length != NULL ? strtoll(length + 17, NULL, 10) : -1;
}

static void keep_tail(struct connection *c, const char *data, size_t len)
{
    if (len >= TAIL_BYTES) {
        memcpy(c->tail, data + len - TAIL_BYTES, TAIL_BYTES);
        c->tail_len = TAIL_BYTES;
        return;
    }
    size_t keep = c->tail_len < TAIL_BYTES - len ? c->tail_len : TAIL_BYTES - len;
    memmove(c->tail, c->tail + c->tail_len - keep, keep);
    memcpy(c->tail + keep, data, len);
    c->tail_len = keep + len;
}

static bool ends_with(const struct connection *c, const char *text)
{
    size_t len = strlen(text);
    return c->tail_len >= len && memcmp(c->tail + c->tail_len - len, text, len) == 0;
}

static void note_begun(struct connection *c)
{
    if (c->has_begun)
        return;
    c->has_begun = true;
    if (++begun == options.connections) {
        puts("all streams have begun");
        fflush(stdout);
    }
}

/* Events are counted by their beginnings; one that is cut between two reads is missed, which is
 * why the count is a measure and [DONE] the check. */
static void take_events(struct connection *c, const char *data, size_t len)
{
    static const char begin[] = "data: ";
    const char *at = data, *end = data + len;
    while ((at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1)) != NULL) {
        events++;
        at += sizeof(begin) - 1;
        note_begun(c);
    }
    const char *mark = memmem(data, len, STAMP_MARK, sizeof(STAMP_MARK) - 1);
    uint64_t stamp = mark != NULL && mark + STAMP_BYTES <= end ? stamp_get(mark) : 0;
    if (stamp != 0)
        note_time(stamp);
}

/* True when the answer is complete. */
static bool take_body(struct connection *c, const char *data, size_t len)
{
    if (options.is_stream)
        take_events(c, data, len);
    keep_tail(c, data, len);
    if (c->left >= 0)
        return (c->left -= (int64_t)len) <= 0;
    return ends_with(c, "\r\n0\r\n\r\n");
}

static bool is_good(const struct connection *c)
{
    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0)
        return false;
    return !options.is_stream || ends_with(c, "data: [DONE]\n\n\r\n0\r\n\r\n");
}

static bool take_input(struct connection *c, const char *data, size_t len)
{
    if (c->in_body)
        return take_body(c, data, len);
    size_t room = HEAD_MAX - 1 - c->head_len, n = len < room ? len : room;
    memcpy(c->head + c->head_len, data, n);
    c->head[c->head_len + n] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    size_t used = end != NULL ? (size_t)(end + 4 - c->head) - c->head_len : n;
    c->head_len += used;
    if (end == NULL)
        return false;
    end[2] = '\0';
    read_head(c);
    return take_body(c, data + used, len - used);
}

static void on_readable(struct connection *c)
{
    ssize_t n = recv(c->fd, input, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        finish(c, false);
        start_anew(c);
        return;
    }
    if (!take_input(c, input, (size_t)n))
        return;
    finish(c, is_good(c));
    go_on(c);
}

/* ---- the run -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(unsigned p)
{
    return n_times > 0 ? times_ns[(n_times - 1) * p / 100] / 1e3 : 0;
}

static void report(double seconds)
{
    qsort(times_ns, n_times, sizeof(*times_ns), by_value);
    printf("answers=%" PRIu64 " events=%" PRIu64 " failures=%" PRIu64
           " seconds=%.3f p50_us=%.2f p99_us=%.2f\n",
           answers, events, failures, seconds, percentile_us(50), percentile_us(99));
}

static void begin_rate(void)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &timer_fd};
    timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &ev);
    next_due_at = clock_boot_ns();
    send_due();
}

static void begin(void)
{
    all = xcalloc((size_t)options.connections, sizeof(*all));
    free_ones = xcalloc((size_t)options.connections, sizeof(struct connection *));
    for (int i = 0; i < options.connections; i++) {
        open_connection(&all[i]);
        go_on(&all[i]);
    }
    if (options.rate > 0)
        begin_rate();
}

static void run(void)
{
    struct epoll_event ready[256];
    uint64_t began_at = clock_boot_ns();
    uint64_t end_at = began_at + (uint64_t)options.seconds * 1000 * CLOCK_NS_PER_MS;
    begin();
    while (clock_boot_ns() < end_at) {
        int n = epoll_wait(poll_fd, ready, 256, 100);
        for (int i = 0; i < n; i++)
            if (ready[i].data.ptr == &timer_fd)
                send_due();
            else
                on_readable(ready[i].data.ptr);
    }
    report((double)(clock_boot_ns() - began_at) / 1e9);
    free(free_ones);
    free(all);
}

static void parse_options(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:c:d:k:m:b:r:s")) != -1) {
        switch (option) {
        case 'p':
            options.port = atoi(optarg);
            break;
        case 'c':
            options.connections = atoi(optarg);
            break;
        case 'd':
            options.seconds = atoi(optarg);
            break;
        case 'k':
            options.key = optarg;
            break;
        case 'm':
            options.model = optarg;
            break;
        case 'b':
            options.prompt_bytes = atoi(optarg);
            break;
        case 'r':
            options.rate = atoi(optarg);
            break;
        case 's':
            options.is_stream = true;
            break;
        default:
            exit(EX_USAGE);
        }
    }
    if (options.port <= 0 || options.connections <= 0 || options.seconds <= 0) {
        fprintf(stderr, "usage: load -p PORT [-c N] [-d SECONDS] [-k KEY] [-m MODEL] [-b BYTES] "
                        "[-r RATE] [-s]\n");
        exit(EX_USAGE);
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    parse_options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    input = xmalloc(READ_BYTES);
    times_ns = xcalloc(TIMES_MAX, sizeof(*times_ns));
    make_request();
    run();
    free(times_ns);
    free(input);
    buf_free(&request);
    return failures == 0 ? EX_OK : EX_SOFTWARE;
}
