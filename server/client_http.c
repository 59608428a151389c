/* See client_http.h. One recv into the worker's shared buffer serves most requests whole; only what
 * is incomplete is kept per connection. Writes go straight to the socket; what it does not take
 * waits in an evbuffer. EV_READ stays on for the connection's whole life: it is how a client that
 * leaves is noticed, also while its answer is being made. */
#include "server/client_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/access_log.h"
#include "server/turn.h"

#define READ_BUFFER_BYTES   (64u << 10)
#define LINGER_MS           2000u       /* for a closing client to read our last words */
#define DRAIN_GRACE_MS      500u        /* an idle client's next request may be on its way */
#define LINGER_BYTES        (1u << 20)  /* that may still come from it */
#define BODY_FIRST_BYTES    (64u << 10) /* room made for an announced body before it comes */
#define BODY_PROGRESS_BYTES (64u << 10) /* a body must bring this much per clientBodyTimeoutMs */
#define WRITE_PIECES_MAX    8
#define HEAD_LINE_BYTES     128

enum client_state {
    CLIENT_HEAD,   /* waits for a request's head */
    CLIENT_BODY,   /* reads its body */
    CLIENT_BUSY,   /* its answer is being made */
    CLIENT_LINGER, /* answered for the last time, waits for the peer to close */
    CLIENT_DEAD,
};

struct client {
    struct clients *owner;
    int fd;
    enum client_state state;
    struct event on_read, on_write, on_time;
    struct evbuffer *out; /* NULL while nothing waits */
    struct buf in;        /* input not used yet */
    size_t head_looked;   /* how much of `in` holds no end of a head */

    const struct client_endpoint *endpoint;
    char request_id[CLIENT_REQUEST_ID_MAX + 1];
    uint64_t received_at;
    bool has_key, is_loopback, is_http10, keep_alive, is_head_request;
    int delivery; /* asked for by X-Weir-Delivery; -1 = not */
    bool explain;
    bool is_chunked_answer, answer_started, is_broken;
    enum http1_framing framing;
    struct http1_chunked chunked;
    uint64_t body_expected;
    struct buf body;
    size_t body_at_timer; /* body.len when its timer was set */
    size_t lingered;

    struct exchange *exchange;
    uint64_t timer_at; /* what on_time is set to, 0 = off */
    LIST_ENTRY(client) link;
};

struct clients {
    struct clients_setup setup;
    LIST_HEAD(, client) all;
    unsigned count;
    bool is_draining;
    uint64_t id_seed[2];
    char date[64]; /* of the Date header, for date_second */
    time_t date_second;
    char buffer[READ_BUFFER_BYTES];
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void feed(struct client *c, const char *data, size_t len);
static void refuse(struct client *c, enum answer_error error, const char *message);

/* ---- life ---------------------------------------------------------------------------------- */

static void set_timer_at(struct client *c, uint64_t at)
{
    if (at == c->timer_at)
        return;
    c->timer_at = at;
    if (at == 0) {
        event_del(&c->on_time);
        return;
    }
    uint64_t now_at = clock_boot_ns();
    uint64_t us = at > now_at ? (at - now_at) / 1000 + 1 : 0;
    struct timeval tv = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    event_add(&c->on_time, &tv);
}

static void set_timer_ms(struct client *c, uint32_t ms)
{
    set_timer_at(c, clock_boot_ns() + ms * CLOCK_NS_PER_MS);
}

static void destroy(void *ptr)
{
    struct client *c = ptr;
    if (c->out != NULL)
        evbuffer_free(c->out);
    buf_free(&c->in);
    buf_free(&c->body);
    free(c);
}

static void drop(struct client *c)
{
    if (c->state == CLIENT_DEAD)
        return;
    c->state = CLIENT_DEAD;
    if (c->exchange != NULL) {
        struct exchange *x = c->exchange;
        c->exchange = NULL;
        exchange_client_left(x);
    }
    event_del(&c->on_read);
    event_del(&c->on_write);
    event_del(&c->on_time);
    close(c->fd);
    LIST_REMOVE(c, link);
    c->owner->count--;
    wcounter_set(&c->owner->setup.slot->connections, c->owner->count);
    turn_defer(destroy, c);
}

static void await_request(struct client *c)
{
    c->state = CLIENT_HEAD;
    c->head_looked = 0;
    c->answer_started = false;
    buf_free(&c->body);
    const struct conf *conf = c->owner->setup.conf;
    bool has_begun = c->in.len > 0;
    set_timer_ms(c, has_begun ? conf->client_header_timeout_ms : conf->keep_alive_timeout_ms);
}

/* The peer shall read our answer before it meets a reset: end our side, and wait for its end. */
static void linger(struct client *c)
{
    c->state = CLIENT_LINGER;
    buf_free(&c->in);
    buf_free(&c->body);
    c->lingered = 0;
    set_timer_ms(c, LINGER_MS);
    if (c->out == NULL)
        shutdown(c->fd, SHUT_WR);
}

static bool is_loopback(const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24 == 127;
    if (peer->sa_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)peer)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
    }
    return peer->sa_family == AF_UNIX;
}

static void set_socket_options(int fd, const struct sockaddr *peer)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (peer->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void client_accept(struct clients *owner, int fd, const struct sockaddr *peer)
{
    struct client *c = xcalloc(1, sizeof(*c));
    c->owner = owner;
    c->fd = fd;
    c->is_loopback = is_loopback(peer);
    set_socket_options(fd, peer);
    event_assign(&c->on_read, owner->setup.base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->on_write, owner->setup.base, fd, EV_WRITE, on_writable, c);
    event_assign(&c->on_time, owner->setup.base, -1, 0, on_timer, c);
    event_add(&c->on_read, NULL);
    LIST_INSERT_HEAD(&owner->all, c, link);
    owner->count++;
    wcounter_set(&owner->setup.slot->connections, owner->count);
    await_request(c);
    set_timer_ms(c, owner->setup.conf->client_header_timeout_ms);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void queue_rest(struct client *c, const struct iovec *pieces, int n, size_t sent)
{
    if (c->out == NULL)
        c->out = evbuffer_new();
    for (int i = 0; i < n; i++) {
        size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        sent -= skip;
        if (pieces[i].iov_len > skip)
            evbuffer_add(c->out, (const char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
    }
    event_add(&c->on_write, NULL);
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
            c->is_broken = true; /* the read event will tell the rest */
            return;
        }
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent < total)
        queue_rest(c, pieces, n, (size_t)sent);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    int n = evbuffer_write(c->out, c->fd);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    size_t left = evbuffer_get_length(c->out);
    if (left > 0) {
        event_add(&c->on_write, NULL);
    } else {
        evbuffer_free(c->out);
        c->out = NULL;
        if (c->state == CLIENT_LINGER)
            shutdown(c->fd, SHUT_WR);
    }
    if (left < EXCHANGE_QUEUED_LOW && c->exchange != NULL)
        exchange_client_drained(c->exchange);
}

/* ---- answering ----------------------------------------------------------------------------- */

static const char *http_date(struct clients *owner)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    if (now != owner->date_second) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(owner->date, sizeof(owner->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        owner->date_second = now;
    }
    return owner->date;
}

static void send_head(void *client, int status, const char *headers, size_t headers_len,
                      int64_t length)
{
    struct client *c = client;
    struct buf head = BUF_INIT;
    c->answer_started = true;
    c->keep_alive = c->keep_alive && !c->owner->is_draining;
    c->is_chunked_answer = length < 0 && !c->is_http10;
    if (length < 0 && c->is_http10)
        c->keep_alive = false;
    buf_printf(&head, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, answer_reason_phrase(status),
               http_date(c->owner));
    if (length >= 0)
        buf_printf(&head, "Content-Length: %" PRId64 "\r\n", length);
    else if (c->is_chunked_answer)
        buf_puts(&head, "Transfer-Encoding: chunked\r\n");
    if (!c->keep_alive)
        buf_puts(&head, "Connection: close\r\n");
    else if (c->is_http10)
        buf_puts(&head, "Connection: keep-alive\r\n");
    buf_put(&head, headers, headers_len);
    buf_puts(&head, "\r\n");
    const struct iovec piece = {head.data, head.len};
    send_pieces(c, &piece, 1);
    buf_free(&head);
}

static void send_body(void *client, const struct iovec *pieces, int n)
{
    struct client *c = client;
    if (c->is_head_request)
        return;
    if (!c->is_chunked_answer) {
        send_pieces(c, pieces, n);
        return;
    }
    struct iovec framed[WRITE_PIECES_MAX];
    char size[24];
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        framed[i + 1] = pieces[i];
        total += pieces[i].iov_len;
    }
    framed[0] = (struct iovec){size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", total)};
    framed[n + 1] = (struct iovec){(char *)"\r\n", 2};
    if (total > 0) /* an empty chunk would end the body */
        send_pieces(c, framed, n + 2);
}

static void go_on(void *ptr);

static void end_answer(void *client)
{
    struct client *c = client;
    static const struct iovec last_chunk = {(char *)"0\r\n\r\n", 5};
    c->exchange = NULL;
    if (c->state == CLIENT_DEAD)
        return;
    if (c->is_chunked_answer)
        send_pieces(c, &last_chunk, 1);
    if (!c->keep_alive || c->owner->is_draining) {
        linger(c);
        return;
    }
    await_request(c);
    if (c->in.len > 0)
        turn_defer(go_on, c); /* a request sent ahead: not from inside this answer */
}

static size_t queued(void *client)
{
    struct client *c = client;
    return c->out != NULL ? evbuffer_get_length(c->out) : 0;
}

static void exchange_timer(void *client, uint64_t due_at)
{
    struct client *c = client;
    if (c->state == CLIENT_BUSY)
        set_timer_at(c, due_at);
}

static const struct exchange_client exchange_ops = {send_head, send_body, end_answer, queued,
                                                    exchange_timer};

static void answer(struct client *c, int status, const char *content_type, const char *headers,
                   const struct iovec *body, const char *outcome)
{
    struct buf extra = BUF_INIT;
    buf_printf(&extra, "Content-Type: %s\r\n", content_type);
    if (headers != NULL)
        buf_puts(&extra, headers);
    buf_printf(&extra, "X-Request-Id: %s\r\n", c->request_id);
    send_head(c, status, extra.data, extra.len, (int64_t)body->iov_len);
    send_body(c, body, 1);
    buf_free(&extra);
    access_log_write(&(struct access_record){
        .request_id = c->request_id,
        .path = c->endpoint != NULL ? c->endpoint->path : NULL,
        .method = c->endpoint != NULL ? c->endpoint->method : NULL,
        .status = status,
        .bytes = body->iov_len,
        .prompt_tokens = -1,
        .completion_tokens = -1,
        .outcome = outcome,
    });
    end_answer(c);
}

void client_answer(struct client *c, int status, const char *content_type, const char *headers,
                   const void *body, size_t len)
{
    const struct iovec piece = {(void *)body, len};
    answer(c, status, content_type, headers, &piece, "answered");
}

static void answer_error(struct client *c, enum answer_error error, const char *headers,
                         const char *message)
{
    struct buf body = BUF_INIT;
    answer_put_error(&body, error, message, strlen(message));
    const struct iovec piece = {body.data, body.len};
    answer(c, answer_error_status(error), "application/json", headers, &piece,
           answer_error_code(error));
    buf_free(&body);
}

void client_answer_error(struct client *c, enum answer_error error, const char *message)
{
    answer_error(c, error, NULL, message);
}

/* An error after which nothing more of this connection can be understood or trusted. */
static void refuse(struct client *c, enum answer_error error, const char *message)
{
    c->state = CLIENT_BUSY;
    c->keep_alive = false;
    answer_error(c, error, NULL, message);
}

void client_exchange(struct client *c, const struct exchange_env *env, enum chat_kind kind,
                     const char *endpoint, struct client_request *request)
{
    struct exchange_request xr = {
        .kind = kind,
        .endpoint = endpoint,
        .request_id = c->request_id,
        .body = request->body,
        .body_len = request->body_len,
        .received_at = c->received_at,
        .delivery = c->delivery,
        .explain = c->explain,
    };
    request->body = NULL;
    c->exchange = exchange_new(env, &xr, &exchange_ops, c);
    exchange_begin(c->exchange);
}

/* ---- heads --------------------------------------------------------------------------------- */

static bool is_sane_id(struct http1_text id)
{
    if (id.len == 0 || id.len > CLIENT_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (id.at[i] <= ' ' || id.at[i] > '~' || strchr("\"\\<>{}", id.at[i]) != NULL)
            return false;
    return true;
}

static uint64_t next_random(struct clients *owner) /* xorshift128+: names, not secrets */
{
    uint64_t a = owner->id_seed[0], b = owner->id_seed[1];
    owner->id_seed[0] = b;
    a ^= a << 23;
    owner->id_seed[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return owner->id_seed[1] + b;
}

static void take_request_id(struct client *c, const struct http1_request *req)
{
    const struct http1_text *id = req != NULL ? http1_header(req, "x-request-id") : NULL;
    if (id != NULL && is_sane_id(*id))
        snprintf(c->request_id, sizeof(c->request_id), "%.*s", (int)id->len, id->at);
    else
        snprintf(c->request_id, sizeof(c->request_id), "%016" PRIx64 "%016" PRIx64,
                 next_random(c->owner), next_random(c->owner));
}

/* In time that depends on nothing but the length of what the client sent. */
static bool equals_constant_time(struct http1_text given, const char *key)
{
    size_t key_len = strlen(key);
    unsigned char difference = given.len != key_len;
    for (size_t i = 0; i < given.len; i++)
        difference |= (unsigned char)(given.at[i] ^ key[key_len != 0 ? i % key_len : 0]);
    return difference == 0;
}

static bool has_valid_key(const struct conf *conf, const struct http1_request *req)
{
    const struct http1_text *header = http1_header(req, "authorization");
    bool is_valid = false;
    if (header == NULL || header->len < 7 || strncasecmp(header->at, "Bearer ", 7) != 0)
        return false;
    struct http1_text key = {header->at + 7, header->len - 7};
    for (uint32_t i = 0; i < conf->n_api_keys; i++)
        is_valid |= equals_constant_time(key, conf->api_keys[i]);
    return is_valid;
}

/* Sets c->endpoint, or answers 404 / 405 itself. HEAD is answered as GET without its body. */
static bool find_endpoint(struct client *c, const struct http1_request *req)
{
    struct buf allow = BUF_INIT;
    bool is_found = false;
    c->is_head_request = http1_text_equals(req->method, "HEAD");
    c->endpoint = NULL;
    for (const struct client_endpoint *e = c->owner->setup.endpoints; e->path != NULL; e++) {
        if (!http1_text_equals(req->path, e->path))
            continue;
        buf_printf(&allow, "%s%s", is_found ? ", " : "", e->method);
        if (strcmp(e->method, "GET") == 0)
            buf_puts(&allow, ", HEAD");
        is_found = true;
        if (http1_text_equals(req->method, c->is_head_request ? "GET" : e->method) &&
            (!c->is_head_request || strcmp(e->method, "GET") == 0))
            c->endpoint = e;
    }
    if (c->endpoint == NULL) {
        char *header = xasprintf("Allow: %s\r\n", buf_cstr(&allow));
        c->state = CLIENT_BUSY;
        c->keep_alive = c->keep_alive && req->framing == HTTP1_NO_BODY;
        answer_error(c, is_found ? ERROR_METHOD_NOT_ALLOWED : ERROR_NOT_FOUND,
                     is_found ? header : NULL,
                     is_found ? "This path does not take that method." : "There is no such path.");
        free(header);
    }
    buf_free(&allow);
    return c->endpoint != NULL;
}

static bool check_body(struct client *c, const struct http1_request *req)
{
    const struct conf *conf = c->owner->setup.conf;
    if (c->endpoint->has_body && req->framing == HTTP1_NO_BODY) {
        c->state = CLIENT_BUSY;
        answer_error(c, ERROR_INVALID_REQUEST, NULL, "The request has no body.");
        return false;
    }
    if (req->framing == HTTP1_LENGTH && req->content_length > conf->max_body_bytes) {
        refuse(c, ERROR_REQUEST_TOO_LARGE, "The body is larger than server.maxBodyBytes.");
        return false;
    }
    return true;
}

/* The wishes a client may have for one request; false: a 400 was sent. */
static bool check_wishes(struct client *c, const struct http1_request *req)
{
    const struct http1_text *delivery = http1_header(req, "x-weir-delivery");
    const struct http1_text *explain = http1_header(req, "x-weir-explain");
    c->explain = explain != NULL && http1_text_equals(*explain, "1");
    c->delivery = -1;
    if (delivery == NULL)
        return true;
    if (http1_text_equals(*delivery, "stream"))
        c->delivery = DELIVERY_STREAM;
    else if (http1_text_equals(*delivery, "complete"))
        c->delivery = DELIVERY_COMPLETE;
    if (c->delivery < 0)
        refuse(c, ERROR_INVALID_REQUEST, "X-Weir-Delivery is \"stream\" or \"complete\".");
    return c->delivery >= 0;
}

static bool check_key(struct client *c, const struct http1_request *req)
{
    c->has_key = has_valid_key(c->owner->setup.conf, req);
    if (c->has_key || !c->endpoint->needs_key)
        return true;
    c->state = CLIENT_BUSY;
    c->keep_alive = c->keep_alive && req->framing == HTTP1_NO_BODY;
    answer_error(c, ERROR_INVALID_API_KEY, "WWW-Authenticate: Bearer\r\n",
                 "The API key is missing or wrong. Send it as: Authorization: Bearer KEY");
    return false;
}

static void serve(struct client *c)
{
    struct client_request request = {
        .request_id = c->request_id,
        .received_at = c->received_at,
        .has_key = c->has_key,
        .is_loopback = c->is_loopback,
        .body = c->body.data != NULL ? buf_take(&c->body) : NULL,
    };
    request.body_len = request.body != NULL ? c->body_expected : 0;
    c->state = CLIENT_BUSY;
    set_timer_at(c, 0);
    c->endpoint->answer(c->owner->setup.worker, c, &request);
    free(request.body);
}

static void begin_body(struct client *c, const struct http1_request *req)
{
    static const struct iovec go_ahead = {(char *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
    c->framing = req->framing;
    c->body_expected = req->framing == HTTP1_LENGTH ? req->content_length : 0;
    http1_chunked_init(&c->chunked);
    if (req->framing == HTTP1_NO_BODY || (req->framing == HTTP1_LENGTH && c->body_expected == 0)) {
        if (c->endpoint->has_body)
            buf_reserve(&c->body, 1);
        serve(c);
        return;
    }
    c->state = CLIENT_BODY;
    c->body_at_timer = 0;
    buf_reserve(&c->body,
                c->body_expected < BODY_FIRST_BYTES ? c->body_expected + 1 : BODY_FIRST_BYTES);
    set_timer_ms(c, c->owner->setup.conf->client_body_timeout_ms);
    if (req->expect_continue)
        send_pieces(c, &go_ahead, 1);
}

static void refuse_head(struct client *c, enum http1_error error, const char *why)
{
    static const enum answer_error kinds[] = {
        [HTTP1_BAD] = ERROR_INVALID_REQUEST,
        [HTTP1_TOO_MANY_HEADERS] = ERROR_HEADERS_TOO_LARGE,
        [HTTP1_BAD_VERSION] = ERROR_HTTP_VERSION,
        [HTTP1_EXPECTATION_FAILED] = ERROR_EXPECTATION_FAILED,
    };
    c->endpoint = NULL;
    c->is_http10 = c->is_head_request = false;
    take_request_id(c, NULL);
    refuse(c, kinds[error], why != NULL ? why : "The request is not well-formed HTTP.");
}

static void on_head(struct client *c, const char *head, size_t len)
{
    struct http1_request req;
    enum http1_error error = http1_parse_request(head, len, &req);
    if (error != HTTP1_OK) {
        refuse_head(c, error, req.why);
        return;
    }
    c->received_at = clock_boot_ns();
    c->is_http10 = req.version_minor == 0;
    c->keep_alive = req.keep_alive;
    take_request_id(c, &req);
    if (find_endpoint(c, &req) && check_key(c, &req) && check_body(c, &req) &&
        check_wishes(c, &req))
        begin_body(c, &req);
}

/* ---- input --------------------------------------------------------------------------------- */

/* Each takes what it can of the input and returns how much; 0: more is needed. */
static size_t take_head(struct client *c, const char *data, size_t len)
{
    size_t skip = 0;
    size_t head_len = http1_head_end(data, len, c->head_looked, &skip);
    if (head_len > c->owner->setup.conf->max_header_bytes ||
        (head_len == 0 && len > c->owner->setup.conf->max_header_bytes)) {
        c->endpoint = NULL;
        take_request_id(c, NULL);
        refuse(c, ERROR_HEADERS_TOO_LARGE, "The head is larger than server.maxHeaderBytes.");
        return len;
    }
    if (head_len == 0) {
        c->head_looked = len;
        return 0;
    }
    c->head_looked = 0;
    on_head(c, data + skip, head_len - skip);
    return head_len;
}

static size_t take_counted(struct client *c, const char *data, size_t len)
{
    size_t missing = c->body_expected - c->body.len;
    size_t n = len < missing ? len : missing;
    buf_put(&c->body, data, n);
    if (c->body.len == c->body_expected)
        serve(c);
    return n;
}

static size_t take_chunked(struct client *c, const char *data, size_t len)
{
    size_t taken = 0;
    for (;;) {
        size_t used = 0;
        struct http1_text piece;
        enum http1_chunk_result result =
            http1_chunked_feed(&c->chunked, data + taken, len - taken, &used, &piece);
        taken += used;
        switch (result) {
        case HTTP1_CHUNK_DATA:
            if (c->body.len + piece.len > c->owner->setup.conf->max_body_bytes) {
                refuse(c, ERROR_REQUEST_TOO_LARGE, "The body is larger than server.maxBodyBytes.");
                return len;
            }
            buf_put(&c->body, piece.at, piece.len);
            break;
        case HTTP1_CHUNK_END:
            c->body_expected = c->body.len;
            serve(c);
            return taken;
        case HTTP1_CHUNK_BAD:
            refuse(c, ERROR_INVALID_REQUEST, "The chunked body is malformed.");
            return len;
        case HTTP1_CHUNK_MORE:
            return len;
        }
    }
}

static size_t take_some(struct client *c, const char *data, size_t len)
{
    if (c->state == CLIENT_HEAD)
        return take_head(c, data, len);
    if (c->state == CLIENT_BODY)
        return c->framing == HTTP1_LENGTH ? take_counted(c, data, len) : take_chunked(c, data, len);
    return 0;
}

static void keep_rest(struct client *c, const char *data, size_t len)
{
    if (c->state == CLIENT_HEAD && c->in.len == 0 && len > 0)
        set_timer_ms(c, c->owner->setup.conf->client_header_timeout_ms);
    if (c->state == CLIENT_BUSY && len > CLIENT_AHEAD_MAX)
        drop(c);
    else if (c->state != CLIENT_LINGER && c->state != CLIENT_DEAD)
        buf_put(&c->in, data, len);
}

/* Uses input as far as it goes (it is not in c->in) and returns how much was used. */
static size_t consume(struct client *c, const char *data, size_t len)
{
    size_t used = 0;
    while (used < len && (c->state == CLIENT_HEAD || c->state == CLIENT_BODY)) {
        size_t n = take_some(c, data + used, len - used);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}

static void feed(struct client *c, const char *data, size_t len)
{
    size_t used = consume(c, data, len);
    if (used < len)
        keep_rest(c, data + used, len - used);
}

static void feed_kept(struct client *c)
{
    struct buf in = c->in;
    c->in = (struct buf)BUF_INIT;
    size_t used = consume(c, in.data, in.len);
    if (used == 0 && c->state == CLIENT_HEAD) {
        c->in = in; /* a head that grows byte by byte is not copied each time */
        return;
    }
    if (used < in.len)
        keep_rest(c, in.data + used, in.len - used);
    buf_free(&in);
}

static void go_on(void *ptr)
{
    struct client *c = ptr;
    if (c->state == CLIENT_HEAD)
        feed_kept(c);
}

static void on_input(struct client *c, const char *data, size_t len)
{
    if (c->state == CLIENT_LINGER) {
        c->lingered += len;
        if (c->lingered > LINGER_BYTES)
            drop(c);
    } else if (c->in.len > 0) {
        if (c->state == CLIENT_BUSY && c->in.len + len > CLIENT_AHEAD_MAX) {
            drop(c);
            return;
        }
        buf_put(&c->in, data, len);
        if (c->state != CLIENT_BUSY)
            feed_kept(c);
    } else {
        feed(c, data, len);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    ssize_t n = recv(fd, c->owner->buffer, sizeof(c->owner->buffer), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        drop(c);
    else
        on_input(c, c->owner->buffer, (size_t)n);
}

/* ---- the clock ----------------------------------------------------------------------------- */

static void body_is_late(struct client *c)
{
    if (c->body.len - c->body_at_timer >= BODY_PROGRESS_BYTES) {
        c->body_at_timer = c->body.len;
        set_timer_ms(c, c->owner->setup.conf->client_body_timeout_ms);
    } else {
        refuse(c, ERROR_REQUEST_TIMEOUT,
               "The body did not come within server.clientBodyTimeoutMs.");
    }
}

static void head_is_late(struct client *c)
{
    if (c->in.len == 0) {
        drop(c); /* an idle connection, nothing was asked */
        return;
    }
    c->endpoint = NULL;
    take_request_id(c, NULL);
    refuse(c, ERROR_REQUEST_TIMEOUT, "The head did not come within server.clientHeaderTimeoutMs.");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    c->timer_at = 0;
    if (c->state == CLIENT_HEAD)
        head_is_late(c);
    else if (c->state == CLIENT_BODY)
        body_is_late(c);
    else if (c->state == CLIENT_LINGER)
        drop(c);
    else if (c->exchange != NULL)
        exchange_on_timer(c->exchange);
}

/* ---- all of them --------------------------------------------------------------------------- */

struct clients *clients_new(const struct clients_setup *setup)
{
    struct clients *owner = xcalloc(1, sizeof(*owner));
    owner->setup = *setup;
    LIST_INIT(&owner->all);
    if (getrandom(owner->id_seed, sizeof(owner->id_seed), 0) != sizeof(owner->id_seed))
        owner->id_seed[0] = clock_boot_ns() | 1;
    return owner;
}

void clients_free(struct clients **clients)
{
    while (!LIST_EMPTY(&(*clients)->all))
        drop(LIST_FIRST(&(*clients)->all));
    turn_defer(free, *clients); /* after its clients */
    *clients = NULL;
}

unsigned clients_count(const struct clients *clients)
{
    return clients->count;
}

void client_refuse_overload(struct clients *owner, int fd)
{
    static const char body[] = "{\"error\":{\"message\":\"Too many connections.\",\"type\":"
                               "\"server_error\",\"param\":null,\"code\":\"overloaded\"}}";
    char answer[512];
    int len =
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 503 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                 "Retry-After: 1\r\nConnection: close\r\n\r\n%s",
                 answer_reason_phrase(503), sizeof(body) - 1, body);
    ssize_t sent = send(fd, answer, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* a client that takes not even this learns it from the close */
    shutdown(fd, SHUT_WR);
    close(fd);
}

void clients_drain(struct clients *owner)
{
    struct client *c, *next;
    owner->is_draining = true;
    for (c = LIST_FIRST(&owner->all); c != NULL; c = next) {
        next = LIST_NEXT(c, link);
        if (c->state == CLIENT_HEAD && c->in.len == 0)
            set_timer_ms(c, DRAIN_GRACE_MS);
    }
}

void clients_shutdown(struct clients *owner)
{
    struct client *c, *next;
    for (c = LIST_FIRST(&owner->all); c != NULL; c = next) {
        next = LIST_NEXT(c, link);
        if (c->exchange != NULL)
            exchange_shutdown(c->exchange);
    }
}
