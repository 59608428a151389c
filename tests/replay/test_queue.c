/* SPDX-License-Identifier: MIT */
/* Requests that wait for a pair of their chain (queueMode, CONTRACT 3), on a fake clock. */
#include "tests/replay/wire.h"
#include "tests/unit/unit.h"

START_TEST(a_queued_request_goes_when_a_pair_becomes_available)
{
    rest_all_pairs(3000);
    replay_chat_plain();
    replay_pass_ms(2990);
    ck_assert(!replay_is_sending());
    ck_assert_int_eq(replay_status(), 0);
    replay_pass_ms(30);
    ck_assert_uint_eq(replay_pair(), 0);
    replay_head(200, JSON);
    replay_data(ANSWER);
    replay_done(TRANSFER_COMPLETE);
    assert_has(replay_headers(), "X-Weir-Attempts: 1\r\n");
}
END_TEST

START_TEST(a_clear_wakes_the_queue_too)
{
    rest_all_pairs(9000);
    replay_chat_plain();
    replay_cooldown_ms(1, 0);
    replay_pass_ms(20);
    ck_assert_uint_eq(replay_pair(), 1);
}
END_TEST

START_TEST(a_wait_in_the_queue_is_bounded)
{
    rest_all_pairs(60000);
    replay_chat_plain();
    replay_pass_ms(9999);
    ck_assert_int_eq(replay_status(), 0);
    replay_pass_ms(1);
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_body(), "\"code\":\"queue_timeout\"");
    assert_has(replay_headers(), "Retry-After: 50\r\n");
}
END_TEST

START_TEST(woken_in_vain_the_bound_still_counts_from_the_first_join)
{
    rest_all_pairs(3000);
    replay_chat_plain();
    replay_pass_ms(3020);
    replay_head(429, JSON "retry-after: 60\n");
    replay_cooldown_ms(0, 60000);
    replay_cooldown_ms(1, 60000);
    replay_cooldown_ms(2, 60000);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_int_eq(replay_status(), 0);
    replay_pass_ms(6979);
    ck_assert_int_eq(replay_status(), 0);
    replay_pass_ms(1);
    assert_has(replay_body(), "\"code\":\"queue_timeout\"");
}
END_TEST

START_TEST(a_full_queue_says_so)
{
    rest_all_pairs(60000);
    replay_queue_others(REPLAY_QUEUE_MAX);
    replay_chat_plain();
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_body(), "\"code\":\"queue_full\"");
    assert_has(replay_headers(), "Retry-After: ");
}
END_TEST

START_TEST(nobody_overtakes_the_queue)
{
    rest_all_pairs(0); /* a pair is available, but another waits already */
    replay_queue_others(1);
    replay_chat_plain();
    ck_assert(!replay_is_sending());
    replay_pass_ms(20);
    ck_assert_uint_eq(replay_pair(), 0);
}
END_TEST

START_TEST(a_queued_client_that_leaves_is_forgotten)
{
    rest_all_pairs(3000);
    replay_chat_plain();
    replay_client_leaves();
    replay_pass_ms(5000);
    ck_assert_uint_eq(replay_transfers(), 0);
}
END_TEST

START_TEST(a_worker_that_stops_sends_its_queue_away)
{
    rest_all_pairs(3000);
    replay_chat_plain();
    replay_drain();
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_body(), "\"code\":\"queue_shutdown\"");
}
END_TEST

START_TEST(what_waiting_would_not_change_is_not_queued)
{
    replay_conf()->queue_mode = true;
    replay_conf()->queue_max_wait_ms = 10000;
    replay_chat_plain();
    for (int i = 0; i < REPLAY_PAIRS; i++)
        replay_done(TRANSFER_CONNECT);
    ck_assert_int_eq(replay_status(), 503);
    assert_has(replay_body(), "all_providers_exhausted");
}
END_TEST

START_TEST(a_queued_stream_gets_heartbeats)
{
    rest_all_pairs(60000);
    replay_conf()->stream_heartbeat_ms = 4000;
    replay_chat_stream();
    replay_pass_ms(9000);
    ck_assert_str_eq(replay_body(), ": weir\n: weir\n");
    replay_pass_ms(1000);
    assert_has(replay_body(), "\"code\":\"queue_timeout\"");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("queue");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_test(tc, a_queued_request_goes_when_a_pair_becomes_available);
    tcase_add_test(tc, a_clear_wakes_the_queue_too);
    tcase_add_test(tc, a_wait_in_the_queue_is_bounded);
    tcase_add_test(tc, woken_in_vain_the_bound_still_counts_from_the_first_join);
    tcase_add_test(tc, a_full_queue_says_so);
    tcase_add_test(tc, nobody_overtakes_the_queue);
    tcase_add_test(tc, a_queued_client_that_leaves_is_forgotten);
    tcase_add_test(tc, a_worker_that_stops_sends_its_queue_away);
    tcase_add_test(tc, what_waiting_would_not_change_is_not_queued);
    tcase_add_test(tc, a_queued_stream_gets_heartbeats);
    return unit_run_case("queue", tc);
}
