/* SPDX-License-Identifier: MIT */
/* See sim_listen.h. */
#include "tests/sim/sim_listen.h"

#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "tests/sim/sim_conn.h"

#define BACKLOG       4096
#define FULL_PAUSE_MS 100 /* without a free descriptor, accepting would only spin */

struct listener {
    struct evconnlistener *accepting;
    struct event *resume;
    int port;
    char name[LISTEN_NAME_MAX];
};

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *from,
                      int from_len, void *arg)
{
    conn_new(fd);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    evconnlistener_enable(l->accepting);
}

static void on_error(struct evconnlistener *accepting, void *arg)
{
    struct listener *l = arg;
    struct timeval pause = {0, FULL_PAUSE_MS * 1000};
    log_warn("cannot accept: %s", strerror(errno));
    evconnlistener_disable(accepting);
    event_add(l->resume, &pause);
}

static int open_socket(const struct addrinfo *where)
{
    int on = 1;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    return fd_close_keeping_errno(fd);
}

static void name_socket(struct listener *l, int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "0";
    getsockname(fd, (struct sockaddr *)&bound, &len);
    getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    l->port = atoi(port);
    snprintf(l->name, sizeof(l->name), bound.ss_family == AF_INET6 ? "[%.100s]:%s" : "%.100s:%s",
             host, port);
}

static int bind_to(const char *address, const char *port, const char **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_family = AF_UNSPEC};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(address, port, &hints, &found);
    if (code != 0) {
        *error = gai_strerror(code);
        return -1;
    }
    int fd = open_socket(found);
    *error = strerror(errno);
    freeaddrinfo(found);
    return fd;
}

struct listener *listener_new(struct event_base *base, const char *address, const char *port,
                              const char **error)
{
    int fd = bind_to(address, port, error);
    if (fd < 0)
        return NULL;
    struct listener *l = xcalloc(1, sizeof(*l));
    name_socket(l, fd);
    l->resume = evtimer_new(base, on_resume, l);
    l->accepting = evconnlistener_new(base, on_accept, l,
                                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    evconnlistener_set_error_cb(l->accepting, on_error);
    return l;
}

void listener_free(struct listener *l)
{
    evconnlistener_free(l->accepting);
    event_free(l->resume);
    free(l);
}

int listener_port(const struct listener *l)
{
    return l->port;
}

const char *listener_name(const struct listener *l)
{
    return l->name;
}
