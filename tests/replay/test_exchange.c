/* SPDX-License-Identifier: MIT */
/* Whole request lives on a fake clock: what the client sees, what the tracker hears, and when
 * (CONTRACT 4.2, 4.3, 5.1). Other parts of a life: test_queue.c, test_explain.c, test_requests.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/terms/outcome.h"
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

/* ---- streams that end well ----------------------------------------------------------------- */

START_TEST(a_stream_is_relayed_byte_for_byte)
{
    begin_stream();
    replay_data(ROLE);
    ck_assert_int_eq(replay_status(), 0);
    replay_data(TOKEN);
    ck_assert_int_eq(replay_status(), 200);
    ck_assert_str_eq(replay_body(), ROLE TOKEN);
    assert_has(replay_headers(), "X-Weir-Provider: a/m0\r\n");
    assert_has(replay_headers(), "X-Weir-Attempts: 1\r\n");
    assert_has(replay_headers(), "X-Request-Id: req-1\r\n");
    replay_data(TOKEN FINISH DONE);
    ck_assert(replay_is_over());
    ck_assert_str_eq(replay_body(), ROLE TOKEN TOKEN FINISH DONE);
    ck_assert(!replay_is_sending());
    ck_assert_uint_eq(replay_aborts(), 0);
}
END_TEST

START_TEST(what_arrives_together_is_written_together_and_at_once)
{
    begin_stream();
    replay_data(ROLE TOKEN TOKEN);
    ck_assert_uint_eq(replay_writes(), 1);
    ck_assert_str_eq(replay_body(), ROLE TOKEN TOKEN);
    replay_data(TOKEN);
    ck_assert_uint_eq(replay_writes(), 2);
    replay_data(TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_writes(), 3);
}
END_TEST

START_TEST(what_came_before_the_end_is_not_kept_back_by_the_table)
{
    replay_hold_acks();
    begin_stream();
    replay_data(TOKEN TOKEN "data: {\"error\":{\"message\":\"no\"}}\n\n");
    ck_assert_str_eq(replay_body(), TOKEN TOKEN);
    ck_assert(!replay_is_over());
    replay_pass_ms(50);
    assert_has(replay_body(), "stream_error");
}
END_TEST

START_TEST(a_finish_without_done_is_completed_by_weir)
{
    begin_stream();
    replay_data(TOKEN FINISH);
    ck_assert(!replay_is_over());
    replay_done(TRANSFER_COMPLETE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
}
END_TEST

START_TEST(after_the_finish_a_broken_connection_no_longer_matters)
{
    begin_stream();
    replay_data(TOKEN FINISH);
    replay_done(TRANSFER_CUT);
    ck_assert_str_eq(replay_body(), TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
}
END_TEST

START_TEST(one_unfinished_choice_of_two_is_a_truncated_stream)
{
    begin_stream();
    replay_data("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}},"
                "{\"index\":1,\"delta\":{\"content\":\"y\"}}]}\n\n" FINISH);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_body(), "\"code\":\"stream_truncated\"");
    assert_has_not(replay_body(), "[DONE]");
}
END_TEST

START_TEST(a_success_is_reported_only_when_there_is_something_to_reset)
{
    begin_stream();
    replay_data(TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 0), 0);
    replay_end();
    replay_begin();
    replay_wants_reset(0);
    begin_stream();
    replay_data(TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 0), 1);
}
END_TEST

/* ---- failures before content --------------------------------------------------------------- */

struct early {
    const char *data; /* after the head; NULL = no head at all */
    enum transfer_end end;
    enum ev_kind kind;
};

static const struct early early_failures[] = {
    {NULL, TRANSFER_CONNECT, EV_PRE_FAILURE},
    {NULL, TRANSFER_DNS, EV_PRE_FAILURE},
    {NULL, TRANSFER_TLS, EV_PRE_FAILURE},
    {NULL, TRANSFER_LOST, EV_PRE_FAILURE},
    {NULL, TRANSFER_BAD_HEAD, EV_PRE_FAILURE},
    {"", TRANSFER_CUT, EV_MID_FAILURE},
    {ROLE, TRANSFER_CUT, EV_MID_FAILURE},
    {ROLE, TRANSFER_COMPLETE, EV_MID_FAILURE},
    {ROLE "data: {\"error\":{\"message\":\"no\"}}\n\n", TRANSFER_COMPLETE, EV_MID_FAILURE},
    {ROLE "event: error\ndata: {\"message\":\"no\"}\n\n", TRANSFER_COMPLETE, EV_MID_FAILURE},
    {"data: {\n\ndata: {\n\ndata: {\n\ndata: {\n\n", TRANSFER_COMPLETE, EV_MID_FAILURE},
};

START_TEST(a_failure_before_content_moves_on_unseen)
{
    const struct early *f = &early_failures[_i];
    replay_chat_stream();
    if (f->data != NULL) {
        replay_head(200, SSE);
        replay_data(f->data);
    }
    if (replay_transfers() == 1)
        replay_done(f->end);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_int_eq(replay_status(), 0);
    ck_assert_uint_eq(replay_events(f->kind, 0), 1);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), TOKEN FINISH DONE);
    assert_has(replay_headers(), "X-Weir-Provider: b/m1\r\n");
    assert_has(replay_headers(), "X-Weir-Attempts: 2\r\n");
}
END_TEST

struct status_case {
    int status;
    const char *headers;
    uint64_t rest_ms;
    unsigned pre_failures;
};

static const struct status_case status_cases[] = {
    {429, "retry-after: 7\n", 7000, 0},
    {429, "retry-after-ms: 1500\nretry-after: 7\n", 1500, 0},
    {429, "", 60000, 0},
    {402, "", 300000, 0},
    {401, "", 60000, 0},
    {403, "", 60000, 0},
    {500, "retry-after: 7\n", 0, 1},
    {503, "", 0, 1},
    {503, "retry-after: 3\n", 3000, 1},
    {529, "retry-after: 3\n", 3000, 1},
    {408, "", 0, 1},
    {404, "", 0, 0},
    {302, "location: http://elsewhere/\n", 0, 1},
};

START_TEST(a_status_moves_on_and_rests_the_pair_as_the_contract_says)
{
    const struct status_case *c = &status_cases[_i];
    replay_chat_plain();
    replay_head(c->status, c->headers);
    replay_data(ERROR_OF("no"));
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), c->pre_failures);
    ck_assert_uint_eq(replay_events(EV_COOLDOWN, 0), c->rest_ms != 0);
    if (c->rest_ms != 0)
        ck_assert_uint_eq(replay_last_event()->until_at,
                          clock_boot_ns() + c->rest_ms * CLOCK_NS_PER_MS);
}
END_TEST

START_TEST(silence_before_the_head_moves_on_and_is_no_mid_stream_failure)
{
    replay_chat_stream();
    replay_pass_ms(29999);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_aborts(), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 1);
}
END_TEST

START_TEST(the_idle_timeout_begins_with_the_first_content)
{
    replay_conf()->stream_idle_timeout_ms = 1000;
    begin_stream();
    replay_data(ROLE);
    replay_pass_ms(30999); /* header timeout and idle timeout, for the first content */
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, SSE);
    replay_data(TOKEN);
    replay_pass_ms(999);
    replay_data(": a comment\n\ndata:\n\ndata: ping\n\n"); /* no signs of life */
    ck_assert(!replay_is_over());
    replay_pass_ms(1);
    assert_has(replay_body(), "stream_idle_timeout");
    assert_has(replay_body(), "b/m1: provider returned error: timed out");
}
END_TEST

START_TEST(an_answer_without_a_body_is_no_stream)
{
    replay_chat_stream();
    replay_head(204, "");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
}
END_TEST

START_TEST(a_providers_own_timeout_comes_first)
{
    replay_conf()->providers[0].timeout_ms = 5000;
    replay_chat_stream();
    replay_pass_ms(4999);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(a_providers_own_longer_timeout_puts_off_the_first_token_too)
{
    replay_conf()->providers[0].timeout_ms = 90000;
    replay_chat_stream();
    replay_pass_ms(89000);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_head(200, SSE);
    replay_pass_ms(19000);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_data(ROLE TOKEN);
    assert_has(replay_body(), TOKEN);
}
END_TEST

START_TEST(who_asks_for_reasoning_waits_two_minutes)
{
    static const struct {
        const char *member;
        uint64_t ms;
    } rows[] = {
        {"\"reasoning_effort\":\"high\"", 120000},
        {"\"reasoning_effort\":\"minimal\"", 120000},
        {"\"reasoning_effort\":null", 50000},
        {"\"metadata\":{\"reasoning_effort\":\"high\"}", 50000},
    };
    char body[256];
    snprintf(body, sizeof(body), "{\"model\":\"main\",\"messages\":[],\"stream\":true,%s}",
             rows[_i].member);
    replay_chat(body);
    replay_head(200, SSE);
    replay_data(ROLE ": queued\n\n");
    replay_pass_ms(rows[_i].ms - 1);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_last_event()->outcome, OUTCOME_STREAM_NO_TOKEN);
}
END_TEST

/* What the operator or a provider's own timeout says comes first. */
START_TEST(two_minutes_are_only_a_default)
{
    static const char asks[] = "{\"model\":\"main\",\"messages\":[],\"stream\":true,"
                               "\"reasoning_effort\":\"low\"}";
    replay_conf()->providers[0].timeout_ms = 180000;
    replay_chat(asks);
    replay_head(200, SSE);
    replay_pass_ms(199999);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_client_leaves();
    replay_conf()->has_first_token_timeout = true;
    replay_chat(asks);
    replay_head(200, SSE);
    replay_pass_ms(40000);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(comments_do_not_keep_a_stream_alive)
{
    begin_stream();
    for (int i = 0; i < 49; i++) {
        replay_pass_ms(1000);
        replay_data(": keep-alive\n\n");
    }
    replay_pass_ms(999);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
}
END_TEST

START_TEST(before_the_first_content_a_first_token_timeout_of_the_operator_rules)
{
    replay_conf()->has_first_token_timeout = true;
    replay_conf()->stream_idle_timeout_ms = 1000;
    begin_stream();
    replay_pass_ms(20000);
    replay_data(": queued\n\n");
    replay_pass_ms(19999);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_last_event()->outcome, OUTCOME_STREAM_NO_TOKEN);
    replay_head(200, SSE);
    replay_pass_ms(30000);
    replay_data(ROLE TOKEN);
    replay_pass_ms(999);
    ck_assert(!replay_is_over());
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_last_event()->outcome, OUTCOME_STREAM_IDLE);
}
END_TEST

START_TEST(events_without_content_do_not_put_off_the_first_token)
{
    replay_conf()->has_first_token_timeout = true;
    begin_stream();
    for (int i = 0; i < 39; i++) {
        replay_pass_ms(1000);
        replay_data(ROLE);
    }
    replay_pass_ms(1000);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_last_event()->outcome, OUTCOME_STREAM_NO_TOKEN);
}
END_TEST

/* ---- failures after content ---------------------------------------------------------------- */

struct late {
    const char *data;
    enum transfer_end end;
    const char *code, *words;
};

static const struct late late_failures[] = {
    {"", TRANSFER_CUT, "stream_error", "detail of the transfer"},
    {"", TRANSFER_COMPLETE, "stream_truncated", "a/m0"},
    {"data: {\"error\":{\"message\":\"overloaded \\\"now\\\"\"}}\n\n" DONE, TRANSFER_COMPLETE,
     "stream_error", "overloaded \\\"now\\\""},
    {"data: {\"error\":\"plain words\"}\n\n", TRANSFER_COMPLETE, "stream_error", "plain words"},
    {"event: error\ndata: not json\n\n", TRANSFER_COMPLETE, "stream_error", "not json"},
    {"event: error\ndata: {\"message\":\"worn out\"}\n\n", TRANSFER_COMPLETE, "stream_error",
     "worn out"},
    {"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}]}\n\n",
     TRANSFER_COMPLETE, "stream_error", "a/m0"},
    {"data: {x\n\ndata: {x\n\ndata: {x\n\ndata: {x\n\n", TRANSFER_COMPLETE, "stream_error", "a/m0"},
};

START_TEST(a_failure_after_content_is_told_and_counted_once)
{
    const struct late *f = &late_failures[_i];
    begin_stream();
    replay_data(TOKEN);
    replay_data(f->data);
    if (replay_is_sending())
        replay_done(f->end);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_transfers(), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
    ck_assert_int_eq(strncmp(replay_body(), TOKEN "data: {\"error\":{\"message\":\"a/m0: ", 90), 0);
    char *code = NULL;
    ck_assert_int_gt(
        asprintf(&code, "\"type\":\"server_error\",\"param\":null,\"code\":\"%s\"}}\n\n", f->code),
        0);
    assert_has(replay_body(), code);
    assert_has(replay_body(), f->words);
    assert_has_not(replay_body(), "[DONE]");
    free(code);
}
END_TEST

START_TEST(silence_after_content_is_an_idle_timeout)
{
    begin_stream();
    replay_data(TOKEN);
    replay_pass_ms(19000);
    replay_data(TOKEN);
    replay_pass_ms(19999);
    ck_assert(!replay_is_over());
    replay_pass_ms(1);
    ck_assert(replay_is_over());
    assert_has(replay_body(), "\"code\":\"stream_idle_timeout\"");
    ck_assert_uint_eq(replay_aborts(), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
}
END_TEST

START_TEST(three_malformed_events_are_dropped_and_the_stream_goes_on)
{
    begin_stream();
    replay_data(TOKEN "data: {\n\ndata: nope\n\ndata: [1\n\n" TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), TOKEN TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
}
END_TEST

START_TEST(the_error_waits_for_the_table_but_not_for_ever)
{
    replay_hold_acks();
    begin_stream();
    replay_data(TOKEN);
    replay_done(TRANSFER_CUT);
    ck_assert(!replay_is_over());
    replay_pass_ms(49);
    ck_assert(!replay_is_over());
    replay_pass_ms(1);
    ck_assert(replay_is_over());
    assert_has(replay_body(), "stream_error");
}
END_TEST

/* ---- heartbeats ---------------------------------------------------------------------------- */

START_TEST(heartbeats_go_out_whenever_nothing_else_did)
{
    begin_stream();
    replay_pass_ms(14999);
    ck_assert_int_eq(replay_status(), 0);
    replay_pass_ms(1);
    ck_assert_int_eq(replay_status(), 200);
    assert_has_not(replay_headers(), "X-Weir-Provider");
    ck_assert_str_eq(replay_body(), ": weir\n");
    replay_data(ROLE);
    replay_pass_ms(15000);
    ck_assert_str_eq(replay_body(), ": weir\n: weir\n");
    replay_pass_ms(5000);
    replay_data(TOKEN);
    replay_pass_ms(14999);
    ck_assert_str_eq(replay_body(), ": weir\n: weir\n" ROLE TOKEN);
    replay_pass_ms(1);
    ck_assert_str_eq(replay_body(), ": weir\n: weir\n" ROLE TOKEN ": weir\n");
    replay_data(TOKEN);
    replay_pass_ms(14999);
    replay_data(FINISH DONE);
    ck_assert_str_eq(replay_body(), ": weir\n: weir\n" ROLE TOKEN ": weir\n" TOKEN FINISH DONE);
}
END_TEST

START_TEST(a_client_that_does_not_read_gets_no_heartbeats)
{
    replay_conf()->stream_idle_timeout_ms = 60000;
    begin_stream();
    replay_data(TOKEN);
    replay_client_queues(1);
    replay_pass_ms(31000);
    ck_assert_str_eq(replay_body(), TOKEN);
    replay_client_reads();
    replay_pass_ms(14000);
    ck_assert_str_eq(replay_body(), TOKEN ": weir\n");
}
END_TEST

START_TEST(a_provider_that_only_keeps_alive_is_no_reason_not_to)
{
    replay_conf()->stream_idle_timeout_ms = 60000;
    begin_stream();
    replay_data(TOKEN);
    for (int i = 0; i < 4; i++) {
        replay_pass_ms(5000);
        replay_data(": PROCESSING\n\ndata: ping\n\n");
    }
    ck_assert_str_eq(replay_body(), TOKEN ": weir\n");
}
END_TEST

START_TEST(an_answer_that_is_held_to_its_end_has_heartbeats)
{
    replay_conf()->chains[0].delivery = DELIVERY_COMPLETE;
    begin_stream();
    for (int i = 0; i < 4; i++) {
        replay_pass_ms(5000);
        replay_data(TOKEN);
    }
    replay_data(FINISH DONE);
    ck_assert_str_eq(replay_body(), ": weir\n" TOKEN TOKEN TOKEN TOKEN FINISH DONE);
}
END_TEST

START_TEST(after_a_heartbeat_moving_on_is_still_possible)
{
    begin_stream();
    replay_pass_ms(15000);
    replay_done(TRANSFER_CUT);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), ": weir\n" TOKEN FINISH DONE);
}
END_TEST

START_TEST(after_a_heartbeat_exhaustion_is_an_error_event)
{
    begin_stream();
    replay_pass_ms(15000);
    for (int i = 0; i < REPLAY_PAIRS; i++)
        replay_done(TRANSFER_CONNECT);
    ck_assert(replay_is_over());
    assert_has(replay_body(), ": weir\ndata: {\"error\":{\"message\":\"All providers exhausted: ");
    assert_has(replay_body(), "\"type\":\"server_error\",\"param\":null,\"code\":"
                              "\"all_providers_exhausted\"}}\n\n");
    assert_has_not(replay_body(), "[DONE]");
}
END_TEST

struct refusal {
    const char *body, *event;
};

static const struct refusal refusals[] = {
    {"{\"error\":\n{\"message\":\"no\"}}", "data: {\"error\":\ndata: {\"message\":\"no\"}}\n\n"},
    {"{\"error\":\r{\"message\":\r\n\"no\"}}\r\r",
     "data: {\"error\":\ndata: {\"message\":\ndata: \"no\"}}\ndata: \ndata: \n\n"},
    {"{\"object\":\"error\",\"message\":\"too \\\"long\\\"\",\"code\":400}",
     "data: {\"error\":{\"message\":\"too \\\"long\\\"\",\"type\":\"invalid_request_error\","
     "\"param\":null,\"code\":\"invalid_request\"}}\n\n"},
    {"[{\"error\":{\"message\":\"no\",\"code\":400}}]",
     "data: {\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"param\":null,"
     "\"code\":\"invalid_request\"}}\n\n"},
    {"<html>", "refused (HTTP 400)\",\"type\":\"invalid_request_error\","},
    {"", "refused (HTTP 400)\",\"type\":\"invalid_request_error\","},
    /* no type that invites to try again */
    {"{\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"code\":\"c\"}}",
     "data: "
     "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"code\":\"c\"}}\n\n"},
    {"{\"error\":\"no\",\"type\":\"api_error\"}",
     "data: {\"error\":\"no\",\"type\":\"invalid_request_error\"}\n\n"},
    {"{\"error\":{\"message\":\"no\",\"type\":\"of_its_own\"}}",
     "data: {\"error\":{\"message\":\"no\",\"type\":\"of_its_own\"}}\n\n"},
};

START_TEST(after_a_heartbeat_a_refusal_is_an_event_that_sdks_raise_on)
{
    replay_chat_stream();
    replay_pass_ms(15000);
    for (int i = 0; i < REPLAY_PAIRS; i++)
        answer_error(400, refusals[_i].body);
    ck_assert(replay_is_over());
    assert_has(replay_body(), ": weir\n");
    assert_has(replay_body(), refusals[_i].event);
}
END_TEST

/* ---- answers without streaming ------------------------------------------------------------- */

START_TEST(an_answer_is_relayed_whole)
{
    replay_chat_plain();
    replay_head(200, JSON);
    replay_data("\n\n" ANSWER);
    ck_assert_int_eq(replay_status(), 0);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_int_eq(replay_status(), 200);
    ck_assert_str_eq(replay_body(), "\n\n" ANSWER);
    assert_has(replay_headers(), "X-Weir-Provider: a/m0\r\n");
    assert_has(replay_headers(), "X-Weir-Attempts: 1\r\n");
}
END_TEST

struct bad_answer {
    const char *headers, *body;
    enum transfer_end end;
};

static const struct bad_answer bad_answers[] = {
    {JSON, ANSWER, TRANSFER_CUT},
    {JSON, "{\"choices\":[", TRANSFER_COMPLETE},
    {JSON, ERROR_OF("in a 200"), TRANSFER_COMPLETE},
    {"content-type: text/html\n", "<html>", TRANSFER_COMPLETE},
    {SSE, TOKEN, TRANSFER_COMPLETE},
    {JSON, "", TRANSFER_COMPLETE},
};

START_TEST(a_bad_answer_moves_on_as_a_pre_stream_failure)
{
    const struct bad_answer *b = &bad_answers[_i];
    replay_chat_plain();
    replay_head(200, b->headers);
    replay_data(b->body);
    if (replay_transfers() == 1)
        replay_done(b->end);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
}
END_TEST

START_TEST(json_to_a_streaming_request_moves_on)
{
    replay_chat_stream();
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 1);
}
END_TEST

START_TEST(an_answer_resets_what_an_answer_may)
{
    replay_wants_reset(0);
    replay_chat_plain();
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_events(EV_ANSWER_SUCCESS, 0), 1);
    ck_assert_uint_eq(replay_events(EV_STREAM_SUCCESS, 0), 0);
}
END_TEST

/* ---- the end of the chain ------------------------------------------------------------------ */

START_TEST(pairs_in_cooldown_are_passed_by)
{
    replay_cooldown_ms(0, 10000);
    replay_chat_plain();
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Attempts: 2\r\n");
}
END_TEST

START_TEST(exhaustion_names_each_pair_and_the_soonest_end)
{
    replay_cooldown_ms(0, 12345);
    replay_cooldown_ms(1, 4200);
    replay_chat_plain();
    replay_done(TRANSFER_CONNECT);
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_headers(), "Retry-After: 5\r\n");
    assert_has(replay_headers(), "retry-after-ms: 4200\r\n");
    assert_has(replay_body(), "a/m0: in cooldown (13 s left); b/m1: in cooldown (5 s left); "
                              "c/m2: no connection");
    assert_has(replay_body(), "\"code\":\"all_providers_exhausted\"");
}
END_TEST

START_TEST(exhaustion_without_cooldown_promises_nothing)
{
    replay_chat_plain();
    for (int i = 0; i < REPLAY_PAIRS; i++)
        replay_done(TRANSFER_CONNECT);
    ck_assert_int_eq(replay_status(), 503);
    assert_has_not(replay_headers(), "Retry-After");
}
END_TEST

START_TEST(an_error_all_agree_on_is_the_first_ones)
{
    replay_cooldown_ms(2, 5000); /* was not tried: has no say */
    replay_chat_plain();
    answer_error(404, ERROR_OF("first"));
    answer_error(400, ERROR_OF("second"));
    ck_assert_int_eq(replay_status(), 404);
    ck_assert_str_eq(replay_body(), ERROR_OF("first"));
}
END_TEST

START_TEST(a_mix_of_errors_is_503)
{
    replay_chat_plain();
    answer_error(400, ERROR_OF("first"));
    answer_error(500, ERROR_OF("second"));
    answer_error(400, ERROR_OF("third"));
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_body(), "a/m0: the request was refused (HTTP 400); "
                              "b/m1: server error (HTTP 500)");
}
END_TEST

START_TEST(a_content_filter_is_not_routed_around)
{
    replay_chat_plain();
    answer_error(400, "{\"error\":{\"message\":\"m\",\"code\":\"content_policy_violation\"}}");
    ck_assert_uint_eq(replay_transfers(), 1);
    ck_assert_int_eq(replay_status(), 400);
    assert_has(replay_body(), "content_policy_violation");
}
END_TEST

START_TEST(the_providers_key_is_masked_in_its_words)
{
    replay_chat_plain();
    answer_error(400, ERROR_OF("bad key key-of-provider-a"));
    answer_error(404, ERROR_OF("x"));
    answer_error(404, ERROR_OF("x"));
    ck_assert_str_eq(replay_body(), ERROR_OF("bad key *****************"));
}
END_TEST

START_TEST(the_deadline_covers_all_entries)
{
    replay_conf()->deadline_ms = 45000;
    replay_chat_plain();
    replay_pass_ms(30000);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_pass_ms(15000);
    ck_assert(!replay_is_sending());
    ck_assert_int_eq(replay_status(), 504);
    assert_has(replay_body(), "\"code\":\"deadline_exceeded\"");
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 1), 0);
}
END_TEST

/* ---- delivery: complete ---------------------------------------------------------------------- */

START_TEST(complete_sends_nothing_before_the_clean_end)
{
    begin_complete();
    replay_data(ROLE TOKEN TOKEN FINISH);
    ck_assert_int_eq(replay_status(), 0);
    replay_data(DONE);
    ck_assert_str_eq(replay_body(), ROLE TOKEN TOKEN FINISH DONE);
    assert_has(replay_headers(), "X-Weir-Provider: a/m0\r\n");
}
END_TEST

START_TEST(complete_rescues_each_late_failure)
{
    const struct late *f = &late_failures[_i];
    begin_complete();
    replay_data(TOKEN);
    replay_data(f->data);
    if (replay_transfers() == 1)
        replay_done(f->end);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
    replay_head(200, SSE);
    replay_data(TOKEN TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), TOKEN TOKEN FINISH DONE);
    assert_has(replay_headers(), "X-Weir-Provider: b/m1\r\n");
}
END_TEST

START_TEST(complete_rescues_a_stall_and_keeps_the_client)
{
    begin_complete();
    replay_data(TOKEN);
    replay_pass_ms(20000);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(200, SSE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), ": weir\n" TOKEN FINISH DONE);
}
END_TEST

START_TEST(complete_streams_what_is_too_large_to_hold)
{
    replay_conf()->max_held_bytes = 3 * sizeof(TOKEN);
    begin_complete();
    replay_data(TOKEN TOKEN);
    ck_assert_int_eq(replay_status(), 0);
    replay_data(TOKEN TOKEN);
    ck_assert_str_eq(replay_body(), TOKEN TOKEN TOKEN TOKEN);
    replay_done(TRANSFER_CUT);
    assert_has(replay_body(), "stream_error");
}
END_TEST

/* Events without content are held too; what is more than weir holds is shown. */
START_TEST(a_preamble_too_large_to_hold_is_committed)
{
    replay_conf()->max_held_bytes = 3 * sizeof(ROLE);
    replay_conf()->chains[0].delivery = _i == 0 ? DELIVERY_STREAM : DELIVERY_COMPLETE;
    begin_stream();
    replay_data(ROLE ROLE ROLE ROLE ROLE);
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert_str_eq(replay_body(), ROLE ROLE ROLE ROLE ROLE);
    replay_data(TOKEN FINISH DONE);
    ck_assert_str_eq(replay_body(), ROLE ROLE ROLE ROLE ROLE TOKEN FINISH DONE);
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 0);
}
END_TEST

START_TEST(a_deadline_spares_a_held_answer_that_grows)
{
    replay_conf()->deadline_ms = 5000;
    begin_complete();
    for (int i = 0; i < 10; i++) {
        replay_data(TOKEN);
        replay_pass_ms(1000);
    }
    replay_done(TRANSFER_CUT);
    ck_assert(replay_is_over());
    ck_assert_int_eq(replay_status(), 504);
}
END_TEST

/* ---- retries of the same entry -------------------------------------------------------------- */

START_TEST(a_short_wait_that_is_named_is_waited_for)
{
    replay_conf()->retry_attempts = 1;
    replay_conf()->retry_max_wait_ms = 3000;
    replay_chat_plain();
    replay_head(429, JSON "retry-after: 2\n");
    replay_done(TRANSFER_COMPLETE);
    ck_assert(!replay_is_sending());
    ck_assert_uint_eq(replay_events(EV_COOLDOWN, 0), 1);
    replay_pass_ms(1999);
    ck_assert(!replay_is_sending());
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_head(429, JSON "retry-after: 2\n");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 1); /* one retry, no more */
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Attempts: 2\r\n");
}
END_TEST

START_TEST(an_entry_is_tried_again_as_often_as_configured)
{
    replay_conf()->retry_attempts = 2;
    replay_chat_plain();
    for (unsigned tries = 1; tries <= 3; tries++) {
        ck_assert_uint_eq(replay_transfers(), tries);
        ck_assert_uint_eq(replay_pair(), 0);
        replay_head(500, JSON);
        replay_done(TRANSFER_COMPLETE);
    }
    /* The next one has as many. */
    for (unsigned tries = 4; tries <= 6; tries++) {
        ck_assert_uint_eq(replay_pair(), 1);
        replay_head(500, JSON);
        replay_done(TRANSFER_COMPLETE);
    }
    ck_assert_uint_eq(replay_pair(), 2);
}
END_TEST

START_TEST(an_entry_that_rests_by_then_is_passed_by)
{
    replay_conf()->retry_attempts = 1;
    replay_conf()->retry_max_wait_ms = 3000;
    replay_chat_plain();
    replay_head(429, JSON "retry-after: 2\n");
    replay_done(TRANSFER_COMPLETE);
    replay_cooldown_ms(0, 60000);
    replay_pass_ms(2000);
    ck_assert_uint_eq(replay_pair(), 1);
    replay_head(500, JSON);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 1); /* its own retry, which the first one has not used */
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Attempts: 2\r\n");
}
END_TEST

struct retry_case {
    int status; /* 0: the connection is lost */
    const char *headers;
    bool is_retried;
};

static const struct retry_case retry_cases[] = {
    {500, JSON, true},
    {502, JSON, true},
    {0, NULL, true},
    {503, JSON, false},
    {429, JSON, false}, /* names no wait */
    {429, JSON "retry-after: 4\n", false},
    {404, JSON, false},
};

START_TEST(what_is_retried_and_what_is_not)
{
    const struct retry_case *c = &retry_cases[_i];
    replay_conf()->retry_attempts = 1;
    replay_conf()->retry_max_wait_ms = 3000;
    replay_chat_plain();
    if (c->status != 0)
        replay_head(c->status, c->headers);
    replay_done(c->status != 0 ? TRANSFER_COMPLETE : TRANSFER_LOST);
    ck_assert_uint_eq(replay_pair(), c->is_retried ? 0 : 1);
}
END_TEST

START_TEST(a_timeout_is_never_retried)
{
    replay_conf()->retry_attempts = 5;
    replay_chat_plain();
    replay_pass_ms(30000);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(a_client_that_leaves_during_the_wait_ends_it)
{
    replay_conf()->retry_attempts = 1;
    replay_conf()->retry_max_wait_ms = 3000;
    replay_chat_plain();
    replay_head(429, JSON "retry-after: 2\n");
    replay_done(TRANSFER_COMPLETE);
    replay_client_leaves();
    replay_pass_ms(5000);
    ck_assert_uint_eq(replay_transfers(), 1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("exchange");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_test(tc, a_stream_is_relayed_byte_for_byte);
    tcase_add_test(tc, what_arrives_together_is_written_together_and_at_once);
    tcase_add_test(tc, what_came_before_the_end_is_not_kept_back_by_the_table);
    tcase_add_test(tc, a_finish_without_done_is_completed_by_weir);
    tcase_add_test(tc, after_the_finish_a_broken_connection_no_longer_matters);
    tcase_add_test(tc, one_unfinished_choice_of_two_is_a_truncated_stream);
    tcase_add_test(tc, a_success_is_reported_only_when_there_is_something_to_reset);
    tcase_add_loop_test(tc, a_failure_before_content_moves_on_unseen, 0, UNIT_ROWS(early_failures));
    tcase_add_loop_test(tc, a_status_moves_on_and_rests_the_pair_as_the_contract_says, 0,
                        UNIT_ROWS(status_cases));
    tcase_add_test(tc, silence_before_the_head_moves_on_and_is_no_mid_stream_failure);
    tcase_add_test(tc, a_providers_own_timeout_comes_first);
    tcase_add_test(tc, the_idle_timeout_begins_with_the_first_content);
    tcase_add_test(tc, an_answer_without_a_body_is_no_stream);
    tcase_add_test(tc, a_providers_own_longer_timeout_puts_off_the_first_token_too);
    tcase_add_loop_test(tc, who_asks_for_reasoning_waits_two_minutes, 0, 4);
    tcase_add_test(tc, two_minutes_are_only_a_default);
    tcase_add_test(tc, comments_do_not_keep_a_stream_alive);
    tcase_add_test(tc, before_the_first_content_a_first_token_timeout_of_the_operator_rules);
    tcase_add_test(tc, events_without_content_do_not_put_off_the_first_token);
    tcase_add_loop_test(tc, a_failure_after_content_is_told_and_counted_once, 0,
                        UNIT_ROWS(late_failures));
    tcase_add_test(tc, silence_after_content_is_an_idle_timeout);
    tcase_add_test(tc, three_malformed_events_are_dropped_and_the_stream_goes_on);
    tcase_add_test(tc, the_error_waits_for_the_table_but_not_for_ever);
    tcase_add_test(tc, heartbeats_go_out_whenever_nothing_else_did);
    tcase_add_test(tc, a_client_that_does_not_read_gets_no_heartbeats);
    tcase_add_test(tc, a_provider_that_only_keeps_alive_is_no_reason_not_to);
    tcase_add_test(tc, an_answer_that_is_held_to_its_end_has_heartbeats);
    tcase_add_test(tc, after_a_heartbeat_moving_on_is_still_possible);
    tcase_add_test(tc, after_a_heartbeat_exhaustion_is_an_error_event);
    tcase_add_loop_test(tc, after_a_heartbeat_a_refusal_is_an_event_that_sdks_raise_on, 0,
                        sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(tc, an_answer_is_relayed_whole);
    tcase_add_loop_test(tc, a_bad_answer_moves_on_as_a_pre_stream_failure, 0,
                        UNIT_ROWS(bad_answers));
    tcase_add_test(tc, json_to_a_streaming_request_moves_on);
    tcase_add_test(tc, an_answer_resets_what_an_answer_may);
    tcase_add_test(tc, pairs_in_cooldown_are_passed_by);
    tcase_add_test(tc, exhaustion_names_each_pair_and_the_soonest_end);
    tcase_add_test(tc, exhaustion_without_cooldown_promises_nothing);
    tcase_add_test(tc, an_error_all_agree_on_is_the_first_ones);
    tcase_add_test(tc, a_mix_of_errors_is_503);
    tcase_add_test(tc, a_content_filter_is_not_routed_around);
    tcase_add_test(tc, the_providers_key_is_masked_in_its_words);
    tcase_add_test(tc, the_deadline_covers_all_entries);
    tcase_add_test(tc, complete_sends_nothing_before_the_clean_end);
    tcase_add_loop_test(tc, complete_rescues_each_late_failure, 0, UNIT_ROWS(late_failures));
    tcase_add_test(tc, complete_rescues_a_stall_and_keeps_the_client);
    tcase_add_test(tc, complete_streams_what_is_too_large_to_hold);
    tcase_add_loop_test(tc, a_preamble_too_large_to_hold_is_committed, 0, 2);
    tcase_add_test(tc, a_deadline_spares_a_held_answer_that_grows);
    tcase_add_test(tc, a_short_wait_that_is_named_is_waited_for);
    tcase_add_test(tc, an_entry_is_tried_again_as_often_as_configured);
    tcase_add_test(tc, an_entry_that_rests_by_then_is_passed_by);
    tcase_add_loop_test(tc, what_is_retried_and_what_is_not, 0, UNIT_ROWS(retry_cases));
    tcase_add_test(tc, a_timeout_is_never_retried);
    tcase_add_test(tc, a_client_that_leaves_during_the_wait_ends_it);
    return unit_run_case("exchange", tc);
}
