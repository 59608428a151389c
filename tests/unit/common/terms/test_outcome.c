/* SPDX-License-Identifier: MIT */
/* outcome: the list is complete, its words are unique, and its rows agree with CONTRACT 5.1. */
#include "common/terms/outcome.h"

#include <ctype.h>
#include <string.h>

#include "tests/unit/unit.h"

START_TEST(every_outcome_has_a_word_and_a_text)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info((enum outcome)i);
        ck_assert_msg(info->word != NULL && info->text != NULL, "outcome %d has no words", i);
        for (const char *p = info->word; *p != '\0'; p++)
            ck_assert_msg(islower((unsigned char)*p) || *p == '_', "%s", info->word);
    }
}
END_TEST

START_TEST(words_are_unique)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(outcome_info((enum outcome)i)->word,
                             outcome_info((enum outcome)j)->word);
}
END_TEST

START_TEST(an_unknown_number_is_none)
{
    ck_assert_ptr_eq(outcome_info(OUTCOME_COUNT), outcome_info(OUTCOME_NONE));
    ck_assert_ptr_eq(outcome_info((enum outcome) - 1), outcome_info(OUTCOME_NONE));
}
END_TEST

static const struct {
    enum outcome outcome;
    enum outcome_credit credit;
    enum outcome_rest rest;
    bool may_move_on;
} rows[] = {
    {OUTCOME_STREAM_COMPLETED, CREDIT_STREAM_SUCCESS, REST_NONE, false},
    {OUTCOME_ANSWER_COMPLETED, CREDIT_ANSWER_SUCCESS, REST_NONE, false},
    {OUTCOME_CLIENT_LEFT, CREDIT_NOTHING, REST_NONE, false},
    {OUTCOME_IN_COOLDOWN, CREDIT_NOTHING, REST_NONE, true},
    {OUTCOME_HEADER_TIMEOUT, CREDIT_PRE_FAILURE, REST_NONE, true},
    {OUTCOME_SERVER_ERROR, CREDIT_PRE_FAILURE, REST_NONE, true},
    {OUTCOME_OVERLOADED, CREDIT_PRE_FAILURE, REST_AS_TOLD, true},
    {OUTCOME_RATE_LIMITED, CREDIT_NOTHING, REST_LIMIT, true},
    {OUTCOME_PAYMENT_REQUIRED, CREDIT_NOTHING, REST_PAYMENT, true},
    {OUTCOME_AUTH_FAILED, CREDIT_NOTHING, REST_DEFAULT, true},
    {OUTCOME_CLIENT_ERROR, CREDIT_NOTHING, REST_NONE, true},
    {OUTCOME_CONTENT_FILTERED, CREDIT_NOTHING, REST_NONE, false},
    {OUTCOME_BAD_ANSWER, CREDIT_PRE_FAILURE, REST_NONE, true},
    {OUTCOME_ANSWER_CUT, CREDIT_PRE_FAILURE, REST_NONE, true},
    {OUTCOME_STREAM_LOST, CREDIT_MID_FAILURE, REST_NONE, true},
    {OUTCOME_STREAM_ERROR, CREDIT_MID_FAILURE, REST_NONE, true},
    {OUTCOME_STREAM_IDLE, CREDIT_MID_FAILURE, REST_NONE, true},
    {OUTCOME_STREAM_TRUNCATED, CREDIT_MID_FAILURE, REST_NONE, true},
    {OUTCOME_STREAM_MALFORMED, CREDIT_MID_FAILURE, REST_NONE, true},
};

START_TEST(rows_follow_the_contract)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const struct outcome_info *info = outcome_info(rows[i].outcome);
        ck_assert_msg(info->credit == rows[i].credit && info->rest == rows[i].rest &&
                          info->may_move_on == rows[i].may_move_on,
                      "%s", info->word);
    }
}
END_TEST

/* Whatever can happen to a stream after commit needs a code for the client's error event. */
START_TEST(stream_failures_have_an_error_code)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info((enum outcome)i);
        if (info->credit != CREDIT_MID_FAILURE)
            continue;
        ck_assert_msg(info->error_code != NULL, "%s", info->word);
        ck_assert_msg(strcmp(info->error_code, "stream_error") == 0 ||
                          strcmp(info->error_code, "stream_idle_timeout") == 0 ||
                          strcmp(info->error_code, "stream_truncated") == 0,
                      "%s", info->word);
    }
}
END_TEST

START_TEST(what_was_passed_by_was_not_attempted)
{
    ck_assert(!outcome_was_attempted(OUTCOME_NONE));
    ck_assert(!outcome_was_attempted(OUTCOME_IN_COOLDOWN));
    ck_assert(!outcome_was_attempted(OUTCOME_IN_RECOVERY));
    ck_assert(!outcome_was_attempted(OUTCOME_NO_QUOTA));
    ck_assert(outcome_was_attempted(OUTCOME_CONNECT_ERROR));
    ck_assert(outcome_was_attempted(OUTCOME_STREAM_COMPLETED));
    ck_assert(outcome_was_attempted(OUTCOME_CLIENT_LEFT));
}
END_TEST

UNIT_MAIN("outcome", every_outcome_has_a_word_and_a_text, words_are_unique,
          an_unknown_number_is_none, rows_follow_the_contract, stream_failures_have_an_error_code,
          what_was_passed_by_was_not_attempted)
