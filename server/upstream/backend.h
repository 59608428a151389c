/* SPDX-License-Identifier: MIT */
/* What stands behind transfer.h: a table of functions for each way of sending a request.
 * transfer.c, the only caller, picks one for each; each keeps the promises of transfer.h, and
 * begins its own struct with a struct transfer. */
#ifndef WEIR_SERVER_UPSTREAM_BACKEND_H
#define WEIR_SERVER_UPSTREAM_BACKEND_H

#include "server/upstream/transfer.h"

struct conn_kind;

struct transfer {
    const struct transfer_backend *backend;
};

struct transfer_backend {
    /* `kinds`: as of conn_pool_new, for a backend that makes its connections by conn.h. */
    void *(*pool_new)(struct event_base *base, const struct conn_kind *const *kinds);
    void (*pool_free)(void *pool);                                     /* aborts what still runs */
    void (*prepare)(void *pool, const char *url, const char *ca_file); /* of transfers_prepare */
    struct transfer *(*start)(void *pool, struct transfer_request *request,
                              const struct transfer_events *events, void *arg);
    void (*pause)(struct transfer *transfer, bool paused);
    bool (*needs_body)(const struct transfer *transfer); /* NULL = it has a copy */
    void (*abort)(struct transfer *transfer);
    void (*finish)(struct transfer *transfer);
};

extern const struct transfer_backend backend_http1; /* our own: HTTP/1.1, over TLS too */
extern const struct transfer_backend
    backend_curl; /* libcurl: HTTP/2; in the module of module.h only */

/* Can backend_http1 serve this URL? */
bool backend_http1_can(const char *url);

#endif
