/* SPDX-License-Identifier: MIT */
/* server/master/respawn.c: when a worker that has died is replaced. */
#include "server/master/respawn.h"

#include "common/base/clock.h"
#include "tests/unit/unit.h"

static struct respawn worker;
static uint64_t now_at;

static void begin(void)
{
    worker = (struct respawn){0};
    now_at = 1000000 * CLOCK_NS_PER_MS;
}

/* It is started when it is due, lives for so long, and dies. Returns the delay of the next start.
 */
static uint64_t die_after(uint64_t life_ms, bool is_alone)
{
    uint64_t started_at = worker.due_at > now_at ? worker.due_at : now_at;
    now_at = started_at + life_ms * CLOCK_NS_PER_MS;
    respawn_after_death(&worker, started_at, now_at, is_alone);
    return (worker.due_at - now_at) / CLOCK_NS_PER_MS;
}

START_TEST(two_deaths_cost_nothing)
{
    begin();
    ck_assert_uint_eq(die_after(5, false), 0);
    ck_assert_uint_eq(die_after(5, false), 0);
    ck_assert_uint_eq(die_after(5, false), 100);
}
END_TEST

START_TEST(the_delay_grows_to_its_bound_and_stays)
{
    static const uint64_t delays[] = {0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000};
    begin();
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
        ck_assert_uint_eq(die_after(5, false), delays[i]);
}
END_TEST

START_TEST(a_life_of_some_length_begins_anew)
{
    begin();
    for (int i = 0; i < 6; i++)
        die_after(5, false);
    ck_assert_uint_eq(die_after(10000, false), 0);
    ck_assert_uint_eq(die_after(5, false), 0);
    ck_assert_uint_eq(die_after(5, false), 100);
}
END_TEST

START_TEST(deaths_far_apart_are_no_row)
{
    begin();
    for (int i = 0; i < 50; i++)
        ck_assert_uint_eq(die_after(5000, false), 0);
    ck_assert_uint_eq(die_after(4999, false), 100);
}
END_TEST

START_TEST(the_last_one_is_waited_for)
{
    begin();
    for (int i = 0; i < 20; i++)
        ck_assert_uint_le(die_after(5, true), RESPAWN_ALONE_MS);
}
END_TEST

START_TEST(a_fork_that_fails_is_tried_again)
{
    begin();
    respawn_after_failed_fork(&worker, now_at, false);
    ck_assert_uint_eq(worker.due_at, now_at + 100 * CLOCK_NS_PER_MS);
    for (int i = 0; i < 20; i++)
        respawn_after_failed_fork(&worker, now_at, false);
    ck_assert_uint_eq(worker.due_at, now_at + 5000 * CLOCK_NS_PER_MS);
    respawn_after_failed_fork(&worker, now_at, true);
    ck_assert_uint_eq(worker.due_at, now_at + RESPAWN_ALONE_MS * CLOCK_NS_PER_MS);
}
END_TEST

UNIT_MAIN("respawn", two_deaths_cost_nothing, the_delay_grows_to_its_bound_and_stays,
          a_life_of_some_length_begins_anew, deaths_far_apart_are_no_row,
          the_last_one_is_waited_for, a_fork_that_fails_is_tried_again)
