/* SPDX-License-Identifier: MIT */
/* sim_scenario: every fault of the grammar, each kind of mistake with its message, and which
 * requests a scenario is for. */
#include "tests/sim/sim_scenario.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct scenario *parse(const char *list)
{
    char error[SCENARIO_ERROR_MAX] = "";
    struct scenario *s = scenario_parse(list, strlen(list), error);
    ck_assert_msg(s != NULL, "%s: %s", list, error);
    return s;
}

static void assert_refused(const char *list, const char *why)
{
    char error[SCENARIO_ERROR_MAX] = "";
    ck_assert_msg(scenario_parse(list, strlen(list), error) == NULL, "%s was accepted", list);
    ck_assert_msg(strstr(error, why) != NULL, "%s: \"%s\" lacks \"%s\"", list, error, why);
}

START_TEST(a_good_scenario_has_the_documented_defaults)
{
    struct scenario *s = parse("ok");
    ck_assert_int_eq(s->status, 200);
    ck_assert_int_eq(s->tokens, 10);
    ck_assert_int_eq(s->choices, 1);
    ck_assert_int_eq(s->size, SCENARIO_UNSET);
    ck_assert_int_eq(s->cut_after, SCENARIO_UNSET);
    ck_assert_int_eq(s->delay_ms, 0);
    ck_assert_int_eq(scenario_content_events(s), 10);
    ck_assert_ptr_eq(scenario_for_request(s, 1), s);
    scenario_unref(s);
}
END_TEST

#define NUMBER(text, member, value)                    \
    {                                                  \
        text, offsetof(struct scenario, member), value \
    }
static const struct {
    const char *list;
    size_t offset;
    int64_t value;
} numbers[] = {
    NUMBER("status=503", status, 503),
    NUMBER("head-delay=7", head_delay_ms, 7),
    NUMBER("first-delay=8", first_delay_ms, 8),
    NUMBER("role-only-delay=9", role_delay_ms, 9),
    NUMBER("delay=10", delay_ms, 10),
    NUMBER("comments=11", comment_ms, 11),
    NUMBER("tokens=0", tokens, 0),
    NUMBER("tokens=200000", tokens, 200000),
    NUMBER("size=1000", size, 1000),
    NUMBER("big=1048576", big, 1048576),
    NUMBER("n=3", choices, 3),
    NUMBER("cut=0", cut_after, 0),
    NUMBER("eof=1", eof_after, 1),
    NUMBER("close-after=2", close_after, 2),
    NUMBER("stall=3", stall_after, 3),
    NUMBER("error-event=4", error_event_after, 4),
    NUMBER("error-name=5", error_name_after, 5),
    NUMBER("malformed=6", malformed, 6),
    NUMBER("split=1", split, 1),
    NUMBER("truncated-json=12", truncate_json_at, 12),
    NUMBER("first=2", first, 2),
    NUMBER("every=3", every, 3),
};

START_TEST(numbers_are_read)
{
    for (size_t i = 0; i < UNIT_ROWS(numbers); i++) {
        struct scenario *s = parse(numbers[i].list);
        int64_t value;
        memcpy(&value, (char *)s + numbers[i].offset, sizeof(value));
        ck_assert_msg(value == numbers[i].value, "%s gave %lld", numbers[i].list, (long long)value);
        scenario_unref(s);
    }
}
END_TEST

#define FLAG(text, member)                      \
    {                                           \
        text, offsetof(struct scenario, member) \
    }
static const struct {
    const char *list;
    size_t offset;
} flags[] = {
    FLAG("hang", is_hang),
    FLAG("reset", is_reset),
    FLAG("close", is_close),
    FLAG("slow-read", is_slow_read),
    FLAG("no-done", is_without_done),
    FLAG("done-bare", is_done_bare),
    FLAG("no-usage", is_without_usage),
    FLAG("no-space", is_without_space),
    FLAG("multi-line", is_multi_line),
    FLAG("bom", has_bom),
    FLAG("lump", is_lump),
    FLAG("reasoning", is_reasoning),
    FLAG("tool", is_tool),
    FLAG("refusal", is_refusal),
    FLAG("close-delimited", is_close_delimited),
    FLAG("wrong-type", is_wrong_type),
    FLAG("json-for-stream", is_json_for_stream),
    FLAG("error-200", is_error_200),
};

static void assert_only_flag(size_t wanted)
{
    struct scenario *s = parse(flags[wanted].list);
    for (size_t i = 0; i < UNIT_ROWS(flags); i++) {
        bool value;
        memcpy(&value, (char *)s + flags[i].offset, sizeof(value));
        ck_assert_msg(value == (i == wanted), "%s: %s is %d", flags[wanted].list, flags[i].list,
                      value);
    }
    scenario_unref(s);
}

START_TEST(flags_set_their_member_only)
{
    for (size_t i = 0; i < UNIT_ROWS(flags); i++)
        assert_only_flag(i);
}
END_TEST

START_TEST(texts_are_decoded)
{
    struct scenario *s = parse("text=a%2Cb%20c,finish=none,error-code=c,error-type=t,"
                               "error-message=50%25 off%");
    ck_assert_str_eq(s->text, "a,b c");
    ck_assert_str_eq(s->finish, "none");
    ck_assert_str_eq(s->error_code, "c");
    ck_assert_str_eq(s->error_type, "t");
    ck_assert_str_eq(s->error_message, "50% off%");
    scenario_unref(s);
}
END_TEST

START_TEST(the_last_of_a_name_wins)
{
    struct scenario *s = parse("cut=3,text=a,cut=4,text=b,crlf,cr");
    ck_assert_int_eq(s->cut_after, 4);
    ck_assert_str_eq(s->text, "b");
    ck_assert_int_eq(s->eol, SCENARIO_CR);
    scenario_unref(s);
}
END_TEST

START_TEST(headers_add_up)
{
    struct scenario *s = parse("header=X-A/1/2,retry-after=Wed%2C 21 Oct,header=x-b/,status=429");
    ck_assert_uint_eq(s->header_count, 3);
    ck_assert_str_eq(scenario_header_value(s, "x-a"), "1/2");
    ck_assert_str_eq(scenario_header_value(s, "retry-after"), "Wed, 21 Oct");
    ck_assert_str_eq(scenario_header_value(s, "x-b"), "");
    ck_assert_ptr_null(scenario_header_value(s, "x-c"));
    scenario_unref(s);
}
END_TEST

static const struct {
    const char *list;
    const char *why;
} mistakes[] = {
    {"cot=3", "did you mean \"cut\""},
    {"stal=3", "did you mean \"stall\""},
    {"head_delay=3", "did you mean \"head-delay\""},
    {"error-mesage=x", "did you mean \"error-message\""},
    {"free", "unknown fault \"free\""},
    {"prefix-nobody-could-have-meant-at-all-in-earnest", "weir-sim(1)"},
    {"", "empty"},
    {"cut=3,", "empty"},
    {"=3", "empty"},
    {"cut", "needs a value"},
    {"hang=1", "takes no value"},
    {"ok=", "takes no value"},
    {"cut=", "whole number"},
    {"cut=-1", "whole number"},
    {"cut=+1", "whole number"},
    {"cut=3x", "whole number"},
    {"cut=9999999999999999999", "whole number"},
    {"status=199", "from 200 to 599"},
    {"status=600", "from 200 to 599"},
    {"n=0", "from 1 to 128"},
    {"split=0", "from 1"},
    {"header=retry-after", "NAME/VALUE"},
    {"header=a b/1", "not a header name"},
    {"header=/1", "not a header name"},
    {"header=x-a/a%0D%0Ax-b: c", "control character"},
    {"retry-after=%0A", "control character"},
    {"header=Content-Length/3", "simulator's"},
    {"text=a%00b", "NUL"},
    {"lump,tokens=1000000,size=1000000", "lump"},
};

START_TEST(mistakes_are_named)
{
    for (size_t i = 0; i < UNIT_ROWS(mistakes); i++)
        assert_refused(mistakes[i].list, mistakes[i].why);
}
END_TEST

START_TEST(long_names_are_refused_and_cut_in_the_message)
{
    char list[2000];
    char error[SCENARIO_ERROR_MAX];
    memset(list, 'x', sizeof(list));
    ck_assert_ptr_null(scenario_parse(list, sizeof(list), error));
    ck_assert_uint_lt(strlen(error), 200);
}
END_TEST

START_TEST(too_many_headers_are_refused)
{
    char list[SCENARIO_HEADERS_MAX * 16 + 64];
    size_t at = 0;
    for (int i = 0; i <= SCENARIO_HEADERS_MAX; i++)
        at += (size_t)sprintf(list + at, "%sheader=x/%d", i > 0 ? "," : "", i);
    assert_refused(list, "more than");
}
END_TEST

START_TEST(a_model_name_is_a_base_and_a_list)
{
    char error[SCENARIO_ERROR_MAX];
    struct scenario *s = scenario_parse_model("meta/llama-3.3:cut=3,header=a/b:c", error);
    ck_assert_int_eq(s->cut_after, 3);
    ck_assert_str_eq(scenario_header_value(s, "a"), "b:c");
    scenario_unref(s);
    s = scenario_parse_model("meta/llama-3.3", error);
    ck_assert_int_eq(s->cut_after, SCENARIO_UNSET);
    scenario_unref(s);
    ck_assert_ptr_null(scenario_parse_model("meta/llama-3.3:free", error));
    ck_assert_ptr_null(scenario_parse_model("demo:", error));
}
END_TEST

START_TEST(a_fault_beyond_the_tokens_raises_them)
{
    struct scenario *s = parse("cut=50");
    ck_assert_int_eq(scenario_content_events(s), 50);
    scenario_unref(s);
    s = parse("tokens=4,n=3,stall=5");
    ck_assert_int_eq(scenario_content_events(s), 12);
    scenario_unref(s);
}
END_TEST

START_TEST(content_bytes_are_bounded_from_above)
{
    struct scenario *s = parse("tokens=1000,size=100,big=5000");
    ck_assert_uint_ge(scenario_content_bytes(s), 1000 * 100 + 5000 - 100);
    scenario_unref(s);
    s = parse("tokens=1000000000,size=1000000000,n=128");
    ck_assert_uint_eq(scenario_content_bytes(s), UINT64_MAX);
    scenario_unref(s);
}
END_TEST

/* Which of the first 7 requests get the faults, as a string of 0 and 1. */
static void assert_turns(const char *list, const char *turns)
{
    struct scenario *s = parse(list);
    for (uint64_t nth = 1; nth <= 7; nth++) {
        bool is_fault = scenario_for_request(s, nth)->cut_after == 1;
        ck_assert_msg(is_fault == (turns[nth - 1] == '1'), "%s: request %d", list, (int)nth);
    }
    scenario_unref(s);
}

START_TEST(first_and_every_choose_requests)
{
    assert_turns("cut=1", "1111111");
    assert_turns("cut=1,first=3", "1110000");
    assert_turns("every=3,cut=1", "0010010");
    assert_turns("cut=1,every=2,first=5", "0101000");
}
END_TEST

START_TEST(the_other_requests_keep_the_content)
{
    struct scenario *s = parse("first=1,tokens=3,size=5,text=x,n=2,status=429,retry-after=1,"
                               "head-delay=50");
    struct scenario *other = scenario_for_request(s, 2);
    ck_assert_int_eq(other->tokens, 3);
    ck_assert_int_eq(other->size, 5);
    ck_assert_int_eq(other->choices, 2);
    ck_assert_str_eq(other->text, "x");
    ck_assert_int_eq(other->status, 200);
    ck_assert_int_eq(other->head_delay_ms, 0);
    ck_assert_uint_eq(other->header_count, 0);
    scenario_unref(s);
}
END_TEST

START_TEST(references_are_counted)
{
    struct scenario *s = parse("text=a,header=a/b,first=1");
    ck_assert_ptr_eq(scenario_ref(s), s);
    scenario_unref(s);
    ck_assert_str_eq(s->text, "a");
    scenario_unref(s);
    scenario_unref(NULL);
}
END_TEST

UNIT_MAIN("sim_scenario", a_good_scenario_has_the_documented_defaults, numbers_are_read,
          flags_set_their_member_only, texts_are_decoded, the_last_of_a_name_wins, headers_add_up,
          mistakes_are_named, long_names_are_refused_and_cut_in_the_message,
          too_many_headers_are_refused, a_model_name_is_a_base_and_a_list,
          a_fault_beyond_the_tokens_raises_them, content_bytes_are_bounded_from_above,
          first_and_every_choose_requests, the_other_requests_keep_the_content,
          references_are_counted)
