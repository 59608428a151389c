/* SPDX-License-Identifier: MIT */
/* A look at the shared table: which pairs may be used now. Workers route by it, weirctl shows how
 * they would. Maps the table read-only, keeps the row of each configured pair, and maps again when
 * trackerd has made a new table. Without a table, or with one that cannot be read, every pair
 * counts as available. Never writes, never waits. Weak spot: a table that is gone while trackerd is
 * down is looked at until its successor is there. */
#ifndef WEIR_COMMON_TABLEVIEW_TABLEVIEW_H
#define WEIR_COMMON_TABLEVIEW_TABLEVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/shm/table.h"
#include "common/terms/outcome.h"

struct tableview;

struct tableview *tableview_new(const struct conf *conf);
void tableview_free(struct tableview **view);

/* Opens the table if there is none, follows a newer one, finds the rows again if they moved. Cheap
 * when nothing has changed; called from a timer and when the connection to trackerd is made. */
void tableview_refresh(struct tableview *view);
/* How the latest opening went. */
enum shm_table_error tableview_error(const struct tableview *view);
/* The mapping, for readers of whole rows; NULL while there is none. Valid until the next refresh.
 */
const struct shm_table *tableview_table(const struct tableview *view);

/* The pair's state when it was chosen; copied into the events about it. */
struct pair_seen {
    uint32_t row;      /* UINT32_MAX: unknown */
    uint64_t incident; /* 0: unknown */
    bool is_recovering, has_quota;
    uint32_t recovery_concurrency; /* while it recovers; 0 = no limit */
};

/* OUTCOME_NONE: the pair may be used. OUTCOME_IN_COOLDOWN: *rest_ms is what is left of the
 * cooldown; it is not written otherwise. *seen is set in both cases. */
enum outcome tableview_verdict(struct tableview *view, uint32_t pair, uint64_t now_at,
                               struct pair_seen *seen, uint64_t *rest_ms);
/* The whole length of the pair's latest cooldown, in ms; 0 if it began before since_at. */
uint64_t tableview_rest_since(struct tableview *view, uint32_t pair, uint64_t since_at);
/* Would a success reset anything in the row? False when nothing is known of the pair. */
bool tableview_wants_reset(struct tableview *view, uint32_t pair);

#endif
