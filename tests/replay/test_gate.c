/* SPDX-License-Identifier: MIT */
/* The gate of a recovering pair (CONTRACT 5.2): how many try it, when it opens, and that it never
 * costs a request. On a fake clock, see replay.h. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/routing/claims.h"
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

#define END       FINISH DONE
#define TOO_LONG  "{\"error\":{\"message\":\"no\",\"code\":\"bad_value\"}}"
#define WAIT_MS   CLAIMS_GATE_WAIT_MS
#define GLANCE_MS 20 /* how soon an open gate is seen */

/* The pair recovers, and another worker's request tries it. */
static void close_gate(uint32_t pair)
{
    replay_recovering(pair, true);
    replay_other_tries(pair);
}

/* Nothing but gates. */
static void close_all(void)
{
    for (uint32_t i = 0; i < REPLAY_PAIRS; i++)
        close_gate(i);
}

static void serve(void)
{
    replay_head(200, SSE);
    replay_data(TOKEN END);
    ck_assert(replay_is_over());
    ck_assert_int_eq(replay_status(), 200);
    ck_assert_str_eq(replay_body(), TOKEN END);
}

/* ---- the place ------------------------------------------------------------------------------ */

START_TEST(the_first_content_gives_the_place_back)
{
    replay_recovering(0, true);
    replay_chat_stream();
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert_uint_eq(replay_at_gate(0), 1);
    replay_head(200, SSE);
    replay_data(ROLE);
    ck_assert_uint_eq(replay_at_gate(0), 1);
    replay_data(TOKEN);
    ck_assert_uint_eq(replay_at_gate(0), 0);
    replay_data(END);
    ck_assert_uint_eq(replay_at_gate(0), 0);
}
END_TEST

START_TEST(content_that_is_held_gives_it_back_too)
{
    replay_recovering(0, true);
    replay_conf()->chains[0].delivery = DELIVERY_COMPLETE;
    replay_chat_stream();
    replay_head(200, SSE);
    replay_data(TOKEN);
    ck_assert_int_eq(replay_status(), 0);
    ck_assert_uint_eq(replay_at_gate(0), 0);
    replay_data(END);
}
END_TEST

START_TEST(an_answer_gives_it_back_at_its_end)
{
    replay_recovering(0, true);
    replay_chat_plain();
    replay_head(200, JSON);
    replay_data("{\"choices\":[");
    ck_assert_uint_eq(replay_at_gate(0), 1);
    replay_data("{\"message\":{\"content\":\"hi\"}}]}");
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_at_gate(0), 0);
}
END_TEST

/* A place that another request took after the first content is not given back twice. */
START_TEST(a_place_is_given_back_once)
{
    replay_recovering(0, true);
    replay_chat_stream();
    replay_head(200, SSE);
    replay_data(TOKEN);
    replay_other_tries(0);
    replay_data(TOKEN);
    replay_done(TRANSFER_CUT);
    ck_assert(replay_is_over());
    ck_assert_uint_eq(replay_at_gate(0), 1);
}
END_TEST

START_TEST(a_failure_before_content_gives_it_back)
{
    replay_recovering(0, true);
    replay_chat_stream();
    answer_error(500, "");
    ck_assert_uint_eq(replay_at_gate(0), 0);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(a_client_that_leaves_gives_it_back)
{
    replay_recovering(0, true);
    replay_chat_stream();
    replay_client_leaves();
    ck_assert_uint_eq(replay_at_gate(0), 0);
}
END_TEST

START_TEST(a_worker_that_has_stopped_keeps_no_place)
{
    close_all();
    replay_other_stops();
    replay_chat_stream();
    ck_assert(!replay_is_sending());
    replay_pass_ms(CLAIMS_STOPPED_MS);
    ck_assert(!replay_is_sending());
    replay_pass_ms(2 * GLANCE_MS);
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert_uint_eq(replay_at_gate(0), 1);
    replay_other_has_content(0); /* it goes on: the place is no longer its own */
    ck_assert_uint_eq(replay_at_gate(0), 1);
    serve();
}
END_TEST

/* ---- the last resort ------------------------------------------------------------------------ */

START_TEST(what_is_usable_comes_first)
{
    close_gate(0);
    close_gate(1);
    replay_chat_stream();
    ck_assert_uint_eq(replay_pair(), 2);
    serve();
}
END_TEST

START_TEST(a_request_waits_for_a_gate)
{
    close_all();
    replay_explain();
    replay_chat_stream();
    replay_pass_ms(1000);
    ck_assert(!replay_is_sending());
    ck_assert(!replay_is_over());
    replay_other_has_content(1);
    replay_pass_ms(GLANCE_MS);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_eq(replay_at_gate(1), 1);
    replay_head(200, SSE);
    replay_data(TOKEN END);
    assert_has(replay_headers(), "X-Weir-Provider: b/m1\r\n");
    assert_has(replay_headers(), "X-Weir-Attempts: 3\r\n");
    struct recent_request told = replay_remembered();
    ck_assert_uint_eq(told.head.n_steps, 4);
    ck_assert_uint_eq(told.steps[1].outcome, OUTCOME_IN_RECOVERY);
    ck_assert_uint_ge(told.steps[1].elapsed_ms, 1000);
    ck_assert_uint_le(told.steps[1].elapsed_ms, 1000 + GLANCE_MS);
    ck_assert_uint_eq(told.steps[0].elapsed_ms, 0);
    ck_assert_uint_eq(told.steps[3].outcome, OUTCOME_STREAM_COMPLETED);
}
END_TEST

START_TEST(it_tries_when_the_pair_has_recovered)
{
    close_all();
    replay_chat_stream();
    replay_recovering(2, false);
    replay_pass_ms(GLANCE_MS);
    ck_assert_uint_eq(replay_pair(), 2);
    serve();
}
END_TEST

START_TEST(it_waits_no_longer_than_it_may)
{
    close_all();
    replay_chat_stream();
    replay_pass_ms(WAIT_MS - 1);
    ck_assert(!replay_is_sending());
    replay_pass_ms(1);
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert_uint_eq(replay_at_gate(0), 1); /* the other's */
    serve();
    ck_assert_uint_eq(replay_at_gate(0), 1);
}
END_TEST

START_TEST(then_no_gate_keeps_it_out)
{
    close_all();
    replay_chat_stream();
    replay_pass_ms(WAIT_MS);
    for (uint32_t pair = 0; pair < REPLAY_PAIRS; pair++) {
        ck_assert_uint_eq(replay_pair(), pair);
        answer_error(500, "");
    }
    ck_assert(replay_is_over());
    ck_assert_int_eq(replay_status(), 503);
    ck_assert_uint_eq(replay_transfers(), REPLAY_PAIRS);
    assert_has(replay_body(), "(HTTP 500)");
}
END_TEST

START_TEST(who_failed_is_not_tried_again)
{
    close_gate(1);
    replay_cooldown_ms(2, 60000);
    replay_chat_stream();
    answer_error(500, "");
    ck_assert(!replay_is_sending());
    replay_pass_ms(500);
    replay_other_has_content(1);
    replay_pass_ms(GLANCE_MS);
    ck_assert_uint_eq(replay_pair(), 1);
    answer_error(500, "");
    ck_assert(replay_is_over());
    ck_assert_int_eq(replay_status(), 503);
    ck_assert_uint_eq(replay_transfers(), 2);
    assert_has(replay_headers(), "Retry-After: 60\r\n");
}
END_TEST

START_TEST(a_4xx_waits_for_what_the_gate_says)
{
    close_gate(1);
    replay_cooldown_ms(2, 60000);
    replay_chat_stream();
    answer_error(400, TOO_LONG);
    ck_assert(!replay_is_over());
    replay_pass_ms(WAIT_MS);
    serve();
    replay_chat_stream();
    answer_error(400, TOO_LONG);
    replay_pass_ms(WAIT_MS);
    answer_error(400, "{\"error\":{\"message\":\"no, too\",\"code\":\"bad_value\"}}");
    ck_assert_int_eq(replay_status(), 400);
    ck_assert_str_eq(replay_body(), TOO_LONG);
}
END_TEST

START_TEST(a_retry_stays_at_the_gates_entry)
{
    close_gate(0);
    close_gate(1);
    replay_cooldown_ms(2, 60000);
    replay_conf()->retry_attempts = 1;
    replay_chat_stream();
    replay_pass_ms(WAIT_MS);
    static const uint32_t pairs[] = {0, 0, 1, 1};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        ck_assert_uint_eq(replay_pair(), pairs[i]);
        answer_error(500, "");
    }
    ck_assert_int_eq(replay_status(), 503);
}
END_TEST

/* Those who try all failed: there is no gate to wait for any more. */
START_TEST(a_rest_ends_the_wait)
{
    close_gate(0);
    replay_cooldown_ms(1, 60000);
    replay_cooldown_ms(2, 60000);
    replay_chat_stream();
    replay_pass_ms(100);
    replay_cooldown_ms(0, 30000);
    replay_pass_ms(GLANCE_MS);
    ck_assert(replay_is_over());
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_headers(), "Retry-After: 30\r\n");
    ck_assert_uint_eq(replay_transfers(), 0);
}
END_TEST

START_TEST(a_deadline_ends_the_wait)
{
    replay_conf()->deadline_ms = 2000;
    close_all();
    replay_chat_stream();
    replay_pass_ms(1999);
    ck_assert(!replay_is_over());
    replay_pass_ms(1);
    ck_assert_int_eq(replay_status(), 504);
}
END_TEST

START_TEST(a_client_may_leave_while_it_waits)
{
    close_all();
    replay_chat_stream();
    replay_pass_ms(100);
    replay_client_leaves();
    replay_pass_ms(WAIT_MS);
    ck_assert_uint_eq(replay_transfers(), 0);
    ck_assert_uint_eq(replay_all_events(), 0);
}
END_TEST

START_TEST(heartbeats_go_on_while_it_waits)
{
    replay_conf()->stream_heartbeat_ms = 1000;
    close_all();
    replay_chat_stream();
    replay_pass_ms(2500);
    ck_assert_int_eq(replay_status(), 200);
    ck_assert_str_eq(replay_body(), ": weir\n: weir\n");
    replay_pass_ms(2500);
    ck_assert_uint_eq(replay_pair(), 0);
}
END_TEST

START_TEST(a_drain_lets_it_wait)
{
    close_all();
    replay_chat_stream();
    replay_drain();
    ck_assert(!replay_is_over());
    replay_pass_ms(WAIT_MS);
    serve();
}
END_TEST

/* The queue is for rests and limits; who waits in it is let out when a gate is all that is left. */
START_TEST(the_queue_ends_at_the_gate)
{
    replay_conf()->stream_heartbeat_ms = 0;
    replay_conf()->queue_mode = true;
    replay_conf()->queue_max_wait_ms = 300000;
    close_gate(0);
    replay_cooldown_ms(0, 10000);
    replay_cooldown_ms(1, 60000);
    replay_cooldown_ms(2, 60000);
    replay_chat_stream();
    replay_pass_ms(10000 + WAIT_MS - 1);
    ck_assert(!replay_is_sending());
    replay_pass_ms(2 * GLANCE_MS);
    ck_assert_uint_eq(replay_pair(), 0);
    serve();
    replay_chat_stream();
    replay_pass_ms(WAIT_MS);
    ck_assert_uint_eq(replay_pair(), 0);
    serve();
}
END_TEST

START_TEST(a_probe_waits_for_no_gate)
{
    close_gate(0);
    replay_probe();
    replay_chat("{\"model\":\"a/m0\",\"messages\":[],\"stream\":true}");
    ck_assert_uint_eq(replay_pair(), 0);
    replay_head(200, SSE);
    replay_data(TOKEN END);
    ck_assert_uint_eq(replay_at_gate(0), 1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("gate");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_test(tc, the_first_content_gives_the_place_back);
    tcase_add_test(tc, content_that_is_held_gives_it_back_too);
    tcase_add_test(tc, an_answer_gives_it_back_at_its_end);
    tcase_add_test(tc, a_place_is_given_back_once);
    tcase_add_test(tc, a_failure_before_content_gives_it_back);
    tcase_add_test(tc, a_client_that_leaves_gives_it_back);
    tcase_add_test(tc, a_worker_that_has_stopped_keeps_no_place);
    tcase_add_test(tc, what_is_usable_comes_first);
    tcase_add_test(tc, a_request_waits_for_a_gate);
    tcase_add_test(tc, it_tries_when_the_pair_has_recovered);
    tcase_add_test(tc, it_waits_no_longer_than_it_may);
    tcase_add_test(tc, then_no_gate_keeps_it_out);
    tcase_add_test(tc, who_failed_is_not_tried_again);
    tcase_add_test(tc, a_4xx_waits_for_what_the_gate_says);
    tcase_add_test(tc, a_retry_stays_at_the_gates_entry);
    tcase_add_test(tc, a_rest_ends_the_wait);
    tcase_add_test(tc, a_deadline_ends_the_wait);
    tcase_add_test(tc, a_client_may_leave_while_it_waits);
    tcase_add_test(tc, heartbeats_go_on_while_it_waits);
    tcase_add_test(tc, a_drain_lets_it_wait);
    tcase_add_test(tc, the_queue_ends_at_the_gate);
    tcase_add_test(tc, a_probe_waits_for_no_gate);
    return unit_run_case("gate", tc);
}
