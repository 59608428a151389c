/* SPDX-License-Identifier: MIT */
/* chat_event: what providers send in a stream and as whole replies, and what weir takes it for. */
#include "server/dialect/chat_event.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "server/dialect/chat_request.h"
#include "tests/unit/unit.h"

enum {
    CONTENT = 1,
    FINISH = 2,
    ERROR = 4,
};

static struct dialect_stream read_copy(const char *text, struct dialect_event *out)
{
    struct dialect_stream stream = {0};
    char *copy = xmalloc(strlen(text));
    memcpy(copy, text, strlen(text));
    chat_read_event(&stream, copy, strlen(text), out);
    /* spans are compared by place and length only, on the caller's text */
    if (out->fault.message.len > 0)
        out->fault.message.at = text + (out->fault.message.at - copy);
    free(copy);
    return stream;
}

#define CHOICE(members) \
    "{\"id\":\"x\",\"object\":\"chat.completion.event\",\"choices\":[{" members "}]}"
#define DELTA(members) CHOICE("\"index\":0,\"delta\":{" members "},\"finish_reason\":null")

static const struct {
    const char *data;
    unsigned flags;
    uint64_t seen, finished;
} rows[] = {
    {DELTA("\"role\":\"assistant\",\"content\":\"\""), 0, 1, 0},
    {DELTA("\"role\":\"assistant\",\"content\":null,\"refusal\":null"), 0, 1, 0},
    {DELTA("\"content\":\"Hi\""), CONTENT, 1, 0},
    {DELTA("\"cont\\u0065nt\":\"Hi\""), CONTENT, 1, 0},
    {DELTA("\"content\":\"\\n\""), CONTENT, 1, 0},
    {DELTA("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]"), CONTENT, 1, 0},
    {DELTA("\"content\":[]"), 0, 1, 0},
    {DELTA("\"content\":0"), 0, 1, 0},
    {DELTA("\"reasoning_content\":\"hm\""), CONTENT, 1, 0},
    {DELTA("\"reasoning_content\":\"\""), 0, 1, 0},
    {DELTA("\"reasoning\":\"hm\""), CONTENT, 1, 0},
    {DELTA("\"refusal\":\"no\""), CONTENT, 1, 0},
    {DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\"}}]"), CONTENT, 1, 0},
    {DELTA("\"tool_calls\":[]"), 0, 1, 0},
    {DELTA("\"tool_calls\":null"), 0, 1, 0},
    {DELTA("\"function_call\":{\"name\":\"f\"}"), CONTENT, 1, 0},
    {DELTA("\"function_call\":null"), 0, 1, 0},
    {DELTA("\"audio\":{\"id\":\"a\",\"data\":\"AAAA\"}"), CONTENT, 1, 0},
    {DELTA("\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]"), CONTENT, 1,
     0},
    {DELTA("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\"}]"), CONTENT, 1, 0},
    {DELTA("\"thinking_blocks\":[{\"thinking\":\"hm\"}]"), CONTENT, 1, 0},
    {DELTA("\"annotations\":[{\"type\":\"url_citation\"}]"), CONTENT, 1, 0},
    {DELTA("\"yet_to_come\":true"), CONTENT, 1, 0},
    {DELTA("\"yet_to_come\":-0.5e3"), CONTENT, 1, 0},
    {DELTA("\"role\":\"assistant\",\"audio\":{},\"images\":[[],{\"a\":null}],\"x\":[0,-0.0e5,false,"
           "\"\"]"),
     0, 1, 0},
    {DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]"), 0, 1, 0},
    {DELTA(""), 0, 1, 0},
    {CHOICE("\"index\":0,\"delta\":null,\"finish_reason\":null"), 0, 1, 0},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"stop\""), FINISH, 1, 1},
    {CHOICE("\"delta\":{},\"finish_reason\":\"length\",\"index\":3"), FINISH, 8, 8},
    {CHOICE("\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"tool_calls\""),
     CONTENT | FINISH, 1, 1},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"\""), 0, 1, 0},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":7"), 0, 1, 0},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"error\""), FINISH | ERROR, 1, 1},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"\\u0065rror\""), FINISH | ERROR, 1, 1},
    {CHOICE("\"index\":63,\"delta\":{},\"finish_reason\":\"stop\""), FINISH, UINT64_C(1) << 63,
     UINT64_C(1) << 63},
    {CHOICE("\"index\":128,\"delta\":{},\"finish_reason\":\"stop\""), FINISH, 0, 0},
    {CHOICE("\"index\":-1,\"delta\":{}"), 0, 1, 0}, /* no index: its place in the list */
    {CHOICE("\"index\":99999999999999999999,\"delta\":{}"), 0, 1, 0},
    {CHOICE("\"index\":\"7\",\"delta\":{}"), 0, 1, 0},
    {CHOICE("\"index\":null,\"delta\":{}}, {\"index\":null,\"finish_reason\":\"stop\""), FINISH, 3,
     2},
    {CHOICE("\"index\":0,\"text\":\"completions\",\"finish_reason\":null"), CONTENT, 1, 0},
    {CHOICE("\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\""), FINISH, 1, 1},
    /* OpenRouter puts an error beside the delta, too */
    {CHOICE("\"index\":0,\"delta\":{\"content\":\"\"},\"error\":{\"code\":502,\"message\":\"m\"}"),
     ERROR, 1, 0},
    {"{\"choices\":[{\"delta\":{}},{\"delta\":{\"content\":\"x\"}},{\"finish_reason\":\"stop\"}]}",
     CONTENT | FINISH, 7, 4},
    {"{\"choices\":[]}", 0, 0, 0},
    {"{\"choices\":[],\"usage\":{\"total_tokens\":1}}", 0, 0, 0},
    {"{\"choices\":null}", 0, 0, 0},
    {"{\"choices\":{\"0\":{\"finish_reason\":\"stop\"}}}", 0, 0, 0},
    {"{\"choices\":[null,1,\"x\",[]]}", 0, 15, 0},
    {"{}", 0, 0, 0},
    {" {} ", 0, 0, 0},
    {"{\"error\":null,\"choices\":[]}", 0, 0, 0},
    {"{\"error\":false}", 0, 0, 0},
    {"{\"error\":\"\"}", 0, 0, 0},
    {"{\"error\":{}}", 0, 0, 0},
    {"{\"error\":{\"code\":0,\"message\":\"\",\"details\":[{}]}}", 0, 0, 0},
    {"{\"error\":[]}", 0, 0, 0},
    {"{\"error\":0}", 0, 0, 0},
    {"{\"errors\":[{}]}", 0, 0, 0},
    {"{\"detail\":[]}", 0, 0, 0},
    {"{\"detail\":{\"a\":\"\"}}", 0, 0, 0},
    {"{\"error\":{\"code\":1}}", ERROR, 0, 0},
    {"{\"error\":{\"message\":\"m\"}}", ERROR, 0, 0},
    {"{\"err\\u006fr\":{\"message\":\"m\"}}", ERROR, 0, 0},
    {"{\"error\":\"m\"}", ERROR, 0, 0},
    {"{\"error\":500}", ERROR, 0, 0},
    {"{\"error\":true}", ERROR, 0, 0},
    {"{\"error\":[\"m\"]}", ERROR, 0, 0},
    {"{\"object\":\"error\",\"message\":\"m\"}", ERROR, 0, 0},
    {"{\"object\":\"errors\",\"message\":\"m\"}", 0, 0, 0},
    {"{\"x_groq\":{\"error\":\"m\"}}", ERROR, 0, 0},
    {"{\"x_groq\":{\"id\":\"x\"},\"choices\":[]}", 0, 0, 0},
    {"{\"x_groq\":{\"error\":null}}", 0, 0, 0},
    /* the many shapes of an error */
    {"{\"choices\":null,\"error_type\":\"invalid_request_error\",\"error_message\":\"m\"}", ERROR,
     0, 0},
    {"{\"error_message\":\"\",\"error_type\":null}", 0, 0, 0},
    {"{\"errors\":[{\"message\":\"m\"}],\"success\":false}", ERROR, 0, 0},
    {"{\"errors\":[\"m\",{}]}", ERROR, 0, 0},
    {"{\"errors\":[]}", 0, 0, 0},
    {"{\"errors\":{}}", 0, 0, 0},
    {"{\"detail\":\"m\"}", ERROR, 0, 0},
    {"{\"detail\":[{\"msg\":\"m\"}]}", ERROR, 0, 0},
    {"{\"detail\":null}", 0, 0, 0},
    {"{\"detail\":\"m\",\"choices\":[]}", 0, 0, 0},
    {"{\"code\":1301,\"message\":\"m\"}", ERROR, 0, 0},
    {"{\"code\":\"busy\",\"message\":\"m\",\"choices\":null}", ERROR, 0, 0},
    {"{\"code\":200,\"message\":\"m\"}", 0, 0, 0},
    {"{\"code\":0,\"message\":\"m\"}", 0, 0, 0},
    {"{\"code\":1301,\"message\":\"m\",\"choices\":[]}", 0, 0, 0},
    {"{\"code\":1301}", 0, 0, 0},
    {"[{\"error\":{\"code\":400}}]", ERROR, 0, 0},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"insufficient_system_resource\""),
     FINISH | ERROR, 1, 1},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"MALFORMED_FUNCTION_CALL\""),
     FINISH | ERROR, 1, 1},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"a_new_one\""), FINISH, 1, 1},
    /* what Python's json writes */
    {CHOICE("\"index\":0,\"delta\":{\"content\":\"x\"},\"logprobs\":[-Infinity,NaN,Infinity]"),
     CONTENT, 1, 0},
    /* only in their places */
    {"{\"x\":{\"error\":{},\"choices\":[{\"finish_reason\":\"stop\"}]}}", 0, 0, 0},
    {"{\"content\":\"x\",\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}", 0, 0, 0},
    {CHOICE("\"index\":0,\"delta\":{\"content\":\"\",\"finish_reason\":\"stop\",\"error\":1}"),
     CONTENT, 1, 0},
};

START_TEST(tells_events_apart)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct dialect_event event;
        struct dialect_stream stream = read_copy(rows[i].data, &event);
        ck_assert_msg(event.kind == DIALECT_EVENT_JSON, "%s", rows[i].data);
        ck_assert_msg(event.has_content == ((rows[i].flags & CONTENT) != 0), "%s", rows[i].data);
        ck_assert_msg(event.has_finish == ((rows[i].flags & FINISH) != 0), "%s", rows[i].data);
        ck_assert_msg(event.has_error == ((rows[i].flags & ERROR) != 0), "%s", rows[i].data);
        ck_assert_msg(stream.parts[0].opened == rows[i].seen, "%s", rows[i].data);
        ck_assert_msg(stream.parts[0].closed == rows[i].finished, "%s", rows[i].data);
    }
}
END_TEST

/* Event by event: is the stream complete, were it to end here? */
static const struct {
    const char *data;
    bool is_complete;
} stream_rows[] = {
    {"{\"choices\":[]}", false},
    {DELTA("\"content\":\"Hi\""), false},
    {CHOICE("\"index\":1,\"delta\":{},\"finish_reason\":\"stop\""), false},
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"stop\""), true},
    {"{\"choices\":[],\"usage\":{\"total_tokens\":1}}", true},
    {CHOICE("\"index\":2,\"delta\":{}}],\"x\":[{"), false},
    {"{\"choices\":[{\"index\":2,\"finish_reason\":\"stop\"}", false}, /* cut: says nothing */
    {CHOICE("\"index\":2,\"delta\":{},\"finish_reason\":\"stop\""), true},
    {CHOICE("\"index\":0,\"finish_reason\":null,\"content_filter_offsets\":{\"a\":1}"), true},
    {CHOICE("\"index\":127,\"delta\":{}"), false},
    {CHOICE("\"index\":127,\"delta\":{},\"finish_reason\":\"stop\""), true},
    {DELTA("\"content\":\"more\""), false}, /* content opens it again */
    {CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"stop\""), true},
    {"[DONE]", true},
};

START_TEST(a_stream_is_complete_when_its_choices_are)
{
    struct dialect_stream stream = {0};
    struct dialect_event event;
    for (size_t i = 0; i < UNIT_ROWS(stream_rows); i++) {
        chat_read_event(&stream, stream_rows[i].data, strlen(stream_rows[i].data), &event);
        ck_assert_msg(stream.is_complete == stream_rows[i].is_complete, "%zu: %s", i,
                      stream_rows[i].data);
    }
}
END_TEST

START_TEST(knows_the_done_marker)
{
    static const char *const done[] = {"[DONE]", " [DONE]", "[DONE] ", "\t[DONE]  "};
    static const char *const other[] = {"[DONE", "[DON", "[done]", "[DONE]x", "[DONE] [DONE]", "{"};
    struct dialect_event event;
    for (size_t i = 0; i < UNIT_ROWS(done); i++) {
        read_copy(done[i], &event);
        ck_assert_msg(event.kind == DIALECT_EVENT_END, "%s", done[i]);
    }
    for (size_t i = 0; i < UNIT_ROWS(other); i++) {
        read_copy(other[i], &event);
        ck_assert_msg(event.kind == DIALECT_EVENT_MALFORMED, "%s", other[i]);
    }
}
END_TEST

static const char *const malformed[] = {
    "[]",
    "[{\"choices\":[]}]",
    "{",
    "{\"choices\":[}",
    "{\"error\":{\"message\":\"m\"}",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1} x",
    "{\"a\":01}",
    "{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"cut",
    "tent\":\"cut\"}}]}", /* without its beginning */
    "]}",
    "{\"choices\":[{\"delta\":{\"content\":\"line\nend\"}}]}",
};

START_TEST(malformed_events_say_nothing_else)
{
    for (size_t i = 0; i < UNIT_ROWS(malformed); i++) {
        struct dialect_event event;
        struct dialect_stream stream = read_copy(malformed[i], &event);
        ck_assert_msg(event.kind == DIALECT_EVENT_MALFORMED, "%s", malformed[i]);
        ck_assert_msg(!event.has_content && !event.has_finish && !event.has_error, "%s",
                      malformed[i]);
        ck_assert_msg(stream.parts[0].opened == 0 && event.fault.message.len == 0, "%s",
                      malformed[i]);
    }
}
END_TEST

START_TEST(deep_nesting_is_malformed)
{
    enum {
        DEPTH = 100000
    };
    char *data = xmalloc(DEPTH + 5);
    memcpy(data, "{\"a\":", 5);
    memset(data + 5, '[', DEPTH);
    struct dialect_event event;
    struct dialect_stream stream = {0};
    chat_read_event(&stream, data, DEPTH + 5, &event);
    ck_assert_int_eq(event.kind, DIALECT_EVENT_MALFORMED);
    free(data);
}
END_TEST

static const struct {
    const char *data, *message;
} messages[] = {
    {"{\"error\":{\"code\":1,\"message\":\"over \\\"there\\\"\"}}", "over \\\"there\\\""},
    {"{\"error\":\"overloaded\"}", "overloaded"},
    {"{\"object\":\"error\",\"message\":\"vllm\",\"code\":400}", "vllm"},
    {"{\"message\":\"vllm\",\"object\":\"error\"}", "vllm"},
    {"{\"message\":\"just so\"}", "just so"},
    {"{\"error\":{\"code\":7},\"message\":\"and why\"}", "and why"},
    {"{\"error\":{\"message\":null}}", ""},
    {"{\"error\":{\"message\":{\"a\":\"b\"}}}", ""},
    {"{\"error\":5}", ""},
    {"{\"choices\":null,\"error_message\":\"m\",\"message\":\"n\"}", "m"},
    {"{\"errors\":[{\"message\":\"first\"},{\"message\":\"second\"}]}", "first"},
    {"{\"detail\":\"d\"}", "d"},
    {"{\"code\":\"c\",\"error\":\"e\"}", "e"},
    {CHOICE("\"index\":0,\"finish_reason\":\"abort\""), "abort"},
    {"{\"x_groq\":{\"error\":\"groq\"}}", "groq"},
    {"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
     "Overloaded"},
};

START_TEST(finds_the_providers_words)
{
    for (size_t i = 0; i < UNIT_ROWS(messages); i++) {
        struct dialect_event event;
        read_copy(messages[i].data, &event);
        ck_assert_msg(
            event.fault.message.len == strlen(messages[i].message) &&
                (event.fault.message.len == 0 ||
                 memcmp(event.fault.message.at, messages[i].message, event.fault.message.len) == 0),
            "%s", messages[i].data);
    }
}
END_TEST

static const struct {
    const char *data;
    int64_t prompt, completion, total;
} usages[] = {
    {"{}", -1, -1, -1},
    {"{\"usage\":null}", -1, -1, -1},
    {"{\"usage\":{}}", -1, -1, -1},
    {"{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":0,\"total_tokens\":12}}", 12, 0, 12},
    {"{\"x_groq\":{\"usage\":{\"total_tokens\":7}}}", -1, -1, 7},
    {"{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":null,\"total_tokens\":\"3\"}}", -1, -1,
     -1},
    {"{\"usage\":{\"prompt_tokens\":1.5,\"completion_tokens\":1e3,\"total_tokens\":[]}}", 1, -1,
     -1},
    {"{\"usage\":{\"prompt_tokens\":9223372036854775807,\"completion_tokens\":9223372036854775808,"
     "\"total_tokens\":123456789012345678901234567890}}",
     INT64_MAX, -1, -1},
    {"{\"usage\":{\"prompt_tokens\":1,\"prompt_tokens_details\":{\"prompt_tokens\":9}}}", 1, -1,
     -1},
};

START_TEST(counts_tokens)
{
    for (size_t i = 0; i < UNIT_ROWS(usages); i++) {
        struct dialect_event event;
        struct dialect_reply reply;
        read_copy(usages[i].data, &event);
        ck_assert_msg(event.usage.prompt_tokens == usages[i].prompt &&
                          event.usage.completion_tokens == usages[i].completion &&
                          event.usage.total_tokens == usages[i].total,
                      "%s", usages[i].data);
        chat_read_reply(CHAT_MESSAGES, usages[i].data, strlen(usages[i].data), &reply);
        ck_assert_int_eq(reply.usage.prompt_tokens, usages[i].prompt);
        ck_assert_int_eq(reply.usage.completion_tokens, usages[i].completion);
        ck_assert_int_eq(reply.usage.total_tokens, usages[i].total);
    }
}
END_TEST

static const struct {
    const char *body;
    enum dialect_reply_kind kind;
    const char *message, *code, *type;
} replies[] = {
    {"{\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}",
     DIALECT_REPLY_GOOD, "", "", ""},
    {"\n\n \r\n{\"choices\":[{\"message\":{}}]}\n", DIALECT_REPLY_GOOD, "", "", ""},
    {"{\"choices\":[{\"message\":{}},{\"message\":{}}],\"error\":null}", DIALECT_REPLY_GOOD, "", "",
     ""},
    {"{\"choices\":[]}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"choices\":[{\"message\":null}]}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"choices\":[{\"message\":{}},{}]}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"object\":\"list\",\"data\":[{\"embedding\":[0.1]}]}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"data\":[]}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"detail\":\"m\"}", DIALECT_REPLY_ERROR, "m", "", ""},
    {"{\"code\":\"c\",\"error\":\"m\"}", DIALECT_REPLY_ERROR, "m", "c", ""},
    {"{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"c\"}}", DIALECT_REPLY_ERROR, "m", "c",
     "t"},
    {"{\"error\":{\"message\":\"m\",\"code\":429,\"metadata\":{\"code\":1}}}", DIALECT_REPLY_ERROR,
     "m", "429", ""},
    {"{\"choices\":[],\"error\":{\"code\":null}}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"choices\":[],\"error\":{\"code\":null,\"x\":1}}", DIALECT_REPLY_ERROR, "", "", ""},
    {"{\"error\":{},\"choices\":[{\"message\":{\"content\":\"x\"}}]}", DIALECT_REPLY_GOOD, "", "",
     ""},
    {"{\"error\":\"m\"}", DIALECT_REPLY_ERROR, "m", "", ""},
    {"{\"object\":\"error\",\"message\":\"m\",\"type\":\"t\",\"code\":1}", DIALECT_REPLY_ERROR, "m",
     "1", "t"},
    {"[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\"}}]\n",
     DIALECT_REPLY_ERROR, "m", "400", ""},
    {"{\"choices\":[{\"index\":0,\"message\":{},\"finish_reason\":\"error\"}]}",
     DIALECT_REPLY_ERROR, "error", "", ""},
    {"[]", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"[{\"choices\":[]}]", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"[1,2", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"choices\":{}}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"data\":null}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"\n\n", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"<html>busy</html>", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"choices\":[{\"index\":0", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"error\":{\"message\":\"m\"}", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"{\"choices\":[]} x", DIALECT_REPLY_NOT_JSON, "", "", ""},
    {"data: {\"choices\":[]}\n\n", DIALECT_REPLY_NOT_JSON, "", "", ""},
};

static bool is_text(struct jsonscan_span span, const char *expected)
{
    return span.len == strlen(expected) &&
           (span.len == 0 || memcmp(span.at, expected, span.len) == 0);
}

START_TEST(tells_replies_apart)
{
    for (size_t i = 0; i < UNIT_ROWS(replies); i++) {
        struct dialect_reply reply;
        chat_read_reply(CHAT_MESSAGES, replies[i].body, strlen(replies[i].body), &reply);
        ck_assert_msg(reply.kind == replies[i].kind, "%s", replies[i].body);
        ck_assert_msg(is_text(reply.fault.message, replies[i].message), "%s", replies[i].body);
        ck_assert_msg(is_text(reply.fault.code, replies[i].code), "%s", replies[i].body);
        ck_assert_msg(is_text(reply.fault.type, replies[i].type), "%s", replies[i].body);
    }
}
END_TEST

START_TEST(replies_to_completions_and_embeddings)
{
    static const struct {
        unsigned kind;
        const char *body;
        bool is_good;
    } kinds[] = {
        {CHAT_PROMPT, "{\"choices\":[{\"text\":\"\"}]}", true},
        {CHAT_PROMPT, "{\"choices\":[{\"message\":{}}]}", false},
        {CHAT_PROMPT, "{\"choices\":[]}", false},
        {CHAT_INPUT, "{\"data\":[{\"embedding\":[0.1]}]}", true},
        {CHAT_INPUT, "{\"data\":[]}", false},
        {CHAT_INPUT, "{\"choices\":[{\"message\":{}}]}", false},
    };
    for (size_t i = 0; i < UNIT_ROWS(kinds); i++) {
        struct dialect_reply reply;
        chat_read_reply(kinds[i].kind, kinds[i].body, strlen(kinds[i].body), &reply);
        ck_assert_msg((reply.kind == DIALECT_REPLY_GOOD) == kinds[i].is_good, "%s", kinds[i].body);
    }
}
END_TEST

START_TEST(words_and_nothing_keep_alive)
{
    static const char *const words[] = {"",     " ", "\n",    "x",    "ping",
                                        "null", "1", "\"x\"", "DONE", "2024-04-07 20:20:50"};
    for (size_t i = 0; i < UNIT_ROWS(words); i++) {
        struct dialect_event event;
        read_copy(words[i], &event);
        ck_assert_msg(event.kind == DIALECT_EVENT_KEEP_ALIVE, "%s", words[i]);
        ck_assert(!event.has_content && !event.has_finish && !event.has_error);
    }
}
END_TEST

START_TEST(knows_when_a_tool_call_is_open)
{
    struct dialect_stream stream = {0};
    struct dialect_event event;
    static const char tool[] = DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c\"}]");
    static const char finish[] =
        CHOICE("\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"");
    chat_read_event(&stream, tool, strlen(tool), &event);
    ck_assert_uint_eq(stream.parts[0].in_tool, 1);
    chat_read_event(&stream, finish, strlen(finish), &event);
    ck_assert_uint_eq(stream.parts[0].in_tool, 0);
    ck_assert(stream.has_finish);
}
END_TEST

START_TEST(finds_googles_and_azures_reasons)
{
    static const struct {
        const char *body, *reason;
    } bodies[] = {
        {"[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\",\"details\":["
         "{"
         "\"@type\":\"x\",\"reason\":\"API_KEY_INVALID\"}]}}]",
         "API_KEY_INVALID"},
        {"{\"error\":{\"status\":\"UNAVAILABLE\"}}", "UNAVAILABLE"},
        {"{\"error\":{\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
         "ResponsibleAIPolicyViolation"},
        {"{\"error\":{\"details\":\"x\"}}", ""},
    };
    for (size_t i = 0; i < UNIT_ROWS(bodies); i++) {
        struct dialect_reply reply;
        chat_read_reply(CHAT_MESSAGES, bodies[i].body, strlen(bodies[i].body), &reply);
        ck_assert_msg(is_text(reply.fault.reason, bodies[i].reason), "%s", bodies[i].body);
    }
}
END_TEST

#define USAGE_OF "{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}"

static const struct {
    const char *data;
    bool is_usage;
} usage_events[] = {
    {"{\"choices\":[],\"usage\":" USAGE_OF "}", true},
    {"{\"id\":\"x\",\"choices\":[],\"model\":\"m\",\"usage\":{\"total_tokens\":0}}", true},
    {"{\"choices\":null,\"usage\":" USAGE_OF "}", true},
    {"{\"usage\":" USAGE_OF "}", true},
    /* anything else in it is the client's */
    {"{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":" USAGE_OF "}",
     false},
    {"{\"choices\":[],\"usage\":null}", false},
    {"{\"choices\":[],\"usage\":{}}", false},
    {"{\"choices\":[],\"prompt_filter_results\":[]}", false},
    {"{\"choices\":[],\"error\":{\"message\":\"no\"},\"usage\":" USAGE_OF "}", false},
    {"[DONE]", false},
    {"{\"choices\":[],\"usage\":" USAGE_OF, false},
};

START_TEST(knows_an_event_of_nothing_but_usage)
{
    struct dialect_event event;
    for (size_t i = 0; i < UNIT_ROWS(usage_events); i++) {
        read_copy(usage_events[i].data, &event);
        ck_assert_msg(event.is_usage == usage_events[i].is_usage, "%s", usage_events[i].data);
    }
}
END_TEST

UNIT_MAIN("chat_event", tells_events_apart, replies_to_completions_and_embeddings,
          words_and_nothing_keep_alive, knows_when_a_tool_call_is_open,
          finds_googles_and_azures_reasons, a_stream_is_complete_when_its_choices_are,
          knows_the_done_marker, malformed_events_say_nothing_else, deep_nesting_is_malformed,
          finds_the_providers_words, counts_tokens, knows_an_event_of_nothing_but_usage,
          tells_replies_apart)
