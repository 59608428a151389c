/* SPDX-License-Identifier: MIT */
/* cors: which origins may read an answer, and what a preflight is told. */
#include "server/client/cors.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static char *two[] = {(char *)"https://app.example", (char *)"http://localhost:3000"};
static char *all[] = {(char *)"*"};

static void parse(struct http_request *request, char *head, size_t cap, const char *headers)
{
    snprintf(head, cap, "OPTIONS /v1/x HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
    ck_assert_int_eq(http_request_parse(head, strlen(head), request), HTTP_REQUEST_OK);
}

#define EXPOSED                                                                              \
    "Access-Control-Expose-Headers: x-request-id, request-id, retry-after, retry-after-ms, " \
    "x-weir-provider, x-weir-attempts, x-weir-trail\r\n"

static const struct {
    char **origins;
    uint32_t n;
    const char *headers, *answer;
    bool is_allowed;
} rows[] = {
    {NULL, 0, "Origin: https://app.example\r\n", "", false},
    {two, 2, "", "Vary: Origin\r\n", false},
    {two, 2, "Origin: https://evil.example\r\n", "Vary: Origin\r\n", false},
    {two, 2, "Origin: https://app.example.evil\r\n", "Vary: Origin\r\n", false},
    {two, 2, "Origin: http://app.example\r\n", "Vary: Origin\r\n", false},
    {two, 2, "Origin: https://app.example:8443\r\n", "Vary: Origin\r\n", false},
    {two, 2, "Origin: null\r\n", "Vary: Origin\r\n", false},
    {two, 2, "Origin: *\r\n", "Vary: Origin\r\n", false},
    {two, 2, "Origin: http://localhost:3000\r\n",
     "Vary: Origin\r\nAccess-Control-Allow-Origin: http://localhost:3000\r\n" EXPOSED, true},
    {all, 1, "Origin: https://any.example\r\n",
     "Vary: Origin\r\nAccess-Control-Allow-Origin: *\r\n" EXPOSED, true},
    {all, 1, "", "Vary: Origin\r\n", false},
};

START_TEST(origins)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct conf conf = {.cors_origins = rows[i].origins, .n_cors_origins = rows[i].n};
        struct http_request request;
        struct buf out = BUF_INIT;
        char head[512];
        parse(&request, head, sizeof(head), rows[i].headers);
        ck_assert_msg(cors_put_headers(&conf, &request, &out) == rows[i].is_allowed, "%zu", i);
        ck_assert_str_eq(buf_cstr(&out), rows[i].answer);
        buf_free(&out);
    }
}
END_TEST

#define ALWAYS                                                  \
    "Access-Control-Allow-Methods: GET, HEAD, POST, DELETE\r\n" \
    "Access-Control-Max-Age: 600\r\n"

static const struct {
    const char *headers, *answer;
} preflights[] = {
    {"", ALWAYS},
    {"Access-Control-Request-Headers: authorization, x-stainless-os,content-type\r\n",
     ALWAYS "Access-Control-Allow-Headers: authorization, x-stainless-os,content-type\r\n"},
    {"Access-Control-Request-Headers: a: b\r\n", ALWAYS},
    {"Access-Control-Request-Headers:\r\n", ALWAYS},
};

START_TEST(what_is_asked_for_is_given_back_by_name)
{
    for (size_t i = 0; i < UNIT_ROWS(preflights); i++) {
        struct http_request request;
        struct buf out = BUF_INIT;
        char head[512];
        parse(&request, head, sizeof(head), preflights[i].headers);
        ck_assert(!cors_is_preflight(&request));
        cors_put_preflight(&request, &out);
        ck_assert_str_eq(buf_cstr(&out), preflights[i].answer);
        buf_free(&out);
    }
    struct http_request request;
    char head[512];
    parse(&request, head, sizeof(head), "Access-Control-Request-Method: POST\r\n");
    ck_assert(cors_is_preflight(&request));
    request.method = (struct http_text){"POST", 4};
    ck_assert(!cors_is_preflight(&request));
}
END_TEST

START_TEST(no_path_but_the_api)
{
    static const char *const none[] = {"/",        "/v1",     "/status",     "/status.json",
                                       "/metrics", "/health", "/v1x/models", "*"};
    for (size_t i = 0; i < UNIT_ROWS(none); i++)
        ck_assert_msg(!cors_has_path((struct http_text){none[i], strlen(none[i])}), "%s", none[i]);
    ck_assert(cors_has_path((struct http_text){"/v1/models", 10}));
}
END_TEST

UNIT_MAIN("cors", origins, what_is_asked_for_is_given_back_by_name, no_path_but_the_api)
