/* SPDX-License-Identifier: MIT */
/* See listeners.h. */
#include "server/master/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/conf/listen_address.h"

#define BACKLOG     4096
#define SOCKET_MODE 0666 /* of a Unix socket: the API key guards it, as it guards a port */

struct place {
    union listen_address address; /* what identifies it over a reload */
    socklen_t address_len;
    int *fds;       /* all of them bound to it */
    size_t n;       /* 0 = moved to another set */
    size_t n_taken; /* the first ones: another set's until the renewal has succeeded */
};

struct master_listeners {
    struct place *places;
    size_t n;
};

static int open_socket(const union listen_address *addr, socklen_t len, int reuse_option)
{
    int on = 1;
    int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_option != 0)
        setsockopt(fd, SOL_SOCKET, reuse_option, &on, sizeof(on));
    if (addr->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &addr->any, len) == 0)
        return fd;
    return fd_close_keeping_errno(fd);
}

/* SO_REUSEPORT would let a second weir of the same user take half of the connections: a socket
 * without it finds out whether somebody listens already, when it is bound. It does not listen: a
 * client whose SYN met it while it is closed would hear nothing for a second. */
static bool is_taken(const union listen_address *addr, socklen_t len)
{
    int fd = open_socket(addr, len, 0);
    if (fd < 0)
        return true;
    close(fd);
    return false;
}

static bool is_unix(const struct place *p)
{
    return p->address.any.sa_family == AF_UNIX;
}

static void add_fd(struct place *p, int fd)
{
    p->fds = xreallocarray(p->fds, p->n + 1, sizeof(*p->fds));
    p->fds[p->n++] = fd;
}

static bool bind_tcp(struct place *p, uint32_t workers)
{
    const union listen_address *addr = &p->address;
    socklen_t len = p->address_len;
    if (p->n == 0 && is_taken(addr, len))
        return false;
    while (p->n < workers) {
        int fd = open_socket(addr, len, SO_REUSEPORT);
        if (fd < 0)
            return false;
        add_fd(p, fd);
    }
    return true;
}

/* With a full backlog (EAGAIN) somebody does. */
static bool is_listened_on(const union listen_address *addr, socklen_t len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && (connect(fd, &addr->any, len) == 0 || errno == EAGAIN);
    fd_close(&fd);
    return yes;
}

static bool bind_unix(struct place *p)
{
    const union listen_address *addr = &p->address;
    socklen_t len = p->address_len;
    if (p->n > 0)
        return true;
    if (is_listened_on(addr, len)) {
        errno = EADDRINUSE;
        return false;
    }
    unlink(addr->un.sun_path); /* of a weir that died */
    int fd = open_socket(addr, len, 0);
    if (fd < 0)
        return false;
    add_fd(p, fd);
    return chmod(addr->un.sun_path, SOCKET_MODE) == 0;
}

static char *describe(const struct conf_listen *l)
{
    if (l->unix_path != NULL)
        return xasprintf("cannot listen on unix:%s: %s", l->unix_path, strerror(errno));
    return xasprintf("cannot listen on %s port %u: %s", l->address, l->port, strerror(errno));
}

static bool is_same_address(const union listen_address *a, const union listen_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_UNIX)
        return strncmp(a->un.sun_path, b->un.sun_path, sizeof(a->un.sun_path)) == 0;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

/* Takes the sockets of the same place over from an older set. */
static void take_sockets(struct place *p, struct master_listeners *old)
{
    for (size_t i = 0; old != NULL && i < old->n; i++) {
        struct place *o = &old->places[i];
        if (o->n == 0 || !is_same_address(&o->address, &p->address))
            continue;
        p->fds = o->fds;
        p->n = p->n_taken = o->n;
        o->fds = NULL;
        o->n = 0;
        return;
    }
}

static void remove_file(const struct place *p)
{
    if (is_unix(p) && p->n > 0)
        unlink(p->address.un.sun_path);
}

/* The inverse of what renew did: closes what was opened, and gives back what was taken. */
static void undo(struct master_listeners **fresh, struct master_listeners *old)
{
    for (size_t i = 0; i < (*fresh)->n; i++) {
        struct place *p = &(*fresh)->places[i];
        if (p->n_taken == 0)
            remove_file(p);
        while (p->n > p->n_taken)
            close(p->fds[--p->n]);
    }
    for (size_t i = 0; old != NULL && i < old->n; i++)
        if (old->places[i].n == 0)
            take_sockets(&old->places[i], *fresh);
    master_listeners_free(fresh, false);
}

static bool bind_place(struct place *p, uint32_t workers)
{
    return is_unix(p) ? bind_unix(p) : bind_tcp(p, workers);
}

static bool listen_at(const struct place *p)
{
    for (size_t i = p->n_taken; i < p->n; i++)
        if (listen(p->fds[i], BACKLOG) != 0)
            return false;
    return true;
}

/* A socket that listens is dealt connections at once, so none does before all addresses are known
 * to be ours. */
struct master_listeners *master_listeners_renew(struct master_listeners *old,
                                                const struct conf *conf, char **why)
{
    struct master_listeners *ml = xcalloc(1, sizeof(*ml));
    const struct conf_listen *failed = NULL;
    ml->places = xcalloc(conf->n_listen, sizeof(*ml->places));
    for (; failed == NULL && ml->n < conf->n_listen; ml->n++) {
        struct place *p = &ml->places[ml->n];
        p->address_len = listen_address_of(&conf->listen[ml->n], &p->address);
        take_sockets(p, old);
        if (!bind_place(p, conf->workers))
            failed = &conf->listen[ml->n];
    }
    for (size_t i = 0; failed == NULL && i < ml->n; i++)
        if (!listen_at(&ml->places[i]))
            failed = &conf->listen[i];
    if (failed != NULL) {
        int reason = errno;
        *why = describe(failed);
        undo(&ml, old);
        errno = reason;
        return NULL;
    }
    return ml;
}

static struct place *find_place(struct master_listeners *ml, const union listen_address *address)
{
    for (size_t i = 0; i < ml->n; i++)
        if (is_same_address(&ml->places[i].address, address))
            return &ml->places[i];
    ml->places = xreallocarray(ml->places, ml->n + 1, sizeof(*ml->places));
    struct place *p = &ml->places[ml->n++];
    *p = (struct place){.address = *address};
    return p;
}

struct master_listeners *master_listeners_inherit(const int *fds, size_t n)
{
    struct master_listeners *ml = xcalloc(1, sizeof(*ml));
    for (size_t i = 0; i < n; i++) {
        union listen_address address = {0};
        socklen_t len = sizeof(address);
        if (getsockname(fds[i], &address.any, &len) == 0)
            add_fd(find_place(ml, &address), fds[i]);
    }
    return ml;
}

/* Linux lets sockets share a port only when they have the same owner: those that a reload adds are
 * made by the user we become. */
void master_listeners_give(const struct master_listeners *ml, int uid, int gid)
{
    for (size_t i = 0; i < ml->n && geteuid() == 0; i++) {
        const struct place *p = &ml->places[i];
        bool is_given = !is_unix(p) || lchown(p->address.un.sun_path, (uid_t)uid, (gid_t)gid) == 0;
        for (size_t k = 0; k < p->n; k++)
            is_given = fchown(p->fds[k], (uid_t)uid, (gid_t)-1) == 0 && is_given;
        if (!is_given)
            log_warn("a listening socket stays root's: %s", strerror(errno));
    }
}

void master_listeners_free(struct master_listeners **listeners, bool remove_files)
{
    struct master_listeners *ml = *listeners;
    *listeners = NULL;
    for (size_t i = 0; i < ml->n; i++) {
        struct place *p = &ml->places[i];
        if (remove_files)
            remove_file(p);
        for (size_t k = 0; k < p->n; k++)
            close(p->fds[k]);
        free(p->fds);
    }
    free(ml->places);
    free(ml);
}

size_t master_listeners_count(const struct master_listeners *ml)
{
    size_t count = 0;
    for (size_t i = 0; i < ml->n; i++)
        count += ml->places[i].n;
    return count;
}

void master_listeners_list(const struct master_listeners *ml, uint32_t workers,
                           struct inherit_listener *out)
{
    for (size_t i = 0; i < ml->n; i++) {
        const struct place *p = &ml->places[i];
        /* After a reload to fewer workers, the sockets beyond go to those that are left. */
        for (size_t k = 0; k < p->n; k++)
            *out++ = (struct inherit_listener){
                .fd = p->fds[k], .index = is_unix(p) ? INHERIT_EVERYBODY : (int)(k % workers)};
    }
}
