/* SPDX-License-Identifier: MIT */
/* trackerd/table/cooldown.c: millions of random events against a reference that keeps whole lists
 * and is too plain to be wrong. */
#include <stdlib.h>

#include "tests/unit/trackerd/table/cooldown_fixture.h"
#include "tests/unit/unit.h"

/* ---- the model ------------------------------------------------------------------------------- */

#define MODEL_LIST 512

struct list { /* when each counted failure ended, in no order */
    uint64_t ended_at[MODEL_LIST];
    uint32_t n;
};

struct model {
    struct list mid, pre;
    uint64_t stream_success, answer_success; /* the latest that count */
    uint64_t until, began, incident;
    uint32_t cooldowns_in_a_row; /* mid-stream, without a success between */
    uint64_t cooldowns, total;
    enum cooldown_cause cause;
    bool recovering;
};

static bool model_is_old(const struct model *m, const struct evwire_event *ev)
{
    return ev->started_at < m->began || (ev->incident > 0 && ev->incident < m->incident);
}

static bool model_rest(struct model *m, enum cooldown_cause cause, uint64_t until, uint64_t now)
{
    if (until > now + SHM_TABLE_REST_MAX_NS)
        until = now + SHM_TABLE_REST_MAX_NS;
    if (until <= now)
        return false;
    if (m->until > now) {
        if (until > m->until) {
            m->until = until;
            m->cause = cause;
        }
        return false;
    }
    m->until = until;
    m->cause = cause;
    m->began = now;
    m->incident++;
    m->cooldowns++;
    m->recovering = true;
    return true;
}

static void model_add(struct list *list, uint64_t ended_at, uint32_t count)
{
    while (count-- > 0)
        list->ended_at[list->n++] = ended_at;
}

static void drop_at(struct list *list, uint32_t i)
{
    list->ended_at[i] = list->ended_at[--list->n];
}

static uint32_t oldest_in(const struct list *list)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < list->n; i++)
        if (list->ended_at[i] < list->ended_at[best])
            best = i;
    return best;
}

/* What ended before the success goes; of the rest, when anything went, the newest `depth` stay. */
static void model_reset(struct list *list, uint64_t success_at, uint32_t depth)
{
    uint32_t had = list->n;
    while (list->n > 0 && list->ended_at[oldest_in(list)] < success_at)
        drop_at(list, oldest_in(list));
    while (list->n < had && list->n > depth)
        drop_at(list, oldest_in(list));
}

static void model_stream_success(struct model *m, uint64_t ended_at)
{
    if (ended_at > m->stream_success)
        m->stream_success = ended_at;
    m->cooldowns_in_a_row = 0;
    m->recovering = false;
    model_reset(&m->mid, ended_at, SHM_TABLE_RECENT_MID);
    model_reset(&m->pre, ended_at, SHM_TABLE_RECENT_PRE);
}

static void model_answer_success(struct model *m, uint64_t ended_at)
{
    if (ended_at > m->answer_success)
        m->answer_success = ended_at;
    m->recovering = false;
    model_reset(&m->pre, ended_at, SHM_TABLE_RECENT_PRE);
}

static uint64_t model_length_ns(const struct model *m, const struct cooldown_rules *rules)
{
    uint64_t ms = rules->mid_cooldown_ms;
    for (uint32_t i = 0; i < m->cooldowns_in_a_row && i < 40; i++)
        ms *= 2;
    if (ms > rules->mid_cooldown_max_ms)
        ms = rules->mid_cooldown_max_ms;
    return ms * MS;
}

static void model_mid_failure(struct model *m, const struct cooldown_rules *rules,
                              const struct evwire_event *ev, uint64_t ended, uint64_t now)
{
    m->total += ev->count;
    if (model_is_old(m, ev) || ended < m->stream_success)
        return;
    model_add(&m->mid, ended, ev->count);
    if (m->mid.n < rules->mid_threshold)
        return;
    m->mid.n = 0;
    if (model_rest(m, CAUSE_MID_STREAM, now + model_length_ns(m, rules), now))
        m->cooldowns_in_a_row++;
}

static void model_pre_failure(struct model *m, const struct cooldown_rules *rules,
                              const struct evwire_event *ev, uint64_t ended, uint64_t now)
{
    if (model_is_old(m, ev) || ended < m->stream_success || ended < m->answer_success)
        return;
    model_add(&m->pre, ended, ev->count);
    if (rules->pre_threshold == 0 || m->pre.n < rules->pre_threshold)
        return;
    m->pre.n = 0;
    model_rest(m, CAUSE_PRE_STREAM, now + rules->mid_cooldown_ms * MS, now);
}

static void model_quota(struct model *m, const struct evwire_event *ev, uint64_t now)
{
    uint64_t requests = ev->remaining_requests == 0 ? ev->reset_requests_at : 0;
    uint64_t tokens = ev->remaining_tokens == 0 ? ev->reset_tokens_at : 0;
    if (tokens > requests)
        model_rest(m, CAUSE_QUOTA_TOKENS, tokens, now);
    else
        model_rest(m, CAUSE_QUOTA_REQUESTS, requests, now);
}

static void model_apply(struct model *m, const struct cooldown_rules *rules,
                        const struct evwire_event *ev, uint64_t now)
{
    uint64_t ended = ev->ended_at < now ? ev->ended_at : now;
    if (ev->kind == EV_MID_FAILURE)
        model_mid_failure(m, rules, ev, ended, now);
    if (ev->kind == EV_PRE_FAILURE)
        model_pre_failure(m, rules, ev, ended, now);
    if (ev->kind == EV_STREAM_SUCCESS && !model_is_old(m, ev))
        model_stream_success(m, ended);
    if (ev->kind == EV_ANSWER_SUCCESS && !model_is_old(m, ev))
        model_answer_success(m, ended);
    if (ev->kind == EV_COOLDOWN)
        model_rest(m, ev->cause, ev->until_at, now);
    if (ev->kind == EV_QUOTA)
        model_quota(m, ev, now);
}

static void model_clear(struct model *m)
{
    m->until = 0;
    m->recovering = false;
    m->cooldowns_in_a_row = 0;
    m->mid.n = m->pre.n = 0;
}

static void model_stamp(struct model *m, uint64_t started, uint64_t ended, uint64_t now)
{
    if (ended <= now && started <= ended && started >= m->began && ended > m->stream_success)
        model_stream_success(m, ended);
}

/* ---- random sequences ------------------------------------------------------------------------ */

static uint64_t rng;
static uint64_t roll(uint64_t n) /* 0..n-1 */
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static struct evwire_event random_event(uint64_t now, const struct model *m)
{
    struct evwire_event ev = event((enum ev_kind)(1 + roll(6)), 0, 0);
    if (roll(3) == 0)
        ev.kind = EV_MID_FAILURE;
    ev.ended_at = now - roll(4) * MS / 2 + (roll(50) == 0 ? 5 * MS : 0);
    ev.started_at = ev.ended_at - roll(8) * MS / 2;
    ev.count = roll(10) == 0 ? (uint32_t)(1 + roll(5)) : 1;
    ev.incident = roll(3) == 0 ? m->incident - roll(2) * (m->incident > 0) : 0;
    ev.cause = (uint32_t)(1 + roll(CAUSE_COUNT - 1));
    ev.until_at = roll(60) == 0 ? UINT64_MAX : now + roll(6) * MS - 2 * MS;
    ev.remaining_requests = (int64_t)roll(3);
    ev.remaining_tokens = (int64_t)roll(3);
    ev.reset_requests_at = roll(3) == 0 ? 0 : now + roll(4) * MS;
    ev.reset_tokens_at = roll(3) == 0 ? 0 : now + roll(4) * MS;
    return ev;
}

static const char *difference(const struct shm_table_state *row, const struct model *m)
{
    if (row->hot.mid_failures != m->mid.n)
        return "mid-stream counter";
    if (row->hot.pre_failures != m->pre.n)
        return "pre-stream counter";
    if (row->hot.cooldown_until_at != m->until || row->hot.cooldown_began_at != m->began)
        return "cooldown";
    if (row->hot.incident != m->incident || row->cooldowns != m->cooldowns)
        return "number of cooldowns";
    if (row->escalation != m->cooldowns_in_a_row)
        return "escalation";
    if (((row->hot.flags & SHM_TABLE_RECOVERING) != 0) != m->recovering)
        return "recovering";
    if (row->mid_failures_total != m->total)
        return "statistics";
    return row->cause == m->cause ? NULL : "cause";
}

static void random_step(struct shm_table_state *row, struct model *m,
                        const struct cooldown_rules *rules, uint64_t now)
{
    struct cooldown_changes out = {0};
    uint64_t dice = roll(40);
    if (dice == 0) {
        cooldown_clear(row, &out);
        model_clear(m);
    } else if (dice == 1) {
        uint64_t ended = now - roll(3) * MS, started = ended - roll(6) * MS;
        cooldown_note_stream(row, started, ended, at(now), &out);
        model_stamp(m, started, ended, now);
    } else {
        struct evwire_event ev = random_event(now, m);
        cooldown_apply(row, rules, &ev, at(now), &out);
        model_apply(m, rules, &ev, now);
    }
}

#define MODEL_STEPS 250

static void random_sequence(uint64_t seed)
{
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    struct cooldown_rules rules = {
        .mid_threshold = (uint32_t)(1 + roll(roll(4) == 0 ? 40 : 4)),
        .mid_cooldown_ms = (uint32_t)(1 + roll(3)),
        .pre_threshold = (uint32_t)roll(4),
    };
    rules.mid_cooldown_max_ms = rules.mid_cooldown_ms * (uint32_t)(1 + roll(8));
    struct shm_table_state row = fresh_row(&rules);
    struct model m = {0};
    uint64_t now = T0;
    for (int step = 0; step < MODEL_STEPS; step++) {
        now += roll(4) * MS / 2;
        uint64_t until = row.hot.cooldown_until_at;
        random_step(&row, &m, &rules, now);
        const char *what = difference(&row, &m);
        if (what == NULL && row.hot.mid_failures >= rules.mid_threshold)
            what = "the counter has passed the threshold: it";
        if (what == NULL && row.hot.cooldown_until_at < until && row.hot.cooldown_until_at != 0)
            what = "a cooldown was shortened: it";
        if (what != NULL) /* each ck_assert costs a system call, so only now */
            ck_abort_msg("seed %lu, step %d: %s differs from the model", (unsigned long)seed, step,
                         what);
    }
}

START_TEST(model)
{
    const char *wish = getenv("WEIR_MODEL_SEQUENCES");
    unsigned long n = wish != NULL ? strtoul(wish, NULL, 10) : 20000;
    for (unsigned long seed = 1; seed <= n; seed++) /* 250 events each: 5 millions by default */
        random_sequence(seed);
}
END_TEST

UNIT_MAIN("cooldown model", model)
