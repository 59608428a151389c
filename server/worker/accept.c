/* SPDX-License-Identifier: MIT */
/* See accept.h. */
#include "server/worker/accept.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "server/client/client.h"
#include "server/loop/crumb.h"

#define BATCH    16  /* connections for one event, so that others are served in between */
#define PAUSE_MS 100 /* after EMFILE: a socket that stays ready would spin the loop */

struct listener {
    struct acceptor *owner;
    int fd;
    int index;       /* of the worker whose it is; INHERIT_EVERYBODY */
    bool is_watched; /* we accept here */
    struct event *ready, *pause_over;
};

struct acceptor {
    struct listener *listeners;
    size_t n;
    int index; /* our own */
    struct clients *clients;
};

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    event_add(l->ready, NULL);
}

/* Accepts so many, or fewer when no more wait. False: the process has no room for another. */
static bool accept_some(struct listener *l, unsigned most)
{
    for (unsigned i = 0; i < most; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int conn = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (conn >= 0)
            client_accept(l->owner->clients, conn, (struct sockaddr *)&peer);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return false;
        else if (errno != ECONNABORTED && errno != EINTR)
            return true;
    }
    return true;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    crumb_leave(CRUMB_ACCEPT);
    if (accept_some(l, BATCH))
        return;
    log_warn("accept: %s; pausing for %d ms", strerror(errno), PAUSE_MS);
    event_del(l->ready);
    event_add(l->pause_over, &(struct timeval){0, PAUSE_MS * 1000});
}

static void watch(struct listener *l)
{
    l->is_watched = true;
    event_add(l->ready, NULL);
}

static void unwatch(struct listener *l)
{
    l->is_watched = false;
    event_del(l->ready);
    event_del(l->pause_over);
}

static bool is_own(const struct listener *l)
{
    return l->index == INHERIT_EVERYBODY || l->index == l->owner->index;
}

struct acceptor *acceptor_new(struct event_base *base, const struct inherit_listener *listeners,
                              size_t n, uint32_t index, struct clients *clients)
{
    struct acceptor *a = xcalloc(1, sizeof(*a));
    a->clients = clients;
    a->n = n;
    a->index = (int)index;
    a->listeners = xcalloc(n, sizeof(*a->listeners));
    for (size_t i = 0; i < n; i++) {
        struct listener *l = &a->listeners[i];
        l->owner = a;
        l->fd = listeners[i].fd;
        l->index = listeners[i].index;
        l->ready = event_new(base, l->fd, EV_READ | EV_PERSIST, on_ready, l);
        l->pause_over = event_new(base, -1, 0, on_pause_over, l);
        if (is_own(l))
            watch(l);
    }
    return a;
}

void acceptor_stand_in(struct acceptor *a, bool (*is_stale)(void *arg, uint32_t index), void *arg)
{
    for (size_t i = 0; i < a->n; i++) {
        struct listener *l = &a->listeners[i];
        if (is_own(l))
            continue;
        bool is_needed = is_stale(arg, (uint32_t)l->index);
        if (is_needed && !l->is_watched) {
            log_debug("worker %d does not turn: its connections are accepted here, too", l->index);
            watch(l);
        } else if (!is_needed && l->is_watched) {
            unwatch(l);
        }
    }
}

void acceptor_empty(struct acceptor *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (!accept_some(&a->listeners[i], UINT32_MAX))
            log_warn("accept: %s; what waits is reset", strerror(errno));
}

void acceptor_free(struct acceptor **acceptor)
{
    struct acceptor *a = *acceptor;
    *acceptor = NULL;
    for (size_t i = 0; i < a->n; i++) {
        event_free(a->listeners[i].ready);
        event_free(a->listeners[i].pause_over);
        close(a->listeners[i].fd);
    }
    free(a->listeners);
    free(a);
}
