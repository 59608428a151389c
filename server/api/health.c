/* SPDX-License-Identifier: MIT */
/* See health.h. */
#include "server/api/health.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"

void health_note_pair(struct health_facts *facts, uint64_t until_wall_ms)
{
    facts->pairs++;
    if (until_wall_ms == 0)
        return;
    facts->resting++;
    if (facts->soonest_wall_ms == 0 || until_wall_ms < facts->soonest_wall_ms)
        facts->soonest_wall_ms = until_wall_ms;
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
    /* whole seconds, rounded up: the text must be the same each time it is asked for */
    clock_put_iso8601(why, (facts->soonest_wall_ms + 999) / 1000 * 1000);
    why->len -= strlen(".000Z");
    buf_putc(why, 'Z');
    return true;
}

void health_add_members(json_object *o, const struct health_facts *facts)
{
    struct buf why = BUF_INIT;
    bool is_degraded = health_put_why(facts, &why);
    json_out_text(o, "status", is_degraded ? "degraded" : "ok");
    json_out_text(o, "why", is_degraded ? buf_cstr(&why) : NULL);
    buf_free(&why);
}
