/* SPDX-License-Identifier: MIT */
/* http_url, and numeric_address beside it: the parts of URLs, and which hosts need no resolver. */
#include "common/http/url.h"

#include <string.h>

#include "common/http/numeric_address.h"
#include "tests/unit/unit.h"

static const struct row {
    const char *url, *origin, *authority, *host;
    unsigned port;
    const char *path;
    bool is_tls;
    unsigned addresses; /* numeric ones */
} rows[] = {
    {"http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080,
     "/v1", false, 1},
    {"http://[::1]/", "http://[::1]", "[::1]", "::1", 80, "/", false, 1},
    {"http://[::1]:65535/a/b", "http://[::1]:65535", "[::1]:65535", "::1", 65535, "/a/b", false, 1},
    {"HTTP://LocalHost", "HTTP://LocalHost", "LocalHost", "LocalHost", 80, "/", false, 2},
    {"https://api.openai.com/v1/chat", "https://api.openai.com", "api.openai.com", "api.openai.com",
     443, "/v1/chat", true, 0},
    {"https://localhost:8443", "https://localhost:8443", "localhost:8443", "localhost", 8443, "/",
     true, 2},
    {"http://10.0.0.256/", "http://10.0.0.256", "10.0.0.256", "10.0.0.256", 80, "/", false, 0},
};

static void check_text(const char *at, size_t len, const char *expected)
{
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert_mem_eq(at, expected, len);
}

START_TEST(urls_come_apart)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct http_url url;
        struct http_numeric_addresses addresses;
        ck_assert_msg(http_url_parse(row->url, &url), "%s", row->url);
        check_text(row->url, url.origin_len, row->origin);
        check_text(url.authority, url.authority_len, row->authority);
        check_text(url.host, url.host_len, row->host);
        ck_assert_uint_eq(url.port, row->port);
        ck_assert_str_eq(url.path, row->path);
        ck_assert_int_eq(url.is_tls, row->is_tls);
        ck_assert_int_eq(http_numeric_addresses_find(&url, &addresses), row->addresses > 0);
        ck_assert_uint_eq(addresses.n, row->addresses);
    }
}
END_TEST

START_TEST(odd_urls_are_refused)
{
    static const char *const odd[] = {
        "",           "ftp://host/",   "http:/host",       "http://",          "http:///v1",
        "https://:1", "http://[::1",   "http://[::1]x/",   "http://host:/",    "http://host:0/",
        "http://h:x", "http://h:1x/v", "http://h:65536/v", "http://host?q=1/", "http://host#f",
    };
    struct http_url url;
    for (size_t i = 0; i < UNIT_ROWS(odd); i++)
        ck_assert_msg(!http_url_parse(odd[i], &url), "%s", odd[i]);
}
END_TEST

START_TEST(a_host_has_a_longest_name)
{
    char text[sizeof("http://") + HTTP_URL_HOST_MAX + 2] = "http://";
    struct http_url url;
    memset(text + 7, 'h', HTTP_URL_HOST_MAX);
    ck_assert(http_url_parse(text, &url));
    text[7 + HTTP_URL_HOST_MAX] = 'h';
    ck_assert(!http_url_parse(text, &url));
}
END_TEST

UNIT_MAIN("http_url", urls_come_apart, odd_urls_are_refused, a_host_has_a_longest_name)
