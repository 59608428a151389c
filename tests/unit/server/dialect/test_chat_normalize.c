/* SPDX-License-Identifier: MIT */
/* normalize: whose reasoning becomes content, and that all else stays as it was written. */
#include "server/dialect/chat_normalize.h"

#include <json-c/json.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "tests/unit/unit.h"

/* A delta or message, and what becomes of it; NULL: nothing. */
static const struct {
    const char *before, *after;
} rows[] = {
    /* absent: not there, null, or empty */
    {"{\"reasoning_content\":\"r\"}", "{\"content\":\"r\"}"},
    {"{\"content\":null,\"reasoning_content\":\"r\"}", "{\"content\":\"r\"}"},
    {"{\"content\":\"\",\"reasoning_content\":\"r\"}", "{\"content\":\"r\"}"},
    {"{\"reasoning_content\":\"r\",\"content\":null}", "{\"content\":\"r\"}"},
    {"{\"reasoning_content\":\"r\",\"content\":\"\"}", "{\"content\":\"r\"}"},
    {"{\"content\":\"\",\"reasoning_content\":\"r\",\"x\":[NaN,-Infinity]}",
     "{\"content\":\"r\",\"x\":[NaN,-Infinity]}"},
    {"{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"r\",\"x\":1.0}",
     "{\"role\":\"assistant\",\"content\":\"r\",\"x\":1.0}"},
    {"{ \"role\" : \"assistant\" , \"reasoning_content\" : \"r\" , \"content\" : null }",
     "{ \"role\" : \"assistant\" , \"content\" : \"r\" }"},
    {"{ \"content\" : null , \"reasoning_content\" : \"r\" }", "{ \"content\" : \"r\" }"},
    /* tool calls go along, untouched */
    {"{\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":[{\"index\":0,\"function\":"
     "{\"arguments\":\"{\\\"content\\\":null}\"}}]}",
     "{\"content\":\"r\",\"tool_calls\":[{\"index\":0,\"function\":"
     "{\"arguments\":\"{\\\"content\\\":null}\"}}]}"},
    {"{\"tool_calls\":[{\"content\":null,\"reasoning_content\":\"r\"}]}", NULL},
    /* as it is written, escapes and all */
    {"{\"content\":\"\",\"reasoning_content\":\"\\u00e4\\\"\\n \xc3\xa4\\ud83d\"}",
     "{\"content\":\"\\u00e4\\\"\\n \xc3\xa4\\ud83d\"}"},
    /* content is there */
    {"{\"content\":\"c\",\"reasoning_content\":\"r\"}", NULL},
    {"{\"content\":\" \",\"reasoning_content\":\"r\"}", NULL},
    {"{\"content\":[],\"reasoning_content\":\"r\"}", NULL},
    {"{\"content\":false,\"reasoning_content\":\"r\"}", NULL},
    {"{\"content\":0,\"reasoning_content\":\"r\"}", NULL},
    /* no reasoning is there */
    {"{}", NULL},
    {"{\"content\":null}", NULL},
    {"{\"content\":\"reasoning_content\"}", NULL},
    {"{\"content\":null,\"reasoning_content\":null}", NULL},
    {"{\"content\":null,\"reasoning_content\":\"\"}", NULL},
    {"{\"content\":null,\"reasoning_content\":[\"r\"]}", NULL},
    {"{\"content\":null,\"reasoning_content\":{\"text\":\"r\"}}", NULL},
    {"{\"content\":null,\"reasoning_content\":7}", NULL},
    {"{\"content\":null,\"reasoning\":\"r\"}", NULL},
    {"{\"content\":null,\"x\":{\"reasoning_content\":\"r\"}}", NULL},
    /* which of two counts is anybody's guess */
    {"{\"content\":null,\"content\":\"c\",\"reasoning_content\":\"r\"}", NULL},
    {"{\"reasoning_content\":\"r\",\"reasoning_content\":\"s\"}", NULL},
    /* no object */
    {"null", NULL},
    {"[\"reasoning_content\"]", NULL},
    {"\"reasoning_content\"", NULL},
};

typedef char *(*normalize_fn)(const char *text, size_t len, size_t *out_len);

/* Checks that the document becomes the other one; NULL: that it stays. */
static void assert_becomes(normalize_fn normalize, const char *before, const char *after)
{
    size_t len = strlen(before), out_len;
    char *source = xmalloc(len);
    memcpy(source, before, len);
    char *out = normalize(source, len, &out_len);
    ck_assert_pstr_eq(out, after);
    if (out != NULL) {
        json_object *root = json_tokener_parse(out);
        ck_assert_msg(root != NULL, "json-c: %s", out);
        ck_assert_uint_eq(out_len, strlen(out));
        json_object_put(root);
    }
    free(out);
    free(source);
}

static char *document(const char *member, const char *object)
{
    return xasprintf("{\"id\":\"x\", \"choices\": [ {\"index\":0,\"%s\":%s,\"finish_reason\":null},"
                     "{\"%s\" : %s} ],\"usage\":{\"n\":1.50}} ",
                     member, object, member, object);
}

static void assert_rows(normalize_fn normalize, const char *member)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        char *before = document(member, rows[i].before);
        char *after = rows[i].after != NULL ? document(member, rows[i].after) : NULL;
        assert_becomes(normalize, before, after);
        free(before);
        free(after);
    }
}

START_TEST(events)
{
    assert_rows(chat_normalize_event, "delta");
}
END_TEST

START_TEST(answers)
{
    assert_rows(chat_normalize_reply, "message");
}
END_TEST

/* A reasoning somewhere else is no choice's. */
static const char *const untouched[] = {
    "{\"choices\":[{\"reasoning_content\":\"r\"}]}",
    "{\"delta\":{\"reasoning_content\":\"r\"},\"message\":{\"reasoning_content\":\"r\"}}",
    "{\"choices\":{\"delta\":{\"reasoning_content\":\"r\"},\"message\":{\"reasoning_content\":1}}}",
    "{\"choices\":[[{\"delta\":{\"reasoning_content\":\"r\"}}],null,\"reasoning_content\"]}",
    "{\"x\":[{\"choices\":[{\"delta\":{\"reasoning_content\":\"r\"}}]}],\"choices\":[]}",
    "{\"choices\":[{\"delta\":[{\"reasoning_content\":\"r\"}],\"message\":\"reasoning_content\"}]}",
    "[\"reasoning_content\"]",
    "\"reasoning_content\"",
    "{}",
};

START_TEST(only_choices_count)
{
    for (size_t i = 0; i < UNIT_ROWS(untouched); i++) {
        assert_becomes(chat_normalize_event, untouched[i], NULL);
        assert_becomes(chat_normalize_reply, untouched[i], NULL);
    }
    assert_becomes(chat_normalize_event,
                   "{\"choices\":[{\"message\":{\"reasoning_content\":\"r\"}}]}", NULL);
}
END_TEST

START_TEST(each_choice_for_itself)
{
    assert_becomes(chat_normalize_event,
                   "{\"choices\":[{\"delta\":{\"content\":\"c\",\"reasoning_content\":\"r\"}},"
                   "{\"delta\":{\"reasoning_content\":\"s\",\"content\":\"\"}},{\"delta\":{}}]}",
                   "{\"choices\":[{\"delta\":{\"content\":\"c\",\"reasoning_content\":\"r\"}},"
                   "{\"delta\":{\"content\":\"s\"}},{\"delta\":{}}]}");
}
END_TEST

UNIT_MAIN("normalize", events, answers, only_choices_count, each_choice_for_itself)
