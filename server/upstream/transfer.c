/* SPDX-License-Identifier: MIT */
/* See transfer.h: picks the backend of a request, and what its connections are made by. */
#include "server/upstream/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "server/upstream/backend.h"
#include "server/upstream/conn_kind.h"
#include "server/upstream/module.h"

struct pooled_backend {
    const struct transfer_backend *backend;
    void *pool; /* NULL until it is needed */
};

struct transfers {
    struct event_base *base;
    struct pooled_backend http1, curl;
    /* Our own, then libcurl's, where that is loaded, for hosts that ours cannot reach. Ends with
     * NULL. */
    const struct conn_kind *kinds[CONN_KINDS_MAX + 1];
};

struct transfers *transfers_new(struct event_base *base)
{
    struct transfers *ts = xcalloc(1, sizeof(*ts));
    ts->base = base;
    ts->http1.backend = &backend_http1;
    ts->curl.backend = transfer_module_backend();
    ts->kinds[0] = &conn_tcp;
    ts->kinds[1] = transfer_module_conn();
    return ts;
}

static void free_pool(struct pooled_backend *p)
{
    if (p->pool != NULL)
        p->backend->pool_free(p->pool);
}

void transfers_free(struct transfers **transfers)
{
    free_pool(&(*transfers)->http1);
    free_pool(&(*transfers)->curl);
    free(*transfers);
    *transfers = NULL;
}

/* The backend for this URL; its pool is there afterwards. */
static const struct pooled_backend *pick_backend(struct transfers *ts, const char *url, bool http2)
{
    struct pooled_backend *p = !http2 && backend_http1_can(url) ? &ts->http1 : &ts->curl;
    if (p->pool == NULL)
        p->pool = p->backend->pool_new(ts->base, ts->kinds);
    return p;
}

void transfers_prepare(struct transfers *ts, const char *url, bool http2, const char *ca_file)
{
    if (strncasecmp(url, "https:", strlen("https:")) != 0)
        return;
    const struct pooled_backend *p = pick_backend(ts, url, http2);
    p->backend->prepare(p->pool, url, ca_file);
}

struct transfer *transfer_start(struct transfers *ts, struct transfer_request *request,
                                const struct transfer_events *events, void *arg)
{
    const struct pooled_backend *p = pick_backend(ts, request->url, request->http2);
    return p->backend->start(p->pool, request, events, arg);
}

void transfer_pause(struct transfer *t, bool paused)
{
    t->backend->pause(t, paused);
}

bool transfer_needs_body(const struct transfer *t)
{
    return t->backend->needs_body != NULL && t->backend->needs_body(t);
}

void transfer_abort(struct transfer *t)
{
    t->backend->abort(t);
}

void transfer_finish(struct transfer *t)
{
    t->backend->finish(t);
}
