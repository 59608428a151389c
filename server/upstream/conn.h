/* SPDX-License-Identifier: MIT */
/* Connections to providers, in a worker: pooled by origin and trust, created by a conn_kind
 * (conn_kind.h), kept idle for the next request, and closed at once when an idle one shows a sign
 * of life. backend_http1.c is the caller and owns what is said on them; nothing here looks at a
 * byte of it. Weak: hosts are searched one by one and stay as long as the pool, which is right for
 * some tens of providers. */
#ifndef WEIR_SERVER_UPSTREAM_CONN_H
#define WEIR_SERVER_UPSTREAM_CONN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/http/url.h"
#include "server/upstream/end.h"

#define CONN_IDLE_MAX    64    /* idle connections to a host; past it the oldest is closed */
#define CONN_IDLE_MS     40000 /* shorter than what load balancers forget without a word */
#define CONN_KEEPALIVE_S 60
#define CONN_KINDS_MAX   2

struct event_base;
struct conn_kind; /* conn_kind.h */
struct conn_pool; /* a worker's connections */
struct conn_host; /* those that go to the same place, with the same trust */

/* What happens to a connection that has a user. */
struct conn_events {
    void (*connected)(void *user);
    /* It could not be made, and is gone. `detail`: valid for the call. */
    void (*failed)(void *user, enum transfer_end end, const char *detail);
    void (*readable)(void *user);
    void (*writable)(void *user); /* once after conn_await_writable */
};

struct conn {
    int fd;       /* when connected; conn_send and conn_recv are for reading and writing */
    bool is_used; /* served a request before */

    /* What follows is conn.c's. */
    bool is_connected, is_paused;
    struct conn_host *host;
    void *user; /* NULL: idle */
    struct event on_read, on_write;
    uint64_t idle_since_at;
    TAILQ_ENTRY(conn) idle_link;
};

/* `kinds` ends with NULL, has at most CONN_KINDS_MAX others, and is copied: each host is reached by
 * the first of them that can. */
struct conn_pool *conn_pool_new(struct event_base *base, const struct conn_events *events,
                                const struct conn_kind *const *kinds);
/* Closes what is idle; connections with a user must be closed before. */
void conn_pool_free(struct conn_pool **pool);
/* The host of `url`, of which `parts` are the parts; one of the kinds must be able to reach it.
 * Hosts live as long as the pool, and `ca_file` must, too. */
struct conn_host *conn_pool_host(struct conn_pool *pool, const char *url,
                                 const struct http_url *parts, const char *ca_file);
/* Loads what connections to it need, so that the first one does not wait for it. */
void conn_host_prepare(struct conn_host *host);

/* The idle connection to that host that was used last, or NULL. */
struct conn *conn_take(struct conn_host *host, void *user);
/* A new one: `connected` or `failed` follows, not before this returns. */
struct conn *conn_open(struct conn_host *host, void *user);
/* As sendmsg(2) and recv(2) do without blocking; a part of what was to be sent may be taken. What
 * is sent after EAGAIN begins with the same bytes again. */
ssize_t conn_send(struct conn *conn, const struct iovec *pieces, size_t n);
ssize_t conn_recv(struct conn *conn, void *to, size_t size);
void conn_await_writable(struct conn *conn);
/* Stops or resumes its readable events. */
void conn_pause(struct conn *conn, bool paused);
/* Its user is done with it, and another may have it. */
void conn_release(struct conn *conn);
void conn_close(struct conn *conn);

#endif
