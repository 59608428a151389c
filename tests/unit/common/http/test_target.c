/* SPDX-License-Identifier: MIT */
/* target: paths in one spelling, names, queries that go on. */
#include "common/http/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

/* Without a byte behind it, so that a sanitizer sees what reads too far. */
static struct http_text text_of(const char *literal)
{
    size_t len = strlen(literal);
    char *copy = xmalloc(len > 0 ? len : 1);
    memcpy(copy, literal, len);
    return (struct http_text){copy, len};
}

static const struct {
    const char *path, *tidy;
} paths[] = {
    {"/", "/"},
    {"/v1/models", "/v1/models"},
    {"/v1/models/", "/v1/models"},
    {"//v1///models//", "/v1/models"},
    {"///", "/"},
    {"*", "*"},
    {"/v1/models/vendor/three:free", "/v1/models/vendor/three:free"},
    {"/v1/models/a%2F%2Fb", "/v1/models/a%2F%2Fb"},
    {"/a/./../b", "/a/./../b"},
};

START_TEST(paths_have_one_spelling)
{
    for (size_t i = 0; i < UNIT_ROWS(paths); i++) {
        struct buf room = BUF_INIT;
        struct http_text path = text_of(paths[i].path), tidy = http_target_tidy(path, &room);
        ck_assert_msg(http_text_equals(tidy, paths[i].tidy), "%s: %.*s", paths[i].path,
                      (int)tidy.len, tidy.at);
        ck_assert(room.len == 0 || strcmp(paths[i].path, paths[i].tidy) != 0);
        free((char *)path.at);
        buf_free(&room);
    }
}
END_TEST

static const struct {
    const char *text, *decoded; /* NULL: malformed */
} names[] = {
    {"gpt-4o", "gpt-4o"}, {"a%2Fb", "a/b"}, {"a%252Fb", "a%2Fb"}, {"%c3%A4", "\xc3\xa4"},
    {"a+b", "a+b"},       {"a%20b", "a b"}, {"%", NULL},          {"a%2", NULL},
    {"%zz", NULL},        {"%2g", NULL},    {"%00", NULL},        {"a%0d%0ab", NULL},
    {"%7f", NULL},
};

START_TEST(names_are_decoded_once)
{
    for (size_t i = 0; i < UNIT_ROWS(names); i++) {
        struct buf out = BUF_INIT;
        struct http_text text = text_of(names[i].text);
        bool is_good = http_target_decode(text, &out);
        ck_assert_msg(is_good == (names[i].decoded != NULL), "%s", names[i].text);
        if (is_good)
            ck_assert_str_eq(buf_cstr(&out), names[i].decoded);
        free((char *)text.at);
        buf_free(&out);
    }
}
END_TEST

static const struct {
    const char *query, *put;
} queries[] = {
    {"", ""},
    {"beta=true", "beta=true"},
    {"api-version=2024-10-21&x=%20&&y", "api-version=2024-10-21&x=%20&y"},
    {"key=s", ""},
    {"key", ""},
    {"a=1&key=s&b=2", "a=1&b=2"},
    {"key=s&a=1", "a=1"},
    {"a=1&key=s", "a=1"},
    {"a=1&key=", "a=1"},
    {"KEY=s&Api_Key=s&access_token=s", ""},
    {"%6Bey=s&k%65%79=s&api%5Fkey=s", ""},
    {"keys=1&akey=2&api-key=3&x=key", "keys=1&akey=2&api-key=3&x=key"},
    {"%=1&%6=2&ke%", "%=1&%6=2&ke%"},
    {"key=a=b&c=d=e", "c=d=e"},
};

START_TEST(queries_go_on_without_credentials)
{
    static const char *const less[] = {"key", "api_key", "access_token", NULL};
    for (size_t i = 0; i < UNIT_ROWS(queries); i++) {
        struct buf out = BUF_INIT;
        struct http_text query = text_of(queries[i].query);
        http_target_put_query(query, less, &out);
        ck_assert_msg(strcmp(buf_cstr(&out), queries[i].put) == 0, "%s: %s", queries[i].query,
                      buf_cstr(&out));
        free((char *)query.at);
        buf_free(&out);
    }
}
END_TEST

UNIT_MAIN("target", paths_have_one_spelling, names_are_decoded_once,
          queries_go_on_without_credentials)
