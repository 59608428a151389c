/* SPDX-License-Identifier: MIT */
/* cause: every cause has its words, and every outcome that rests a pair has its cause. */
#include "common/terms/cause.h"

#include "tests/unit/unit.h"

/* Every number has a word, and none outside reaches past a table. */
START_TEST(words)
{
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        ck_assert_ptr_nonnull(cooldown_cause_word(i));
        ck_assert_ptr_nonnull(cooldown_cause_reason(i));
    }
    ck_assert_str_eq(cooldown_cause_word(CAUSE_COUNT), "none");
    ck_assert_str_eq(cooldown_cause_reason(CAUSE_MID_STREAM),
                     "mid-stream failures exceeded threshold");
    ck_assert_str_eq(cooldown_cause_reason(CAUSE_QUOTA_REQUESTS),
                     "proactive: remaining requests = 0");
    ck_assert_str_eq(cooldown_cause_reason(CAUSE_QUOTA_TOKENS), "proactive: remaining tokens = 0");
}
END_TEST

START_TEST(each_rest_has_a_cause)
{
    for (int o = 0; o < OUTCOME_COUNT; o++) {
        bool has_rest = outcome_info((enum outcome)o)->rest != REST_NONE;
        ck_assert_int_eq(cooldown_cause_of((enum outcome)o) != CAUSE_NONE, has_rest);
    }
}
END_TEST

UNIT_MAIN("cause", words, each_rest_has_a_cause)
