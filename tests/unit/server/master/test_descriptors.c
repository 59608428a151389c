/* SPDX-License-Identifier: MIT */
/* server/master/descriptors.c: how many connections descriptors are enough for. */
#include "server/master/descriptors.h"

#include "tests/unit/unit.h"

START_TEST(each_client_needs_two)
{
    ck_assert_uint_eq(descriptors_connections(1024, 4), 350);
    ck_assert_uint_eq(descriptors_connections(524288, 16), 261976);
}
END_TEST

START_TEST(there_is_always_room_for_one)
{
    for (unsigned long limit = 0; limit < 64; limit++)
        ck_assert_uint_ge(descriptors_connections(limit, 100), 1);
    ck_assert_uint_eq(descriptors_connections(256, 8), 60);
}
END_TEST

START_TEST(no_limit_is_no_bound)
{
    ck_assert_uint_eq(descriptors_connections(~0UL, 4), UINT32_MAX);
}
END_TEST

UNIT_MAIN("descriptors", each_client_needs_two, there_is_always_room_for_one, no_limit_is_no_bound)
