/* SPDX-License-Identifier: MIT */
/* What weir says of its own health (GET /health, the top of /status.json). Pure. endpoints.c and
 * status.c gather the facts. "ok": nothing needs an operator's attention; "degraded": weir serves,
 * but with less than it should have; then it also says why. Names no provider and
 * nothing secret: /health is open to everybody. */
#ifndef WEIR_SERVER_API_HEALTH_H
#define WEIR_SERVER_API_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

struct health_facts {
    bool has_tracker;
    uint32_t pairs, resting;  /* of the default chain, noted; resting: in cooldown */
    uint64_t soonest_wall_ms; /* when the first of the resting ones is back */
};

/* Notes one of the default chain's pairs: when its cooldown ends, ms since 1970; 0 = none runs. */
void health_note_pair(struct health_facts *facts, uint64_t until_wall_ms);

/* Appends why weir is degraded, the reasons with "; " between. False, and nothing is appended, when
 * all is well. */
bool health_put_why(const struct health_facts *facts, struct buf *why);

#endif
