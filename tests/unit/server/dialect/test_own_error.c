/* SPDX-License-Identifier: MIT */
/* own_error: status and code of CONTRACT 4.2, and what can be added to any error. */
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
        {OWN_ERROR_UNSUPPORTED_ENCODING, 415, "unsupported_encoding"},
        {OWN_ERROR_HEADERS_TOO_LARGE, 431, "headers_too_large"},
        {OWN_ERROR_ALL_EXHAUSTED, 503, "all_providers_exhausted"},
        {OWN_ERROR_QUEUE_FULL, 503, "queue_full"},
        {OWN_ERROR_QUEUE_TIMEOUT, 503, "queue_timeout"},
        {OWN_ERROR_QUEUE_SHUTDOWN, 503, "queue_shutdown"},
        {OWN_ERROR_OVERLOADED, 503, "overloaded"},
        {OWN_ERROR_DEADLINE, 504, "deadline_exceeded"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct dialect_error error = own_error_with_message(rows[i].error, "why", 3, "req-1");
        ck_assert_int_eq(own_error_status(rows[i].error), rows[i].status);
        ck_assert_str_eq(own_error_code(rows[i].error), rows[i].code);
        ck_assert_int_eq(error.status, rows[i].status);
        ck_assert_str_eq(error.code, rows[i].code);
        ck_assert_str_eq(error.message, "why");
        ck_assert_uint_eq(error.len, 3);
        ck_assert_str_eq(error.request_id, "req-1");
    }
}
END_TEST

START_TEST(a_probe_stands_beside_any_error)
{
    struct buf text = BUF_INIT;
    json_object *words;
    buf_puts(&text, "{\"error\":{\"message\":\"m\"}}");
    own_error_add_probe(&text, "stream_lost", 200, "line \n bad \xff");
    json_object *root = json_tokener_parse(buf_cstr(&text));
    ck_assert_ptr_nonnull(root);
    ck_assert(json_object_object_get_ex(root, "error", &words));
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
        own_error_put_with(&text, rows[i].json, strlen(rows[i].json), "trail", "a/b=x;1ms");
        ck_assert_str_eq(buf_cstr(&text), rows[i].expected);
        buf_free(&text);
    }
}
END_TEST

UNIT_MAIN("own_error", errors_of_the_contract, a_probe_stands_beside_any_error,
          a_trail_goes_into_any_error)
