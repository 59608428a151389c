/* SPDX-License-Identifier: MIT */
/* delivery: each word leads to its number and back, and nothing else does. */
#include "common/terms/delivery.h"

#include <string.h>

#include "tests/unit/unit.h"

START_TEST(words)
{
    for (int i = 0; i < DELIVERY_COUNT; i++)
        ck_assert_int_eq(delivery_find(delivery_word(i), strlen(delivery_word(i))), i);
    ck_assert_ptr_null(delivery_words[DELIVERY_COUNT]);
    ck_assert_str_eq(delivery_word(DELIVERY_COUNT), "stream");
    ck_assert_int_eq(delivery_find("streams", 7), -1);
    ck_assert_int_eq(delivery_find("stream", 5), -1);
    ck_assert_int_eq(delivery_find("Complete", 8), -1);
    ck_assert_int_eq(delivery_find("", 0), -1);
}
END_TEST

UNIT_MAIN("delivery", words)
