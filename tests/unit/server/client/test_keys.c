/* SPDX-License-Identifier: MIT */
/* keys: which key a request came with, and that its price does not grow with their number. */
#include "server/client/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

static const uint64_t secret[2] = {1, 2};
static char *const three[] = {(char *)"first-key", (char *)"second-key", (char *)"first-key2"};

static const struct {
    const char *headers;
    int found;
} rows[] = {
    {"", -1},
    {"Authorization: Bearer first-key\r\n", 0},
    {"authorization: bearer   second-key\r\n", 1},
    {"Authorization: first-key\r\n", -1},
    {"Authorization: Bearer\r\n", -1},
    {"Authorization: Bearer \r\n", -1},
    {"Authorization: Basic first-key\r\n", -1},
    {"Authorization: Bearer first-key1\r\n", -1},
    {"Authorization: Bearer first-ke\r\n", -1},
    {"Authorization: Bearer First-key\r\n", -1},
    {"x-api-key: first-key2\r\n", 2},
    {"Api-Key: second-key\r\n", 1},
    {"x-goog-api-key: second-key\r\n", -1},
    {"x-api-key: Bearer second-key\r\n", -1},
    /* one that is valid suffices; the first valid one names the client */
    {"Authorization: Bearer dummy\r\nx-api-key: second-key\r\n", 1},
    {"x-api-key: wrong\r\napi-key: second-key\r\n", 1},
    {"api-key: first-key\r\nx-api-key: second-key\r\n", 1},
    {"x-api-key: second-key\r\nAuthorization: Bearer first-key\r\n", 0},
    {"Authorization: Bearer wrong\r\nx-api-key: wrong\r\napi-key: wrong\r\n", -1},
};

START_TEST(finds_the_key_of_a_request)
{
    struct keys *keys = keys_new(three, 3, secret);
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        char head[512];
        struct http_request request;
        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", rows[i].headers);
        ck_assert_int_eq(http_request_parse(head, strlen(head), &request), HTTP_REQUEST_OK);
        ck_assert_msg(keys_find_in(keys, &request) == rows[i].found, "%s", rows[i].headers);
    }
    keys_free(&keys);
}
END_TEST

/* With 100000 keys the longest way through the table is short, and what is longer than all of them
 * is not even hashed. */
START_TEST(holds_very_many)
{
    enum {
        N = 100000
    };
    char **texts = xcalloc(N, sizeof(*texts)), name[32];
    for (int i = 0; i < N; i++)
        texts[i] = xasprintf("key-%d", i);
    struct keys *keys = keys_new(texts, N, secret);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(keys_find(keys, (struct http_text){texts[i], strlen(texts[i])}), i);
    for (int i = 0; i < N; i++) {
        int len = snprintf(name, sizeof(name), "kex-%d", i);
        ck_assert_int_eq(keys_find(keys, (struct http_text){name, (size_t)len}), -1);
    }
    ck_assert_int_eq(keys_find(keys, (struct http_text){NULL, 1u << 20}), -1);
    keys_free(&keys);
    for (int i = 0; i < N; i++)
        free(texts[i]);
    free(texts);
}
END_TEST

START_TEST(no_keys_find_nothing)
{
    struct keys *keys = keys_new(NULL, 0, secret);
    ck_assert_int_eq(keys_find(keys, (struct http_text){"", 0}), -1);
    ck_assert_int_eq(keys_find(keys, (struct http_text){"x", 1}), -1);
    keys_free(&keys);
}
END_TEST

UNIT_MAIN("keys", finds_the_key_of_a_request, holds_very_many, no_keys_find_nothing)
