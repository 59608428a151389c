/* SPDX-License-Identifier: MIT */
/* What real providers do, whole lives of requests: whose fault an error is, wherever it stands;
 * which ends are proved; what is content, what is JSON (CONTRACT 4.2, 4.3, 5.1). */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

#define GOOD ROLE TOKEN FINISH DONE

/* An error that stands in the first event of a stream, in a 200 that is no stream, and behind
 * content. */
static const struct fault {
    const char *headers, *json;
    enum outcome outcome; /* in a stream */
    uint64_t rest_ms;
} faults[] = {
    /* the request's own */
    {"", "{\"error\":{\"code\":400,\"message\":\"maximum context length is 5\"}}",
     OUTCOME_CLIENT_ERROR, 0},
    {"", "{\"error\":{\"code\":\"context_length_exceeded\"}}", OUTCOME_CLIENT_ERROR, 0},
    {"", "{\"choices\":null,\"error_type\":\"invalid_request_error\",\"error_message\":\"no\"}",
     OUTCOME_CLIENT_ERROR, 0},
    /* load */
    {"retry-after: 3\n", "{\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}",
     OUTCOME_RATE_LIMITED, 3000},
    {"retry-after: 3\n", "{\"error\":{\"message\":\"slow\",\"code\":429}}", OUTCOME_RATE_LIMITED,
     3000},
    {"retry-after: 3\n", "{\"error\":{\"message\":\"slow\",\"code\":\"429\"}}",
     OUTCOME_RATE_LIMITED, 3000},
    {"", "{\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_error\"}}", OUTCOME_RATE_LIMITED,
     60000},
    {"retry-after-ms: 1500\n", "{\"error\":{\"type\":\"overloaded_error\"}}", OUTCOME_OVERLOADED,
     1500},
    {"", "{\"error\":{\"type\":\"overloaded_error\"}}", OUTCOME_OVERLOADED, 0},
    /* account and key */
    {"", "{\"error\":{\"code\":\"insufficient_quota\"}}", OUTCOME_PAYMENT_REQUIRED, 300000},
    {"", "[{\"error\":{\"code\":400,\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}]",
     OUTCOME_AUTH_FAILED, 60000},
    /* the provider's own, whatever its shape */
    {"", "{\"error\":{\"message\":\"boom\"}}", OUTCOME_STREAM_ERROR, 0},
    {"", "{\"errors\":[{\"message\":\"boom\"}],\"success\":false}", OUTCOME_STREAM_ERROR, 0},
    {"", "{\"detail\":\"boom\"}", OUTCOME_STREAM_ERROR, 0},
    {"", "{\"code\":1234,\"message\":\"boom\"}", OUTCOME_STREAM_ERROR, 0},
    {"retry-after: 3\n", "{\"error\":{\"message\":\"rate limited\"}}", OUTCOME_STREAM_ERROR, 0},
};

static void assert_told(const struct fault *fault, enum outcome outcome, bool is_committed)
{
    bool is_stream = outcome == OUTCOME_STREAM_ERROR;
    ck_assert_msg(replay_events(EV_MID_FAILURE, 0) == is_stream, "%s", fault->json);
    ck_assert_msg(replay_events(EV_COOLDOWN, 0) == (fault->rest_ms != 0), "%s", fault->json);
    if (fault->rest_ms != 0)
        ck_assert_msg(replay_last_event()->until_at ==
                          clock_boot_ns() + fault->rest_ms * CLOCK_NS_PER_MS,
                      "%s", fault->json);
    if (outcome == OUTCOME_CLIENT_ERROR)
        ck_assert_msg(replay_all_events() == 0, "%s", fault->json);
    if (is_committed) /* behind content load is no strike */
        ck_assert_msg(replay_events(EV_PRE_FAILURE, 0) == 0, "%s", fault->json);
    ck_assert_msg(!is_committed || replay_is_over(), "%s", fault->json);
}

START_TEST(an_error_in_the_first_event)
{
    const struct fault *fault = &faults[_i];
    char headers[256];
    snprintf(headers, sizeof(headers), SSE "%s", fault->headers);
    replay_chat_stream();
    replay_head(200, headers);
    replay_data("data: ");
    replay_data(fault->json);
    replay_data("\n\n");
    assert_told(fault, fault->outcome, false);
    ck_assert_uint_eq(replay_pair(), 1); /* unseen, the next entry is asked */
    replay_head(200, SSE);
    replay_data(GOOD);
    ck_assert_str_eq(replay_body(), GOOD);
}
END_TEST

START_TEST(an_error_in_a_200_that_is_no_stream)
{
    const struct fault *fault = &faults[_i];
    char headers[256];
    snprintf(headers, sizeof(headers), JSON "%s", fault->headers);
    replay_chat_plain();
    replay_head(200, headers);
    replay_data(fault->json);
    replay_done(TRANSFER_COMPLETE);
    bool is_own = fault->outcome == OUTCOME_STREAM_ERROR;
    assert_told(fault, is_own ? OUTCOME_BAD_ANSWER : fault->outcome, false);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0),
                      is_own || fault->outcome == OUTCOME_OVERLOADED);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_str_eq(replay_body(), ANSWER);
}
END_TEST

START_TEST(an_error_behind_content)
{
    const struct fault *fault = &faults[_i];
    char headers[256];
    snprintf(headers, sizeof(headers), SSE "%s", fault->headers);
    replay_chat_stream();
    replay_head(200, headers);
    replay_data(TOKEN "data: ");
    replay_data(fault->json);
    replay_data("\n\n" DONE);
    assert_told(fault, fault->outcome, true);
    assert_has(replay_body(),
               TOKEN "data: {\"error\":{\"message\":\"a/m0: provider returned error: ");
    assert_has(replay_body(), "\"code\":\"stream_error\"}}\n\n");
}
END_TEST

/* When all say that the request is too long, the first one's words go back, as a 4xx. */
START_TEST(what_all_say_of_the_request_is_the_first_ones)
{
    static const char first[] =
        "{\"error\":{\"code\":400,\"message\":\"maximum context length is 5\"}}";
    begin_stream();
    replay_data("data: ");
    replay_data(first);
    replay_data("\n\n");
    replay_head(429, JSON "retry-after: 5\n");
    replay_data(
        "{\"error\":{\"message\":\"Request too large for m1: Limit 30000, Requested 342389\"}}");
    replay_done(TRANSFER_COMPLETE);
    replay_head(500, JSON);
    replay_data("{\"error\":{\"message\":\"This model's maximum context length is 9\"}}");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_int_eq(replay_status(), 400);
    ck_assert_str_eq(replay_body(), first);
    ck_assert_uint_eq(replay_all_events(), 0);
}
END_TEST

/* When others failed, the client still learns what was said of its request. */
START_TEST(the_words_of_a_4xx_among_other_failures)
{
    static const struct {
        int status;
        const char *body, *said;
    } rows[] = {
        {400, "{\"error\":{\"message\":\"no \\\"tools\\\" here\"}}",
         "; a/m0 said: no \\\"tools\\\" here\","},
        {405, "{\"detail\":\"not so\"}", "; a/m0 said: not so\","},
        {429, "{\"error\":{\"message\":\"Request too large for m\"}}",
         "; a/m0 said: Request too large for m\","},
        {400, "<html>", "c/m2: server error (HTTP 500)\","},
    };
    replay_chat_plain();
    replay_head(rows[_i].status, JSON);
    replay_data(rows[_i].body);
    replay_done(TRANSFER_COMPLETE);
    for (int i = 0; i < 2; i++) {
        replay_head(500, JSON);
        replay_data("{\"error\":{\"message\":\"boom\"}}");
        replay_done(TRANSFER_COMPLETE);
    }
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_body(), "a/m0: the request was refused (HTTP ");
    assert_has(replay_body(), rows[_i].said);
    ck_assert(strstr(replay_body(), "boom") == NULL);
}
END_TEST

/* However the connection of a refusal ends, once all of its words are there. */
START_TEST(a_refusal_that_is_cut_behind_its_words_is_whole)
{
    static const char body[] = "{\"error\":{\"code\":\"content_filter\"}}";
    replay_chat_plain();
    replay_head(400, JSON);
    replay_data(body);
    replay_done(TRANSFER_CUT);
    ck_assert_int_eq(replay_status(), 400);
    ck_assert_str_eq(replay_body(), body);
}
END_TEST

START_TEST(refused_content_is_relayed_at_once)
{
    static const struct {
        int status, shown;
        const char *json;
    } rows[] = {
        {403, 403, "{\"error\":\"Content violates usage guidelines.\",\"code\":\"x\"}"},
        {403, 403, "{\"error\":{\"code\":403,\"message\":\"Your input was flagged\"}}"},
        {500, 400, "{\"error\":{\"code\":\"content_filter\"}}"},
        {200, 400, "{\"error\":{\"code\":\"content_policy_violation\"}}"},
    };
    replay_chat_plain();
    replay_head(rows[_i].status, JSON);
    replay_data(rows[_i].json);
    replay_done(TRANSFER_COMPLETE);
    ck_assert(replay_is_over());
    ck_assert_int_eq(replay_status(), rows[_i].shown);
    ck_assert_str_eq(replay_body(), rows[_i].json);
    ck_assert_uint_eq(replay_all_events(), 0);
}
END_TEST

START_TEST(a_bare_403_rests)
{
    replay_chat_plain();
    replay_head(403, JSON);
    replay_data("{\"error\":\"forbidden\"}");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_events(EV_COOLDOWN, 0), 1);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

/* A stream that cannot be an answer moves on, unseen, with a strike. */
START_TEST(ends_that_prove_nothing_before_content)
{
    static const char *const streams[] = {
        DONE,
        ROLE DONE,
        EVENT("{\"choices\":[],\"usage\":{\"total_tokens\":1}}") DONE,
        FINISHED("insufficient_system_resource"),
        FINISHED("network_error"),
        FINISHED("malformed_function_call"),
        FINISHED("abort"),
    };
    begin_stream();
    replay_data(streams[_i]);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

#define TWO(first, second)                                                 \
    EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}" first \
          "},{\"index\":1,\"delta\":{\"content\":\"b\"}" second "}]}")

static const struct {
    const char *stream;
    const char *code; /* of the error event; NULL = a clean end */
} ends[] = {
    {TWO(",\"finish_reason\":\"stop\"", "") DONE, "stream_truncated"},
    {TWO(",\"finish_reason\":\"stop\"", ",\"finish_reason\":\"length\"") DONE, NULL},
    {TOKEN FINISHED("abort"), "stream_error"},
    {TOKEN FINISHED("insufficient_system_resource") DONE, "stream_error"},
    {TOKEN FINISHED("what_is_yet_to_come") DONE, NULL},
    {TOKEN FINISH TOKEN FINISH DONE, NULL},
    {TOKEN FINISH TOKEN DONE, "stream_truncated"},
    {TOKEN FINISH DELTA("\"role\":\"assistant\"") DONE, NULL},
    /* Azure's late chunk, of a choice without a delta */
    {TOKEN FINISH EVENT("{\"choices\":[{\"index\":0,\"finish_reason\":null,"
                        "\"content_filter_offsets\":{\"start_offset\":3}}]}") DONE,
     NULL},
};

START_TEST(ends_behind_content)
{
    begin_stream();
    replay_data(ends[_i].stream);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), ends[_i].code != NULL);
    if (ends[_i].code != NULL)
        assert_has(replay_body(), ends[_i].code);
    else
        ck_assert_str_eq(replay_body(), ends[_i].stream);
}
END_TEST

START_TEST(a_break_after_a_choice_was_opened_again_counts)
{
    begin_stream();
    replay_data(TOKEN FINISH TOKEN);
    replay_done(TRANSFER_CUT);
    assert_has(replay_body(), "connection lost");
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
}
END_TEST

/* [DONE] after content without any finish_reason: by finishReason, and by what the pair usually
 * sends. */
START_TEST(an_end_without_any_finish_reason)
{
    static const struct {
        enum conf_finish_reason setting;
        bool has_finished_before, is_failure;
    } rows[] = {
        {CONF_FINISH_REASON_AUTO, false, false},     {CONF_FINISH_REASON_AUTO, true, true},
        {CONF_FINISH_REASON_REQUIRED, false, true},  {CONF_FINISH_REASON_REQUIRED, true, true},
        {CONF_FINISH_REASON_OPTIONAL, false, false}, {CONF_FINISH_REASON_OPTIONAL, true, false},
    };
    replay_conf()->providers[0].finish_reason = rows[_i].setting;
    if (rows[_i].has_finished_before) {
        begin_stream();
        replay_data(GOOD);
    }
    replay_wants_reset(0); /* a success would be told */
    begin_stream();
    replay_data(TOKEN DONE);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), rows[_i].is_failure);
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 0), 0);
    if (rows[_i].is_failure)
        assert_has(replay_body(), "stream_truncated");
    else
        ck_assert_str_eq(replay_body(), TOKEN DONE);
}
END_TEST

START_TEST(an_end_without_mark_or_end_of_file_has_a_moment)
{
    replay_wants_reset(0);
    replay_chat("{\"stream_options\":{\"include_usage\":true},\"messages\":[],\"stream\":true}");
    replay_head(200, SSE);
    replay_data(TOKEN FINISH);
    replay_pass_ms(1999);
    ck_assert(!replay_is_over());
    replay_data(EVENT("{\"choices\":[],\"usage\":{\"total_tokens\":3}}"));
    replay_pass_ms(1);
    ck_assert(replay_is_over());
    assert_has(replay_body(), "\"total_tokens\":3}}\n\n" DONE);
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 0), 1);
}
END_TEST

START_TEST(answers_that_are_none)
{
    static const char *const bodies[] = {
        "{\"choices\":[]}",
        "{\"choices\":[{\"message\":null}]}",
        "{\"data\":[]}",
        "{\"data\":[{\"embedding\":[1]}]}",
        "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"network_error\"}]}",
    };
    replay_chat_plain();
    replay_head(200, JSON);
    replay_data(bodies[_i]);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 1);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(what_is_content_commits)
{
    static const char *const events[] = {
        DELTA("\"audio\":{\"data\":\"AAAA\"}"),
        DELTA("\"images\":[{\"image_url\":{\"url\":\"data:\"}}]"),
        DELTA("\"reasoning_details\":[{\"text\":\"hm\"}]"),
        DELTA("\"thinking_blocks\":[{\"thinking\":\"hm\"}]"),
        DELTA("\"annotations\":[{\"type\":\"url_citation\"}]"),
        EVENT(
            "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"logprobs\":[-Infinity]}]}"),
    };
    begin_stream();
    replay_data(ROLE);
    ck_assert_int_eq(replay_status(), 0);
    replay_data(events[_i]);
    ck_assert_int_eq(replay_status(), 200);
    assert_has(replay_body(), events[_i]);
}
END_TEST

START_TEST(words_are_no_events)
{
    static const char *const words[] = {"data:\n\n", "data: \n\n", "data: ping\n\n",
                                        "event: ping\ndata:\n\n", "data: 2024-04-07 20:20:50\n\n"};
    begin_stream();
    for (unsigned i = 0; i < 5; i++)
        replay_data(words[_i]);
    replay_data(TOKEN);
    for (unsigned i = 0; i < 5; i++)
        replay_data(words[_i]);
    replay_data(FINISH DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_all_events(), 0);
}
END_TEST

#define TOOL(args)                                                                      \
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{" \
    "\"arguments\":\"" args "\"}}]}}]}"

START_TEST(events_joined_by_one_line_end_are_two)
{
    begin_stream();
    replay_data("data: " TOOL("{\\\"p\\\":") "\ndata: " TOOL("1}") "\n\n" FINISHED("tool_calls")
                    DONE);
    ck_assert_str_eq(replay_body(),
                     EVENT(TOOL("{\\\"p\\\":")) EVENT(TOOL("1}")) FINISHED("tool_calls") DONE);
}
END_TEST

START_TEST(words_and_torn_lines_beside_a_document_cost_only_themselves)
{
    static const char *const joined[] = {
        "data: ping\ndata: " TOOL("1") "\n\n",
        "data: " TOOL("1") "\ndata: ping\n\n",
        "data: tent\":1}\ndata: " TOOL("1") "\n\n",
    };
    begin_stream();
    replay_data(joined[_i]);
    ck_assert_str_eq(replay_body(), EVENT(TOOL("1")));
}
END_TEST

/* However many lines it has: three in a row are dropped. */
START_TEST(a_torn_document_over_several_lines_is_torn_once)
{
    static const char torn[] = "data: {\ndata: \"choices\": [\ndata: {\ndata: \"ind\n\n";
    begin_stream();
    replay_data(TOKEN);
    for (unsigned i = 0; i < 3; i++)
        replay_data(torn);
    ck_assert(!replay_is_over());
    replay_data(torn);
    ck_assert(replay_is_over());
    assert_has(replay_body(), "the stream was malformed");
}
END_TEST

START_TEST(one_document_over_several_lines_stays_one_event)
{
    static const char event[] =
        "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"x\"}}]}\n\n";
    begin_stream();
    replay_data(event);
    ck_assert_str_eq(replay_body(), event);
}
END_TEST

START_TEST(a_torn_event_costs_the_credit)
{
    static const char *const torn[] = {"data: {\"choices\":[{\"ind\n\n",
                                       "data: ex\":0,\"delta\":{}}]}\n\n"};
    replay_wants_reset(0);
    begin_stream();
    replay_data(TOKEN);
    replay_data(torn[_i]);
    replay_data(TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), TOKEN TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_all_events(), 0);
}
END_TEST

START_TEST(torn_events_fail_when_they_are_too_many_in_a_row)
{
    static const char torn[] = "data: {\"choices\":[{\n\n";
    begin_stream();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 3; i++)
            replay_data(torn);
        replay_data(TOKEN);
    }
    ck_assert(!replay_is_over());
    for (unsigned i = 0; i < 4; i++)
        replay_data(torn);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
}
END_TEST

START_TEST(a_torn_event_within_a_tool_call_fails_at_once)
{
    begin_stream();
    replay_data(EVENT(TOOL("{")) "data: {\"choices\":[{\n\n");
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
}
END_TEST

START_TEST(an_event_larger_than_weir_takes_is_nobodys_fault)
{
    static char huge[4096];
    memset(huge, 'x', sizeof(huge) - 1);
    replay_conf()->max_event_bytes = 1024;
    begin_stream();
    replay_data("data: \"");
    replay_data(huge);
    ck_assert_uint_eq(replay_all_events(), 0);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(an_answer_larger_than_weir_takes_is_nobodys_fault)
{
    static char huge[4096];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[0] = '{';
    replay_conf()->max_answer_bytes = 1024;
    replay_chat_plain();
    replay_head(200, JSON);
    replay_data(huge);
    ck_assert_uint_eq(replay_all_events(), 0);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(an_answer_has_its_own_times)
{
    replay_conf()->answer_timeout_ms = 300000;
    replay_chat_plain();
    replay_pass_ms(70000);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_head(200, JSON);
    replay_pass_ms(19000);
    replay_data("\n \n"); /* blanks are no sign of life */
    replay_pass_ms(1000);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, JSON);
    for (size_t i = 0; i < strlen(ANSWER); i++) {
        const char byte[] = {ANSWER[i], '\0'};
        replay_pass_ms(19000);
        replay_data(byte);
    }
    replay_done(TRANSFER_COMPLETE);
    ck_assert_str_eq(replay_body(), ANSWER);
}
END_TEST

START_TEST(comments_for_long_are_a_queue_not_a_failure)
{
    replay_conf()->has_first_token_timeout = true;
    replay_conf()->first_token_timeout_ms = 60000;
    begin_stream();
    replay_data(ROLE);
    for (unsigned i = 0; i < 40; i++) {
        replay_pass_ms(1000);
        replay_data(": queued\n\n");
    }
    replay_data(TOKEN FINISH DONE);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_all_events(), 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("faults");
    tcase_set_timeout(tc, UNIT_TIMEOUT_S);
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_loop_test(tc, an_error_in_the_first_event, 0, UNIT_ROWS(faults));
    tcase_add_loop_test(tc, an_error_in_a_200_that_is_no_stream, 0, UNIT_ROWS(faults));
    tcase_add_loop_test(tc, an_error_behind_content, 0, UNIT_ROWS(faults));
    tcase_add_test(tc, what_all_say_of_the_request_is_the_first_ones);
    tcase_add_loop_test(tc, refused_content_is_relayed_at_once, 0, 4);
    tcase_add_test(tc, a_bare_403_rests);
    tcase_add_loop_test(tc, ends_that_prove_nothing_before_content, 0, 7);
    tcase_add_loop_test(tc, ends_behind_content, 0, UNIT_ROWS(ends));
    tcase_add_test(tc, a_break_after_a_choice_was_opened_again_counts);
    tcase_add_loop_test(tc, an_end_without_any_finish_reason, 0, 6);
    tcase_add_test(tc, an_end_without_mark_or_end_of_file_has_a_moment);
    tcase_add_loop_test(tc, answers_that_are_none, 0, 5);
    tcase_add_loop_test(tc, what_is_content_commits, 0, 6);
    tcase_add_loop_test(tc, words_are_no_events, 0, 5);
    tcase_add_test(tc, events_joined_by_one_line_end_are_two);
    tcase_add_test(tc, one_document_over_several_lines_stays_one_event);
    tcase_add_loop_test(tc, a_torn_event_costs_the_credit, 0, 2);
    tcase_add_loop_test(tc, words_and_torn_lines_beside_a_document_cost_only_themselves, 0, 3);
    tcase_add_test(tc, a_torn_document_over_several_lines_is_torn_once);
    tcase_add_loop_test(tc, the_words_of_a_4xx_among_other_failures, 0, 4);
    tcase_add_test(tc, a_refusal_that_is_cut_behind_its_words_is_whole);
    tcase_add_test(tc, torn_events_fail_when_they_are_too_many_in_a_row);
    tcase_add_test(tc, a_torn_event_within_a_tool_call_fails_at_once);
    tcase_add_test(tc, an_event_larger_than_weir_takes_is_nobodys_fault);
    tcase_add_test(tc, an_answer_larger_than_weir_takes_is_nobodys_fault);
    tcase_add_test(tc, an_answer_has_its_own_times);
    tcase_add_test(tc, comments_for_long_are_a_queue_not_a_failure);
    return unit_run_case("faults", tc);
}
