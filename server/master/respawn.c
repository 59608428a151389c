/* SPDX-License-Identifier: MIT */
/* See respawn.h. */
#include "server/master/respawn.h"

#include "common/base/clock.h"

static void plan(struct respawn *r, uint64_t now_at, bool is_alone)
{
    uint64_t ms = is_alone && r->delay_ms > RESPAWN_ALONE_MS ? RESPAWN_ALONE_MS : r->delay_ms;
    r->due_at = now_at + ms * CLOCK_NS_PER_MS;
}

static void grow(struct respawn *r)
{
    r->delay_ms = r->delay_ms == 0 ? RESPAWN_FIRST_MS : r->delay_ms * 2;
    if (r->delay_ms > RESPAWN_LAST_MS)
        r->delay_ms = RESPAWN_LAST_MS;
}

void respawn_after_death(struct respawn *r, uint64_t started_at, uint64_t now_at, bool is_alone)
{
    uint64_t life_ms = (now_at - started_at) / CLOCK_NS_PER_MS;
    bool is_third = r->deaths == 2 && r->life_ms + life_ms < RESPAWN_WINDOW_MS;
    if (is_third)
        grow(r);
    else
        r->delay_ms = 0;
    r->life_ms = life_ms;
    if (r->deaths < 2)
        r->deaths++;
    plan(r, now_at, is_alone);
}

void respawn_after_failed_fork(struct respawn *r, uint64_t now_at, bool is_alone)
{
    grow(r);
    plan(r, now_at, is_alone);
}
