/* SPDX-License-Identifier: MIT */
/* weir's own errors: status, code and shape of CONTRACT 4.2 and 4.3. */
#include <json-c/json.h>
#include <string.h>

#include "server/dialect/own_error.h"
#include "tests/unit/unit.h"

START_TEST(errors_of_the_contract)
{
    static const struct {
        enum own_error error;
        int status;
        const char *code;
    } rows[] = {
        {OWN_ERROR_INVALID_REQUEST, 400, "invalid_request"},
        {OWN_ERROR_INVALID_API_KEY, 401, "invalid_api_key"},
        {OWN_ERROR_NOT_FOUND, 404, "not_found"},
        {OWN_ERROR_METHOD_NOT_ALLOWED, 405, "method_not_allowed"},
        {OWN_ERROR_REQUEST_TIMEOUT, 408, "request_timeout"},
        {OWN_ERROR_REQUEST_TOO_LARGE, 413, "request_too_large"},
        {OWN_ERROR_HEADERS_TOO_LARGE, 431, "headers_too_large"},
        {OWN_ERROR_ALL_EXHAUSTED, 503, "all_providers_exhausted"},
        {OWN_ERROR_QUEUE_FULL, 503, "queue_full"},
        {OWN_ERROR_QUEUE_TIMEOUT, 503, "queue_timeout"},
        {OWN_ERROR_QUEUE_SHUTDOWN, 503, "queue_shutdown"},
        {OWN_ERROR_OVERLOADED, 503, "overloaded"},
        {OWN_ERROR_DEADLINE, 504, "deadline_exceeded"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct buf text = BUF_INIT, expected = BUF_INIT;
        ck_assert_int_eq(own_error_status(rows[i].error), rows[i].status);
        own_error_put(&text, rows[i].error, "why", 3);
        buf_printf(
            &expected,
            "{\"error\":{\"message\":\"why\",\"type\":\"%s\",\"param\":null,\"code\":\"%s\"}}",
            rows[i].status < 500 ? "invalid_request_error" : "server_error", rows[i].code);
        ck_assert_str_eq(buf_cstr(&text), buf_cstr(&expected));
        buf_free(&text);
        buf_free(&expected);
    }
}
END_TEST

/* A provider's words are anybody's bytes: what comes out is JSON all the same. */
START_TEST(any_message_gives_good_json)
{
    static const char message[] = "quote \" back \\ nul \0 line \n bad \xff\xc3 end";
    struct buf text = BUF_INIT;
    own_error_put_in_stream(&text, "stream_error", message, sizeof(message) - 1);
    json_object *root = json_tokener_parse(buf_cstr(&text)), *error, *words;
    ck_assert_ptr_nonnull(root);
    ck_assert(json_object_object_get_ex(root, "error", &error));
    ck_assert(json_object_object_get_ex(error, "message", &words));
    ck_assert_int_eq(json_object_get_string_len(words), (int)sizeof(message) - 1 + 4);
    ck_assert_ptr_null(memchr(text.data, '\n', text.len));
    json_object_put(root);
    own_error_add_probe(&text, "stream_lost", 200, "line \n bad \xff");
    root = json_tokener_parse(buf_cstr(&text));
    ck_assert_ptr_nonnull(root);
    ck_assert(json_object_object_get_ex(root, "probe", &words));
    ck_assert_str_eq(json_object_to_json_string_ext(words, JSON_C_TO_STRING_PLAIN),
                     "{\"outcome\":\"stream_lost\",\"status\":200,\"message\":\"line \\n bad "
                     "\ufffd\"}");
    json_object_put(root);
    buf_free(&text);
}
END_TEST

START_TEST(a_trail_goes_into_any_error)
{
    static const struct {
        const char *json, *expected;
    } rows[] = {
        {"{\"error\":{\"message\":\"m/n\",\"code\":1}}",
         "{\"error\":{\"message\":\"m/n\",\"code\":1,\"trail\":\"a/b=x;1ms\"}}"},
        {"{\"error\":{\"trail\":\"the provider's\"}}", "{\"error\":{\"trail\":\"a/b=x;1ms\"}}"},
        {"{\"error\":\"text\"}", "{\"error\":\"text\",\"trail\":\"a/b=x;1ms\"}"},
        {"{\"object\":\"error\"}", "{\"object\":\"error\",\"trail\":\"a/b=x;1ms\"}"},
        {"[{\"error\":{}}]", "[{\"error\":{}}]"},
        {"no JSON", "no JSON"},
        {"", ""},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct buf text = BUF_INIT;
        own_error_put_with_trail(&text, rows[i].json, strlen(rows[i].json), "a/b=x;1ms");
        ck_assert_str_eq(buf_cstr(&text), rows[i].expected);
        buf_free(&text);
    }
}
END_TEST

UNIT_MAIN("answer", errors_of_the_contract, any_message_gives_good_json,
          a_trail_goes_into_any_error)
