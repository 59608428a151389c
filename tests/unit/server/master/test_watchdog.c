/* SPDX-License-Identifier: MIT */
/* server/master/watchdog.c: how long a worker has not turned, as the master counts it. */
#include "server/master/watchdog.h"

#include "tests/unit/unit.h"

static struct watchdog dog;

START_TEST(a_heartbeat_that_moves_is_none)
{
    dog = (struct watchdog){0};
    for (uint64_t i = 1; i < 50; i++)
        ck_assert_uint_eq(watchdog_look(&dog, i, 1000, 1000), 0);
}
END_TEST

START_TEST(one_that_stays_is_counted)
{
    dog = (struct watchdog){0};
    ck_assert_uint_eq(watchdog_look(&dog, 7, 1000, 1000), 0);
    for (uint32_t i = 1; i <= 10; i++)
        ck_assert_uint_eq(watchdog_look(&dog, 7, 1000, 1000), i * 1000);
    ck_assert_uint_eq(watchdog_look(&dog, 8, 1000, 1000), 0);
}
END_TEST

START_TEST(time_in_which_the_master_slept_hardly_counts)
{
    dog = (struct watchdog){.heartbeat_at = 7};
    ck_assert_uint_eq(watchdog_look(&dog, 7, 3600000, 1000), 2000);
    ck_assert_uint_eq(watchdog_look(&dog, 7, UINT64_MAX / 2, 1000), 4000);
    ck_assert_uint_eq(watchdog_look(&dog, 7, 10, 1000), 4010);
}
END_TEST

START_TEST(it_looks_several_times_before_it_acts)
{
    ck_assert_uint_eq(watchdog_interval_ms(10000), 1000);
    ck_assert_uint_eq(watchdog_interval_ms(2147483647), 1000);
    for (uint32_t ms = 100; ms < 20000; ms += 100)
        ck_assert_uint_ge(ms / watchdog_interval_ms(ms), 5);
}
END_TEST

UNIT_MAIN("watchdog", a_heartbeat_that_moves_is_none, one_that_stays_is_counted,
          time_in_which_the_master_slept_hardly_counts, it_looks_several_times_before_it_acts)
