/* SPDX-License-Identifier: MIT */
/* See client.h. A connection's life and its clock. EV_READ stays on nearly all the
 * while: it is how a client that leaves is noticed, also while its answer is being made. */
#include "server/client/client.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/shm/pages.h"
#include "server/client/answer.h"
#include "server/client/head.h"
#include "server/client/input.h"
#include "server/client/keys.h"
#include "server/client/output.h"
#include "server/client/peer.h"
#include "server/client/state.h"
#include "server/loop/defer.h"

#define SURPLUS_MAX         256         /* connections over maxConnections that hear why */
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

static void state_is_due(struct client *c)
{
    if (c->state == CLIENT_HEAD)
        head_is_late(c);
    else if (c->state == CLIENT_BODY)
        body_is_late(c);
    else if (c->state == CLIENT_LINGER)
        client_drop(c);
    else if (c->job != NULL)
        c->job_ops->on_timer(c->job);
}

/* Asked while nothing is read. No event tells it: the loop reports errors as readiness to read. */
static bool has_left(const struct client *c)
{
    struct pollfd peer = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&peer, 1, 0) > 0;
}

static bool is_due(uint64_t at, uint64_t now_at)
{
    return at != 0 && at <= now_at + CLOCK_NS_PER_MS;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    uint64_t now_at = clock_boot_ns();
    c->timer_at = 0;
    if (c->goes_on) {
        c->goes_on = false;
        client_go_on(c);
    }
    if (!c->is_reading && is_due(c->look_at, now_at)) {
        c->look_at = now_at + CLIENT_LOOK_MS * CLOCK_NS_PER_MS;
        if (has_left(c))
            client_drop(c);
    }
    if (is_due(c->write_due_at, now_at)) {
        log_fields(LOGLV_INFO, LOG_LIST(LOG_STR("requestId", c->request_id)),
                   "a client took nothing for server.clientWriteTimeoutMs: it is left");
        client_drop(c);
    } else if (is_due(c->due_at, now_at)) {
        c->due_at = 0;
        state_is_due(c);
    }
    if (c->state != CLIENT_DEAD)
        client_arm_timer(c);
}

static struct client *add_client(struct clients *owner, int fd, const struct sockaddr *peer)
{
    struct client *c = xcalloc(1, sizeof(*c));
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (peer->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->owner = owner;
    c->fd = fd;
    c->is_loopback = client_peer_is_loopback(peer);
    c->is_reading = true;
    event_assign(&c->on_read, owner->setup.base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->on_write, owner->setup.base, fd, EV_WRITE, client_on_writable, c);
    event_assign(&c->on_time, owner->setup.base, -1, 0, on_timer, c);
    event_add(&c->on_read, NULL);
    LIST_INSERT_HEAD(&owner->all, c, link);
    owner->count++;
    pages_counter_set(&owner->setup.slot->connections, owner->count);
    c->dialect = DIALECT_DEFAULT;
    client_set_timer_ms(c, owner->setup.conf->client_header_timeout_ms);
    return c;
}

void client_accept(struct clients *owner, int fd, const struct sockaddr *peer)
{
    if (owner->count - owner->n_surplus < owner->setup.conf->max_connections) {
        add_client(owner, fd, peer);
        return;
    }
    if (owner->n_surplus == SURPLUS_MAX) {
        close(fd);
        return;
    }
    struct client *c = add_client(owner, fd, peer);
    c->is_surplus = true;
    owner->n_surplus++;
    client_refuse_head(c, OWN_ERROR_OVERLOADED, "Too many connections.");
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

void clients_drain(struct clients *owner)
{
    struct client *c;
    owner->is_draining = true;
    LIST_FOREACH(c, &owner->all, link)
    {
        if (c->state == CLIENT_HEAD && c->in.len == 0)
            client_set_wait_timer(c);
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
