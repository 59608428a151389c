/* Requests to providers of each type, and what comes back normalised (CONTRACT 3, 5.3): on a fake
 * clock, see replay.h. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/replay/replay.h"

#define SSE  "content-type: text/event-stream\n"
#define JSON "content-type: application/json\n"
#define DONE "data: [DONE]\n\n"
#define FINISH \
    "data: "   \
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t\"},\"finish_reason\":\"stop\"}]}\n\n"
#define DELTA(delta) "data: {\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}\n\n"
#define ANSWER       "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}"

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
    free((char *)replay_conf()->pairs[0].model);
    replay_conf()->pairs[0].model = strdup("gemini-2.5-flash");
    replay_chat("{\"tools\":[],\"messages\":[{\"role\":\"system\",\"content\":\"S\"}],"
                "\"response_format\":{},\"tool_choice\":\"auto\",\"model\":\"main\"}");
    ck_assert_str_eq(replay_sent_body(),
                     "{\"tools\":[],\"messages\":[{\"role\":\"system\",\"content\":\"S\"}],"
                     "\"response_format\":{},\"tool_choice\":\"auto\","
                     "\"model\":\"gemini-2.5-flash\"}");
}
END_TEST

/* ---- answers ------------------------------------------------------------------------------- */

static void begin_stream(void)
{
    replay_chat_stream();
    replay_head(200, SSE);
}

START_TEST(reasoning_becomes_content_in_a_stream)
{
    replay_conf()->normalize_responses = true;
    begin_stream();
    replay_data(DELTA("\"role\":\"assistant\",\"content\":\"\""));
    ck_assert_int_eq(replay_status(), 0);
    replay_data(DELTA("\"content\":null,\"reasoning_content\":\"r\""));
    ck_assert_int_eq(replay_status(), 200); /* it is content: the commit */
    replay_data(DELTA("\"content\":\"c\",\"reasoning_content\":\"s\""));
    replay_data(FINISH DONE);
    ck_assert_str_eq(replay_body(),
                     DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"r\"")
                         DELTA("\"content\":\"c\",\"reasoning_content\":\"s\"") FINISH DONE);
}
END_TEST

START_TEST(a_held_stream_is_normalised_too)
{
    replay_conf()->normalize_responses = true;
    replay_conf()->chains[0].delivery = DELIVERY_COMPLETE;
    begin_stream();
    replay_data(DELTA("\"reasoning_content\":\"r\"") FINISH DONE);
    ck_assert_str_eq(replay_body(), DELTA("\"content\":\"r\"") FINISH DONE);
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
    replay_data(DELTA("\"content\":null,\"reasoning_content\":\"r\"") FINISH DONE);
    ck_assert_str_eq(replay_body(),
                     DELTA("\"content\":null,\"reasoning_content\":\"r\"") FINISH DONE);
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

int main(void)
{
    Suite *suite = suite_create("dialect");
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
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
