/* TCP connections to providers without TLS, in a worker: found by host, opened address after
 * address, kept idle for the next request, closed at once when an idle one shows a sign of life.
 * transfer_plain owns what is said on them; this file never looks at a byte of it. */
#ifndef WEIR_SERVER_PLAIN_CONN_H
#define WEIR_SERVER_PLAIN_CONN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "server/plain_url.h"

#define PLAIN_IDLE_MAX        64    /* idle connections to a host; past it the oldest is closed */
#define PLAIN_IDLE_MS         40000 /* shorter than what load balancers forget without a word */
#define PLAIN_NEXT_ADDRESS_MS 500   /* for an address to answer while others are left to try */
#define PLAIN_KEEPALIVE_S     60

struct event_base;
struct plain_pool; /* a worker's connections */
struct plain_host;

/* What a connection tells its user. */
struct plain_conn_events {
    void (*connected)(void *user);
    /* No address could be reached; the connection is gone. `error`: the last errno. */
    void (*failed)(void *user, int error);
    void (*readable)(void *user);
    void (*writable)(void *user); /* once after plain_conn_await_writable */
};

struct plain_conn {
    int fd;       /* to read and write, when connected */
    bool is_used; /* served a request before */

    /* What follows is plain_conn.c's. */
    bool is_connecting, is_paused;
    int error;
    unsigned address, addresses_left; /* while connecting */
    struct plain_host *host;
    void *user; /* NULL: idle */
    struct event on_read, on_write;
    uint64_t idle_since_at;
    TAILQ_ENTRY(plain_conn) idle_link;
};

struct plain_pool *plain_pool_new(struct event_base *base, const struct plain_conn_events *events);
/* Closes what is idle; connections with a user must be closed before. */
void plain_pool_free(struct plain_pool **pool);
/* Hosts live as long as the pool. */
struct plain_host *plain_pool_host(struct plain_pool *pool, const struct plain_url *url);

/* The idle connection to that host that was used last, or NULL. */
struct plain_conn *plain_conn_take(struct plain_host *host, void *user);
/* A new one: `connected` or `failed` follows, not before this returns. */
struct plain_conn *plain_conn_open(struct plain_host *host, void *user);
void plain_conn_await_writable(struct plain_conn *conn);
/* Stops or resumes telling that it is readable. */
void plain_conn_pause(struct plain_conn *conn, bool paused);
/* Its user is through with it, another may have it. */
void plain_conn_release(struct plain_conn *conn);
void plain_conn_close(struct plain_conn *conn);

#endif
