/* SPDX-License-Identifier: MIT */
/* server/loop/crumb.c: every crumb has its words, and is found where it was left. */
#include "server/loop/crumb.h"

#include <string.h>

#include "tests/unit/unit.h"

START_TEST(every_crumb_has_words)
{
    for (uint64_t i = 0; i < CRUMB_COUNT; i++)
        ck_assert_ptr_null(strstr(crumb_text(i), "does not know"));
    ck_assert_ptr_nonnull(strstr(crumb_text(CRUMB_COUNT), "does not know"));
    ck_assert_ptr_nonnull(strstr(crumb_text(UINT64_MAX), "does not know"));
}
END_TEST

START_TEST(the_latest_is_seen)
{
    _Atomic uint64_t place = 99;
    crumb_leave(CRUMB_ROUTE); /* before there is a place it goes nowhere */
    crumb_init(&place);
    ck_assert_uint_eq(place, CRUMB_START);
    crumb_leave(CRUMB_ROUTE);
    ck_assert_uint_eq(place, CRUMB_ROUTE);
}
END_TEST

UNIT_MAIN("crumb", every_crumb_has_words, the_latest_is_seen)
