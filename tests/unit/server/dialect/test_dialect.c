/* SPDX-License-Identifier: MIT */
/* dialect: what each row says of weir's own in a stream and as an error (CONTRACT 4.2 to 4.4), and
 * that each can read what it writes. */
#include "server/dialect/dialect.h"

#include <json-c/json.h>
#include <string.h>

#include "server/dialect/own_error.h"
#include "tests/unit/unit.h"

static const struct dialect *const dialects[] = {&dialect_chat};

START_TEST(a_row_lacks_nothing)
{
    for (size_t i = 0; i < UNIT_ROWS(dialects); i++) {
        const struct dialect *d = dialects[i];
        ck_assert_ptr_nonnull(d->name);
        ck_assert_msg(d->read_request != NULL && d->edit_request != NULL, "%s", d->name);
        ck_assert_msg(d->read_event != NULL && d->read_reply != NULL, "%s", d->name);
        ck_assert_msg(d->put_error != NULL && d->put_error_event != NULL, "%s", d->name);
        ck_assert_msg(d->error_event_type != NULL, "%s", d->name);
        ck_assert_msg(strlen(d->heartbeat) > 2 && d->end_mark != NULL, "%s", d->name);
        ck_assert_msg((d->normalize_event == NULL) == (d->normalize_reply == NULL), "%s", d->name);
    }
}
END_TEST

START_TEST(operations_go_where_they_belong)
{
    static const struct {
        const struct dialect_operation *operation;
        const struct dialect *dialect;
        const char *path, *good, *why; /* why: of {} */
    } rows[] = {
        {&dialect_chat_completions, &dialect_chat, "/chat/completions", "{\"messages\":[]}",
         "\"messages\" is missing"},
        {&dialect_completions, &dialect_chat, "/completions", "{\"prompt\":\"p\"}",
         "\"prompt\" is missing"},
        {&dialect_embeddings, &dialect_chat, "/embeddings", "{\"input\":\"i\"}",
         "\"input\" is missing"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const struct dialect_operation *o = rows[i].operation;
        struct dialect_request request;
        char why[160] = "";
        ck_assert_ptr_eq(o->dialect, rows[i].dialect);
        ck_assert_str_eq(o->path, rows[i].path);
        ck_assert(o->dialect->read_request(o->kind, rows[i].good, strlen(rows[i].good), &request,
                                           why, sizeof(why)));
        ck_assert(!o->dialect->read_request(o->kind, "{}", 2, &request, why, sizeof(why)));
        ck_assert_str_eq(why, rows[i].why);
    }
}
END_TEST

START_TEST(chat_says_in_a_stream)
{
    ck_assert_str_eq(dialect_chat.heartbeat, ": weir\n");
    ck_assert_str_eq(dialect_chat.end_mark, "data: [DONE]\n\n");
    ck_assert_str_eq(dialect_chat.error_event_type, "");
}
END_TEST

START_TEST(chat_gives_each_error_its_type)
{
    for (enum own_error e = 0; e < OWN_ERROR_COUNT; e++) {
        struct buf text = BUF_INIT, event = BUF_INIT, expected = BUF_INIT;
        const struct dialect_error error = own_error_with_message(e, "why", 3, "req-1");
        dialect_chat.put_error(&text, &error);
        dialect_chat.put_error_event(&event, &error);
        buf_printf(
            &expected,
            "{\"error\":{\"message\":\"why\",\"type\":\"%s\",\"param\":null,\"code\":\"%s\"}}",
            own_error_status(e) < 500 ? "invalid_request_error" : "server_error",
            own_error_code(e));
        ck_assert_str_eq(buf_cstr(&text), buf_cstr(&expected));
        ck_assert_str_eq(buf_cstr(&event), buf_cstr(&expected));
        buf_free(&text);
        buf_free(&event);
        buf_free(&expected);
    }
}
END_TEST

/* A provider's words are anybody's bytes: what comes out is JSON all the same, on one line, and the
 * dialect itself takes it for an error. */
START_TEST(any_message_gives_good_json)
{
    static const char message[] = "quote \" back \\ nul \0 line \n bad \xff\xc3 end";
    static const struct dialect_error error = {
        .status = 502, .code = "stream_error", .message = message, .len = sizeof(message) - 1};
    for (size_t i = 0; i < UNIT_ROWS(dialects); i++) {
        struct buf text = BUF_INIT;
        struct dialect_event event;
        struct dialect_stream stream = {0};
        struct dialect_reply reply;
        dialects[i]->put_error_event(&text, &error);
        json_object *root = json_tokener_parse(buf_cstr(&text)), *object, *words;
        ck_assert_ptr_nonnull(root);
        ck_assert(json_object_object_get_ex(root, "error", &object));
        ck_assert(json_object_object_get_ex(object, "message", &words));
        ck_assert_int_eq(json_object_get_string_len(words), (int)sizeof(message) - 1 + 4);
        ck_assert_ptr_null(memchr(text.data, '\n', text.len));
        json_object_put(root);
        dialects[i]->read_event(&stream, text.data, text.len, &event);
        ck_assert_msg(event.has_error && event.fault.message.len > 0, "%s", dialects[i]->name);
        dialects[i]->read_reply(0, text.data, text.len, &reply);
        ck_assert_msg(reply.kind == DIALECT_REPLY_ERROR && reply.is_error_event, "%s",
                      dialects[i]->name);
        buf_free(&text);
    }
}
END_TEST

/* What weir adds at a clean end is what the dialect takes for one. */
START_TEST(an_end_mark_ends_a_stream)
{
    for (size_t i = 0; i < UNIT_ROWS(dialects); i++) {
        struct dialect_event event;
        struct dialect_stream stream = {0};
        if (dialects[i]->end_mark[0] == '\0')
            continue;
        const char *data = strstr(dialects[i]->end_mark, "data: ") + strlen("data: ");
        dialects[i]->read_event(&stream, data, strcspn(data, "\n"), &event);
        ck_assert_msg(event.kind == DIALECT_EVENT_END, "%s", dialects[i]->name);
    }
}
END_TEST

UNIT_MAIN("dialect", a_row_lacks_nothing, operations_go_where_they_belong, chat_says_in_a_stream,
          chat_gives_each_error_its_type, any_message_gives_good_json, an_end_mark_ends_a_stream)
