/* SPDX-License-Identifier: MIT */
/* See health.h. */
#include "server/api/health.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"

#define MINUTE_NS     (UINT64_C(60000) * CLOCK_NS_PER_MS)
#define FAILED_MIN    10 /* fewer say nothing */
#define FAILED_ONE_IN 20

void health_note_pair(struct health_facts *facts, uint64_t until_wall_ms)
{
    facts->pairs++;
    if (until_wall_ms == 0)
        return;
    facts->resting++;
    if (facts->soonest_wall_ms == 0 || until_wall_ms < facts->soonest_wall_ms)
        facts->soonest_wall_ms = until_wall_ms;
}

bool health_answers_are_due(const struct health_answers *answers, uint64_t now_at)
{
    return answers->n == 0 ||
           now_at - answers->points[answers->n - 1].at >= HEALTH_STEP_MS * CLOCK_NS_PER_MS;
}

void health_answers_note(struct health_answers *answers, uint64_t now_at, struct page_sums_all sums)
{
    if (answers->n == HEALTH_STEPS) {
        answers->n--;
        memmove(answers->points, answers->points + 1, answers->n * sizeof(answers->points[0]));
    }
    answers->points[answers->n].at = now_at;
    answers->points[answers->n++].sums = sums;
}

void health_note_answers(struct health_facts *facts, const struct health_answers *answers,
                         uint64_t now_at, struct page_sums_all sums)
{
    unsigned i = 0;
    while (i < answers->n && now_at - answers->points[i].at > MINUTE_NS)
        i++;
    if (i == answers->n || sums.answers < answers->points[i].sums.answers)
        return;
    facts->answers = sums.answers - answers->points[i].sums.answers;
    facts->failed = sums.failed - answers->points[i].sums.failed;
}

static void put_reason(struct buf *why, const char *text)
{
    buf_printf(why, "%s%s", why->len > 0 ? "; " : "", text);
}

bool health_put_why(const struct health_facts *facts, struct buf *why)
{
    size_t before = why->len;
    if (!facts->has_tracker)
        put_reason(why, "no tracker");
    if (facts->pairs > 0 && facts->resting == facts->pairs) {
        put_reason(why, "every pair of the default chain rests, the first one until ");
        /* whole seconds, rounded up: the text must be the same each time it is asked for */
        clock_put_iso8601(why, (facts->soonest_wall_ms + 999) / 1000 * 1000);
        why->len -= strlen(".000Z");
        buf_putc(why, 'Z');
    }
    if (facts->failed >= FAILED_MIN && facts->failed * FAILED_ONE_IN > facts->answers)
        put_reason(why, "more than 5 % of the last minute's answers were errors or broke");
    return why->len > before;
}

void health_add_members(json_object *o, const struct health_facts *facts)
{
    struct buf why = BUF_INIT;
    bool is_degraded = health_put_why(facts, &why);
    json_out_text(o, "status", is_degraded ? "degraded" : "ok");
    json_out_text(o, "why", is_degraded ? buf_cstr(&why) : NULL);
    buf_free(&why);
}
