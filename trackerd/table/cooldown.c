/* SPDX-License-Identifier: MIT */
/* See cooldown.h. */
#include "trackerd/table/cooldown.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/terms/quota.h"

/* More failures than any worker coalesces into one record; keeps sums far from overflowing. */
#define COUNT_MAX 1000000

struct step { /* what every rule needs */
    struct shm_table_state *row;
    const struct cooldown_rules *rules;
    const struct evwire_event *ev;
    uint64_t ended_at; /* of the event, not in the future */
    uint32_t count;
    struct cooldown_now now;
    struct cooldown_changes *out;
};

static void add_change(struct cooldown_changes *out, struct cooldown_change change)
{
    if (out->n < COOLDOWN_CHANGES_MAX)
        out->items[out->n++] = change;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- streaks: a counter and the instants of its failures ------------------------------------- */

struct streak {
    uint32_t *count;
    uint64_t *oldest;
    uint64_t *recent; /* the latest ones, newest first */
    unsigned depth;
};

static struct streak mid_of(struct shm_table_state *row)
{
    return (struct streak){&row->hot.mid_failures, &row->oldest_mid, row->recent_mid,
                           SHM_TABLE_RECENT_MID};
}

static struct streak pre_of(struct shm_table_state *row)
{
    return (struct streak){&row->hot.pre_failures, &row->oldest_pre, row->recent_pre,
                           SHM_TABLE_RECENT_PRE};
}

static void streak_insert(struct streak s, uint64_t ended_at)
{
    for (unsigned i = 0; i < s.depth; i++) {
        if (ended_at >= s.recent[i]) {
            memmove(&s.recent[i + 1], &s.recent[i], (s.depth - 1 - i) * sizeof(s.recent[0]));
            s.recent[i] = ended_at;
            return;
        }
    }
}

/* Returns the new count. */
static uint32_t streak_add(struct streak s, uint32_t count, uint64_t ended_at)
{
    *s.oldest = *s.count == 0 ? ended_at : earlier(*s.oldest, ended_at);
    *s.count = *s.count + count < COUNT_MAX ? *s.count + count : COUNT_MAX;
    for (unsigned i = 0; i < count && i < s.depth; i++)
        streak_insert(s, ended_at);
    return *s.count;
}

static void streak_clear(struct streak s)
{
    *s.count = 0;
    *s.oldest = 0;
    memset(s.recent, 0, s.depth * sizeof(s.recent[0]));
}

/* A success ended at success_at: failures that ended before it no longer count. True when that
 * brought the counter to 0. */
static bool streak_reset(struct streak s, uint64_t success_at)
{
    unsigned left = 0;
    if (*s.count == 0 || *s.oldest >= success_at)
        return false;
    while (left < s.depth && s.recent[left] != 0 && s.recent[left] >= success_at)
        left++;
    memset(&s.recent[left], 0, (s.depth - left) * sizeof(s.recent[0]));
    *s.count = left;
    *s.oldest = left > 0 ? s.recent[left - 1] : 0;
    return left == 0;
}

/* ---- cooldowns ------------------------------------------------------------------------------- */

static void set_reason(struct shm_table_state *row, enum cooldown_cause cause, const char *reason)
{
    row->cause = cause;
    memset(row->reason, 0, sizeof(row->reason));
    snprintf(row->reason, sizeof(row->reason), "%s",
             reason != NULL ? reason : cooldown_cause_reason(cause));
}

static void begin_cooldown(struct shm_table_state *row, enum cooldown_cause cause, uint64_t now_at)
{
    row->hot.cooldown_began_at = now_at;
    row->hot.incident++;
    row->hot.flags |= SHM_TABLE_RECOVERING;
    row->cooldowns++;
    row->cooldowns_by_cause[cause]++;
}

bool cooldown_start(struct shm_table_state *row, enum cooldown_cause cause, const char *reason,
                    uint64_t until_at, struct cooldown_now now, struct cooldown_changes *out)
{
    until_at = earlier(until_at, now.at + SHM_TABLE_REST_MAX_NS);
    if (until_at <= now.at || until_at <= row->hot.cooldown_until_at)
        return false;
    bool is_running = row->hot.cooldown_until_at > now.at;
    if (!is_running)
        begin_cooldown(row, cause, now.at);
    row->hot.cooldown_until_at = until_at;
    set_reason(row, cause, reason);
    add_change(out, (struct cooldown_change){
                        .kind = EVCH_COOLDOWN,
                        .cause = cause,
                        .is_extension = is_running,
                        .duration_ms = (until_at - now.at + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS,
                    });
    return true;
}

/* A cooldown that follows from counting; its change carries the count. */
static bool cooldown_for_failures(struct step *s, enum cooldown_cause cause, uint64_t ms,
                                  uint32_t failures, uint32_t threshold)
{
    if (!cooldown_start(s->row, cause, NULL, s->now.at + ms * CLOCK_NS_PER_MS, s->now, s->out))
        return false;
    struct cooldown_change *change = &s->out->items[s->out->n - 1];
    change->failures = failures;
    change->threshold = threshold;
    return true;
}

uint64_t cooldown_mid_length_ms(const struct cooldown_rules *rules, uint32_t escalation)
{
    uint64_t ms = rules->mid_cooldown_ms;
    while (escalation-- > 0 && ms < rules->mid_cooldown_max_ms)
        ms *= 2;
    return later(earlier(ms, rules->mid_cooldown_max_ms), rules->mid_cooldown_ms);
}

/* ---- failures -------------------------------------------------------------------------------- */

static bool is_history(const struct step *s)
{
    return s->ev->started_at < s->row->hot.cooldown_began_at ||
           (s->ev->incident != 0 && s->ev->incident < s->row->hot.incident);
}

/* A failure counts unless it is history or ended before the latest known success. out says why not.
 */
static bool may_count(struct step *s, uint64_t success_at)
{
    s->out->was_history = is_history(s);
    s->out->was_overtaken = !s->out->was_history && s->ended_at < success_at;
    return !s->out->was_history && !s->out->was_overtaken;
}

static void note_failure(struct step *s, enum cooldown_cause cause, uint32_t n, uint32_t threshold)
{
    add_change(s->out,
               (struct cooldown_change){
                   .kind = EVCH_FAILURE, .cause = cause, .failures = n, .threshold = threshold});
}

static void on_mid_failure(struct step *s)
{
    struct shm_table_state *row = s->row;
    uint32_t threshold = s->rules->mid_threshold;
    row->mid_failures_total += s->count;
    if (!may_count(s, row->last_success_at))
        return;
    uint32_t n = streak_add(mid_of(row), s->count, s->ended_at);
    if (n < threshold) {
        note_failure(s, CAUSE_MID_STREAM, n, threshold);
        return;
    }
    streak_clear(mid_of(row));
    uint64_t incident = row->hot.incident;
    cooldown_for_failures(s, CAUSE_MID_STREAM, cooldown_mid_length_ms(s->rules, row->escalation), n,
                          threshold);
    if (row->hot.incident != incident)
        row->escalation++;
}

static void on_pre_failure(struct step *s)
{
    struct shm_table_state *row = s->row;
    uint32_t threshold = s->rules->pre_threshold;
    if (!may_count(s, later(row->last_success_at, row->last_answer_success_at)))
        return;
    uint32_t n = streak_add(pre_of(row), s->count, s->ended_at);
    if (threshold == 0 || n < threshold) {
        note_failure(s, CAUSE_PRE_STREAM, n, threshold);
        return;
    }
    streak_clear(pre_of(row));
    cooldown_for_failures(s, CAUSE_PRE_STREAM, s->rules->mid_cooldown_ms, n, threshold);
}

/* ---- successes ------------------------------------------------------------------------------- */

static void end_recovery(struct shm_table_state *row, struct cooldown_changes *out)
{
    if ((row->hot.flags & SHM_TABLE_RECOVERING) == 0)
        return;
    row->hot.flags &= ~SHM_TABLE_RECOVERING;
    add_change(out, (struct cooldown_change){.kind = EVCH_RECOVERED, .cause = row->cause});
}

static void credit_pre(struct shm_table_state *row, uint64_t ended_at, struct cooldown_changes *out)
{
    if (streak_reset(pre_of(row), ended_at))
        add_change(out, (struct cooldown_change){.kind = EVCH_RESET, .cause = CAUSE_PRE_STREAM});
}

static void credit_stream(struct shm_table_state *row, uint64_t ended_at,
                          struct cooldown_changes *out)
{
    row->last_success_at = later(row->last_success_at, ended_at);
    row->escalation = 0;
    if (streak_reset(mid_of(row), ended_at))
        add_change(out, (struct cooldown_change){.kind = EVCH_RESET, .cause = CAUSE_MID_STREAM});
    credit_pre(row, ended_at, out);
    end_recovery(row, out);
}

static void credit_answer(struct shm_table_state *row, uint64_t ended_at,
                          struct cooldown_changes *out)
{
    row->last_answer_success_at = later(row->last_answer_success_at, ended_at);
    credit_pre(row, ended_at, out);
    end_recovery(row, out);
}

static void on_stream_success(struct step *s)
{
    s->out->was_history = is_history(s);
    if (!s->out->was_history)
        credit_stream(s->row, s->ended_at, s->out);
}

static void on_answer_success(struct step *s)
{
    s->out->was_history = is_history(s);
    if (!s->out->was_history)
        credit_answer(s->row, s->ended_at, s->out);
}

/* A stamp counts unless it is from the future or its attempt is history. */
static bool is_news(const struct shm_table_state *row, uint64_t known_at, uint64_t started_at,
                    uint64_t ended_at, struct cooldown_now now)
{
    return ended_at > known_at && ended_at <= now.at && started_at <= ended_at &&
           started_at >= row->hot.cooldown_began_at;
}

void cooldown_note_stream(struct shm_table_state *row, uint64_t started_at, uint64_t ended_at,
                          struct cooldown_now now, struct cooldown_changes *out)
{
    if (is_news(row, row->last_success_at, started_at, ended_at, now))
        credit_stream(row, ended_at, out);
}

void cooldown_note_answer(struct shm_table_state *row, uint64_t started_at, uint64_t ended_at,
                          struct cooldown_now now, struct cooldown_changes *out)
{
    if (is_news(row, row->last_answer_success_at, started_at, ended_at, now))
        credit_answer(row, ended_at, out);
}

/* ---- cooldowns asked for, and quotas
 * ------------------------------------------------------------------------ */

static void on_cooldown(struct step *s)
{
    cooldown_start(s->row, (enum cooldown_cause)s->ev->cause, NULL, s->ev->until_at, s->now,
                   s->out);
}

static uint64_t wall_of(const struct step *s, uint64_t at, uint64_t updated_wall_ms)
{
    if (at == 0)
        return 0;
    uint64_t ns = at > s->ended_at ? earlier(at - s->ended_at, SHM_TABLE_REST_MAX_NS) : 0;
    return updated_wall_ms + ns / CLOCK_NS_PER_MS;
}

static void store_quota(struct step *s, uint64_t updated_wall_ms)
{
    struct shm_table_state *row = s->row;
    row->hot.flags |= SHM_TABLE_QUOTA;
    row->quota_remaining_requests = s->ev->remaining_requests;
    row->quota_remaining_tokens = s->ev->remaining_tokens;
    row->quota_reset_requests_wall_ms = wall_of(s, s->ev->reset_requests_at, updated_wall_ms);
    row->quota_reset_tokens_wall_ms = wall_of(s, s->ev->reset_tokens_at, updated_wall_ms);
    row->quota_updated_wall_ms = updated_wall_ms;
    add_change(s->out, (struct cooldown_change){.kind = EVCH_QUOTA});
}

static void on_quota(struct step *s)
{
    uint64_t age_ms = (s->now.at - s->ended_at) / CLOCK_NS_PER_MS;
    uint64_t updated_wall_ms = s->now.wall_ms > age_ms ? s->now.wall_ms - age_ms : 0;
    /* Reports of different workers may arrive out of order: the newest headers are the quota. One
     * from the future is older: the wall clock was set back since. */
    if (updated_wall_ms >= s->row->quota_updated_wall_ms ||
        s->row->quota_updated_wall_ms > s->now.wall_ms)
        store_quota(s, updated_wall_ms);
    /* An unknown reset is 0 and starts no cooldown: the provider's 429 will. */
    uint64_t requests_at = s->ev->remaining_requests == 0 ? s->ev->reset_requests_at : 0;
    uint64_t tokens_at = s->ev->remaining_tokens == 0 ? s->ev->reset_tokens_at : 0;
    cooldown_start(s->row, requests_at >= tokens_at ? CAUSE_QUOTA_REQUESTS : CAUSE_QUOTA_TOKENS,
                   NULL, later(requests_at, tokens_at), s->now, s->out);
}

/* ---- the machine ----------------------------------------------------------------------------- */

void cooldown_init(struct shm_table_state *row, const char *provider, const char *model,
                   uint64_t key_hash, const struct cooldown_rules *rules)
{
    *row = (struct shm_table_state){
        .hot = {.key_hash = key_hash, .recovery_concurrency = rules->recovery_concurrency},
        .quota_remaining_requests = QUOTA_UNKNOWN,
        .quota_remaining_tokens = QUOTA_UNKNOWN,
    };
    snprintf(row->provider, sizeof(row->provider), "%s", provider);
    snprintf(row->model, sizeof(row->model), "%s", model);
}

void cooldown_apply(struct shm_table_state *row, const struct cooldown_rules *rules,
                    const struct evwire_event *event, struct cooldown_now now,
                    struct cooldown_changes *out)
{
    static void (*const on_kind[])(struct step *) = {
        [EV_MID_FAILURE] = on_mid_failure,
        [EV_PRE_FAILURE] = on_pre_failure,
        [EV_STREAM_SUCCESS] = on_stream_success,
        [EV_ANSWER_SUCCESS] = on_answer_success,
        [EV_COOLDOWN] = on_cooldown,
        [EV_QUOTA] = on_quota,
    };
    struct step s = {
        .row = row,
        .rules = rules,
        .ev = event,
        .ended_at = earlier(event->ended_at, now.at),
        .count = event->count < COUNT_MAX ? event->count : COUNT_MAX,
        .now = now,
        .out = out,
    };
    *out = (struct cooldown_changes){0};
    if (event->kind < sizeof(on_kind) / sizeof(on_kind[0]) && on_kind[event->kind] != NULL)
        on_kind[event->kind](&s);
}

void cooldown_clear(struct shm_table_state *row, struct cooldown_changes *out)
{
    row->hot.cooldown_until_at = 0;
    row->hot.flags &= ~SHM_TABLE_RECOVERING;
    row->escalation = 0;
    streak_clear(mid_of(row));
    streak_clear(pre_of(row));
    add_change(out, (struct cooldown_change){.kind = EVCH_CLEARED});
}
