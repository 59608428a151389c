/* SPDX-License-Identifier: MIT */
/* See client.h. A connection's life and its clock. EV_READ stays on all the while: it is how a
 * client that leaves is noticed, also while its answer is being made. */
#include "server/client/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/http/reason.h"
#include "server/client/state.h"
#include "server/loop/defer.h"

#define LINGER_MS           2000u       /* for a closing client to read our last words */
#define DRAIN_GRACE_MS      500u        /* an idle client's next request may be on its way */
#define BODY_PROGRESS_BYTES (64u << 10) /* a body must bring this much per clientBodyTimeoutMs */

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);

void client_set_timer_at(struct client *c, uint64_t at)
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

void client_set_timer_ms(struct client *c, uint32_t ms)
{
    client_set_timer_at(c, clock_boot_ns() + ms * CLOCK_NS_PER_MS);
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

void client_drop(struct client *c)
{
    if (c->state == CLIENT_DEAD)
        return;
    c->state = CLIENT_DEAD;
    client_discard(c);
    if (c->job != NULL) {
        void *job = c->job;
        c->job = NULL;
        c->job_ops->left(job);
    }
    event_del(&c->on_read);
    event_del(&c->on_write);
    event_del(&c->on_time);
    close(c->fd);
    LIST_REMOVE(c, link);
    c->owner->count--;
    pages_counter_set(&c->owner->setup.slot->connections, c->owner->count);
    defer_call(destroy, c);
}

void client_await_request(struct client *c)
{
    c->state = CLIENT_HEAD;
    c->head_looked = 0;
    c->answer_started = false;
    buf_free(&c->body);
    const struct conf *conf = c->owner->setup.conf;
    bool has_begun = c->in.len > 0;
    client_set_timer_ms(c,
                        has_begun ? conf->client_header_timeout_ms : conf->keep_alive_timeout_ms);
}

/* The peer shall read our answer before it meets a reset: end our side, and wait for its end. */
void client_linger(struct client *c)
{
    c->state = CLIENT_LINGER;
    buf_free(&c->in);
    buf_free(&c->body);
    c->lingered = 0;
    client_set_timer_ms(c, LINGER_MS);
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

static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return a->ss_family == AF_INET6 &&
           IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
                              &((const struct sockaddr_in6 *)b)->sin6_addr);
}

bool client_is_local(const struct client *c)
{
    struct sockaddr_storage ours, peer;
    socklen_t ours_len = sizeof(ours), peer_len = sizeof(peer);
    return c->is_loopback || (getsockname(c->fd, (struct sockaddr *)&ours, &ours_len) == 0 &&
                              getpeername(c->fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
                              is_same_address(&ours, &peer));
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
    event_assign(&c->on_write, owner->setup.base, fd, EV_WRITE, client_on_writable, c);
    event_assign(&c->on_time, owner->setup.base, -1, 0, on_timer, c);
    event_add(&c->on_read, NULL);
    LIST_INSERT_HEAD(&owner->all, c, link);
    owner->count++;
    pages_counter_set(&owner->setup.slot->connections, owner->count);
    client_await_request(c);
    client_set_timer_ms(c, owner->setup.conf->client_header_timeout_ms);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    ssize_t n = recv(fd, c->owner->buffer, sizeof(c->owner->buffer), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        client_drop(c);
    else
        client_on_input(c, c->owner->buffer, (size_t)n);
}

static void body_is_late(struct client *c)
{
    if (c->body.len - c->body_at_timer >= BODY_PROGRESS_BYTES) {
        c->body_at_timer = c->body.len;
        client_set_timer_ms(c, c->owner->setup.conf->client_body_timeout_ms);
    } else {
        client_refuse(c, OWN_ERROR_REQUEST_TIMEOUT,
                      "The body did not come within server.clientBodyTimeoutMs.");
    }
}

static void head_is_late(struct client *c)
{
    if (c->in.len == 0) {
        client_drop(c); /* an idle connection, nothing was asked */
        return;
    }
    c->endpoint = NULL;
    client_take_request_id(c, NULL);
    client_refuse(c, OWN_ERROR_REQUEST_TIMEOUT,
                  "The head did not come within server.clientHeaderTimeoutMs.");
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
        client_drop(c);
    else if (c->job != NULL)
        c->job_ops->on_timer(c->job);
}

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
        client_drop(LIST_FIRST(&(*clients)->all));
    defer_call(free, *clients); /* after its clients */
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
                 http_reason_phrase(503), sizeof(body) - 1, body);
    ssize_t sent = send(fd, answer, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* a client that takes not even this learns it from the close */
    shutdown(fd, SHUT_WR);
    close(fd);
}

void clients_drain(struct clients *owner)
{
    struct client *c;
    owner->is_draining = true;
    LIST_FOREACH(c, &owner->all, link)
    {
        if (c->state == CLIENT_HEAD && c->in.len == 0)
            client_set_timer_ms(c, DRAIN_GRACE_MS);
    }
}

void clients_send_queue_away(struct clients *owner)
{
    struct client *c, *next;
    for (c = LIST_FIRST(&owner->all); c != NULL; c = next) {
        next = LIST_NEXT(c, link);
        if (c->job != NULL)
            c->job_ops->leave_queue(c->job);
    }
}

void clients_shutdown(struct clients *owner)
{
    struct client *c, *next;
    for (c = LIST_FIRST(&owner->all); c != NULL; c = next) {
        next = LIST_NEXT(c, link);
        if (c->job != NULL)
            c->job_ops->shutdown(c->job);
    }
}
