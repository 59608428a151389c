/* SPDX-License-Identifier: MIT */
/* What endpoints need of the process they run in: made by the worker, which owns it, and handed to
 * each endpoint as its `void *arg`. So no endpoint knows the worker. */
#ifndef WEIR_SERVER_API_API_H
#define WEIR_SERVER_API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/pages.h"
#include "server/api/health.h"
#include "server/exchange/exchange.h"

struct api {
    const struct exchange_env *env; /* for exchanges; also the configuration and the view */
    const struct pages *pages;      /* of all workers; NULL: no statistics */
    struct health_answers answers;  /* of the last minute: the worker's tick notes them */
    uint64_t started_at;            /* weir itself, not this worker; boot clock ns */
    /* Is this worker connected to trackerd? */
    bool (*has_tracker)(const void *worker);
    const void *worker;
};

static inline bool api_has_tracker(const struct api *api)
{
    return api->has_tracker(api->worker);
}

#endif
