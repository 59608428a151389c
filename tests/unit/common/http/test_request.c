/* SPDX-License-Identifier: MIT */
/* http1: the head of a request. The table of refusals is the point of this parser: each row is a
 * request that some other parser reads differently. */
#include "common/http/request.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "tests/unit/unit.h"

/* Parses a copy that ends where the head ends. */
static enum http_request_error parse(const char *head, size_t len, struct http_request *out)
{
    static char *copy;
    free(copy);
    copy = xmalloc(len);
    memcpy(copy, head, len);
    enum http_request_error error = http_request_parse(copy, len, out);
    ck_assert_msg((error == HTTP_REQUEST_OK) == (out->why == NULL), "%.*s", (int)len, head);
    return error;
}

/* A row is a whole head, with its length where a NUL is in it (0 = strlen). */
struct refusal {
    const char *head;
    enum http_request_error error;
    size_t len;
};

#define H  "Host: weir\r\n"
#define NL "\r\n"
#define R(head)                                     \
    {                                               \
        head, HTTP_REQUEST_BAD, sizeof(head "") - 1 \
    }
#define RE(head, error)                  \
    {                                    \
        head, error, sizeof(head "") - 1 \
    }
#define POST(headers) R("POST / HTTP/1.1" NL H headers NL)

static const struct refusal refusals[] = {
    /* the body's length said twice, or in a way that can be read in two */
    POST("Content-Length: 3" NL "Transfer-Encoding: chunked" NL),
    POST("Transfer-Encoding: chunked" NL "Content-Length: 3" NL),
    POST("Transfer-Encoding: chunked" NL "Content-Length: 0" NL),
    POST("Content-Length: 3" NL "Content-Length: 4" NL),
    POST("Content-Length: 3" NL "Content-Length: 3" NL),
    POST("Content-Length: 0" NL "Content-Length: 0" NL),
    POST("Content-Length: 3, 3" NL),
    POST("Content-Length: 3,4" NL),
    POST("Content-Length: +3" NL),
    POST("Content-Length: -3" NL),
    POST("Content-Length: 0x3" NL),
    POST("Content-Length: 3 4" NL),
    POST("Content-Length: 3;" NL),
    POST("Content-Length: 3.0" NL),
    POST("Content-Length: 1e1" NL),
    POST("Content-Length: \"3\"" NL),
    POST("Content-Length: three" NL),
    POST("Content-Length:" NL),
    POST("Content-Length:  " NL),
    POST("Content-Length: 1234567890123456" NL),
    POST("Content-Length: 0000000000000003" NL),
    POST("Content-Length: 99999999999999999999999999" NL),
    POST("Content-Length: \xb3" NL),
    POST("Content-Length : 3" NL),
    POST("Content-Length\t: 3" NL),
    POST("Content-Length" NL),
    POST(" Content-Length: 3" NL),
    POST("Transfer-Encoding: xchunked" NL),
    POST("Transfer-Encoding: chunkedx" NL),
    POST("Transfer-Encoding: gzip, chunked" NL),
    POST("Transfer-Encoding: chunked, identity" NL),
    POST("Transfer-Encoding: chunked, chunked" NL),
    POST("Transfer-Encoding: ,chunked" NL),
    POST("Transfer-Encoding: chunked;q=1" NL),
    POST("Transfer-Encoding: \"chunked\"" NL),
    POST("Transfer-Encoding: identity" NL),
    POST("Transfer-Encoding: gzip" NL),
    POST("Transfer-Encoding:" NL),
    POST("Transfer-Encoding: chunked" NL "Transfer-Encoding: chunked" NL),
    POST("Transfer-Encoding: chunked" NL "Transfer-Encoding: identity" NL),
    POST("Transfer-Encoding : chunked" NL),
    POST("Transfer-Encoding\x0b: chunked" NL),
    POST("Transfer-Encoding: \x0b"
         "chunked" NL),
    POST("Transfer-Encoding:\x00"
         "chunked" NL),
    POST("Transfer-Encoding: chunked\x00" NL),
    R("POST / HTTP/1.0" NL H "Transfer-Encoding: chunked" NL NL),
    /* folded, nameless and malformed header lines */
    POST("X: a" NL " b" NL),
    POST("X: a" NL "\tb" NL),
    POST("X: a" NL " " NL),
    POST(": a" NL),
    POST("X" NL),
    POST("X a" NL),
    POST("X a: b" NL),
    POST("X\x00: b" NL),
    POST("X(: b" NL),
    POST("X\xc3\xa4: b" NL),
    POST("\"X\": b" NL),
    POST("X[]: b" NL),
    POST("=: b" NL),
    /* line ends that are none */
    R("POST / HTTP/1.1\nHost: weir\n\n"),
    R("POST / HTTP/1.1\n" H NL),
    R("POST / HTTP/1.1\rHost: weir" NL NL),
    R("POST / HTTP/1.1" NL "Host: weir\n" NL),
    R("POST / HTTP/1.1" NL H "X: a\nContent-Length: 3" NL NL),
    R("POST / HTTP/1.1" NL H "X: a\rContent-Length: 3" NL NL),
    R("POST / HTTP/1.1" NL H "X: a\r\r\n" NL),
    R("POST / HTTP/1.1" NL H "X: a\r" NL NL),
    R("POST / HTTP/1.1" NL H "\n"),
    R("POST / HTTP/1.1" NL H "\r"),
    R("POST / HTTP/1.1" NL H),
    R("POST / HTTP/1.1" NL),
    R("POST / HTTP/1.1"),
    R(NL),
    R("\n"),
    R(""),
    /* control characters */
    POST("X: a\x00"
         "b" NL),
    POST("X: a\x01" NL),
    POST("X: a\x1f" NL),
    POST("X: a\x7f" NL),
    POST("X: \x08" NL),
    POST("X: a value that is long enough for a wide step \x0c and more" NL),
    /* Host */
    R("POST / HTTP/1.1" NL NL),
    R("POST / HTTP/1.1" NL "Content-Length: 0" NL NL),
    R("POST / HTTP/1.1" NL H H NL),
    R("POST / HTTP/1.1" NL H "host: other" NL NL),
    R("POST / HTTP/1.0" NL H H NL),
    R("POST / HTTP/1.1" NL "Host:" NL NL),
    R("POST / HTTP/1.1" NL "Host: a b" NL NL),
    R("POST / HTTP/1.1" NL "Host: a, b" NL NL),
    R("POST / HTTP/1.1" NL "Host: a/b" NL NL),
    R("POST / HTTP/1.1" NL "Host: a@b" NL NL),
    R("POST / HTTP/1.1" NL "Host: \xc3\xa4" NL NL),
    R("POST / HTTP/1.1" NL "Host : a" NL NL),
    /* the request line */
    R(" POST / HTTP/1.1" NL H NL),
    R("POST  / HTTP/1.1" NL H NL),
    R("POST /  HTTP/1.1" NL H NL),
    R("POST / HTTP/1.1 " NL H NL),
    R("POST\t/ HTTP/1.1" NL H NL),
    R("POST /\tHTTP/1.1" NL H NL),
    R("POST /" NL H NL),
    R("POST" NL H NL),
    R("/ HTTP/1.1" NL H NL),
    R("POST / x HTTP/1.1" NL H NL),
    R("P(ST / HTTP/1.1" NL H NL),
    R("P\x00ST / HTTP/1.1" NL H NL),
    R("P\xc3\xa4 / HTTP/1.1" NL H NL),
    R("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1" NL H NL),
    R("POST / http/1.1" NL H NL),
    R("POST / HTTP/11" NL H NL),
    R("POST / HTTP/1" NL H NL),
    R("POST / HTTP/1.10" NL H NL),
    R("POST / HTTP/01.1" NL H NL),
    R("POST / HTTP/1.x" NL H NL),
    R("POST / HTTP/1,1" NL H NL),
    R("POST / HTTPS/1.1" NL H NL),
    R("POST / FTP/1.1" NL H NL),
    RE("POST / HTTP/0.9" NL H NL, HTTP_REQUEST_BAD_VERSION),
    RE("POST / HTTP/1.2" NL H NL, HTTP_REQUEST_BAD_VERSION),
    RE("POST / HTTP/1.5" NL H NL, HTTP_REQUEST_BAD_VERSION),
    RE("POST / HTTP/2.0" NL H NL, HTTP_REQUEST_BAD_VERSION),
    RE("POST / HTTP/3.0" NL H NL, HTTP_REQUEST_BAD_VERSION),
    RE("PRI * HTTP/2.0" NL NL, HTTP_REQUEST_BAD_VERSION),
    /* the target */
    R("POST v1 HTTP/1.1" NL H NL),
    R("POST ?x HTTP/1.1" NL H NL),
    R("POST * HTTP/1.1" NL H NL),
    R("OPTIONS ** HTTP/1.1" NL H NL),
    R("POST /a\x7f HTTP/1.1" NL H NL),
    R("POST /a\x00"
      "b HTTP/1.1" NL H NL),
    R("POST /\xc3\xa4 HTTP/1.1" NL H NL),
    R("POST /a#b HTTP/1.1" NL H NL),
    R("POST http:///x HTTP/1.1" NL H NL),
    R("POST http:// HTTP/1.1" NL H NL),
    R("POST http:/x HTTP/1.1" NL H NL),
    R("POST http://user@weir/x HTTP/1.1" NL H NL),
    R("POST http://we\\ir/x HTTP/1.1" NL H NL),
    R("POST ftp://weir/x HTTP/1.1" NL H NL),
    R("POST weir:80 HTTP/1.1" NL H NL),
    R("CONNECT weir:443 HTTP/1.1" NL H NL),
    R("CONNECT / HTTP/1.1" NL H NL),
    /* a body where none belongs */
    R("GET / HTTP/1.1" NL H "Content-Length: 3" NL NL),
    R("HEAD / HTTP/1.1" NL H "Content-Length: 3" NL NL),
    R("GET / HTTP/1.1" NL H "Transfer-Encoding: chunked" NL NL),
    R("HEAD / HTTP/1.1" NL H "Transfer-Encoding: chunked" NL NL),
    /* expectations */
    RE("POST / HTTP/1.1" NL H "Expect: x" NL NL, HTTP_REQUEST_EXPECTATION_FAILED),
    RE("POST / HTTP/1.1" NL H "Expect: 100-continue, x" NL NL, HTTP_REQUEST_EXPECTATION_FAILED),
    RE("POST / HTTP/1.1" NL H "Expect:" NL NL, HTTP_REQUEST_EXPECTATION_FAILED),
    /* an empty line inside: what follows is no header */
    R("POST / HTTP/1.1" NL H NL "X: a" NL NL),
};

START_TEST(refuses_what_can_be_read_in_two_ways)
{
    for (size_t i = 0; i < UNIT_ROWS(refusals); i++) {
        struct http_request req;
        enum http_request_error error = parse(refusals[i].head, refusals[i].len, &req);
        ck_assert_msg(error == refusals[i].error, "row %zu gives %d: %s", i, error,
                      refusals[i].head);
    }
}
END_TEST

static bool is_text(struct http_text text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.at, expected, text.len) == 0;
}

static const struct {
    const char *head, *method, *target, *path;
    enum http_request_framing framing;
    uint64_t length;
    bool keep_alive, expect_continue;
} good[] = {
    {"GET / HTTP/1.1" NL H NL, "GET", "/", "/", HTTP_REQUEST_NO_BODY, 0, true, false},
    {"GET / HTTP/1.0" NL NL, "GET", "/", "/", HTTP_REQUEST_NO_BODY, 0, false, false},
    {"GET / HTTP/1.0" NL "Connection: keep-alive" NL NL, "GET", "/", "/", HTTP_REQUEST_NO_BODY, 0,
     true, false},
    {"GET / HTTP/1.0" NL "Connection: Keep-Alive, close" NL NL, "GET", "/", "/",
     HTTP_REQUEST_NO_BODY, 0, false, false},
    {"GET / HTTP/1.1" NL H "Connection: close" NL NL, "GET", "/", "/", HTTP_REQUEST_NO_BODY, 0,
     false, false},
    {"GET / HTTP/1.1" NL H "connection: Upgrade ,\tCLOSE , x" NL NL, "GET", "/", "/",
     HTTP_REQUEST_NO_BODY, 0, false, false},
    {"GET / HTTP/1.1" NL H "Connection: x" NL "Connection: close" NL NL, "GET", "/", "/",
     HTTP_REQUEST_NO_BODY, 0, false, false},
    {"GET / HTTP/1.1" NL H "Connection: closed, ,," NL NL, "GET", "/", "/", HTTP_REQUEST_NO_BODY, 0,
     true, false},
    {"GET / HTTP/1.1" NL H "Content-Length: 0" NL NL, "GET", "/", "/", HTTP_REQUEST_NO_BODY, 0,
     true, false},
    {"HEAD /health HTTP/1.1" NL H NL, "HEAD", "/health", "/health", HTTP_REQUEST_NO_BODY, 0, true,
     false},
    {"POST /v1/x?a=b/c?d HTTP/1.1" NL H "Content-Length: 12" NL NL, "POST", "/v1/x?a=b/c?d",
     "/v1/x", HTTP_REQUEST_LENGTH, 12, true, false},
    {"POST /? HTTP/1.1" NL H "content-length:\t 012 \t" NL NL, "POST", "/?", "/",
     HTTP_REQUEST_LENGTH, 12, true, false},
    {"POST / HTTP/1.1" NL H "CONTENT-LENGTH: 999999999999999" NL NL, "POST", "/", "/",
     HTTP_REQUEST_LENGTH, UINT64_C(999999999999999), true, false},
    {"POST / HTTP/1.1" NL H "Transfer-Encoding: chunked" NL NL, "POST", "/", "/",
     HTTP_REQUEST_CHUNKED, 0, true, false},
    {"POST / HTTP/1.1" NL H "transfer-encoding:  Chunked " NL NL, "POST", "/", "/",
     HTTP_REQUEST_CHUNKED, 0, true, false},
    {"POST / HTTP/1.1" NL H NL, "POST", "/", "/", HTTP_REQUEST_NO_BODY, 0, true, false},
    {"POST / HTTP/1.1" NL H "Expect: 100-Continue" NL "Content-Length: 1" NL NL, "POST", "/", "/",
     HTTP_REQUEST_LENGTH, 1, true, true},
    {"POST / HTTP/1.1" NL H "Expect: 100-continue" NL NL, "POST", "/", "/", HTTP_REQUEST_NO_BODY, 0,
     true, false},
    {"POST / HTTP/1.0" NL "Expect: 100-continue" NL "Content-Length: 1" NL NL, "POST", "/", "/",
     HTTP_REQUEST_LENGTH, 1, false, false},
    {"POST http://weir:3429/v1/models?x HTTP/1.1" NL H NL, "POST", "http://weir:3429/v1/models?x",
     "/v1/models", HTTP_REQUEST_NO_BODY, 0, true, false},
    {"GET HTTPS://[::1]:80 HTTP/1.1" NL H NL, "GET", "HTTPS://[::1]:80", "/", HTTP_REQUEST_NO_BODY,
     0, true, false},
    {"GET http://weir?x HTTP/1.1" NL H NL, "GET", "http://weir?x", "/", HTTP_REQUEST_NO_BODY, 0,
     true, false},
    {"OPTIONS * HTTP/1.1" NL H NL, "OPTIONS", "*", "*", HTTP_REQUEST_NO_BODY, 0, true, false},
    {"DELETE / HTTP/1.1" NL H "Content-Length: 3" NL NL, "DELETE", "/", "/", HTTP_REQUEST_LENGTH, 3,
     true, false},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1" NL H NL, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", "/",
     "/", HTTP_REQUEST_NO_BODY, 0, true, false},
    {"!#$%&'*+-.^_`|~09 /%00\"<>\\^`{|} HTTP/1.1" NL H NL, "!#$%&'*+-.^_`|~09", "/%00\"<>\\^`{|}",
     "/%00\"<>\\^`{|}", HTTP_REQUEST_NO_BODY, 0, true, false},
};

START_TEST(reads_requests)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        struct http_request req;
        enum http_request_error error = parse(good[i].head, strlen(good[i].head), &req);
        ck_assert_msg(error == HTTP_REQUEST_OK, "%s: %s", good[i].head, req.why);
        ck_assert_msg(is_text(req.method, good[i].method), "%s", good[i].head);
        ck_assert_msg(is_text(req.target, good[i].target), "%s", good[i].head);
        ck_assert_msg(is_text(req.path, good[i].path), "%s", good[i].head);
        ck_assert_msg(req.framing == good[i].framing, "%s", good[i].head);
        ck_assert_msg(req.content_length == good[i].length, "%s", good[i].head);
        ck_assert_msg(req.keep_alive == good[i].keep_alive, "%s", good[i].head);
        ck_assert_msg(req.expect_continue == good[i].expect_continue, "%s", good[i].head);
    }
}
END_TEST

START_TEST(gives_headers_by_name)
{
    static const char head[] =
        "GET / HTTP/1.1" NL H "X-One:1" NL "x-two:  2 two\t " NL "X-ONE: again" NL "Empty:" NL
        "Blank: \t " NL "Odd: caf\xc3\xa9 \xff\tx" NL NL;
    struct http_request req;
    ck_assert_int_eq(parse(head, strlen(head), &req), HTTP_REQUEST_OK);
    ck_assert_uint_eq(req.n_headers, 7);
    ck_assert_int_eq(req.version_minor, 1);
    ck_assert(is_text(*http_request_header(&req, "host"), "weir"));
    ck_assert(is_text(*http_request_header(&req, "x-one"), "1"));
    ck_assert(is_text(*http_request_header(&req, "X-TWO"), "2 two"));
    ck_assert(is_text(*http_request_header(&req, "empty"), ""));
    ck_assert(is_text(*http_request_header(&req, "blank"), ""));
    ck_assert(is_text(*http_request_header(&req, "odd"), "caf\xc3\xa9 \xff\tx"));
    ck_assert_ptr_null(http_request_header(&req, "x-on"));
    ck_assert_ptr_null(http_request_header(&req, "x-ones"));
    ck_assert(is_text(req.headers[3].name, "X-ONE"));
}
END_TEST

static enum http_request_error parse_with_headers(size_t n)
{
    struct buf head = BUF_INIT;
    struct http_request req;
    buf_puts(&head, "GET / HTTP/1.1" NL H);
    for (size_t i = 1; i < n; i++)
        buf_puts(&head, "X: y" NL);
    buf_puts(&head, NL);
    enum http_request_error error = parse(head.data, head.len, &req);
    buf_free(&head);
    return error;
}

START_TEST(bounds_the_number_of_headers)
{
    ck_assert_int_eq(parse_with_headers(HTTP_REQUEST_HEADERS_MAX), HTTP_REQUEST_OK);
    ck_assert_int_eq(parse_with_headers(HTTP_REQUEST_HEADERS_MAX + 1),
                     HTTP_REQUEST_TOO_MANY_HEADERS);
}
END_TEST

/* A head cut short is refused, never half believed, and never read past. */
START_TEST(refuses_every_prefix_of_a_head)
{
    static const char head[] = "POST /v1/chat/completions HTTP/1.1" NL H
                               "Content-Type: application/json" NL "Content-Length: 5" NL NL;
    struct http_request req;
    for (size_t len = 0; len < strlen(head); len++)
        ck_assert_msg(parse(head, len, &req) != HTTP_REQUEST_OK, "%zu", len);
    ck_assert_int_eq(parse(head, strlen(head), &req), HTTP_REQUEST_OK);
}
END_TEST

static const struct {
    const char *data;
    size_t end, skip;
} ends[] = {
    {"", 0, 0},
    {"GET / HTTP/1.1" NL H, 0, 0},
    {"GET / HTTP/1.1" NL NL, 18, 0},
    {"GET / HTTP/1.1" NL NL "body" NL NL, 18, 0},
    {NL "GET / HTTP/1.1" NL NL, 20, 2},
    {NL NL NL NL "a" NL NL, 13, 8},
    {NL NL NL NL, 0, 8},
    {NL, 0, 2},
    {"\r", 0, 0},
    /* too many empty lines, or bare line ends: an end, so that the parser refuses at once */
    {NL NL NL NL NL, 10, 8},
    {"\n", 1, 0},
    {"\nGET / HTTP/1.1" NL NL, 1, 0},
    {"GET / HTTP/1.1\nHost: a\n\nbody", 24, 0},
    {"GET / HTTP/1.1\n\r\nbody", 17, 0},
    {"GET / HTTP/1.1" NL "\nbody", 17, 0},
    {"GET / HTTP/1.1\r\rHost: a\r\r", 0, 0},
};

START_TEST(finds_the_end_of_the_head)
{
    for (size_t i = 0; i < UNIT_ROWS(ends); i++) {
        size_t skip, len = strlen(ends[i].data);
        size_t end = http_head_end(ends[i].data, len, 0, &skip);
        ck_assert_msg(end == ends[i].end && skip == ends[i].skip, "row %zu: %zu, %zu", i, end,
                      skip);
    }
}
END_TEST

/* However the bytes come in, the end is found with the byte that completes it. */
START_TEST(finds_the_end_piecewise)
{
    for (size_t i = 0; i < UNIT_ROWS(ends); i++) {
        size_t len = strlen(ends[i].data), skip, until = ends[i].end != 0 ? ends[i].end : len;
        for (size_t have = 0, step = 1; step <= len; step++) {
            size_t from = 0, end = 0;
            for (have = step; end == 0 && have < until; from = have, have += step)
                end = http_head_end(ends[i].data, have, from, &skip);
            ck_assert_msg(end == 0, "row %zu: %zu before %zu", i, end, until);
            end = http_head_end(ends[i].data, until, from, &skip);
            ck_assert_msg(end == ends[i].end, "row %zu in steps of %zu: %zu", i, step, end);
        }
    }
}
END_TEST

START_TEST(a_found_end_that_is_none_is_refused)
{
    for (size_t i = 0; i < UNIT_ROWS(ends); i++) {
        struct http_request req;
        if (ends[i].end == 0 || strstr(ends[i].data, H) != NULL)
            continue;
        ck_assert_msg(parse(ends[i].data + ends[i].skip, ends[i].end - ends[i].skip, &req) !=
                          HTTP_REQUEST_OK,
                      "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("http1", refuses_what_can_be_read_in_two_ways, reads_requests, gives_headers_by_name,
          bounds_the_number_of_headers, refuses_every_prefix_of_a_head, finds_the_end_of_the_head,
          finds_the_end_piecewise, a_found_end_that_is_none_is_refused)
