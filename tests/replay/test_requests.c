/* SPDX-License-Identifier: MIT */
/* What a request may ask for and what weir adds to it (CONTRACT 4.1), and clients that leave or
 * read slowly, on a fake clock. */
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

/* ---- the client ---------------------------------------------------------------------------- */

START_TEST(a_client_that_leaves_aborts_and_never_counts)
{
    begin_stream();
    replay_data(TOKEN);
    replay_client_leaves();
    ck_assert_uint_eq(replay_aborts(), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 0), 0);
}
END_TEST

START_TEST(a_client_that_leaves_while_waiting_aborts_too)
{
    replay_chat_plain();
    replay_client_leaves();
    ck_assert_uint_eq(replay_aborts(), 1);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 0);
}
END_TEST

/* The head has said that the pair must rest; but an attempt that weir gave up itself counts for
 * nothing. */
static const char *const resting_heads[][2] = {
    {"429", JSON "retry-after: 2\n"},
    {"402", JSON},
    {"401", JSON},
    {"503", JSON "retry-after: 2\n"},
};

START_TEST(a_client_that_leaves_before_an_errors_body_never_counts)
{
    replay_chat_plain();
    replay_head(atoi(resting_heads[_i][0]), resting_heads[_i][1]);
    replay_client_leaves();
    ck_assert_uint_eq(replay_events(EV_COOLDOWN, 0), 0);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 0);
    ck_assert_uint_eq(replay_remembered().steps[0].rest_ms, 0);
}
END_TEST

START_TEST(a_deadline_before_an_errors_body_never_counts)
{
    replay_conf()->deadline_ms = 1000;
    replay_chat_plain();
    replay_head(atoi(resting_heads[_i][0]), resting_heads[_i][1]);
    replay_pass_ms(1000);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_events(EV_COOLDOWN, 0), 0);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 0);
}
END_TEST

START_TEST(a_slow_client_pauses_the_provider_and_the_clock)
{
    begin_stream();
    replay_client_queues(300 << 10);
    replay_data(TOKEN);
    ck_assert(replay_is_paused());
    replay_pass_ms(3600 * 1000);
    ck_assert(!replay_is_over());
    replay_client_reads();
    ck_assert(!replay_is_paused());
    replay_pass_ms(19999);
    ck_assert(!replay_is_over());
    replay_pass_ms(1);
    assert_has(replay_body(), "stream_idle_timeout");
}
END_TEST

START_TEST(a_bad_request_never_reaches_a_provider)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{\"model\":\"main\"}",
        "{\"model\":1,\"messages\":[]}",
        "{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}",
        "{\"messages\":[],\"stream\":\"yes\"}",
    };
    replay_chat(bodies[_i]);
    ck_assert_int_eq(replay_status(), 400);
    ck_assert_uint_eq(replay_transfers(), 0);
    assert_has(replay_body(), "\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
                              "\"invalid_request\"}}");
}
END_TEST

START_TEST(the_body_goes_on_as_it_was_written)
{
    replay_chat("{ \"seed\":12345678901234567890, \"model\" : \"main\" ,\"top_p\":0.10,"
                "\"messages\":[],\"stream\":true}");
    ck_assert_str_eq(replay_sent_body(),
                     "{\"stream_options\":{\"include_usage\":true}, "
                     "\"seed\":12345678901234567890, \"model\" : \"m0\" ,\"top_p\":0.10,"
                     "\"messages\":[],\"stream\":true}");
}
END_TEST

/* ---- the usage that weir asks for ------------------------------------------------------------ */

#define USAGE                                                                       \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2," \
    "\"total_tokens\":3}}\n\n"
#define ASKED                                                                                   \
    "{\"stream_options\":{\"include_usage\":true},\"model\":\"m0\",\"messages\":[],\"stream\":" \
    "true}"
#define NOT_ASKED      "{\"model\":\"m0\",\"messages\":[],\"stream\":true}"
#define STREAM_OF_MAIN "{\"model\":\"main\",\"messages\":[],\"stream\":true}"

START_TEST(usage_that_only_weir_asked_for_stays_with_weir)
{
    replay_chat(STREAM_OF_MAIN);
    ck_assert_str_eq(replay_sent_body(), ASKED);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH USAGE DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH DONE);
}
END_TEST

START_TEST(a_probe_shows_the_usage_that_weir_asked_for)
{
    replay_probe();
    replay_chat("{\"model\":\"a/m0\",\"messages\":[],\"stream\":true}");
    replay_head(200, SSE);
    replay_data(TOKEN FINISH USAGE DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH USAGE DONE);
}
END_TEST

START_TEST(usage_that_the_client_asked_for_is_relayed)
{
    replay_chat("{\"stream_options\":{\"include_usage\":true},\"messages\":[],\"stream\":true}");
    replay_head(200, SSE);
    replay_data(TOKEN FINISH USAGE DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH USAGE DONE);
}
END_TEST

START_TEST(usage_beside_an_answer_is_relayed)
{
    static const char last[] =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"total_tokens\":3}}\n\n";
    begin_stream();
    replay_data(TOKEN);
    replay_data(last);
    replay_data(DONE);
    assert_has(replay_body(), last);
}
END_TEST

START_TEST(usage_is_not_asked_for_where_the_provider_must_not_be)
{
    replay_conf()->providers[0].stream_usage = false;
    replay_chat(STREAM_OF_MAIN);
    ck_assert_str_eq(replay_sent_body(), NOT_ASKED);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH USAGE DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH USAGE DONE);
}
END_TEST

static const struct {
    int status;
    const char *body;
} refused_options[] = {
    {400, "{\"error\":{\"message\":\"Unknown parameter: 'stream_options'.\",\"type\":"
          "\"invalid_request_error\",\"param\":\"stream_options\",\"code\":null}}"},
    {422, "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"stream_options\"],"
          "\"msg\":\"Extra inputs are not permitted\"}]}"},
    {422, "stream_options is not supported"},
};

/* The same pair, at once; and from then on without asking. */
START_TEST(refused_stream_options_are_taken_back)
{
    replay_chat(STREAM_OF_MAIN);
    answer_error(refused_options[_i].status, refused_options[_i].body);
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert_str_eq(replay_sent_body(), NOT_ASKED);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH DONE);
    assert_has(replay_headers(), "X-Weir-Attempts: 1\r\n");
    ck_assert_uint_eq(replay_all_events(), 0);
    replay_chat(STREAM_OF_MAIN);
    ck_assert_str_eq(replay_sent_body(), NOT_ASKED);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_transfers(), 3);
}
END_TEST

/* A prompt that speaks of them, quoted in a refusal, costs a second try and no more. */
START_TEST(a_refusal_that_only_quotes_the_name_is_not_remembered)
{
    const char *body = ERROR_OF("bad prompt: what does stream_options do?");
    replay_chat(STREAM_OF_MAIN);
    answer_error(400, body);
    ck_assert_str_eq(replay_sent_body(), NOT_ASKED);
    answer_error(400, body);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_client_leaves();
    replay_chat(STREAM_OF_MAIN);
    ck_assert_str_eq(replay_sent_body(), ASKED);
    replay_client_leaves();
}
END_TEST

START_TEST(the_clients_own_stream_options_are_never_taken_back)
{
    replay_chat("{\"stream_options\":{\"include_usage\":true},\"messages\":[],\"stream\":true}");
    answer_error(refused_options[0].status, refused_options[0].body);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_client_leaves();
}
END_TEST

START_TEST(the_second_try_has_no_more_time_than_the_first)
{
    replay_chat(STREAM_OF_MAIN);
    replay_pass_ms(29000);
    answer_error(refused_options[0].status, refused_options[0].body);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1000);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_client_leaves();
}
END_TEST

/* ---- names of models ------------------------------------------------------------------------- */

#define CHAT_OF(model) "{\"model\":\"" model "\",\"messages\":[]}"

/* Which pairs are asked, one after the other, when each fails. */
static void assert_order(const char *body, const char *order)
{
    char seen[8] = "";
    replay_chat(body);
    for (size_t n = 0; n + 1 < sizeof(seen) && replay_is_sending(); n++) {
        seen[n] = (char)('0' + replay_pair());
        replay_done(TRANSFER_CONNECT);
    }
    ck_assert_str_eq(seen, order);
    ck_assert(replay_is_over());
}

START_TEST(a_models_name_begins_with_its_entry)
{
    assert_order(CHAT_OF("main"), "012");
    assert_order(CHAT_OF("m0"), "012");
    assert_order(CHAT_OF("m1"), "102");
    assert_order(CHAT_OF("m2"), "201");
    assert_order(CHAT_OF("m\\u0032"), "201");
    assert_has(replay_body(), "c/m2: no connection; a/m0: no connection; b/m1");
    assert_has(replay_headers(), "X-Weir-Attempts: 3\r\n");
    assert_order(CHAT_OF("M2"), "012");
    assert_order(CHAT_OF("c/m2"), "012");
    assert_order(CHAT_OF(""), "012");
    assert_order("{\"messages\":[]}", "012");
}
END_TEST

START_TEST(a_models_name_may_mean_nothing)
{
    replay_conf()->model_names = CONF_MODEL_NAMES_CHAINS;
    assert_order(CHAT_OF("m2"), "012");
}
END_TEST

START_TEST(an_unknown_name_may_be_refused)
{
    replay_conf()->unknown_model = CONF_UNKNOWN_MODEL_REJECT;
    assert_order(CHAT_OF("m2"), "201");
    assert_order(CHAT_OF("main"), "012");
    assert_order("{\"messages\":[]}", "012");
    assert_order(CHAT_OF("gpt-9"), "");
    ck_assert_int_eq(replay_status(), 404);
    assert_has(replay_body(), "\"code\":\"model_not_found\"");
    replay_conf()->model_names = CONF_MODEL_NAMES_CHAINS;
    assert_order(CHAT_OF("m2"), "");
    ck_assert_int_eq(replay_status(), 404);
}
END_TEST

/* It is the chain's queue and settings all the same. */
START_TEST(a_named_entry_that_rests_is_passed_by)
{
    replay_cooldown_ms(2, 5000);
    assert_order(CHAT_OF("m2"), "01");
    assert_has(replay_body(), "c/m2: in cooldown (5 s left); a/m0");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("requests");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_test(tc, a_client_that_leaves_aborts_and_never_counts);
    tcase_add_test(tc, a_client_that_leaves_while_waiting_aborts_too);
    tcase_add_loop_test(tc, a_client_that_leaves_before_an_errors_body_never_counts, 0,
                        UNIT_ROWS(resting_heads));
    tcase_add_loop_test(tc, a_deadline_before_an_errors_body_never_counts, 0,
                        UNIT_ROWS(resting_heads));
    tcase_add_test(tc, a_slow_client_pauses_the_provider_and_the_clock);
    tcase_add_loop_test(tc, a_bad_request_never_reaches_a_provider, 0, 7);
    tcase_add_test(tc, a_models_name_begins_with_its_entry);
    tcase_add_test(tc, a_models_name_may_mean_nothing);
    tcase_add_test(tc, an_unknown_name_may_be_refused);
    tcase_add_test(tc, a_named_entry_that_rests_is_passed_by);
    tcase_add_test(tc, usage_that_only_weir_asked_for_stays_with_weir);
    tcase_add_test(tc, usage_that_the_client_asked_for_is_relayed);
    tcase_add_test(tc, a_probe_shows_the_usage_that_weir_asked_for);
    tcase_add_test(tc, usage_beside_an_answer_is_relayed);
    tcase_add_test(tc, usage_is_not_asked_for_where_the_provider_must_not_be);
    tcase_add_loop_test(tc, refused_stream_options_are_taken_back, 0, UNIT_ROWS(refused_options));
    tcase_add_test(tc, a_refusal_that_only_quotes_the_name_is_not_remembered);
    tcase_add_test(tc, the_clients_own_stream_options_are_never_taken_back);
    tcase_add_test(tc, the_second_try_has_no_more_time_than_the_first);
    tcase_add_test(tc, the_body_goes_on_as_it_was_written);
    return unit_run_case("requests", tc);
}
