/* SPDX-License-Identifier: MIT */
/* See client.h. A connection's life and its clock. EV_READ stays on all the while: it is how a
 * client that leaves is noticed, also while its answer is being made. */
#include "server/client/client.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/http/reason.h"
#include "common/shm/pages.h"
#include "server/client/answer.h"
#include "server/client/head.h"
#include "server/client/input.h"
#include "server/client/keys.h"
#include "server/client/output.h"
#include "server/client/peer.h"
#include "server/client/state.h"
#include "server/loop/defer.h"

#define DRAIN_GRACE_MS      500u        /* an idle client's next request may be on its way */
#define BODY_PROGRESS_BYTES (64u << 10) /* a body must bring this much per clientBodyTimeoutMs */

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
    client_refuse_head(c, OWN_ERROR_REQUEST_TIMEOUT,
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

void client_accept(struct clients *owner, int fd, const struct sockaddr *peer)
{
    struct client *c = xcalloc(1, sizeof(*c));
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (peer->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->owner = owner;
    c->fd = fd;
    c->is_loopback = client_peer_is_loopback(peer);
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

struct clients *clients_new(const struct clients_setup *setup)
{
    struct clients *owner = xcalloc(1, sizeof(*owner));
    owner->setup = *setup;
    owner->go_on = client_go_on;
    LIST_INIT(&owner->all);
    if (getrandom(owner->id_seed, sizeof(owner->id_seed), 0) != sizeof(owner->id_seed))
        owner->id_seed[0] = clock_boot_ns() | 1;
    uint64_t secret[2];
    if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
        memcpy(secret, owner->id_seed, sizeof(secret));
    owner->keys = keys_new(setup->conf->api_keys, setup->conf->n_api_keys, secret);
    return owner;
}

static void destroy(void *ptr)
{
    struct clients *owner = ptr;
    keys_free(&owner->keys);
    free(owner);
}

void clients_free(struct clients **clients)
{
    while (!LIST_EMPTY(&(*clients)->all))
        client_drop(LIST_FIRST(&(*clients)->all));
    defer_call(destroy, *clients); /* after its clients */
    *clients = NULL;
}

unsigned clients_count(const struct clients *clients)
{
    return clients->count;
}

void client_refuse_overload(int fd)
{
    static const char message[] = "Too many connections.";
    struct buf body = BUF_INIT, answer = BUF_INIT;
    const struct dialect_error error =
        own_error_with_message(OWN_ERROR_OVERLOADED, message, sizeof(message) - 1, NULL);
    DIALECT_DEFAULT->put_error(&body, &error);
    buf_printf(&answer,
               "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
               "Retry-After: 1\r\nConnection: close\r\n\r\n",
               error.status, http_reason_phrase(error.status), body.len);
    buf_put(&answer, body.data, body.len);
    ssize_t sent = send(fd, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* a client that takes not even this learns it from the close */
    shutdown(fd, SHUT_WR);
    close(fd);
    buf_free(&body);
    buf_free(&answer);
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
