/* SPDX-License-Identifier: MIT */
/* The rows of `weirctl status --json` and GET /v1/ratelimits (CONTRACT 6): gathered from the table
 * and the workers' pages, and made into JSON. Used by weirctl and workers. Reads, never writes. */
#ifndef WEIR_COMMON_ROUTING_PAIR_ROWS_H
#define WEIR_COMMON_ROUTING_PAIR_ROWS_H

#include <json-c/json.h>

#include "common/conf/conf.h"
#include "common/shm/pages.h"
#include "common/shm/table.h"

/* The latest cooldown, running or over. */
struct pair_cooldown {
    uint64_t incident; /* grows by one each time a cooldown begins; 0 = there was none yet */
    uint32_t cause;    /* enum cooldown_cause */
    uint64_t began_wall_ms, until_wall_ms; /* until 0: the operator cleared it */
    char reason[SHM_TABLE_REASON_BYTES];
};

struct pair_row {
    const char *provider, *model; /* borrowed from conf */
    enum pair_status status;
    uint64_t cooldown_until_wall_ms; /* 0 = not in cooldown */
    uint64_t cooldown_remaining_ms;
    char reason[SHM_TABLE_REASON_BYTES]; /* "" unless in cooldown */
    struct pair_cooldown last;
    uint32_t mid_failures;
    uint64_t cooldowns, requests, successes, failures;
    bool has_quota;
    int64_t quota_remaining_requests, quota_remaining_tokens;
    uint64_t quota_reset_requests_wall_ms, quota_reset_tokens_wall_ms, quota_updated_wall_ms;
};

/* The row of pair `pair` of conf. tab and pages may be NULL: then the pair counts as available and
 * its numbers as 0. */
void pair_row_read(const struct conf *conf, uint32_t pair, const struct shm_table *tab,
                   const struct pages *pages, struct pair_row *out);
/* The rows of all pairs in the configuration's order, as they stood at one moment
 * (shm_table_read_all); out has room for conf->n_pairs. */
void pair_rows_read(const struct conf *conf, const struct shm_table *tab, const struct pages *pages,
                    struct pair_row *out);
/* The same as a JSON array; the caller owns it (json_object_put). */
json_object *pair_rows_json(const struct conf *conf, const struct shm_table *tab,
                            const struct pages *pages);
/* One row as JSON; the caller owns it. */
json_object *pair_row_json(const struct pair_row *row);

#endif
