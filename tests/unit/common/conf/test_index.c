/* SPDX-License-Identifier: MIT */
/* conf/index.h: texts found by value. */
#include "common/conf/index.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MANY 5000

START_TEST(an_index_finds_what_was_put_and_nothing_else)
{
    struct conf_index index = CONF_INDEX_INIT;
    static char names[MANY][8];
    ck_assert_uint_eq(conf_index_get(&index, "n1", 2), CONF_INDEX_NONE);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "n%u", i);
        ck_assert_uint_eq(conf_index_put(&index, names[i], strlen(names[i]), i), CONF_INDEX_NONE);
    }
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(conf_index_put(&index, names[i], strlen(names[i]), MANY), i);
    ck_assert_uint_eq(conf_index_get(&index, "n4999", 5), 4999);
    ck_assert_uint_eq(conf_index_get(&index, "n4999", 4), 499);
    ck_assert_uint_eq(conf_index_get(&index, "n5000", 5), CONF_INDEX_NONE);
    ck_assert_uint_eq(conf_index_get(&index, "n1\0", 3), CONF_INDEX_NONE);
    conf_index_free(&index);
}
END_TEST

UNIT_MAIN("conf_index", an_index_finds_what_was_put_and_nothing_else)
