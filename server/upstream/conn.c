/* SPDX-License-Identifier: MIT */
/* See conn.h. EV_READ stays armed from the connect to the close, over all requests and while idle:
 * reuse costs no system call, and a peer that hangs up is noticed at once. */
#include "server/upstream/conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "server/upstream/conn_kind.h"

/* A kind that a pool has. */
struct pool_kind {
    const struct conn_kind *kind; /* NULL: none */
    void *maker;                  /* NULL until a host needs it */
};

struct conn_host {
    struct conn_pool *pool;
    const struct conn_kind *kind;
    void *maker;
    struct conn_target target;
    size_t origin_len;
    TAILQ_HEAD(conn_idle, conn) idle; /* the one used last first */
    unsigned n_idle;
    LIST_ENTRY(conn_host) link;
};

struct conn_pool {
    struct event_base *base;
    const struct conn_events *events;
    struct pool_kind kinds[CONN_KINDS_MAX];
    LIST_HEAD(, conn_host) hosts;
    struct event sweep; /* set while something is idle */
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

/* ---- hosts --------------------------------------------------------------------------------- */

/* Settings do not change while a pool lives: the same file is the same pointer, nearly always. */
static bool is_same_trust(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The first that can reach this URL's host; its maker is there afterwards. */
static const struct pool_kind *pick_kind(struct conn_pool *pool, const struct http_url *parts)
{
    struct pool_kind *k = pool->kinds;
    while (k->kind->can != NULL && !k->kind->can(parts)) {
        k++;
        assert(k < pool->kinds + CONN_KINDS_MAX && k->kind != NULL);
    }
    if (k->maker == NULL && k->kind->maker_new != NULL)
        k->maker = k->kind->maker_new(pool->base);
    return k;
}

static struct conn_host *host_new(struct conn_pool *pool, const char *url,
                                  const struct http_url *parts, const char *ca_file)
{
    struct conn_host *host = xcalloc(1, sizeof(*host));
    const struct pool_kind *picked = pick_kind(pool, parts);
    host->pool = pool;
    host->kind = picked->kind;
    host->maker = picked->maker;
    http_numeric_addresses_find(parts, &host->target.addresses);
    host->target.origin = xstrndup(url, parts->origin_len);
    host->target.ca_file = ca_file;
    host->origin_len = parts->origin_len;
    TAILQ_INIT(&host->idle);
    LIST_INSERT_HEAD(&pool->hosts, host, link);
    return host;
}

struct conn_host *conn_pool_host(struct conn_pool *pool, const char *url,
                                 const struct http_url *parts, const char *ca_file)
{
    struct conn_host *host;
    LIST_FOREACH(host, &pool->hosts, link)
    if (host->origin_len == parts->origin_len &&
        memcmp(host->target.origin, url, parts->origin_len) == 0 &&
        is_same_trust(host->target.ca_file, ca_file))
        return host;
    return host_new(pool, url, parts, ca_file);
}

void conn_host_prepare(struct conn_host *host)
{
    if (host->kind->prepare != NULL)
        host->kind->prepare(host->maker, &host->target);
}

/* ---- connecting ---------------------------------------------------------------------------- */

struct conn *conn_open(struct conn_host *host, void *user)
{
    struct conn *c = host->kind->open(host->maker, host->pool->base, &host->target);
    c->host = host;
    c->user = user;
    return c;
}

void conn_made(struct conn *c, int fd)
{
    struct conn_pool *pool = c->host->pool;
    c->fd = fd;
    c->is_connected = true;
    event_assign(&c->on_read, pool->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->on_write, pool->base, fd, EV_WRITE, on_writable, c);
    if (!c->is_paused)
        event_add(&c->on_read, NULL);
    pool->events->connected(c->user);
}

void conn_failed(struct conn *c, enum transfer_end end, const char *detail)
{
    const struct conn_events *events = c->host->pool->events;
    void *user = c->user;
    conn_close(c);
    events->failed(user, end, detail);
}

/* ---- connected ----------------------------------------------------------------------------- */

ssize_t conn_send(struct conn *c, const struct iovec *pieces, size_t n)
{
    return c->host->kind->send(c, pieces, n);
}

ssize_t conn_recv(struct conn *c, void *to, size_t size)
{
    return c->host->kind->recv(c, to, size);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    c->host->pool->events->writable(c->user);
}

/* An idle connection became readable: it has ended, or brings bytes that nobody asked for, and is
 * of no use in both cases; or it was only TLS's own business. */
static void on_sign_of_life(struct conn *c)
{
    char byte;
    if (conn_recv(c, &byte, 1) >= 0 || (errno != EAGAIN && errno != EINTR))
        conn_close(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    if (c->user == NULL)
        on_sign_of_life(c);
    else
        c->host->pool->events->readable(c->user);
}

void conn_await_writable(struct conn *c)
{
    event_add(&c->on_write, NULL);
}

void conn_pause(struct conn *c, bool paused)
{
    if (c->is_paused == paused)
        return;
    c->is_paused = paused;
    if (!c->is_connected)
        return;
    if (paused)
        event_del(&c->on_read);
    else
        event_add(&c->on_read, NULL);
}

/* ---- idle ---------------------------------------------------------------------------------- */

static uint64_t ends_at(const struct conn *c)
{
    return c->idle_since_at + CONN_IDLE_MS * CLOCK_NS_PER_MS;
}

static void set_sweep(struct conn_pool *pool, uint64_t now_at, uint64_t due_at)
{
    uint64_t ms = due_at > now_at ? (due_at - now_at) / CLOCK_NS_PER_MS + 1 : 1;
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(&pool->sweep, &tv);
}

/* Closes what was idle for too long, and comes again when the next one will have been. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct conn_pool *pool = arg;
    uint64_t now_at = clock_boot_ns(), next_at = UINT64_MAX;
    struct conn_host *host;
    LIST_FOREACH(host, &pool->hosts, link)
    {
        struct conn *oldest;
        while ((oldest = TAILQ_LAST(&host->idle, conn_idle)) != NULL && ends_at(oldest) <= now_at)
            conn_close(oldest);
        if (oldest != NULL && ends_at(oldest) < next_at)
            next_at = ends_at(oldest);
    }
    if (next_at != UINT64_MAX)
        set_sweep(pool, now_at, next_at);
}

static void leave_idle(struct conn *c)
{
    TAILQ_REMOVE(&c->host->idle, c, idle_link);
    c->host->n_idle--;
}

struct conn *conn_take(struct conn_host *host, void *user)
{
    struct conn *c = TAILQ_FIRST(&host->idle);
    if (c == NULL)
        return NULL;
    leave_idle(c);
    c->user = user;
    return c;
}

void conn_release(struct conn *c)
{
    struct conn_host *host = c->host;
    conn_pause(c, false);
    c->user = NULL;
    c->is_used = true;
    c->idle_since_at = clock_boot_ns();
    TAILQ_INSERT_HEAD(&host->idle, c, idle_link);
    host->n_idle++;
    if (host->n_idle > CONN_IDLE_MAX)
        conn_close(TAILQ_LAST(&host->idle, conn_idle));
    if (!event_pending(&host->pool->sweep, EV_TIMEOUT, NULL))
        set_sweep(host->pool, c->idle_since_at, ends_at(c));
}

void conn_close(struct conn *c)
{
    if (c->user == NULL)
        leave_idle(c);
    if (c->is_connected) {
        event_del(&c->on_read);
        event_del(&c->on_write);
    }
    c->host->kind->close(c);
}

/* ---- the pool ------------------------------------------------------------------------------ */

struct conn_pool *conn_pool_new(struct event_base *base, const struct conn_events *events,
                                const struct conn_kind *const *kinds)
{
    struct conn_pool *pool = xcalloc(1, sizeof(*pool));
    pool->base = base;
    pool->events = events;
    for (size_t i = 0; kinds[i] != NULL; i++) {
        assert(i < CONN_KINDS_MAX);
        pool->kinds[i].kind = kinds[i];
    }
    LIST_INIT(&pool->hosts);
    event_assign(&pool->sweep, base, -1, 0, on_sweep, pool);
    return pool;
}

static void host_free(struct conn_host *host)
{
    while (!TAILQ_EMPTY(&host->idle))
        conn_close(TAILQ_FIRST(&host->idle));
    LIST_REMOVE(host, link);
    free(host->target.origin);
    free(host);
}

void conn_pool_free(struct conn_pool **pool)
{
    event_del(&(*pool)->sweep);
    while (!LIST_EMPTY(&(*pool)->hosts))
        host_free(LIST_FIRST(&(*pool)->hosts));
    for (size_t i = 0; i < CONN_KINDS_MAX; i++)
        if ((*pool)->kinds[i].maker != NULL)
            (*pool)->kinds[i].kind->maker_free((*pool)->kinds[i].maker);
    free(*pool);
    *pool = NULL;
}
