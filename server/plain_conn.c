/* See plain_conn.h. EV_READ stays armed from the connect to the close, over all requests and while
 * idle: reuse costs no system call, and a peer that hangs up is noticed at once. */
#include "server/plain_conn.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "server/plain_address.h"

struct plain_host {
    struct plain_pool *pool;
    struct plain_addresses addresses;
    unsigned good_address;                   /* the one that answered last */
    TAILQ_HEAD(plain_idle, plain_conn) idle; /* the one used last first */
    unsigned n_idle;
    LIST_ENTRY(plain_host) link;
    size_t authority_len;
    char authority[]; /* as the URL has it: the key */
};

struct plain_pool {
    struct event_base *base;
    const struct plain_conn_events *events;
    LIST_HEAD(, plain_host) hosts;
    struct event sweep; /* set while something is idle */
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

/* ---- hosts --------------------------------------------------------------------------------- */

struct plain_host *plain_pool_host(struct plain_pool *pool, const struct plain_url *url)
{
    struct plain_host *host;
    LIST_FOREACH(host, &pool->hosts, link)
    if (host->authority_len == url->authority_len &&
        memcmp(host->authority, url->authority, url->authority_len) == 0)
        return host;
    host = xcalloc(1, sizeof(*host) + url->authority_len);
    host->pool = pool;
    host->authority_len = url->authority_len;
    memcpy(host->authority, url->authority, url->authority_len);
    plain_addresses_find(url, &host->addresses);
    TAILQ_INIT(&host->idle);
    LIST_INSERT_HEAD(&pool->hosts, host, link);
    return host;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void set_options(int fd)
{
    int on = 1, idle_s = PLAIN_KEEPALIVE_S;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

/* 0, or errno. */
static int begin_connect(struct plain_conn *c, const struct plain_address *address)
{
    c->fd = socket(address->addr.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return errno;
    set_options(c->fd);
    if (connect(c->fd, &address->addr, address->len) == 0 || errno == EINPROGRESS)
        return 0;
    return errno;
}

static void close_fd(struct plain_conn *c)
{
    event_del(&c->on_read);
    event_del(&c->on_write);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void assign_events(struct plain_conn *c)
{
    struct event_base *base = c->host->pool->base;
    event_assign(&c->on_read, base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->on_write, base, c->fd, EV_WRITE, on_writable, c);
}

/* Tries addresses until one is on its way; when none is, says so from the loop. */
static void try_next(struct plain_conn *c)
{
    const struct plain_addresses *all = &c->host->addresses;
    while (c->addresses_left > 0) {
        unsigned at = c->address;
        c->address = (at + 1) % all->n;
        c->addresses_left--;
        c->error = begin_connect(c, &all->list[at]);
        if (c->error == 0) {
            struct timeval tv = {0, PLAIN_NEXT_ADDRESS_MS * 1000};
            assign_events(c);
            event_add(&c->on_write, c->addresses_left > 0 ? &tv : NULL);
            return;
        }
        if (c->fd >= 0)
            close(c->fd);
        c->fd = -1;
    }
    assign_events(c);
    event_active(&c->on_write, EV_WRITE, 0);
}

static int connect_error(const struct plain_conn *c, short what)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if ((what & EV_WRITE) == 0)
        return ETIMEDOUT;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

static void on_connect(struct plain_conn *c, short what)
{
    const struct plain_conn_events *events = c->host->pool->events;
    void *user = c->user;
    if (c->fd < 0) {
        int error = c->error;
        plain_conn_close(c);
        events->failed(user, error);
        return;
    }
    c->error = connect_error(c, what);
    if (c->error != 0) {
        close_fd(c);
        try_next(c);
        return;
    }
    unsigned n = c->host->addresses.n;
    c->host->good_address = (c->address + n - 1) % n;
    c->is_connecting = false;
    if (!c->is_paused)
        event_add(&c->on_read, NULL);
    events->connected(user);
}

struct plain_conn *plain_conn_open(struct plain_host *host, void *user)
{
    struct plain_conn *c = xcalloc(1, sizeof(*c));
    c->fd = -1;
    c->host = host;
    c->user = user;
    c->is_connecting = true;
    c->error = EADDRNOTAVAIL; /* should there be no address at all */
    c->address = host->good_address;
    c->addresses_left = host->addresses.n;
    try_next(c);
    return c;
}

/* ---- connected ----------------------------------------------------------------------------- */

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct plain_conn *c = arg;
    if (c->is_connecting)
        on_connect(c, what);
    else
        c->host->pool->events->writable(c->user);
}

/* On an idle connection: its end, or bytes nobody asked for. Either way it is of no use. */
static void on_sign_of_life(struct plain_conn *c)
{
    char byte;
    if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    plain_conn_close(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct plain_conn *c = arg;
    if (c->user == NULL)
        on_sign_of_life(c);
    else
        c->host->pool->events->readable(c->user);
}

void plain_conn_await_writable(struct plain_conn *c)
{
    event_add(&c->on_write, NULL);
}

void plain_conn_pause(struct plain_conn *c, bool paused)
{
    if (c->is_paused == paused)
        return;
    c->is_paused = paused;
    if (c->is_connecting)
        return;
    if (paused)
        event_del(&c->on_read);
    else
        event_add(&c->on_read, NULL);
}

/* ---- idle ---------------------------------------------------------------------------------- */

static uint64_t ends_at(const struct plain_conn *c)
{
    return c->idle_since_at + PLAIN_IDLE_MS * CLOCK_NS_PER_MS;
}

static void set_sweep(struct plain_pool *pool, uint64_t now_at, uint64_t due_at)
{
    uint64_t ms = due_at > now_at ? (due_at - now_at) / CLOCK_NS_PER_MS + 1 : 1;
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(&pool->sweep, &tv);
}

/* Closes what was idle for too long, and comes again when the next one will have been. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct plain_pool *pool = arg;
    uint64_t now_at = clock_boot_ns(), next_at = UINT64_MAX;
    struct plain_host *host;
    LIST_FOREACH(host, &pool->hosts, link)
    {
        struct plain_conn *oldest;
        while ((oldest = TAILQ_LAST(&host->idle, plain_idle)) != NULL && ends_at(oldest) <= now_at)
            plain_conn_close(oldest);
        if (oldest != NULL && ends_at(oldest) < next_at)
            next_at = ends_at(oldest);
    }
    if (next_at != UINT64_MAX)
        set_sweep(pool, now_at, next_at);
}

static void leave_idle(struct plain_conn *c)
{
    TAILQ_REMOVE(&c->host->idle, c, idle_link);
    c->host->n_idle--;
}

struct plain_conn *plain_conn_take(struct plain_host *host, void *user)
{
    struct plain_conn *c = TAILQ_FIRST(&host->idle);
    if (c == NULL)
        return NULL;
    leave_idle(c);
    c->user = user;
    return c;
}

void plain_conn_release(struct plain_conn *c)
{
    struct plain_host *host = c->host;
    plain_conn_pause(c, false);
    c->user = NULL;
    c->is_used = true;
    c->idle_since_at = clock_boot_ns();
    TAILQ_INSERT_HEAD(&host->idle, c, idle_link);
    host->n_idle++;
    if (host->n_idle > PLAIN_IDLE_MAX)
        plain_conn_close(TAILQ_LAST(&host->idle, plain_idle));
    if (!event_pending(&host->pool->sweep, EV_TIMEOUT, NULL))
        set_sweep(host->pool, c->idle_since_at, ends_at(c));
}

void plain_conn_close(struct plain_conn *c)
{
    if (c->user == NULL)
        leave_idle(c);
    close_fd(c);
    free(c);
}

struct plain_pool *plain_pool_new(struct event_base *base, const struct plain_conn_events *events)
{
    struct plain_pool *pool = xcalloc(1, sizeof(*pool));
    pool->base = base;
    pool->events = events;
    LIST_INIT(&pool->hosts);
    event_assign(&pool->sweep, base, -1, 0, on_sweep, pool);
    return pool;
}

void plain_pool_free(struct plain_pool **pool)
{
    struct plain_host *host;
    event_del(&(*pool)->sweep);
    while ((host = LIST_FIRST(&(*pool)->hosts)) != NULL) {
        while (!TAILQ_EMPTY(&host->idle))
            plain_conn_close(TAILQ_FIRST(&host->idle));
        LIST_REMOVE(host, link);
        free(host);
    }
    free(*pool);
    *pool = NULL;
}
