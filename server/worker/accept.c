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

#define BATCH    16  /* connections for one event, so that others are served in between */
#define PAUSE_MS 100 /* after EMFILE: a socket that stays ready would spin the loop */

struct listener {
    struct acceptor *owner;
    int fd;
    struct event *ready, *pause_over;
};

struct acceptor {
    struct listener *listeners;
    size_t n;
    struct clients *clients;
};

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    event_add(l->ready, NULL);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int conn = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (conn >= 0) {
            client_accept(l->owner->clients, conn, (struct sockaddr *)&peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("accept: %s; pausing for %d ms", strerror(errno), PAUSE_MS);
            event_del(l->ready);
            event_add(l->pause_over, &(struct timeval){0, PAUSE_MS * 1000});
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

struct acceptor *acceptor_new(struct event_base *base, const int *fds, size_t n,
                              struct clients *clients)
{
    struct acceptor *a = xcalloc(1, sizeof(*a));
    a->clients = clients;
    a->n = n;
    a->listeners = xcalloc(n, sizeof(*a->listeners));
    for (size_t i = 0; i < n; i++) {
        struct listener *l = &a->listeners[i];
        l->owner = a;
        l->fd = fds[i];
        l->ready = event_new(base, fds[i], EV_READ | EV_PERSIST, on_ready, l);
        l->pause_over = event_new(base, -1, 0, on_pause_over, l);
        event_add(l->ready, NULL);
    }
    return a;
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
