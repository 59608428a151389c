/* SPDX-License-Identifier: MIT */
/* A look at the shared table: which pairs may be used now. Workers route by it, weirctl tells how
 * they would. Maps the table read-only, knows the row of each configured pair by index, and re-maps
 * when trackerd made a new table. Without a table, or with one that cannot be read, every pair
 * counts as available. Never writes, never waits. */
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

/* Opens the table when there is none, follows a newer one, resolves rows again when they moved.
 * Cheap when nothing changed; call it from a timer and when trackerd's connection comes. */
void tableview_refresh(struct tableview *view);
/* How the latest opening went. */
enum shm_table_error tableview_error(const struct tableview *view);
/* The mapping for readers of whole rows; NULL while there is none. Until the next refresh. */
const struct shm_table *tableview_table(const struct tableview *view);

/* How a pair stood when a request looked: what its events must carry. */
struct pair_seen {
    uint32_t row;      /* UINT32_MAX: unknown */
    uint64_t incident; /* 0: unknown */
    bool is_recovering, has_quota;
    uint32_t recovery_concurrency; /* while it recovers; 0 = no limit */
};

/* OUTCOME_NONE: use it. OUTCOME_IN_COOLDOWN: *rest_ms is what is left of it. */
enum outcome tableview_verdict(struct tableview *view, uint32_t pair, uint64_t now_at,
                               struct pair_seen *seen, uint64_t *rest_ms);
/* How long the pair's latest cooldown lasts in all, in ms; 0 when it began before that instant. */
uint64_t tableview_rest_since(struct tableview *view, uint32_t pair, uint64_t since_at);
/* Has the row anything that a success would reset? False when nothing is known. */
bool tableview_wants_reset(struct tableview *view, uint32_t pair);

#endif
