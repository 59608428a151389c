/* SPDX-License-Identifier: MIT */
/* Rows, instants and events for the tests of the tracker's rules. */
#ifndef WEIR_TESTS_UNIT_TRACKERD_TABLE_COOLDOWN_FIXTURE_H
#define WEIR_TESTS_UNIT_TRACKERD_TABLE_COOLDOWN_FIXTURE_H

#include "common/terms/quota.h"
#include "trackerd/table/cooldown.h"

#define MS UINT64_C(1000000)
#define T0 (UINT64_C(1000000) * MS) /* some way into the boot */

static inline struct shm_table_state fresh_row(const struct cooldown_rules *rules)
{
    struct shm_table_state row;
    cooldown_init(&row, "p", "m", 42, rules);
    return row;
}

static inline struct cooldown_now at(uint64_t ns)
{
    return (struct cooldown_now){.at = ns, .wall_ms = UINT64_C(1700000000000) + ns / MS};
}

static inline struct evwire_event event(enum ev_kind kind, uint64_t started_at, uint64_t ended_at)
{
    return (struct evwire_event){
        .seq = 1,
        .key_hash = 42,
        .kind = (uint16_t)kind,
        .count = 1,
        .started_at = started_at,
        .ended_at = ended_at,
        .remaining_requests = QUOTA_UNKNOWN,
        .remaining_tokens = QUOTA_UNKNOWN,
    };
}

#endif
