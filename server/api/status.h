/* SPDX-License-Identifier: MIT */
/* GET /status.json: what weir knows about itself at one moment, in one document, for the page at
 * /status and for programs; weir(8) explains the members. Made in a worker from the configuration,
 * the table and all workers' pages, so that any worker answers for all of them. Reads only. */
#ifndef WEIR_SERVER_API_STATUS_H
#define WEIR_SERVER_API_STATUS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/routing/claims.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "server/api/health.h"

struct status_view {
    const struct conf *conf;
    struct tableview *table;     /* NULL: there is none; the same for the next two */
    const struct claims *claims; /* for what would pass a pair by */
    const struct pages *pages;
    const struct health_answers *answers; /* of the last minute */
    bool has_tracker;                     /* this worker is connected to trackerd */
    uint64_t started_at;                  /* of the master, boot clock ns */
};

/* The caller frees it with json_object_put. */
json_object *status_json(const struct status_view *view);

#endif
