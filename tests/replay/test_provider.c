/* SPDX-License-Identifier: MIT */
/* Requests to providers of each type, what they say of their limits, and what comes back normalised
 * (CONTRACT 3, 5.2, 5.3): on a fake clock, see replay.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

#define LAST \
    "data: " \
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t\"},\"finish_reason\":\"stop\"}]}\n\n"

/* ---- requests ------------------------------------------------------------------------------ */

static void set_type(uint32_t pair, enum provider_type type)
{
    replay_conf()->providers[pair].type = type;
}

#define PENALTIES "\"presence_penalty\":0.10,\"frequency_penalty\":1"
#define BODY                                                                             \
    "{\"model\":\"main\"," PENALTIES ",\"tools\":[],\"messages\":[{\"role\":\"system\"," \
    "\"content\":\"S\"},{\"role\":\"user\",\"content\":\"U\"}],\"seed\":12345678901234567890}"

START_TEST(each_entry_gets_what_its_type_takes)
{
    set_type(0, PROVIDER_CEREBRAS);
    set_type(1, PROVIDER_GOOGLE_AI);
    set_type(2, PROVIDER_OPENAI);
    replay_chat(BODY);
    ck_assert_str_eq(replay_sent_body(),
                     "{\"model\":\"m0\",\"tools\":[],\"messages\":[{\"role\":\"system\","
                     "\"content\":\"S\"},{\"role\":\"user\",\"content\":\"U\"}],"
                     "\"seed\":12345678901234567890}");
    replay_head(500, "");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_str_eq(replay_sent_body(),
                     "{\"model\":\"m1\"," PENALTIES ",\"messages\":[{\"role\":\"user\","
                     "\"content\":\"S\\n\\nU\"}],\"seed\":12345678901234567890}");
    replay_head(500, "");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_str_eq(replay_sent_body(),
                     "{\"model\":\"m2\"," PENALTIES ",\"tools\":[],\"messages\":[{\"role\":"
                     "\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"U\"}],"
                     "\"seed\":12345678901234567890}");
}
END_TEST

START_TEST(gemini_gets_everything)
{
    set_type(0, PROVIDER_GOOGLE_AI);
    struct conf_pair *pair = &replay_conf()->pairs[0];
    free((char *)pair->model);
    free((char *)pair->model_json);
    pair->model = strdup("gemini-2.5-flash");
    pair->model_json = strdup("\"gemini-2.5-flash\"");
    replay_chat("{\"tools\":[],\"messages\":[{\"role\":\"system\",\"content\":\"S\"}],"
                "\"response_format\":{},\"tool_choice\":\"auto\",\"model\":\"main\"}");
    ck_assert_str_eq(replay_sent_body(),
                     "{\"tools\":[],\"messages\":[{\"role\":\"system\",\"content\":\"S\"}],"
                     "\"response_format\":{},\"tool_choice\":\"auto\","
                     "\"model\":\"gemini-2.5-flash\"}");
}
END_TEST

/* ---- answers ------------------------------------------------------------------------------- */

START_TEST(reasoning_becomes_content_in_a_stream)
{
    replay_conf()->normalize_responses = true;
    begin_stream();
    replay_data(DELTA("\"role\":\"assistant\",\"content\":\"\""));
    ck_assert_int_eq(replay_status(), 0);
    replay_data(DELTA("\"content\":null,\"reasoning_content\":\"r\""));
    ck_assert_int_eq(replay_status(), 200); /* it is content: the commit */
    replay_data(DELTA("\"content\":\"c\",\"reasoning_content\":\"s\""));
    replay_data(LAST DONE);
    ck_assert_str_eq(replay_body(),
                     DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"r\"")
                         DELTA("\"content\":\"c\",\"reasoning_content\":\"s\"") LAST DONE);
}
END_TEST

START_TEST(a_held_stream_is_normalised_too)
{
    replay_conf()->normalize_responses = true;
    replay_conf()->chains[0].delivery = DELIVERY_COMPLETE;
    begin_stream();
    replay_data(DELTA("\"reasoning_content\":\"r\"") LAST DONE);
    ck_assert_str_eq(replay_body(), DELTA("\"content\":\"r\"") LAST DONE);
}
END_TEST

/* In lines of its own an event is relayed in lines, as it came. */
START_TEST(an_event_of_several_lines_is_normalised_as_one)
{
    replay_conf()->normalize_responses = true;
    begin_stream();
    replay_data(
        "event: x\ndata: {\"choices\":[{\"delta\":\ndata: {\"reasoning_content\":\"r\"}}]}\n\n");
    ck_assert_str_eq(replay_body(), "event: x\ndata: {\"choices\":[{\"delta\":\n"
                                    "data: {\"content\":\"r\"}}]}\n\n");
}
END_TEST

START_TEST(unasked_nothing_is_normalised)
{
    begin_stream();
    replay_data(DELTA("\"content\":null,\"reasoning_content\":\"r\"") LAST DONE);
    ck_assert_str_eq(replay_body(),
                     DELTA("\"content\":null,\"reasoning_content\":\"r\"") LAST DONE);
}
END_TEST

static const struct {
    bool is_on;
    const char *body, *expected;
} answers[] = {
    {true, "{\"choices\":[{\"message\":{\"content\":\"\",\"reasoning_content\":\"r\"}}],\"x\":1.0}",
     "{\"choices\":[{\"message\":{\"content\":\"r\"}}],\"x\":1.0}"},
    {false, "{\"choices\":[{\"message\":{\"content\":\"\",\"reasoning_content\":\"r\"}}]}",
     "{\"choices\":[{\"message\":{\"content\":\"\",\"reasoning_content\":\"r\"}}]}"},
    {true, "\n\n {\"choices\":[{\"message\":{\"content\":\"c\",\"reasoning_content\":\"r\"}}]}",
     "\n\n {\"choices\":[{\"message\":{\"content\":\"c\",\"reasoning_content\":\"r\"}}]}"},
};

START_TEST(reasoning_becomes_content_in_an_answer)
{
    replay_conf()->normalize_responses = answers[_i].is_on;
    replay_chat_plain();
    replay_head(200, JSON);
    replay_data(answers[_i].body);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_str_eq(replay_body(), answers[_i].expected);
}
END_TEST

/* ---- quotas -------------------------------------------------------------------------------- */

#define LEFT(requests, tokens)                                                             \
    JSON "x-ratelimit-remaining-requests: " requests "\nx-ratelimit-reset-requests: 12s\n" \
         "x-ratelimit-remaining-tokens: " tokens "\n"

/* Answers one behind the other: how long after the one before, what its headers say (NULL: none
 * comes, the worker looks for what is late), and how many events have told it by then. */
static const struct {
    uint64_t after_ms;
    const char *headers;
    unsigned events;
} quota_steps[] = {
    {0, JSON, 0},
    {0, LEFT("50", "900"), 1},
    {1, LEFT("49", "800"), 1}, /* a change, but too soon */
    {98, LEFT("48", "700"), 1},
    {0, NULL, 1},
    {1, LEFT("47", "600"), 2},
    {200, LEFT("47", "600"), 2}, /* no change */
    {0, NULL, 2},
    {0, LEFT("47", "599"), 3},
    {1, JSON, 3},
    {1, LEFT("0", "599"), 4}, /* at once */
    {1, LEFT("0", "599"), 4},
    {1, LEFT("0", "0"), 5},
    {1, LEFT("10", "10"), 5},
    {1, LEFT("0", "10"), 6}, /* was refilled in between */
    {99, LEFT("0", "10"), 6},
    {1, LEFT("0", "10"), 7}, /* the next window is used up, too */
    {1, LEFT("9", "9"), 7},
    {98, NULL, 7},
    {1, NULL, 8}, /* the change that came too soon */
    {1, NULL, 8},
    {1, LEFT("8", "9"), 8},
    {1, LEFT("9", "9"), 8}, /* as it was: nothing is to be told */
    {500, NULL, 8},
    {0, LEFT("0", "1"), 9},
};

static void answer_plain(const char *headers)
{
    replay_chat_plain();
    replay_head(200, headers);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
}

START_TEST(a_quota_is_told_when_it_matters)
{
    for (size_t i = 0; i < sizeof(quota_steps) / sizeof(quota_steps[0]); i++) {
        replay_pass_ms(quota_steps[i].after_ms);
        if (quota_steps[i].headers != NULL)
            answer_plain(quota_steps[i].headers);
        else
            replay_tick();
        ck_assert_msg(replay_events(EV_QUOTA, 0) == quota_steps[i].events, "step %zu: %u events", i,
                      replay_events(EV_QUOTA, 0));
    }
    const struct evwire_event *last = replay_last_event();
    ck_assert_int_eq(last->remaining_requests, 0);
    ck_assert_int_eq(last->remaining_tokens, 1);
    ck_assert_uint_eq(last->reset_requests_at, clock_boot_ns() + 12000 * CLOCK_NS_PER_MS);
    ck_assert_uint_eq(last->reset_tokens_at, 0);
}
END_TEST

/* What is told late is as old as it is. */
START_TEST(a_late_quota_has_its_own_time)
{
    answer_plain(LEFT("50", "900"));
    replay_pass_ms(30);
    answer_plain(LEFT("49", "900"));
    uint64_t at = clock_boot_ns();
    replay_pass_ms(200);
    replay_tick();
    ck_assert_uint_eq(replay_events(EV_QUOTA, 0), 2);
    ck_assert_int_eq(replay_last_event()->remaining_requests, 49);
    ck_assert_uint_eq(replay_last_event()->ended_at, at);
    ck_assert_uint_eq(replay_last_event()->reset_requests_at, at + 12000 * CLOCK_NS_PER_MS);
}
END_TEST

START_TEST(each_pair_has_its_own_quota)
{
    answer_plain(LEFT("50", "900"));
    replay_chat_plain();
    replay_head(500, "");
    replay_done(TRANSFER_COMPLETE);
    replay_head(200, LEFT("50", "900"));
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_events(EV_QUOTA, 0), 1);
    ck_assert_uint_eq(replay_events(EV_QUOTA, 1), 1);
}
END_TEST

/* Others must not run into a pair that is used up; numbers that go down may be late. */
START_TEST(an_answer_waits_only_for_a_quota_that_is_used_up)
{
    replay_hold_acks();
    answer_plain(LEFT("50", "900"));
    ck_assert(replay_is_over());
    answer_plain(LEFT("0", "900"));
    ck_assert(!replay_is_over());
    replay_pass_ms(1000);
    ck_assert(replay_is_over());
}
END_TEST

/* ---- times, however they are written ------------------------------------------------------- */

#define DAY "Tue, 14 Nov 2023 " /* the fake clock stands at 22:13:20 GMT, Unix 1700000000 */

static const struct time_row {
    const char *text;
    uint64_t rest_ms; /* 0 = none */
    const char *date; /* of the answer */
} times[] = {
    {"1m26.4s", 86400, ""},
    {"120ms", 120, ""},
    {"12", 12000, ""},
    {"12.5", 12500, ""},
    {"0", 0, ""},
    {"1700000060", 60000, ""},
    {"1700000060.25", 60250, ""},
    {"1700000060000", 60000, ""},
    {"1700000000", 0, ""},
    {"1699999990", 0, ""},
    {"1699999990.5", 0, ""},
    {"1699999990000", 0, ""},
    {"2023-11-14T22:13:23Z", 3000, ""},
    {"2023-11-14T23:13:23.5+01:00", 3500, ""},
    {"2023-11-14T22:13:19Z", 0, ""},
    {DAY "22:13:23 GMT", 3000, ""},
    {DAY "22:13:19 GMT", 0, ""},
    {"1702678400", 21600000, ""}, /* a month ahead */
    {"2678400", 21600000, ""},
    {"soon", 60000, ""},
    {"-3", 60000, ""},
    {"", 60000, ""},
    /* the provider's clock is an hour off */
    {DAY "23:13:23 GMT", 3000, "date: " DAY "23:13:20 GMT\n"},
    {DAY "21:13:23 GMT", 3000, "date: " DAY "21:13:20 GMT\n"},
    {"1700003603", 3000, "date: " DAY "23:13:20 GMT\n"},
    {"1700003603", 3603000, "date: none\n"},
};

static void head_with(int status, const char *headers, const struct time_row *row)
{
    char all[256];
    snprintf(all, sizeof(all), "%s%s%s%s\n", status == 200 ? SSE : JSON, row->date, headers,
             row->text);
    replay_chat_stream();
    replay_head(status, all);
}

#define AT_0 "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: "

START_TEST(a_success_that_used_up_its_limit)
{
    const struct time_row *row = &times[_i];
    head_with(200, AT_0, row);
    replay_data(LAST DONE);
    ck_assert_uint_eq(replay_events(EV_QUOTA, 0), 1);
    uint64_t reset_at = replay_last_event()->reset_requests_at;
    uint64_t rest_ms = reset_at != 0 ? (reset_at - clock_boot_ns()) / CLOCK_NS_PER_MS : 0;
    ck_assert_msg(rest_ms == row->rest_ms, "%s: %lu", row->text, (unsigned long)rest_ms);
}
END_TEST

static void rests_for_a_429(const char *headers, const struct time_row *row)
{
    head_with(429, headers, row);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_msg(replay_events(EV_COOLDOWN, 0) == (row->rest_ms != 0), "%s", row->text);
    if (row->rest_ms != 0)
        ck_assert_msg(replay_last_event()->until_at ==
                          clock_boot_ns() + row->rest_ms * CLOCK_NS_PER_MS,
                      "%s", row->text);
    ck_assert_uint_eq(replay_pair(), 1);
}

START_TEST(a_429_of_a_limit_that_is_used_up)
{
    rests_for_a_429(AT_0, &times[_i]);
}
END_TEST

START_TEST(a_429_that_says_when_to_come_back)
{
    rests_for_a_429("retry-after: ", &times[_i]);
}
END_TEST

START_TEST(a_reset_is_read_alike_for_all_types)
{
    set_type(0, PROVIDER_OPENROUTER);
    rests_for_a_429("x-ratelimit-remaining: 0\nx-ratelimit-reset: ", &times[_i]);
    replay_end();
    replay_begin();
    set_type(0, PROVIDER_CEREBRAS);
    rests_for_a_429("x-ratelimit-remaining-requests-day: 0\nx-ratelimit-reset-requests-day: ",
                    &times[_i]);
}
END_TEST

START_TEST(no_header_rests_a_pair_longer_than_max_rest)
{
    replay_conf()->max_rest_ms = 5000;
    rests_for_a_429("retry-after: ", &(struct time_row){"6", 5000, ""});
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("dialect");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_test(tc, each_entry_gets_what_its_type_takes);
    tcase_add_test(tc, gemini_gets_everything);
    tcase_add_test(tc, reasoning_becomes_content_in_a_stream);
    tcase_add_test(tc, a_held_stream_is_normalised_too);
    tcase_add_test(tc, an_event_of_several_lines_is_normalised_as_one);
    tcase_add_test(tc, unasked_nothing_is_normalised);
    tcase_add_loop_test(tc, reasoning_becomes_content_in_an_answer, 0,
                        sizeof(answers) / sizeof(answers[0]));
    tcase_add_test(tc, a_quota_is_told_when_it_matters);
    tcase_add_test(tc, a_late_quota_has_its_own_time);
    tcase_add_test(tc, each_pair_has_its_own_quota);
    tcase_add_test(tc, an_answer_waits_only_for_a_quota_that_is_used_up);
    int n_times = sizeof(times) / sizeof(times[0]);
    tcase_add_loop_test(tc, a_success_that_used_up_its_limit, 0, n_times);
    tcase_add_loop_test(tc, a_429_of_a_limit_that_is_used_up, 0, n_times);
    tcase_add_loop_test(tc, a_429_that_says_when_to_come_back, 0, n_times);
    tcase_add_loop_test(tc, a_reset_is_read_alike_for_all_types, 0, n_times);
    tcase_add_test(tc, no_header_rests_a_pair_longer_than_max_rest);
    return unit_run_case("dialect", tc);
}
