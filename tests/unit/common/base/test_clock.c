/* SPDX-License-Identifier: MIT */
/* clock: real clocks run, fake ones stand until they are moved, and both are told apart. */
#include "common/base/clock.h"

#include <time.h>

#include "common/base/buf.h"
#include "tests/unit/unit.h"

#define BOOT_AT UINT64_C(5000000000)
#define WALL_MS UINT64_C(1764000000000)

START_TEST(real_clocks_run)
{
    uint64_t first = clock_boot_ns();
    while (clock_boot_ns() == first)
        ;
    ck_assert_uint_gt(clock_boot_ns(), first);
    uint64_t now_ms = (uint64_t)time(NULL) * 1000, wall_ms = clock_wall_ms();
    ck_assert_uint_ge(wall_ms + 2000, now_ms);
    ck_assert_uint_le(wall_ms, now_ms + 2000);
}
END_TEST

START_TEST(fake_clocks_stand_until_moved)
{
    clock_fake_set(BOOT_AT, WALL_MS);
    ck_assert_uint_eq(clock_boot_ns(), BOOT_AT);
    ck_assert_uint_eq(clock_wall_ms(), WALL_MS);
    clock_fake_advance_ms(1500);
    ck_assert_uint_eq(clock_boot_ns(), BOOT_AT + 1500 * CLOCK_NS_PER_MS);
    ck_assert_uint_eq(clock_wall_ms(), WALL_MS + 1500);
    clock_fake_set(0, 0);
    ck_assert_uint_gt(clock_wall_ms(), UINT64_C(1700000000000));
    ck_assert_uint_ne(clock_boot_ns(), BOOT_AT + 1500 * CLOCK_NS_PER_MS);
}
END_TEST

START_TEST(instants_become_wall_clock_times)
{
    clock_fake_set(BOOT_AT, WALL_MS);
    ck_assert_uint_eq(clock_wall_ms_of(BOOT_AT), WALL_MS);
    ck_assert_uint_eq(clock_wall_ms_of(BOOT_AT + 30000 * CLOCK_NS_PER_MS), WALL_MS + 30000);
    ck_assert_uint_eq(clock_wall_ms_of(BOOT_AT - 2000 * CLOCK_NS_PER_MS), WALL_MS - 2000);
    clock_fake_set(0, 0);
}
END_TEST

START_TEST(writes_iso_8601)
{
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {UINT64_C(1764000000007), "2025-11-24T16:00:00.007Z"},
        {UINT64_C(951868799999), "2000-02-29T23:59:59.999Z"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct buf b = BUF_INIT;
        clock_put_iso8601(&b, rows[i].wall_ms);
        ck_assert_str_eq(buf_cstr(&b), rows[i].text);
        buf_free(&b);
    }
}
END_TEST

UNIT_MAIN("clock", real_clocks_run, fake_clocks_stand_until_moved, instants_become_wall_clock_times,
          writes_iso_8601)
