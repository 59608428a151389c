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

#define ACCEPT_BATCH   16  /* connections a turn, so that others are served meanwhile */
#define ACCEPT_REST_MS 100 /* after EMFILE: a ready listener would spin the loop */

struct listener {
    struct listeners *owner;
    int fd;
    struct event *ready, *rested;
};

struct listeners {
    struct listener *list;
    size_t n;
    struct clients *clients;
    uint32_t max_connections;
};

static void rest(struct listener *l)
{
    struct timeval tv = {0, ACCEPT_REST_MS * 1000};
    log_warn("accept: %s; pausing for %d ms", strerror(errno), ACCEPT_REST_MS);
    event_del(l->ready);
    event_add(l->rested, &tv);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    event_add(l->ready, NULL);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int conn = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (conn >= 0 && clients_count(l->owner->clients) >= l->owner->max_connections)
            client_refuse_overload(conn);
        else if (conn >= 0)
            client_accept(l->owner->clients, conn, (struct sockaddr *)&peer);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return rest(l);
        else if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

struct listeners *listeners_new(struct event_base *base, const int *fds, size_t n,
                                struct clients *clients, uint32_t max_connections)
{
    struct listeners *ls = xcalloc(1, sizeof(*ls));
    ls->clients = clients;
    ls->max_connections = max_connections;
    ls->n = n;
    ls->list = xcalloc(n, sizeof(*ls->list));
    for (size_t i = 0; i < n; i++) {
        struct listener *l = &ls->list[i];
        l->owner = ls;
        l->fd = fds[i];
        l->ready = event_new(base, fds[i], EV_READ | EV_PERSIST, on_ready, l);
        l->rested = event_new(base, -1, 0, on_rested, l);
        event_add(l->ready, NULL);
    }
    return ls;
}

void listeners_free(struct listeners **listeners)
{
    struct listeners *ls = *listeners;
    *listeners = NULL;
    for (size_t i = 0; i < ls->n; i++) {
        event_free(ls->list[i].ready);
        event_free(ls->list[i].rested);
        close(ls->list[i].fd);
    }
    free(ls->list);
    free(ls);
}
