/* SPDX-License-Identifier: MIT */
/* What a request met on its way: told to those who ask, kept for weirctl explain, and probes, which
 * ask for one pair alone. On a fake clock. */
#include <string.h>

#include "common/terms/outcome.h"
#include "common/terms/pair_key.h"
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

/* ---- explaining ------------------------------------------------------------------------------ */

START_TEST(the_trail_is_a_header_before_commit)
{
    replay_explain();
    replay_cooldown_ms(0, 5000);
    replay_chat_plain();
    replay_pass_ms(12);
    replay_done(TRANSFER_CONNECT);
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Trail: a/m0=in_cooldown, b/m1=connect_error;12ms, "
                                 "c/m2=answer_completed;0ms\r\n");
}
END_TEST

START_TEST(the_trail_is_in_the_error_event_after_commit)
{
    replay_explain();
    begin_stream();
    replay_data(TOKEN);
    replay_pass_ms(40);
    replay_done(TRANSFER_CUT);
    assert_has(replay_headers(), "X-Weir-Trail: a/m0=none;0ms\r\n");
    assert_has(replay_body(), "\"code\":\"stream_error\",\"trail\":\"a/m0=stream_lost;40ms\"}}");
}
END_TEST

static void stream_with_a_heartbeat(void)
{
    replay_explain();
    replay_chat_stream();
    replay_pass_ms(20000);
    assert_has(replay_body(), ": weir\n");
    assert_has_not(replay_headers(), "X-Weir-Trail");
}

START_TEST(the_trail_is_in_the_error_event_after_a_heartbeat)
{
    stream_with_a_heartbeat();
    for (int i = 0; i < REPLAY_PAIRS; i++)
        replay_done(TRANSFER_CONNECT);
    assert_has(replay_body(), "\"code\":\"all_providers_exhausted\",\"trail\":\"a/m0=connect_error;"
                              "20000ms, b/m1=connect_error;0ms, c/m2=connect_error;0ms\"}}\n\n");
}
END_TEST

START_TEST(the_trail_is_in_the_providers_error_after_a_heartbeat)
{
    stream_with_a_heartbeat();
    for (int i = 0; i < REPLAY_PAIRS; i++)
        answer_error(404, ERROR_OF("unknown"));
    assert_has(replay_body(), "\"message\":\"unknown\"");
    assert_has(replay_body(), "\"trail\":\"a/m0=client_error;20000ms, b/m1=client_error;0ms, "
                              "c/m2=client_error;0ms\"}}\n\n");
}
END_TEST

START_TEST(the_trail_is_in_the_error_event_after_the_deadline)
{
    replay_conf()->deadline_ms = 25000;
    stream_with_a_heartbeat();
    replay_pass_ms(5000);
    assert_has(replay_body(), "\"code\":\"deadline_exceeded\",\"trail\":\"a/m0=deadline_exceeded;"
                              "25000ms\"}}\n\n");
}
END_TEST

START_TEST(the_trail_of_a_held_answer_is_whole)
{
    replay_explain();
    begin_complete();
    replay_data(TOKEN);
    replay_pass_ms(7);
    replay_done(TRANSFER_CUT);
    replay_head(200, SSE);
    replay_pass_ms(3);
    replay_data(TOKEN FINISH DONE);
    assert_has(replay_headers(),
               "X-Weir-Trail: a/m0=stream_lost;7ms, b/m1=stream_completed;3ms\r\n");
}
END_TEST

START_TEST(the_trail_has_each_try_of_an_entry)
{
    replay_explain();
    replay_conf()->retry_attempts = 1;
    replay_chat_plain();
    answer_error(500, ERROR_OF("once"));
    answer_error(500, ERROR_OF("twice"));
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Attempts: 2\r\n");
    assert_has(replay_headers(), "X-Weir-Trail: a/m0=server_error;0ms, a/m0=server_error;0ms, "
                                 "b/m1=answer_completed;0ms\r\n");
}
END_TEST

START_TEST(the_trail_has_what_was_tried_before_a_wait_in_the_queue)
{
    replay_explain();
    rest_all_pairs(3000);
    replay_cooldown_ms(0, 0);
    replay_chat_plain();
    replay_pass_ms(4);
    replay_cooldown_ms(0, 60000);
    replay_done(TRANSFER_CONNECT);
    replay_pass_ms(4000);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Trail: a/m0=connect_error;4ms, a/m0=in_cooldown, "
                                 "b/m1=answer_completed;0ms\r\n");
}
END_TEST

START_TEST(nobody_is_told_the_trail_unasked)
{
    begin_stream();
    replay_data(TOKEN);
    replay_done(TRANSFER_CUT);
    assert_has_not(replay_headers(), "X-Weir-Trail");
    assert_has_not(replay_body(), "stream_lost");
    assert_has_not(replay_body(), "trail");
}
END_TEST

/* ---- remembering ----------------------------------------------------------------------------- */

static void assert_step(const struct recent_step *step, uint32_t pair, enum outcome outcome,
                        int status, uint32_t elapsed_ms, uint32_t rest_ms)
{
    ck_assert_uint_eq(step->key_hash, replay_conf()->pairs[pair].key_hash);
    ck_assert_str_eq(outcome_info(step->outcome)->word, outcome_info(outcome)->word);
    ck_assert_int_eq(step->status, status);
    ck_assert_uint_eq(step->elapsed_ms, elapsed_ms);
    ck_assert_uint_eq(step->rest_ms, rest_ms);
}

START_TEST(a_request_is_remembered_with_its_steps)
{
    replay_cooldown_ms(0, 5000);
    replay_chat_plain();
    replay_pass_ms(12);
    replay_head(429, JSON "retry-after: 30\n");
    replay_done(TRANSFER_COMPLETE);
    replay_head(200, JSON);
    replay_pass_ms(3);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    struct recent_request r = replay_remembered();
    ck_assert_str_eq(r.id, "req-1");
    ck_assert_str_eq(r.head.outcome, "answer_completed");
    ck_assert_uint_eq(r.head.chain_hash, chain_name_hash("main"));
    ck_assert_uint_eq(r.head.ended_at - r.head.received_at, 15000000);
    ck_assert_uint_eq(r.head.bytes, strlen(replay_body()));
    ck_assert_int_eq(r.head.status, 200);
    ck_assert(!r.head.is_stream);
    ck_assert_uint_eq(r.head.n_steps, 3);
    assert_step(&r.steps[0], 0, OUTCOME_IN_COOLDOWN, 0, 0, 5000);
    assert_step(&r.steps[1], 1, OUTCOME_RATE_LIMITED, 429, 12, 30000);
    assert_step(&r.steps[2], 2, OUTCOME_ANSWER_COMPLETED, 200, 3, 0);
}
END_TEST

START_TEST(a_stream_is_remembered_with_its_tokens_and_first_token)
{
    replay_conf()->chains[0].delivery = DELIVERY_COMPLETE;
    replay_chat_stream();
    replay_pass_ms(4);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
                             "\"completion_tokens\":5,\"total_tokens\":8}}\n\n" DONE);
    struct recent_request r = replay_remembered();
    ck_assert(r.head.is_stream);
    ck_assert_int_eq(r.head.delivery, DELIVERY_COMPLETE);
    ck_assert_int_eq(r.head.prompt_tokens, 3);
    ck_assert_int_eq(r.head.completion_tokens, 5);
    ck_assert_uint_eq(r.head.first_token_us, 4000);
    ck_assert_uint_eq(r.head.bytes, strlen(replay_body()));
    ck_assert_str_eq(r.head.outcome, "stream_completed");
}
END_TEST

/* trackerd decides on it when the failure is in its table; the attempt that led to it has it. */
START_TEST(a_cooldown_that_a_failure_led_to_is_its_rest)
{
    replay_conf()->retry_attempts = 1;
    replay_conf()->pre_stream_failure_threshold = 2;
    replay_chat_plain();
    answer_error(500, ERROR_OF("once"));
    replay_pass_ms(1);
    answer_error(500, ERROR_OF("twice"));
    replay_cooldown_ms(0, 30000);
    replay_done(TRANSFER_CONNECT);
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    struct recent_request r = replay_remembered();
    ck_assert_uint_eq(r.head.n_steps, 4);
    assert_step(&r.steps[0], 0, OUTCOME_SERVER_ERROR, 500, 0, 0);
    assert_step(&r.steps[1], 0, OUTCOME_SERVER_ERROR, 500, 1, 30000);
    assert_step(&r.steps[2], 1, OUTCOME_CONNECT_ERROR, 0, 0, 0);
    assert_step(&r.steps[3], 2, OUTCOME_ANSWER_COMPLETED, 200, 0, 0);
}
END_TEST

START_TEST(of_a_long_trail_the_first_and_the_last_are_kept)
{
    replay_conf()->retry_attempts = 5;
    replay_chat_plain();
    for (int i = 0; i < 17; i++)
        answer_error(i < 16 ? 500 : 502, ERROR_OF("x"));
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    struct recent_request r = replay_remembered();
    ck_assert_uint_eq(r.head.n_steps, 18);
    assert_step(&r.steps[RECENT_STEPS - 2], 1, OUTCOME_SERVER_ERROR, 500, 0, 0);
    assert_step(&r.steps[RECENT_STEPS - 1], 2, OUTCOME_ANSWER_COMPLETED, 200, 0, 0);
}
END_TEST

START_TEST(requests_without_an_answer_are_remembered)
{
    replay_chat("{");
    struct recent_request r = replay_remembered();
    ck_assert_str_eq(r.head.outcome, "invalid_request");
    ck_assert_int_eq(r.head.status, 400);
    ck_assert_uint_eq(r.head.chain_hash, 0);
    ck_assert_uint_eq(r.head.n_steps, 0);
    replay_chat_plain();
    for (int i = 0; i < REPLAY_PAIRS; i++)
        replay_done(TRANSFER_CONNECT);
    r = replay_remembered();
    ck_assert_str_eq(r.head.outcome, "all_providers_exhausted");
    ck_assert_uint_eq(r.head.n_steps, 3);
    replay_chat_stream();
    replay_pass_ms(9);
    replay_client_leaves();
    r = replay_remembered();
    ck_assert_str_eq(r.head.outcome, "client_left");
    ck_assert_int_eq(r.head.status, 499);
    assert_step(&r.steps[0], 0, OUTCOME_CLIENT_LEFT, 0, 9, 0);
}
END_TEST

/* A pair's name is no chain's: a request for it must not lose the other entries. */
START_TEST(what_names_no_chain_takes_the_default)
{
    static const char *const bodies[] = {
        "{\"model\":\"b/m\",\"messages\":[]}",   "{\"model\":\"b/m1\",\"messages\":[]}",
        "{\"model\":\"gpt-4\",\"messages\":[]}", "{\"messages\":[]}",
        "{\"model\":\"\",\"messages\":[]}",
    };
    replay_chat(bodies[_i]);
    ck_assert_uint_eq(replay_pair(), 0);
}
END_TEST

/* ---- probes --------------------------------------------------------------------------------- */

#define PROBE_OF_B "{\"model\":\"b/m1\",\"stream\":true,\"messages\":[]}"

START_TEST(a_probe_reaches_a_pair_that_rests)
{
    replay_probe();
    replay_cooldown_ms(1, 5000);
    replay_wants_reset(1);
    replay_chat(PROBE_OF_B);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_int_eq(replay_status(), 200);
    assert_has_not(replay_body(), "probe");
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 1), 1); /* counts like any other */
}
END_TEST

/* One attempt, whatever came of it; and the provider's words, but not its key. */
START_TEST(a_failed_probe_says_what_came_of_it)
{
    static const struct {
        int status;
        const char *body, *probe;
        enum ev_kind kind;
    } cases[] = {
        {429, ERROR_OF("slow down"),
         ",\"probe\":{\"outcome\":\"rate_limited\",\"status\":429,\"message\":\"slow down\"}}",
         EV_COOLDOWN},
        {401, ERROR_OF("no key-of-provider-b"),
         ",\"probe\":{\"outcome\":\"auth_failed\",\"status\":401,\"message\":\"no "
         "*****************\"}}",
         EV_COOLDOWN},
        {502, "", ",\"probe\":{\"outcome\":\"server_error\",\"status\":502,\"message\":\"\"}}",
         EV_PRE_FAILURE},
        {404, ERROR_OF("m key-of-provider-b"),
         ",\"probe\":{\"outcome\":\"client_error\",\"status\":404,\"message\":\"m "
         "*****************\"}}",
         0},
        {400, "{\"error\":{\"message\":\"m\",\"code\":\"content_policy_violation\"}}",
         ",\"probe\":{\"outcome\":\"content_filtered\",\"status\":400,\"message\":\"m\"}}", 0},
    };
    replay_conf()->retry_attempts = 3;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        replay_probe();
        replay_chat(PROBE_OF_B);
        answer_error(cases[i].status, cases[i].body);
        ck_assert(replay_is_over());
        ck_assert_uint_eq(replay_transfers(), i + 1);
        ck_assert_int_eq(replay_status(), 503);
        assert_has(replay_body(), "{\"error\":{\"message\":\"All providers exhausted: b/m1: ");
        assert_has(replay_body(), cases[i].probe);
        if (cases[i].kind != 0)
            ck_assert_uint_ge(replay_events(cases[i].kind, 1), 1);
    }
}
END_TEST

START_TEST(a_probe_that_breaks_says_so_in_its_event)
{
    replay_probe();
    replay_chat(PROBE_OF_B);
    replay_head(200, SSE);
    replay_data(TOKEN);
    replay_done(TRANSFER_CUT);
    assert_has(replay_body(), "\"code\":\"stream_error\"},\"probe\":{\"outcome\":\"stream_lost\","
                              "\"status\":200,\"message\":\"detail of the transfer\"}}\n\n");
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 1), 1);
}
END_TEST

START_TEST(a_probe_names_its_pair)
{
    static const char *const bodies[] = {
        "{\"model\":\"main\",\"messages\":[]}",
        "{\"model\":\"b/m\",\"messages\":[]}",
        "{\"messages\":[]}",
    };
    replay_probe();
    replay_chat(bodies[_i]);
    ck_assert_int_eq(replay_status(), 400);
    ck_assert_uint_eq(replay_transfers(), 0);
    assert_has_not(replay_headers(), "X-Weir-Attempts");
}
END_TEST

START_TEST(nobody_else_is_told_the_providers_words)
{
    replay_chat(PROBE_OF_B);
    answer_error(429, ERROR_OF("slow down"));
    answer_error(429, ERROR_OF("slow down"));
    answer_error(429, ERROR_OF("slow down"));
    ck_assert_int_eq(replay_status(), 503);
    assert_has_not(replay_body(), "slow down");
    assert_has_not(replay_body(), "probe");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("explain");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_test(tc, the_trail_is_a_header_before_commit);
    tcase_add_test(tc, the_trail_is_in_the_error_event_after_commit);
    tcase_add_test(tc, the_trail_is_in_the_error_event_after_a_heartbeat);
    tcase_add_test(tc, the_trail_is_in_the_providers_error_after_a_heartbeat);
    tcase_add_test(tc, the_trail_is_in_the_error_event_after_the_deadline);
    tcase_add_test(tc, the_trail_of_a_held_answer_is_whole);
    tcase_add_test(tc, the_trail_has_each_try_of_an_entry);
    tcase_add_test(tc, the_trail_has_what_was_tried_before_a_wait_in_the_queue);
    tcase_add_test(tc, nobody_is_told_the_trail_unasked);
    tcase_add_test(tc, a_request_is_remembered_with_its_steps);
    tcase_add_test(tc, a_stream_is_remembered_with_its_tokens_and_first_token);
    tcase_add_test(tc, a_cooldown_that_a_failure_led_to_is_its_rest);
    tcase_add_test(tc, of_a_long_trail_the_first_and_the_last_are_kept);
    tcase_add_test(tc, requests_without_an_answer_are_remembered);
    tcase_add_loop_test(tc, what_names_no_chain_takes_the_default, 0, 5);
    tcase_add_test(tc, a_probe_reaches_a_pair_that_rests);
    tcase_add_test(tc, a_failed_probe_says_what_came_of_it);
    tcase_add_test(tc, a_probe_that_breaks_says_so_in_its_event);
    tcase_add_loop_test(tc, a_probe_names_its_pair, 0, 3);
    tcase_add_test(tc, nobody_else_is_told_the_providers_words);
    return unit_run_case("explain", tc);
}
