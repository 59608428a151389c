/* SPDX-License-Identifier: MIT */
/* server/tracker/backlog.c: what a worker keeps for trackerd, and what it gives up. */
#include "server/tracker/backlog.h"

#include "common/terms/cause.h"
#include "tests/unit/unit.h"

static struct backlog backlog;

static struct evwire_event event(enum ev_kind kind, uint64_t key, uint64_t at)
{
    return (struct evwire_event){
        .key_hash = key, .kind = (uint16_t)kind, .count = 1, .started_at = at, .ended_at = at + 1};
}

static uint64_t post(enum ev_kind kind, uint64_t key, uint64_t at)
{
    struct evwire_event ev = event(kind, key, at);
    return backlog_post(&backlog, &ev);
}

static void empty(void)
{
    backlog = (struct backlog){0};
}

/* Fills it with events that nothing can be merged with, up to n. */
static void fill(uint32_t n)
{
    while (backlog.n < n)
        post(EV_MID_FAILURE, 1000 + backlog.last_seq, 1);
}

static uint32_t count_kind(enum ev_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < backlog.n; i++)
        n += backlog.items[i].kind == kind;
    return n;
}

static const struct evwire_event *last(void)
{
    return &backlog.items[backlog.n - 1];
}

START_TEST(sent_and_acknowledged)
{
    uint32_t n;
    empty();
    for (uint64_t i = 1; i <= 5; i++)
        ck_assert_uint_eq(post(EV_MID_FAILURE, 7, i), i);
    ck_assert_uint_eq(backlog_unsent(&backlog, 3, &n)->seq, 1);
    ck_assert_uint_eq(n, 3);
    backlog_sent(&backlog, n);
    ck_assert_uint_eq(backlog_unsent(&backlog, 3, &n)->seq, 4);
    ck_assert_uint_eq(n, 2);
    backlog_acknowledge(&backlog, 2);
    ck_assert_uint_eq(backlog.n, 3);
    ck_assert_uint_eq(backlog_unsent(&backlog, 3, &n)->seq, 4);
    backlog_rewind(&backlog); /* 3 went out, but was not acknowledged */
    ck_assert_uint_eq(backlog_unsent(&backlog, 9, &n)->seq, 3);
    ck_assert_uint_eq(n, 3);
    backlog_sent(&backlog, n);
    ck_assert_ptr_null(backlog_unsent(&backlog, 9, &n));
    backlog_acknowledge(&backlog, 99);
    ck_assert_uint_eq(backlog.n, 0);
    ck_assert_uint_eq(post(EV_MID_FAILURE, 7, 1), 6);
}
END_TEST

START_TEST(failures_are_merged_when_much_waits)
{
    empty();
    post(EV_MID_FAILURE, 7, 1);
    post(EV_MID_FAILURE, 7, 2);
    ck_assert_uint_eq(backlog.n, 2); /* little waits: each for itself */
    fill(BACKLOG_MERGE);
    uint64_t seq = post(EV_MID_FAILURE, 7, 3);
    ck_assert_uint_eq(seq, 2);
    ck_assert_uint_eq(backlog.items[1].count, 2);
    ck_assert_uint_eq(backlog.items[1].ended_at, 4);
    ck_assert_uint_eq(backlog.items[1].seq, 2);
    ck_assert_uint_eq(post(EV_PRE_FAILURE, 7, 3), BACKLOG_MERGE + 1); /* another kind */
    struct evwire_event ev = event(EV_MID_FAILURE, 7, 4);
    ev.incident = 1; /* picked after another cooldown */
    ck_assert_uint_eq(backlog_post(&backlog, &ev), BACKLOG_MERGE + 2);
}
END_TEST

/* trackerd may have applied it, and only the acknowledgement was lost. */
START_TEST(what_was_sent_is_not_changed)
{
    uint32_t n;
    empty();
    post(EV_MID_FAILURE, 7, 1);
    backlog_unsent(&backlog, 32, &n);
    backlog_sent(&backlog, n);
    backlog_rewind(&backlog);
    fill(BACKLOG_MERGE);
    ck_assert_uint_eq(post(EV_MID_FAILURE, 7, 2), BACKLOG_MERGE + 1);
    ck_assert_uint_eq(backlog.items[0].count, 1);
    post(EV_STREAM_SUCCESS, 7, 3); /* takes away what it resets, but not what was sent */
    ck_assert_uint_eq(backlog.items[0].key_hash, 7);
    ck_assert_int_eq(last()->kind, EV_STREAM_SUCCESS);
    ck_assert_uint_ne(backlog.items[backlog.n - 2].key_hash, 7);
}
END_TEST

START_TEST(no_failure_moves_across_a_success)
{
    empty();
    fill(BACKLOG_MERGE);
    post(EV_MID_FAILURE, 7, 5);
    struct evwire_event success = event(EV_STREAM_SUCCESS, 7, 2); /* began before the failure's */
    success.ended_at = 20;
    backlog_post(&backlog, &success);
    ck_assert_int_eq(backlog.items[backlog.n - 2].kind, EV_MID_FAILURE); /* so it may be history */
    uint64_t seq = post(EV_MID_FAILURE, 7, 30);
    ck_assert_uint_eq(seq, backlog.last_seq);
    ck_assert_uint_eq(last()->count, 1);
}
END_TEST

START_TEST(success_takes_away_what_it_resets)
{
    empty();
    fill(BACKLOG_MERGE);
    post(EV_MID_FAILURE, 7, 1);
    post(EV_PRE_FAILURE, 7, 2);
    post(EV_ANSWER_SUCCESS, 7, 3); /* resets the pre-stream counter only */
    ck_assert_uint_eq(backlog.n, BACKLOG_MERGE + 2);
    ck_assert_uint_eq(count_kind(EV_PRE_FAILURE), 0);
    post(EV_MID_FAILURE, 8, 3);
    post(EV_STREAM_SUCCESS, 7, 4);
    ck_assert_uint_eq(backlog.n, BACKLOG_MERGE + 2); /* 8's failure and the success */
    ck_assert_uint_eq(backlog.items[BACKLOG_MERGE].key_hash, 8);
}
END_TEST

START_TEST(rests_and_quotas)
{
    empty();
    fill(BACKLOG_MERGE);
    struct evwire_event rest = event(EV_COOLDOWN, 7, 1);
    rest.until_at = 900;
    rest.cause = CAUSE_RATE_LIMITED;
    backlog_post(&backlog, &rest);
    rest.until_at = 500;
    rest.cause = CAUSE_AUTH_FAILED;
    backlog_post(&backlog, &rest);
    ck_assert_uint_eq(last()->until_at, 900);
    ck_assert_uint_eq(last()->cause, CAUSE_RATE_LIMITED);
    rest.until_at = 1000;
    backlog_post(&backlog, &rest);
    ck_assert_uint_eq(last()->until_at, 1000);
    ck_assert_uint_eq(last()->cause, CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(last()->count, 1);
    struct evwire_event quota = event(EV_QUOTA, 7, 1);
    quota.remaining_requests = 5;
    backlog_post(&backlog, &quota);
    quota.remaining_requests = 4;
    backlog_post(&backlog, &quota);
    ck_assert_int_eq(last()->remaining_requests, 4);
    ck_assert_uint_eq(backlog.n, BACKLOG_MERGE + 2);
}
END_TEST

/* Full: what says least goes first, a mid-stream failure or a rest last. */
START_TEST(full)
{
    empty();
    post(EV_COOLDOWN, 1, 1);
    post(EV_PRE_FAILURE, 2, 1);
    post(EV_STREAM_SUCCESS, 3, 1);
    post(EV_QUOTA, 4, 1);
    post(EV_QUOTA, 5, 1);
    fill(BACKLOG_MAX);
    static const enum ev_kind gone[] = {EV_QUOTA, EV_QUOTA, EV_STREAM_SUCCESS, EV_PRE_FAILURE};
    for (size_t i = 0; i < UNIT_ROWS(gone); i++) {
        uint32_t before = count_kind(gone[i]);
        post(EV_MID_FAILURE, 500000 + i, 1);
        ck_assert_uint_eq(backlog.n, BACKLOG_MAX);
        ck_assert_uint_eq(count_kind(gone[i]), before - 1);
        ck_assert_uint_eq(backlog.dropped, i + 1);
    }
    ck_assert_uint_eq(count_kind(EV_COOLDOWN), 1);
    for (uint32_t i = 1; i < backlog.n; i++)
        ck_assert_uint_gt(backlog.items[i].seq, backlog.items[i - 1].seq);
}
END_TEST

/* An outage of any length on a few pairs: no failure that counts is lost, and the backlog is small.
 */
START_TEST(long_outage)
{
    empty();
    for (uint64_t i = 0; i < 100000; i++)
        post(EV_MID_FAILURE, 1 + i % 10, i);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < backlog.n; i++)
        sum += backlog.items[i].count;
    ck_assert_uint_eq(sum, 100000);
    ck_assert_uint_eq(backlog.dropped, 0);
    ck_assert_uint_le(backlog.n, BACKLOG_MERGE);
    for (uint64_t i = 0; i < 1000; i++)
        post(i % 3 ? EV_STREAM_SUCCESS : EV_MID_FAILURE, 1 + i % 10, 200000 + i);
    ck_assert_uint_eq(backlog.dropped, 0);
    ck_assert_uint_le(backlog.n, BACKLOG_MERGE + 20);
}
END_TEST

START_TEST(waiting_failures_are_known)
{
    empty();
    post(EV_STREAM_SUCCESS, 7, 1);
    ck_assert(!backlog_has_failure(&backlog, 7));
    post(EV_PRE_FAILURE, 7, 1);
    ck_assert(backlog_has_failure(&backlog, 7));
    ck_assert(!backlog_has_failure(&backlog, 8));
    backlog_acknowledge(&backlog, 2);
    ck_assert(!backlog_has_failure(&backlog, 7));
}
END_TEST

UNIT_MAIN("backlog", sent_and_acknowledged, failures_are_merged_when_much_waits,
          what_was_sent_is_not_changed, no_failure_moves_across_a_success,
          success_takes_away_what_it_resets, rests_and_quotas, full, long_outage,
          waiting_failures_are_known)
