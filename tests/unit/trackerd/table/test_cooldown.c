/* SPDX-License-Identifier: MIT */
/* trackerd/table/cooldown.c: the rules of CONTRACT 5.2 one by one. */
#include "trackerd/table/cooldown.h"

#include <string.h>

#include "tests/unit/trackerd/table/cooldown_fixture.h"
#include "tests/unit/unit.h"

static const struct cooldown_rules rules3 = {
    .mid_threshold = 3,
    .mid_cooldown_ms = 30000,
    .mid_cooldown_max_ms = 30000,
    .recovery_concurrency = 1,
};

/* Applies an event of that kind, of an attempt over [started, ended], at the instant it ended. */
static struct cooldown_changes play(struct shm_table_state *row, const struct cooldown_rules *rules,
                                    enum ev_kind kind, uint64_t started_at, uint64_t ended_at)
{
    struct cooldown_changes out;
    struct evwire_event ev = event(kind, started_at, ended_at);
    cooldown_apply(row, rules, &ev, at(ended_at), &out);
    return out;
}

/* ---- the mid-stream counter ------------------------------------------------------------------ */

START_TEST(threshold_begins_cooldown)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_changes out = play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 1 * MS);
    ck_assert_uint_eq(row.hot.mid_failures, 1);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_uint_eq(out.items[0].kind, EVCH_FAILURE);
    ck_assert_uint_eq(out.items[0].failures, 1);
    ck_assert_uint_eq(out.items[0].threshold, 3);
    play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 2 * MS);
    ck_assert_uint_eq(row.hot.mid_failures, 2);
    ck_assert_uint_eq(row.hot.cooldown_until_at, 0);
    out = play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 3 * MS);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(row.hot.cooldown_until_at, T0 + 3 * MS + 30000 * MS);
    ck_assert_uint_eq(row.hot.cooldown_began_at, T0 + 3 * MS);
    ck_assert_uint_eq(row.hot.incident, 1);
    ck_assert_uint_eq(row.cooldowns, 1);
    ck_assert_uint_eq(row.cooldowns_by_cause[CAUSE_MID_STREAM], 1);
    ck_assert_str_eq(row.reason, "mid-stream failures exceeded threshold");
    ck_assert_uint_eq(out.n, 1);
    ck_assert_uint_eq(out.items[0].kind, EVCH_COOLDOWN);
    ck_assert_uint_eq(out.items[0].failures, 3);
    ck_assert_uint_eq(out.items[0].duration_ms, 30000);
    ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 4 * MS), PAIR_EXHAUSTED);
    ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 30003 * MS), PAIR_RECOVERING);
}
END_TEST

START_TEST(completed_stream_resets)
{
    struct shm_table_state row = fresh_row(&rules3);
    play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 1 * MS);
    play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 2 * MS);
    struct cooldown_changes out = play(&row, &rules3, EV_STREAM_SUCCESS, T0, T0 + 3 * MS);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_uint_eq(out.items[0].kind, EVCH_RESET);
    out = play(&row, &rules3, EV_STREAM_SUCCESS, T0, T0 + 4 * MS);
    ck_assert_uint_eq(out.n, 0); /* it was 0: no change to report */
    play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 5 * MS);
    play(&row, &rules3, EV_MID_FAILURE, T0, T0 + 6 * MS);
    ck_assert_uint_eq(row.hot.mid_failures, 2);
    ck_assert_uint_eq(row.cooldowns, 0);
}
END_TEST

START_TEST(answer_leaves_mid_counter)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_rules rules = rules3;
    rules.pre_threshold = 5;
    play(&row, &rules, EV_MID_FAILURE, T0, T0 + 1 * MS);
    play(&row, &rules, EV_PRE_FAILURE, T0, T0 + 1 * MS);
    play(&row, &rules, EV_ANSWER_SUCCESS, T0, T0 + 2 * MS);
    ck_assert_uint_eq(row.hot.mid_failures, 1);
    ck_assert_uint_eq(row.hot.pre_failures, 0);
}
END_TEST

/* Merged failures count as many as they are. */
START_TEST(merged_failures)
{
    struct cooldown_rules rules = rules3;
    rules.mid_threshold = 40;
    struct shm_table_state row = fresh_row(&rules);
    struct cooldown_changes out;
    struct evwire_event ev = event(EV_MID_FAILURE, T0, T0 + 1 * MS);
    ev.count = 39;
    cooldown_apply(&row, &rules, &ev, at(T0 + 2 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 39);
    ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 2 * MS), PAIR_AVAILABLE);
    ev.count = 5;
    cooldown_apply(&row, &rules, &ev, at(T0 + 2 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(out.items[0].failures, 44);
    ck_assert_uint_eq(row.mid_failures_total, 44);
    ck_assert_uint_eq(row.cooldowns, 1);
}
END_TEST

/* ---- order and history ----------------------------------------------------------------------- */

START_TEST(success_overtakes_failure)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_changes out;
    /* the stamp is seen before the failure that ended earlier is applied */
    out = (struct cooldown_changes){0};
    cooldown_note_stream(&row, T0, T0 + 5 * MS, at(T0 + 6 * MS), &out);
    struct evwire_event ev = event(EV_MID_FAILURE, T0, T0 + 4 * MS);
    cooldown_apply(&row, &rules3, &ev, at(T0 + 6 * MS), &out);
    ck_assert(out.was_overtaken);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(row.mid_failures_total, 1);
}
END_TEST

START_TEST(late_success_leaves_newer_failures)
{
    struct cooldown_rules rules = rules3;
    rules.mid_threshold = 40;
    struct shm_table_state row = fresh_row(&rules);
    struct cooldown_changes out;
    for (int i = 1; i <= 6; i++)
        play(&row, &rules, EV_MID_FAILURE, T0, T0 + (uint64_t)i * 10 * MS);
    struct evwire_event ev = event(EV_STREAM_SUCCESS, T0, T0 + 35 * MS);
    cooldown_apply(&row, &rules, &ev, at(T0 + 70 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 3); /* those of 40, 50, 60 */
    ev = event(EV_STREAM_SUCCESS, T0, T0 + 36 * MS);
    cooldown_apply(&row, &rules, &ev, at(T0 + 71 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 3);
}
END_TEST

START_TEST(success_older_than_all_failures)
{
    struct cooldown_rules rules = rules3;
    rules.mid_threshold = 40;
    struct shm_table_state row = fresh_row(&rules);
    struct cooldown_changes out;
    for (int i = 0; i < 39; i++)
        play(&row, &rules, EV_MID_FAILURE, T0, T0 + 10 * MS);
    struct evwire_event ev = event(EV_STREAM_SUCCESS, T0, T0 + 5 * MS);
    cooldown_apply(&row, &rules, &ev, at(T0 + 70 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 39);
}
END_TEST

/* Ten streams that die together are one incident, and it is not escalated. */
START_TEST(ten_streams_one_incident)
{
    struct cooldown_rules rules = rules3;
    rules.mid_cooldown_max_ms = 240000;
    struct shm_table_state row = fresh_row(&rules);
    for (int i = 0; i < 10; i++)
        play(&row, &rules, EV_MID_FAILURE, T0 + (uint64_t)i, T0 + 100 * MS + (uint64_t)i);
    ck_assert_uint_eq(row.cooldowns, 1);
    ck_assert_uint_eq(row.escalation, 1);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(row.mid_failures_total, 10);
    ck_assert_uint_eq(row.hot.cooldown_until_at - row.hot.cooldown_began_at, 30000 * MS);
}
END_TEST

/* A stream that began before the cooldown completes or fails after it: neither means anything. */
START_TEST(history_changes_nothing)
{
    struct shm_table_state row = fresh_row(&rules3), before;
    for (int i = 1; i <= 3; i++)
        play(&row, &rules3, EV_MID_FAILURE, T0, T0 + (uint64_t)i * MS);
    uint64_t later = T0 + 40000 * MS;
    before = row;
    struct cooldown_changes out = play(&row, &rules3, EV_STREAM_SUCCESS, T0 + 2 * MS, later);
    ck_assert(out.was_history);
    ck_assert_mem_eq(&row, &before, sizeof(row));
    out = play(&row, &rules3, EV_MID_FAILURE, T0 + 2 * MS, later);
    ck_assert(out.was_history);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(row.mid_failures_total, 4);
    cooldown_note_stream(&row, T0 + 2 * MS, later, at(later), &out);
    ck_assert(row.hot.flags & SHM_TABLE_RECOVERING);
}
END_TEST

/* Picked before the cooldown, started in the same nanosecond: the incident number decides. */
START_TEST(older_incident_is_history)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_changes out;
    row.hot.incident = 7;
    row.hot.cooldown_began_at = T0;
    struct evwire_event ev = event(EV_MID_FAILURE, T0, T0 + 1 * MS);
    ev.incident = 6;
    cooldown_apply(&row, &rules3, &ev, at(T0 + 2 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ev.incident = 0; /* a worker that had no table does not know */
    cooldown_apply(&row, &rules3, &ev, at(T0 + 2 * MS), &out);
    ck_assert_uint_eq(row.hot.mid_failures, 1);
}
END_TEST

START_TEST(future_instants_are_cut)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_changes out = {0};
    struct evwire_event ev = event(EV_STREAM_SUCCESS, T0, UINT64_MAX);
    cooldown_apply(&row, &rules3, &ev, at(T0 + 1 * MS), &out);
    ck_assert_uint_eq(row.last_success_at, T0 + 1 * MS);
    cooldown_note_stream(&row, T0, UINT64_MAX, at(T0 + 2 * MS), &out);
    cooldown_note_answer(&row, T0, UINT64_MAX, at(T0 + 2 * MS), &out);
    ck_assert_uint_eq(row.last_success_at, T0 + 1 * MS);
    ck_assert_uint_eq(row.last_answer_success_at, 0);
}
END_TEST

/* ---- cooldowns ------------------------------------------------------------------------------- */

static uint64_t rest(struct shm_table_state *row, enum cooldown_cause cause, uint64_t now_at,
                     uint64_t until_at)
{
    struct cooldown_changes out;
    struct evwire_event ev = event(EV_COOLDOWN, now_at, now_at);
    ev.cause = cause;
    ev.until_at = until_at;
    cooldown_apply(row, &rules3, &ev, at(now_at), &out);
    return row->hot.cooldown_until_at;
}

START_TEST(never_shortened)
{
    struct shm_table_state row = fresh_row(&rules3);
    ck_assert_uint_eq(rest(&row, CAUSE_RATE_LIMITED, T0, T0 + 60 * MS), T0 + 60 * MS);
    ck_assert_uint_eq(rest(&row, CAUSE_AUTH_FAILED, T0 + 1 * MS, T0 + 30 * MS), T0 + 60 * MS);
    ck_assert_str_eq(row.reason, "429 rate limited");
    /* one that ends later extends the same incident */
    ck_assert_uint_eq(rest(&row, CAUSE_PAYMENT_REQUIRED, T0 + 2 * MS, T0 + 90 * MS), T0 + 90 * MS);
    ck_assert_uint_eq(row.hot.incident, 1);
    ck_assert_uint_eq(row.cooldowns, 1);
    ck_assert_uint_eq(row.hot.cooldown_began_at, T0);
    ck_assert_str_eq(row.reason, "402 payment required");
    /* and after its end a new one begins */
    ck_assert_uint_eq(rest(&row, CAUSE_RATE_LIMITED, T0 + 95 * MS, T0 + 99 * MS), T0 + 99 * MS);
    ck_assert_uint_eq(row.hot.incident, 2);
    /* what ended already is none */
    ck_assert_uint_eq(rest(&row, CAUSE_RATE_LIMITED, T0 + 200 * MS, T0 + 150 * MS), T0 + 99 * MS);
    ck_assert_uint_eq(row.hot.incident, 2);
}
END_TEST

START_TEST(absurd_rest_is_cut)
{
    struct shm_table_state row = fresh_row(&rules3);
    ck_assert_uint_eq(rest(&row, CAUSE_RATE_LIMITED, T0, UINT64_MAX), T0 + SHM_TABLE_REST_MAX_NS);
}
END_TEST

START_TEST(doubling)
{
    static const struct {
        uint32_t base, max, escalation;
        uint64_t want;
    } rows[] = {
        {30000, 30000, 0, 30000},   {30000, 30000, 9, 30000},
        {30000, 240000, 0, 30000},  {30000, 240000, 1, 60000},
        {30000, 240000, 3, 240000}, {30000, 240000, 4, 240000},
        {30000, 100000, 2, 100000}, {1000, UINT32_MAX, 4000000000u, UINT32_MAX},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct cooldown_rules rules = {.mid_cooldown_ms = rows[i].base,
                                       .mid_cooldown_max_ms = rows[i].max};
        ck_assert_msg(cooldown_mid_length_ms(&rules, rows[i].escalation) == rows[i].want, "row %zu",
                      i);
    }
}
END_TEST

START_TEST(escalation_until_success)
{
    struct cooldown_rules rules = rules3;
    rules.mid_threshold = 1;
    rules.mid_cooldown_max_ms = 100000;
    struct shm_table_state row = fresh_row(&rules);
    static const uint64_t want_ms[] = {30000, 60000, 100000, 100000};
    uint64_t now = T0;
    for (size_t i = 0; i < UNIT_ROWS(want_ms); i++) {
        play(&row, &rules, EV_MID_FAILURE, now, now + 1);
        ck_assert_uint_eq(row.hot.cooldown_until_at - row.hot.cooldown_began_at, want_ms[i] * MS);
        now = row.hot.cooldown_until_at + 1;
    }
    /* an answer without streaming proves nothing about streams */
    play(&row, &rules, EV_ANSWER_SUCCESS, now, now + 1);
    ck_assert_uint_eq(row.escalation, 4);
    play(&row, &rules, EV_STREAM_SUCCESS, now, now + 2);
    ck_assert_uint_eq(row.escalation, 0);
    play(&row, &rules, EV_MID_FAILURE, now, now + 3);
    ck_assert_uint_eq(row.hot.cooldown_until_at - row.hot.cooldown_began_at, 30000 * MS);
}
END_TEST

START_TEST(recovery_ends_with_success)
{
    static const enum ev_kind kinds[] = {EV_STREAM_SUCCESS, EV_ANSWER_SUCCESS};
    for (size_t i = 0; i < UNIT_ROWS(kinds); i++) {
        struct shm_table_state row = fresh_row(&rules3);
        rest(&row, CAUSE_RATE_LIMITED, T0, T0 + 10 * MS);
        ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 11 * MS), PAIR_RECOVERING);
        struct cooldown_changes out = play(&row, &rules3, kinds[i], T0 + 11 * MS, T0 + 12 * MS);
        ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 12 * MS), PAIR_AVAILABLE);
        ck_assert_uint_eq(out.items[out.n - 1].kind, EVCH_RECOVERED);
    }
}
END_TEST

START_TEST(pre_stream_threshold)
{
    struct cooldown_rules rules = rules3;
    struct shm_table_state row = fresh_row(&rules);
    for (int i = 0; i < 100; i++) /* 0: never */
        play(&row, &rules, EV_PRE_FAILURE, T0, T0 + (uint64_t)i * MS);
    ck_assert_uint_eq(row.cooldowns, 0);
    rules.pre_threshold = 2;
    row = fresh_row(&rules);
    play(&row, &rules, EV_PRE_FAILURE, T0, T0 + 1 * MS);
    play(&row, &rules, EV_ANSWER_SUCCESS, T0, T0 + 2 * MS);
    play(&row, &rules, EV_PRE_FAILURE, T0, T0 + 3 * MS);
    ck_assert_uint_eq(row.cooldowns, 0);
    play(&row, &rules, EV_PRE_FAILURE, T0, T0 + 4 * MS);
    ck_assert_uint_eq(row.cooldowns_by_cause[CAUSE_PRE_STREAM], 1);
    ck_assert_uint_eq(row.hot.cooldown_until_at, T0 + 4 * MS + 30000 * MS);
    ck_assert_uint_eq(row.hot.pre_failures, 0);
    ck_assert_uint_eq(row.escalation, 0); /* only mid-stream cooldowns double */
}
END_TEST

START_TEST(clear_forgets)
{
    struct cooldown_rules rules = rules3;
    struct shm_table_state row = fresh_row(&rules);
    struct cooldown_changes out = {0};
    for (int i = 1; i <= 4; i++)
        play(&row, &rules, EV_MID_FAILURE, T0 + (uint64_t)i * MS, T0 + (uint64_t)i * MS);
    cooldown_clear(&row, &out);
    ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 5 * MS), PAIR_AVAILABLE);
    ck_assert_uint_eq(row.hot.mid_failures, 0);
    ck_assert_uint_eq(row.escalation, 0);
    ck_assert_uint_eq(row.cooldowns, 1); /* statistics stay */
}
END_TEST

/* ---- quotas ---------------------------------------------------------------------------------- */

START_TEST(quota)
{
    static const struct {
        int64_t requests, tokens;
        uint64_t requests_reset_ms, tokens_reset_ms; /* 0 = not told */
        uint64_t want_rest_ms;
        const char *want_reason;
    } rows[] = {
        {10, 500, 1000, 2000, 0, ""},
        {0, 500, 1000, 2000, 1000, "proactive: remaining requests = 0"},
        {10, 0, 1000, 2000, 2000, "proactive: remaining tokens = 0"},
        {0, 0, 1000, 2000, 2000, "proactive: remaining tokens = 0"},
        {0, 0, 3000, 2000, 3000, "proactive: remaining requests = 0"},
        {0, QUOTA_UNKNOWN, 0, 0, 0, ""},
        {QUOTA_UNKNOWN, QUOTA_UNKNOWN, 0, 0, 0, ""},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct shm_table_state row = fresh_row(&rules3);
        struct cooldown_changes out;
        struct evwire_event ev = event(EV_QUOTA, T0, T0 + 5 * MS);
        ev.remaining_requests = rows[i].requests;
        ev.remaining_tokens = rows[i].tokens;
        if (rows[i].requests_reset_ms != 0)
            ev.reset_requests_at = ev.ended_at + rows[i].requests_reset_ms * MS;
        if (rows[i].tokens_reset_ms != 0)
            ev.reset_tokens_at = ev.ended_at + rows[i].tokens_reset_ms * MS;
        cooldown_apply(&row, &rules3, &ev, at(T0 + 5 * MS), &out);
        uint64_t rest_ms = shm_table_rest_ns(&row.hot, T0 + 5 * MS) / MS;
        ck_assert_msg(rest_ms == rows[i].want_rest_ms, "row %zu: rests %lu ms", i,
                      (unsigned long)rest_ms);
        ck_assert_msg(strcmp(row.reason, rows[i].want_reason) == 0, "row %zu: %s", i, row.reason);
        ck_assert(row.hot.flags & SHM_TABLE_QUOTA);
        ck_assert_int_eq(row.quota_remaining_tokens, rows[i].tokens);
        ck_assert_uint_eq(row.quota_updated_wall_ms, at(T0 + 5 * MS).wall_ms);
        ck_assert_msg(row.quota_reset_requests_wall_ms ==
                          (rows[i].requests_reset_ms != 0
                               ? row.quota_updated_wall_ms + rows[i].requests_reset_ms
                               : 0),
                      "row %zu", i);
    }
}
END_TEST

/* Reports of two workers cross: the newer headers stay. */
START_TEST(older_quota_is_not_stored)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_changes out;
    struct evwire_event newer = event(EV_QUOTA, T0, T0 + 9 * MS), older = newer;
    newer.remaining_requests = 4;
    older.remaining_requests = 5;
    older.ended_at = T0 + 3 * MS;
    cooldown_apply(&row, &rules3, &newer, at(T0 + 10 * MS), &out);
    cooldown_apply(&row, &rules3, &older, at(T0 + 11 * MS), &out);
    ck_assert_int_eq(row.quota_remaining_requests, 4);
    ck_assert_uint_eq(shm_table_status(&row.hot, T0 + 12 * MS), PAIR_TRACKING);
}
END_TEST

/* The wall clock, by which a row says how old its quota is, is set back: newer numbers are stored
 * all the same, and those of two workers that cross afterwards as ever. */
START_TEST(quota_goes_on_when_the_clock_steps_back)
{
    struct shm_table_state row = fresh_row(&rules3);
    struct cooldown_changes out;
    struct evwire_event ev = event(EV_QUOTA, T0, T0 + 1 * MS);
    ev.remaining_requests = 9;
    cooldown_apply(&row, &rules3, &ev, at(T0 + 1 * MS), &out);
    for (int64_t left = 8; left > 5; left--) {
        struct cooldown_now now = at(T0 + (uint64_t)(10 - left) * 1000 * MS);
        now.wall_ms -= 3600000;
        ev.ended_at = now.at;
        ev.remaining_requests = left;
        cooldown_apply(&row, &rules3, &ev, now, &out);
        ck_assert_int_eq(row.quota_remaining_requests, left);
        ck_assert_uint_eq(row.quota_updated_wall_ms, now.wall_ms);
        ev.ended_at = now.at - 1 * MS;
        ev.remaining_requests = left + 1;
        cooldown_apply(&row, &rules3, &ev, now, &out);
        ck_assert_int_eq(row.quota_remaining_requests, left);
    }
}
END_TEST

UNIT_MAIN("cooldown", threshold_begins_cooldown, completed_stream_resets, answer_leaves_mid_counter,
          merged_failures, success_overtakes_failure, late_success_leaves_newer_failures,
          success_older_than_all_failures, ten_streams_one_incident, history_changes_nothing,
          older_incident_is_history, future_instants_are_cut, never_shortened, absurd_rest_is_cut,
          doubling, escalation_until_success, recovery_ends_with_success, pre_stream_threshold,
          clear_forgets, quota, older_quota_is_not_stored, quota_goes_on_when_the_clock_steps_back)
