/* SPDX-License-Identifier: MIT */
/* chat: which bodies are chat requests, and what goes upstream of them, to the byte. */
#include "server/dialect/chat_request.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "tests/unit/unit.h"

static char *copy(const char *body)
{
    char *out = xmalloc(strlen(body));
    memcpy(out, body, strlen(body));
    return out;
}

static const struct {
    const char *body;
    bool has_model, is_stream, asks_usage;
    const char *model;
} good[] = {
    {"{\"messages\":[]}", false, false, false, ""},
    {"{\"model\":\"m\",\"messages\":[]}", true, false, false, "m"},
    {"{\"messages\":[],\"model\":\"\"}", true, false, false, ""},
    {"{\"model\":\"m\",\"messages\":[],\"stream\":true}", true, true, true, "m"},
    {"{\"model\":\"m\",\"messages\":[],\"stream\":false}", true, false, false, "m"},
    {"{\"model\":\"m\",\"messages\":[],\"stream\":null}", true, false, false, "m"},
    {"{\"stream\":true,\"messages\":[],\"stream_options\":{}}", false, true, false, ""},
    {"{\"stream\":true,\"messages\":[],\"stream_options\":null}", false, true, false, ""},
    {"\n {\"mod\\u0065l\" : \"a\\\"b\" ,\"messages\" : [ ] } \r\n", true, false, false, "a\\\"b"},
    /* only the top level counts */
    {"{\"messages\":[{\"model\":1,\"stream\":2}],\"metadata\":{\"model\":3,\"messages\":4}}", false,
     false, false, ""},
    {"{\"Model\":1,\"Messages\":2,\"STREAM\":3,\"messages\":[]}", false, false, false, ""},
};

START_TEST(reads_what_matters)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        struct dialect_request chat;
        char why[128] = "", *body = copy(good[i].body);
        ck_assert_msg(
            chat_read_request(CHAT_MESSAGES, body, strlen(good[i].body), &chat, why, sizeof(why)),
            "%s: %s", good[i].body, why);
        ck_assert_msg(chat.has_model == good[i].has_model, "%s", good[i].body);
        ck_assert_msg(chat.is_stream == good[i].is_stream, "%s", good[i].body);
        ck_assert_msg(chat.asks_usage == good[i].asks_usage, "%s", good[i].body);
        ck_assert_msg(
            chat.model.len == strlen(good[i].model) &&
                (chat.model.len == 0 || memcmp(chat.model.at, good[i].model, chat.model.len) == 0),
            "%s", good[i].body);
        free(body);
    }
}
END_TEST

START_TEST(knows_who_asks_for_reasoning)
{
    static const struct {
        const char *body;
        bool has_effort;
    } rows[] = {
        {"{\"messages\":[]}", false},
        {"{\"messages\":[],\"reasoning_effort\":\"high\"}", true},
        {"{\"reasoning_effort\":\"none\",\"messages\":[]}", true},
        {"{\"reasoning_effort\":null,\"messages\":[]}", false},
        {"{\"reasoning_effort\":1,\"reasoning_effort\":\"low\",\"messages\":[]}", true},
        {"{\"messages\":[{\"reasoning_effort\":\"high\"}]}", false},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct dialect_request chat;
        char why[128] = "", *body = copy(rows[i].body);
        ck_assert_msg(
            chat_read_request(CHAT_MESSAGES, body, strlen(rows[i].body), &chat, why, sizeof(why)),
            "%s: %s", rows[i].body, why);
        ck_assert_msg(chat.has_effort == rows[i].has_effort, "%s", rows[i].body);
        free(body);
    }
}
END_TEST

static const struct {
    const char *body, *why;
} bad[] = {
    {"", "request body is not valid JSON: unexpected end at offset 0"},
    {"   ", "request body is not valid JSON: unexpected end at offset 3"},
    {"hello", "request body is not valid JSON: unexpected character at offset 0"},
    {"[]", "request body must be a JSON object"},
    {"null", "request body must be a JSON object"},
    {"\"{}\"", "request body must be a JSON object"},
    {"{}", "\"messages\" is missing"},
    {"{\"model\":\"m\"}", "\"messages\" is missing"},
    {"{\"messages\":[]", "request body is not valid JSON: unexpected end at offset 14"},
    {"{\"messages\":[],}", "request body is not valid JSON: unexpected character at offset 15"},
    {"{\"messages\":[01]}", "request body is not valid JSON: unexpected character at offset 14"},
    {"{\"messages\":[]} x",
     "request body is not valid JSON: unexpected text behind the document at offset 16"},
    {"{\"messages\":[]}{}",
     "request body is not valid JSON: unexpected text behind the document at offset 15"},
    {"{\"x\":\"\xff\",\"messages\":[]}",
     "request body is not valid JSON: bad escape, control character or UTF-8 in a string at "
     "offset 6"},
    {"\xef\xbb\xbf{\"messages\":[]}",
     "request body begins with a byte order mark, which is not JSON"},
    {"{\"model\":1,\"messages\":[]}", "\"model\" must be a string"},
    {"{\"model\":null,\"messages\":[]}", "\"model\" must be a string"},
    {"{\"model\":[\"m\"],\"messages\":[]}", "\"model\" must be a string"},
    {"{\"stream\":1,\"messages\":[]}", "\"stream\" must be true or false"},
    {"{\"stream\":\"true\",\"messages\":[]}", "\"stream\" must be true or false"},
    {"{\"stream\":{},\"messages\":[]}", "\"stream\" must be true or false"},
    {"{\"messages\":{}}", "\"messages\" must be an array"},
    {"{\"messages\":null}", "\"messages\" must be an array"},
    {"{\"messages\":\"hi\"}", "\"messages\" must be an array"},
    {"{\"messages\":[],\"messages\":[]}", "\"messages\" is given twice"},
    {"{\"model\":\"a\",\"messages\":[],\"model\":\"a\"}", "\"model\" is given twice"},
    {"{\"model\":\"a\",\"mod\\u0065l\":\"b\",\"messages\":[]}", "\"model\" is given twice"},
    {"{\"stream\":true,\"messages\":[],\"\\u0073tream\":false}", "\"stream\" is given twice"},
    {"{\"stream_options\":{},\"stream_options\":{},\"messages\":[]}",
     "\"stream_options\" is given twice"},
    /* broken inside a known member: the scanner's word, not "must be" */
    {"{\"model\":\"m", "request body is not valid JSON: unexpected end at offset 11"},
    {"{\"messages\":[}", "request body is not valid JSON: unexpected character at offset 13"},
    {"{\"stream\":tru}", "request body is not valid JSON: unexpected character at offset 13"},
};

START_TEST(refuses_what_is_no_chat_request)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        struct dialect_request chat;
        char why[160] = "", *body = copy(bad[i].body);
        ck_assert_msg(
            !chat_read_request(CHAT_MESSAGES, body, strlen(bad[i].body), &chat, why, sizeof(why)),
            "%s", bad[i].body);
        ck_assert_str_eq(why, bad[i].why);
        free(body);
    }
}
END_TEST

static const struct {
    enum chat_kind kind;
    const char *body, *why; /* why "": it is good */
    bool is_stream;
} kinds[] = {
    {CHAT_PROMPT, "{\"prompt\":\"p\",\"stream\":true}", "", true},
    {CHAT_PROMPT, "{\"prompt\":[\"p\"],\"messages\":1,\"messages\":2}", "", false},
    {CHAT_PROMPT, "{\"messages\":[]}", "\"prompt\" is missing", false},
    {CHAT_PROMPT, "{\"prompt\":1,\"prompt\":2}", "\"prompt\" is given twice", false},
    {CHAT_INPUT, "{\"input\":[1,2],\"model\":\"e\"}", "", false},
    {CHAT_INPUT, "{\"input\":\"x\",\"stream\":true}", "", false},
    {CHAT_INPUT, "{\"prompt\":\"x\"}", "\"input\" is missing", false},
};

START_TEST(each_kind_demands_its_own_member)
{
    for (size_t i = 0; i < UNIT_ROWS(kinds); i++) {
        struct dialect_request chat;
        char why[160] = "", *body = copy(kinds[i].body);
        bool is_good =
            chat_read_request(kinds[i].kind, body, strlen(kinds[i].body), &chat, why, sizeof(why));
        ck_assert_str_eq(why, kinds[i].why);
        ck_assert_int_eq(is_good, kinds[i].why[0] == '\0');
        if (is_good)
            ck_assert_int_eq(chat.is_stream, kinds[i].is_stream);
        free(body);
    }
}
END_TEST

START_TEST(refuses_deep_nesting_quickly)
{
    enum {
        DEPTH = 100000
    };
    static const char head[] = "{\"messages\":";
    char *body = xmalloc(sizeof(head) + DEPTH), why[160];
    memcpy(body, head, strlen(head));
    memset(body + strlen(head), '[', DEPTH);
    struct dialect_request chat;
    ck_assert(
        !chat_read_request(CHAT_MESSAGES, body, strlen(head) + DEPTH, &chat, why, sizeof(why)));
    ck_assert_str_eq(why, "request body is not valid JSON: nested too deeply at offset 139");
    free(body);
}
END_TEST

START_TEST(a_reason_fits_its_buffer)
{
    struct dialect_request chat;
    char why[8];
    ck_assert(!chat_read_request(CHAT_MESSAGES, "{}", 2, &chat, why, sizeof(why)));
    ck_assert_str_eq(why, "\"messag");
}
END_TEST

#define USAGE "\"stream_options\":{\"include_usage\":true},"

static const struct {
    const char *body, *model, *upstream;
} splices[] = {
    {"{\"model\":\"chain\",\"messages\":[]}", "gpt-4o", "{\"model\":\"gpt-4o\",\"messages\":[]}"},
    {"{\"messages\":[],\"model\":\"a much longer name than the new one\"}", "m",
     "{\"messages\":[],\"model\":\"m\"}"},
    {"{\"messages\":[]}", "m", "{\"model\":\"m\",\"messages\":[]}"},
    {" {  \"messages\":[]}", "m", " {\"model\":\"m\",  \"messages\":[]}"},
    {"{\"model\":\"c\",\"messages\":[],\"stream\":true}", "m",
     "{" USAGE "\"model\":\"m\",\"messages\":[],\"stream\":true}"},
    {"{\"messages\":[],\"stream\":true}", "m",
     "{" USAGE "\"model\":\"m\",\"messages\":[],\"stream\":true}"},
    {"{\"stream_options\":{\"include_usage\":false},\"messages\":[],\"stream\":true}", "m",
     "{\"model\":\"m\",\"stream_options\":{\"include_usage\":false},\"messages\":[],\"stream\":"
     "true}"},
    {"{\"model\":\"c\",\"stream_options\":null,\"messages\":[],\"stream\":true}", "m",
     "{\"model\":\"m\",\"stream_options\":null,\"messages\":[],\"stream\":true}"},
    {"{\"model\":\"c\",\"messages\":[],\"stream\":false}", "m",
     "{\"model\":\"m\",\"messages\":[],\"stream\":false}"},
    /* the new name is escaped, the old one's escapes go with it */
    {"{\"model\":\"\\\"\\\\\",\"messages\":[]}", "a\"b \\c\n\x01/\xc3\xa4",
     "{\"model\":\"a\\\"b \\\\c\\n\\u0001/\xc3\xa4\",\"messages\":[]}"},
    /* numbers, order, spaces, escapes, unknown and repeated members stay as they were */
    {"{ \"temperature\":0.10,\t\"model\" :\n\"c\" , \"seed\":12345678901234567890,\"x\":-0,"
     "\"x\":1E400, \"messages\":[{\"role\":\"user\",\"content\":\"\\ud800 \\/ \xe2\x82\xac\"}]}\n",
     "m",
     "{ \"temperature\":0.10,\t\"model\" :\n\"m\" , \"seed\":12345678901234567890,\"x\":-0,"
     "\"x\":1E400, \"messages\":[{\"role\":\"user\",\"content\":\"\\ud800 \\/ \xe2\x82\xac\"}]}\n"},
    {"{\"messages\":[{\"model\":\"c\"}],\"mod\\u0065l\":\"c\"}", "m",
     "{\"messages\":[{\"model\":\"c\"}],\"mod\\u0065l\":\"m\"}"},
};

START_TEST(splices_the_model)
{
    for (size_t i = 0; i < UNIT_ROWS(splices); i++) {
        struct dialect_request chat;
        size_t len = strlen(splices[i].body);
        char why[128] = "", *body = copy(splices[i].body);
        ck_assert_msg(chat_read_request(CHAT_MESSAGES, body, len, &chat, why, sizeof(why)),
                      "%s: %s", body, why);
        struct splices edits = SPLICES_INIT;
        struct buf model = BUF_INIT;
        buf_put_json(&model, splices[i].model, strlen(splices[i].model));
        chat_edit_request(&chat, (struct jsonscan_span){model.data, model.len}, &edits);
        size_t out_len;
        char *out = splices_apply(&edits, body, len, &out_len);
        ck_assert_str_eq(out, splices[i].upstream);
        ck_assert_uint_eq(out_len, strlen(splices[i].upstream));
        splices_free(&edits);
        buf_free(&model);
        free(out);
        free(body);
    }
}
END_TEST

START_TEST(usage_is_not_asked_for_where_that_was_cleared)
{
    static const char body[] = "{\"model\":\"c\",\"messages\":[],\"stream\":true}";
    struct dialect_request chat;
    struct splices edits = SPLICES_INIT;
    char why[128];
    size_t len;
    ck_assert(chat_read_request(CHAT_MESSAGES, body, sizeof(body) - 1, &chat, why, sizeof(why)));
    chat.asks_usage = false;
    chat_edit_request(&chat, SPLICE_TEXT("\"m\""), &edits);
    char *out = splices_apply(&edits, body, sizeof(body) - 1, &len);
    ck_assert_str_eq(out, "{\"model\":\"m\",\"messages\":[],\"stream\":true}");
    splices_free(&edits);
    free(out);
}
END_TEST

UNIT_MAIN("chat", reads_what_matters, knows_who_asks_for_reasoning, refuses_what_is_no_chat_request,
          each_kind_demands_its_own_member, refuses_deep_nesting_quickly, a_reason_fits_its_buffer,
          splices_the_model, usage_is_not_asked_for_where_that_was_cleared)
