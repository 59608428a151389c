/* SPDX-License-Identifier: MIT */
/* sim_body: what decides an answer is found wherever it stands, and nowhere else. */
#include "tests/sim/sim_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

/* From memory of exactly that size, so that a sanitizer sees every byte read too many. */
static enum body_result read_text(struct body *b, const char *text, size_t len)
{
    char *copy = xmalloc(len);
    memcpy(copy, text, len);
    enum body_result result = body_read(b, copy, len);
    free(copy);
    return result;
}

static const struct {
    const char *text;
    const char *model; /* NULL: none */
    bool is_stream, is_usage_wanted;
} good[] = {
    {"{}", NULL, false, false},
    {" { \"model\" : \"a\" } ", "a", false, false},
    {"{\"model\":\"a\",\"stream\":true}", "a", true, false},
    {"{\"stream\":null,\"model\":\"a\"}", "a", false, false},
    {"{\"stream\":true,\"stream_options\":{\"x\":[1,{}],\"include_usage\":true},\"model\":\"a\"}",
     "a", true, true},
    {"{\"stream_options\":null,\"model\":\"a\"}", "a", false, false},
    {"{\"messages\":[{\"model\":\"no\",\"content\":\"\\\"model\\\":]}{\\\\\"}],\"model\":\"a\"}",
     "a", false, false},
    {"{\"mod\\u0065l\":\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\"}", "\xc3\xa9\xf0\x9f\x98\x80\n/\"",
     false, false},
    {"{\"model\":\"\\ud800x\\u20ac\"}", "\xef\xbf\xbdx\xe2\x82\xac", false, false},
    {"{\"a\":12345678901234567890,\"b\":0.10,\"c\":-1e+5,\"d\":false,\"model\":\"a\"}", "a", false,
     false},
};

START_TEST(members_are_found)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        struct body b;
        enum body_result result = read_text(&b, good[i].text, strlen(good[i].text));
        ck_assert_msg(result == BODY_GOOD, "row %zu: %d %s", i, (int)result, b.error);
        ck_assert_int_eq(b.has_model, good[i].model != NULL);
        ck_assert_str_eq(b.model, good[i].model != NULL ? good[i].model : "");
        ck_assert_int_eq(b.is_stream, good[i].is_stream);
        ck_assert_int_eq(b.is_usage_wanted, good[i].is_usage_wanted);
    }
}
END_TEST

START_TEST(a_cut_body_is_cut_and_nothing_else)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        size_t whole = strlen(good[i].text);
        while (good[i].text[whole - 1] == ' ')
            whole--;
        for (size_t len = 0; len < whole; len++) {
            struct body b;
            enum body_result result = read_text(&b, good[i].text, len);
            ck_assert_msg(result == BODY_CUT, "row %zu at %zu: %d %s", i, len, (int)result,
                          b.error);
        }
    }
}
END_TEST

START_TEST(the_model_of_a_cut_body_is_known_once_it_is_there)
{
    struct body b;
    static const char text[] = "{\"model\":\"a:slow-read\",\"messages\":[{\"content\":\"long";
    ck_assert_int_eq(read_text(&b, text, sizeof(text) - 1), BODY_CUT);
    ck_assert(b.has_model);
    ck_assert_str_eq(b.model, "a:slow-read");
}
END_TEST

static const char *const bad[] = {
    "x",
    "[]",
    "\"model\"",
    "{\"model\":1}",
    "{\"model\":\"\"}",
    "{\"model\":\"\\x\"}",
    "{\"model\":\"\\u12\"}",
    "{\"model\":{\"a\":1}}",
    "{\"model\":\"a\",\"model\":\"a\"}",
    "{\"model\":\"a\",\"mode\\u006c\":\"b\"}",
    "{\"stream\":1}",
    "{\"stream\":\"true\"}",
    "{\"stream\":truth}",
    "{\"stream\":[true]}",
    "{\"stream_options\":{\"include_usage\":1}}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{}x",
    "{} {}",
};

START_TEST(what_is_wrong_is_refused_with_a_reason)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        struct body b;
        ck_assert_msg(read_text(&b, bad[i], strlen(bad[i])) == BODY_BAD, "%s", bad[i]);
        ck_assert_ptr_nonnull(b.error);
    }
}
END_TEST

START_TEST(a_long_model_is_refused)
{
    char text[BODY_MODEL_MAX + 64] = "{\"model\":\"";
    size_t at = strlen(text);
    memset(text + at, 'm', BODY_MODEL_MAX + 1);
    strcpy(text + at + BODY_MODEL_MAX + 1, "\"}");
    struct body b;
    ck_assert_int_eq(read_text(&b, text, strlen(text)), BODY_BAD);
}
END_TEST

START_TEST(deep_nesting_costs_no_stack)
{
    size_t depth = 1000000, at = 0;
    char *text = xmalloc(2 * depth + 64);
    at += (size_t)sprintf(text, "{\"a\":");
    memset(text + at, '[', depth);
    memset(text + at + depth, ']', depth);
    at += 2 * depth;
    at += (size_t)sprintf(text + at, ",\"model\":\"m\"}");
    struct body b;
    ck_assert_int_eq(read_text(&b, text, at), BODY_GOOD);
    ck_assert_str_eq(b.model, "m");
    free(text);
}
END_TEST

UNIT_MAIN("sim_body", members_are_found, a_cut_body_is_cut_and_nothing_else,
          the_model_of_a_cut_body_is_known_once_it_is_there, what_is_wrong_is_refused_with_a_reason,
          a_long_model_is_refused, deep_nesting_costs_no_stack)
