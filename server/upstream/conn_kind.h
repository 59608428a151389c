/* SPDX-License-Identifier: MIT */
/* What stands behind conn.h: how a connection is made and what carries its bytes. conn.c does what
 * is the same for all kinds, and knows none by name; transfer.c hands them in. A kind begins its
 * own struct with a struct conn. */
#ifndef WEIR_SERVER_UPSTREAM_CONN_KIND_H
#define WEIR_SERVER_UPSTREAM_CONN_KIND_H

#include "common/http/numeric_address.h"
#include "server/upstream/conn.h"

/* Where connections of a host go. */
struct conn_target {
    char *origin;                            /* "https://host:port", as the URL has it */
    const char *ca_file;                     /* as in transfer.h */
    struct http_numeric_addresses addresses; /* none: the host is a name */
    unsigned good_address;                   /* the one that answered last */
};

struct conn_kind {
    /* Can it reach the host of this URL? NULL = all of them. */
    bool (*can)(const struct http_url *url);
    /* What all connections of the kind share; NULL = nothing. */
    void *(*maker_new)(struct event_base *base);
    void (*maker_free)(void *maker);
    void (*prepare)(void *maker, const struct conn_target *target); /* of conn_host_prepare */
    /* A new one on its way: conn_made or conn_failed follows, not before this returns. */
    struct conn *(*open)(void *maker, struct event_base *base, struct conn_target *target);
    ssize_t (*send)(struct conn *conn, const struct iovec *pieces, size_t n);
    ssize_t (*recv)(struct conn *conn, void *to, size_t size);
    /* Also while it is on its way. Frees it. */
    void (*close)(struct conn *conn);
};

extern const struct conn_kind conn_tcp;  /* sockets of our own, to numeric addresses */
extern const struct conn_kind conn_curl; /* libcurl's: TLS, and names to resolve; in the module of
                                            module.h only */

/* It can be used, and its socket watched, from now on. */
void conn_made(struct conn *conn, int fd);
/* It cannot be had; closes it. `detail` must not lie in the connection. */
void conn_failed(struct conn *conn, enum transfer_end end, const char *detail);

#endif
