/* SPDX-License-Identifier: MIT */
/* What weir reports about its own health: GET /health, the top of /status.json. Pure. endpoints.c
 * and status.c gather the facts. "ok": nothing needs an operator's attention. "degraded": weir
 * serves, but with less than it should have, and why. Names no provider and nothing secret: /health
 * is open to everybody. */
#ifndef WEIR_SERVER_API_HEALTH_H
#define WEIR_SERVER_API_HEALTH_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/shm/page_sums.h"

/* What all workers together had answered at the latest points in time, HEALTH_STEP_MS apart. */
#define HEALTH_STEP_MS 10000
#define HEALTH_STEPS   6 /* a minute */
struct health_answers {
    struct {
        uint64_t at;
        struct page_sums_all sums;
    } points[HEALTH_STEPS]; /* the latest last */
    unsigned n;
};

struct health_facts {
    bool has_tracker;
    uint64_t answers, failed; /* of the last minute, by health_note_answers */
    uint32_t pairs, resting;  /* of the default chain, by health_note_pair; resting: in cooldown */
    uint64_t soonest_wall_ms; /* when the first of the resting ones is back */
};

/* Is it time for the next point? */
bool health_answers_are_due(const struct health_answers *answers, uint64_t now_at);
void health_answers_note(struct health_answers *answers, uint64_t now_at,
                         struct page_sums_all sums);
/* How many of the last minute's answers failed: since the oldest point that is in it. */
void health_note_answers(struct health_facts *facts, const struct health_answers *answers,
                         uint64_t now_at, struct page_sums_all sums);
/* Counts a pair of the default chain: when its cooldown ends, ms since 1970; 0 = it is in none. */
void health_note_pair(struct health_facts *facts, uint64_t until_wall_ms);

/* Appends why weir is degraded, the reasons separated by "; ". False: it is not, nothing was
 * appended. */
bool health_put_why(const struct health_facts *facts, struct buf *why);
/* The same as two members: "status" is "ok" or "degraded", "why" a text or null. */
void health_add_members(json_object *o, const struct health_facts *facts);

#endif
