/* SPDX-License-Identifier: MIT */
/* What stands behind transfer.h: a table of functions for each client library, and nobody else's
 * business. transfer.c picks one for each request; each client keeps the promises of transfer.h and
 * begins its own struct with a struct transfer. */
#ifndef WEIR_SERVER_UPSTREAM_BACKEND_H
#define WEIR_SERVER_UPSTREAM_BACKEND_H

#include "server/upstream/transfer.h"

struct conn_kind;

struct transfer {
    const struct transfer_client *client;
};

struct transfer_client {
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

extern const struct transfer_client transfer_http1; /* our own: HTTP/1.1, over TLS too */
extern const struct transfer_client transfer_curl;  /* libcurl: HTTP/2; in the module of
                                                       module.h only */

/* Can transfer_http1 serve this URL? */
bool transfer_http1_can(const char *url);

/* What that module gives to the program, under this name. */
#define TRANSFER_MODULE_SYMBOL "transfer_module"
struct transfer_module {
    const char *version; /* of the weir it belongs to. Stays first: when it is another's, the rest
                            may be anything */
    bool (*init)(void);  /* once, before all else here and before any thread; false: it failed */
    const struct transfer_client *client;
    const struct conn_kind *conn;
};

#endif
