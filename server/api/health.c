/* SPDX-License-Identifier: MIT */
/* See health.h. */
#include "server/api/health.h"

#include <string.h>

#include "common/base/clock.h"

void health_note_pair(struct health_facts *facts, uint64_t until_wall_ms)
{
    facts->pairs++;
    if (until_wall_ms == 0)
        return;
    facts->resting++;
    if (facts->soonest_wall_ms == 0 || until_wall_ms < facts->soonest_wall_ms)
        facts->soonest_wall_ms = until_wall_ms;
}

/* In whole seconds, rounded up: the text must not change from one look to the next. */
static void put_second(struct buf *out, uint64_t wall_ms)
{
    clock_put_iso8601(out, (wall_ms + 999) / 1000 * 1000);
    out->len -= strlen(".000Z");
    buf_putc(out, 'Z');
}

bool health_put_why(const struct health_facts *facts, struct buf *why)
{
    bool all_rest = facts->pairs > 0 && facts->resting == facts->pairs;
    if (!facts->has_tracker)
        buf_puts(why, "no tracker");
    if (!all_rest)
        return !facts->has_tracker;
    buf_printf(why, "%severy pair of the default chain rests, the first one until ",
               facts->has_tracker ? "" : "; ");
    put_second(why, facts->soonest_wall_ms);
    return true;
}
