/* SPDX-License-Identifier: MIT */
/* Whose fault an error is, row by row: doc/contract.md 5.1. */
#include "server/judge/judge.h"

#include <string.h>

#include "server/judge/finish_reason.h"
#include "tests/unit/unit.h"

static struct jsonscan_span span(const char *text)
{
    return (struct jsonscan_span){text != NULL ? text : "", text != NULL ? strlen(text) : 0};
}

START_TEST(errors_in_all_places)
{
    static const struct {
        int status;
        const char *code, *type, *reason, *message;
        enum judge_verdict verdict;
    } rows[] = {
        /* the status alone */
        {400, NULL, NULL, NULL, NULL, JUDGE_REQUEST},
        {404, NULL, NULL, NULL, NULL, JUDGE_REQUEST},
        {418, NULL, NULL, NULL, NULL, JUDGE_REQUEST},
        {401, NULL, NULL, NULL, NULL, JUDGE_KEY},
        {402, NULL, NULL, NULL, NULL, JUDGE_PAYMENT},
        {403, NULL, NULL, NULL, NULL, JUDGE_KEY},
        {408, NULL, NULL, NULL, NULL, JUDGE_PROVIDER},
        {429, NULL, NULL, NULL, NULL, JUDGE_LIMIT},
        {500, NULL, NULL, NULL, NULL, JUDGE_PROVIDER},
        {503, NULL, NULL, NULL, NULL, JUDGE_PROVIDER},
        {529, NULL, NULL, NULL, NULL, JUDGE_PROVIDER},
        {302, NULL, NULL, NULL, NULL, JUDGE_PROVIDER},
        {200, NULL, NULL, NULL, NULL, JUDGE_PROVIDER},
        /* a number for the status, inside a 200 or a 5xx, and nowhere else */
        {200, "400", NULL, NULL, "no", JUDGE_REQUEST},
        {200, "429", NULL, NULL, "slow", JUDGE_LIMIT},
        {200, "401", NULL, NULL, NULL, JUDGE_KEY},
        {200, "502", NULL, NULL, NULL, JUDGE_PROVIDER},
        {500, "400", NULL, NULL, NULL, JUDGE_REQUEST},
        {400, "429", NULL, NULL, NULL, JUDGE_REQUEST},
        {200, "42", NULL, NULL, NULL, JUDGE_PROVIDER},
        {200, "4290", NULL, NULL, NULL, JUDGE_PROVIDER},
        /* too long, wherever it is told */
        {200, "400", NULL, NULL, "This model's maximum context length is 8192 tokens.",
         JUDGE_REQUEST},
        {200, "context_length_exceeded", NULL, NULL, NULL, JUDGE_REQUEST},
        {500, NULL, NULL, NULL, "Maximum Context Length is 4096", JUDGE_REQUEST},
        {429, "rate_limit_exceeded", "tokens", NULL,
         "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 342389.",
         JUDGE_REQUEST},
        {429, NULL, NULL, NULL, "TPM: Limit 30000, Requested 342389", JUDGE_REQUEST},
        {429, NULL, NULL, NULL, "Rate limit reached: Limit 30000, Requested 342389", JUDGE_REQUEST},
        {429, NULL, NULL, NULL, "TPM: Limit 30000, Used 29000, Requested 2000", JUDGE_LIMIT},
        {402, NULL, NULL, NULL, "This request requires more credits, or fewer max_tokens.",
         JUDGE_REQUEST},
        {400, NULL, "invalid_request_error", NULL, "prompt is too long: 210000 tokens",
         JUDGE_REQUEST},
        /* refused content */
        {403, NULL, NULL, NULL, "Content violates usage guidelines.", JUDGE_REFUSED},
        {498, "capacity_exceeded", NULL, NULL, NULL, JUDGE_OVERLOAD},
        {403, "403", NULL, NULL, "m requires moderation on P. Your input was flagged for \\\"x\\\"",
         JUDGE_REFUSED},
        {400, "content_filter", NULL, NULL, NULL, JUDGE_REFUSED},
        {400, "Content_Filter", NULL, NULL, NULL, JUDGE_REFUSED},
        {200, NULL, "content_policy_violation", NULL, NULL, JUDGE_REFUSED},
        {200, "1301", NULL, NULL,
         "System detected potentially unsafe or sensitive content in input or generation.",
         JUDGE_REFUSED},
        {200, "1301", NULL, NULL, "m", JUDGE_PROVIDER}, /* a number may mean anything */
        /* key and account */
        {400, "400", NULL, "API_KEY_INVALID", "API key not valid.", JUDGE_KEY},
        {429, "insufficient_quota", "insufficient_quota", NULL, "You exceeded your current quota",
         JUDGE_PAYMENT},
        {400, NULL, "invalid_request_error", NULL, "Your credit balance is too low to access",
         JUDGE_PAYMENT},
        {400, NULL, NULL, NULL, "He said: Your credit balance is too low", JUDGE_REQUEST},
        {401, "invalid_api_key", "invalid_request_error", NULL, NULL, JUDGE_KEY},
        /* load inside a 200 */
        {200, "rate_limit_exceeded", NULL, NULL, "rate limited", JUDGE_LIMIT},
        {200, NULL, "rate_limit_error", NULL, NULL, JUDGE_LIMIT},
        {200, NULL, NULL, "RESOURCE_EXHAUSTED", NULL, JUDGE_LIMIT},
        {200, NULL, "overloaded_error", NULL, "Overloaded", JUDGE_OVERLOAD},
        {200, NULL, NULL, NULL, "rate limited", JUDGE_PROVIDER}, /* words never rest a pair */
        {200, NULL, NULL, NULL, "invalid api key", JUDGE_PROVIDER},
        /* which side */
        {200, NULL, "invalid_request_error", NULL, "wrong", JUDGE_REQUEST},
        {200, NULL, "server_error", NULL, "wrong", JUDGE_PROVIDER},
        {500, NULL, "invalid_request_error", NULL, "wrong", JUDGE_PROVIDER},
        /* what may be the client's own words is not looked at */
        {500, NULL, NULL, NULL, "cannot parse \\\"maximum context length\\\"", JUDGE_PROVIDER},
        {500, NULL, NULL, NULL, "cannot parse 'maximum context length', sorry", JUDGE_PROVIDER},
        {500, NULL, NULL, NULL, "cannot parse `maximum context length", JUDGE_PROVIDER},
        {403, NULL, NULL, NULL, "key \\\"your input was flagged\\\"", JUDGE_KEY},
        {500, NULL, NULL, NULL, "no: “maximum context length”", JUDGE_PROVIDER},
        {500, NULL, NULL, NULL, "no: ‘prompt is too long’, «input is too long»", JUDGE_PROVIDER},
        {500, NULL, NULL, NULL, "“m”: prompt is too long", JUDGE_REQUEST},
        {500, NULL, NULL, NULL, "It can't: prompt is too long", JUDGE_REQUEST},
        {500, NULL, NULL, NULL, "the model's maximum context length is 5", JUDGE_REQUEST},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct judge_error error = {
            .status = rows[i].status,
            .provider = PROVIDER_GENERIC_OPENAI,
            .code = span(rows[i].code),
            .type = span(rows[i].type),
            .reason = span(rows[i].reason),
            .message = span(rows[i].message),
        };
        ck_assert_msg(judge(&error) == rows[i].verdict, "row %zu: %d instead of %d", i,
                      judge(&error), rows[i].verdict);
    }
}
END_TEST

START_TEST(a_wait_makes_a_503_an_overload)
{
    struct judge_error error = {.status = 503, .has_retry_after = true};
    ck_assert_int_eq(judge(&error), JUDGE_OVERLOAD);
    error.status = 529;
    ck_assert_int_eq(judge(&error), JUDGE_OVERLOAD);
    error.status = 500;
    ck_assert_int_eq(judge(&error), JUDGE_PROVIDER);
}
END_TEST

START_TEST(a_message_rests_only_its_own_type)
{
    struct judge_error error = {.status = 400, .message = span("API key not valid. Pass one.")};
    error.provider = PROVIDER_GOOGLE_AI;
    ck_assert_int_eq(judge(&error), JUDGE_KEY);
    error.provider = PROVIDER_OPENAI;
    ck_assert_int_eq(judge(&error), JUDGE_REQUEST);
}
END_TEST

START_TEST(long_members_and_messages_do_no_harm)
{
    static char text[4096];
    memset(text, 'a', sizeof(text) - 1);
    struct judge_error error = {.status = 200, .code = span(text), .message = span(text)};
    ck_assert_int_eq(judge(&error), JUDGE_PROVIDER);
}
END_TEST

START_TEST(types_that_invite_a_retry)
{
    static const char *const inviting[] = {"server_error",     "rate_limit_error", "tokens",
                                           "overloaded_error", "api_error",        "UNAVAILABLE"};
    static const char *const others[] = {"invalid_request_error", "authentication_error", "",
                                         "BadRequestError",       "insufficient_quota",   "token"};
    for (size_t i = 0; i < UNIT_ROWS(inviting); i++)
        ck_assert_msg(judge_invites_retry(span(inviting[i])), "%s", inviting[i]);
    for (size_t i = 0; i < UNIT_ROWS(others); i++)
        ck_assert_msg(!judge_invites_retry(span(others[i])), "%s", others[i]);
}
END_TEST

START_TEST(statuses_for_clients)
{
    ck_assert_int_eq(judge_status_for_client(200), 400);
    ck_assert_int_eq(judge_status_for_client(500), 400);
    ck_assert_int_eq(judge_status_for_client(413), 413);
    ck_assert(judge_is_relayable(409) && judge_is_relayable(451) && !judge_is_relayable(405));
}
END_TEST

START_TEST(reasons)
{
    ck_assert(finish_reason_is_broken(span("error")));
    ck_assert(finish_reason_is_broken(span("MALFORMED_FUNCTION_CALL")));
    ck_assert(finish_reason_is_broken(span("insufficient_system_resource")));
    ck_assert(!finish_reason_is_broken(span("stop")));
    ck_assert(!finish_reason_is_broken(span("content_filter")));
    ck_assert(!finish_reason_is_broken(span("what_is_yet_to_come")));
    ck_assert(!finish_reason_is_broken(span("errors")));
    ck_assert(finish_reason_is_broken(span("\\u0061bort")));
}
END_TEST

UNIT_MAIN("judge", errors_in_all_places, a_wait_makes_a_503_an_overload,
          a_message_rests_only_its_own_type, long_members_and_messages_do_no_harm,
          types_that_invite_a_retry, statuses_for_clients, reasons)
