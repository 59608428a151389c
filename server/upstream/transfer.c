/* SPDX-License-Identifier: MIT */
/* See transfer.h: picks the client of a request. */
#include "server/upstream/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "server/upstream/backend.h"
#include "server/upstream/conn_kind.h"
#include "server/upstream/module.h"

enum {
    HTTP1,
    CURL,
    CLIENTS,
};

struct transfers {
    struct event_base *base;
    void *pools[CLIENTS]; /* NULL until it is needed */
    /* libcurl's, where it is loaded, for what ours cannot reach; ends with NULL */
    const struct conn_kind *kinds[CONN_KINDS_MAX + 1];
};

static const struct transfer_client *client(size_t i)
{
    return i == HTTP1 ? &transfer_http1 : transfer_module_client();
}

struct transfers *transfers_new(struct event_base *base)
{
    struct transfers *ts = xcalloc(1, sizeof(*ts));
    ts->base = base;
    ts->kinds[0] = &conn_tcp;
    ts->kinds[1] = transfer_module_conn();
    return ts;
}

void transfers_free(struct transfers **transfers)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if ((*transfers)->pools[i] != NULL)
            client(i)->pool_free((*transfers)->pools[i]);
    free(*transfers);
    *transfers = NULL;
}

/* The client for this URL; its pool is there afterwards. */
static size_t pick(struct transfers *ts, const char *url, bool http2)
{
    size_t i = !http2 && transfer_http1_can(url) ? HTTP1 : CURL;
    if (ts->pools[i] == NULL)
        ts->pools[i] = client(i)->pool_new(ts->base, ts->kinds);
    return i;
}

void transfers_prepare(struct transfers *ts, const char *url, bool http2, const char *ca_file)
{
    if (strncasecmp(url, "https:", strlen("https:")) != 0)
        return;
    size_t i = pick(ts, url, http2);
    client(i)->prepare(ts->pools[i], url, ca_file);
}

struct transfer *transfer_start(struct transfers *ts, struct transfer_request *request,
                                const struct transfer_events *events, void *arg)
{
    size_t i = pick(ts, request->url, request->http2);
    return client(i)->start(ts->pools[i], request, events, arg);
}

void transfer_pause(struct transfer *t, bool paused)
{
    t->client->pause(t, paused);
}

bool transfer_needs_body(const struct transfer *t)
{
    return t->client->needs_body != NULL && t->client->needs_body(t);
}

void transfer_abort(struct transfer *t)
{
    t->client->abort(t);
}

void transfer_finish(struct transfer *t)
{
    t->client->finish(t);
}
