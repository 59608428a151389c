/* SPDX-License-Identifier: MIT */
/* A kind of connection without a library, in a worker: TCP sockets to numeric addresses, tried one
 * after the other. conn.c calls it through the table at the end. */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/fd.h"
#include "server/upstream/conn_kind.h"

#define NEXT_ADDRESS_MS 500 /* for an address to answer while others are left to try */

struct tcp_conn {
    struct conn base;
    struct conn_target *target;
    int fd, error;
    unsigned address, addresses_left; /* while connecting */
    struct event_base *events;
    struct event on_connect;
};

static void on_connect(evutil_socket_t fd, short what, void *arg);

static void set_options(int fd)
{
    int on = 1, idle_s = CONN_KEEPALIVE_S;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

/* 0, or errno. */
static int begin_connect(struct tcp_conn *c, const struct http_numeric_address *address)
{
    c->fd = socket(address->addr.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return errno;
    set_options(c->fd);
    if (connect(c->fd, &address->addr, address->len) == 0 || errno == EINPROGRESS)
        return 0;
    return errno;
}

/* Tries addresses until a connect is under way; if none is, on_connect fails from the loop. */
static void try_next(struct tcp_conn *c)
{
    const struct http_numeric_addresses *all = &c->target->addresses;
    while (c->addresses_left > 0) {
        unsigned at = c->address;
        c->address = (at + 1) % all->n;
        c->addresses_left--;
        c->error = begin_connect(c, &all->list[at]);
        if (c->error == 0) {
            struct timeval tv = {0, NEXT_ADDRESS_MS * 1000};
            event_assign(&c->on_connect, c->events, c->fd, EV_WRITE, on_connect, c);
            event_add(&c->on_connect, c->addresses_left > 0 ? &tv : NULL);
            return;
        }
        fd_close(&c->fd);
    }
    event_assign(&c->on_connect, c->events, -1, 0, on_connect, c);
    event_active(&c->on_connect, EV_WRITE, 0);
}

static int connect_error(const struct tcp_conn *c, short what)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if ((what & EV_WRITE) == 0)
        return ETIMEDOUT;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
    struct tcp_conn *c = arg;
    if (c->fd < 0) {
        conn_failed(&c->base, TRANSFER_CONNECT, strerror(c->error));
        return;
    }
    c->error = connect_error(c, what);
    if (c->error != 0) {
        fd_close(&c->fd);
        try_next(c);
        return;
    }
    unsigned n = c->target->addresses.n;
    c->target->good_address = (c->address + n - 1) % n;
    conn_made(&c->base, c->fd);
}

static struct conn *tcp_open(void *maker, struct event_base *base, struct conn_target *target)
{
    struct tcp_conn *c = xcalloc(1, sizeof(*c));
    c->target = target;
    c->events = base;
    c->fd = -1;
    c->error = EADDRNOTAVAIL; /* should there be no address at all */
    c->address = target->good_address;
    c->addresses_left = target->addresses.n;
    try_next(c);
    return &c->base;
}

static ssize_t tcp_send(struct conn *conn, const struct iovec *pieces, size_t n)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = n};
    return sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t tcp_recv(struct conn *conn, void *to, size_t size)
{
    return recv(conn->fd, to, size, MSG_DONTWAIT);
}

static void tcp_close(struct conn *conn)
{
    struct tcp_conn *c = (struct tcp_conn *)conn;
    event_del(&c->on_connect);
    fd_close(&c->fd);
    free(c);
}

static bool tcp_can(const struct http_url *url)
{
    struct http_numeric_addresses addresses;
    return !url->is_tls && http_numeric_addresses_find(url, &addresses);
}

const struct conn_kind conn_tcp = {
    .can = tcp_can,
    .open = tcp_open,
    .send = tcp_send,
    .recv = tcp_recv,
    .close = tcp_close,
};
