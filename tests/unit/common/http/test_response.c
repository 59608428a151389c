/* SPDX-License-Identifier: MIT */
/* http_response: answers cut at every place read the same; what is not exactly the grammar is
 * refused; how a body ends is never a guess. */
#include "common/http/response.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

struct got {
    enum http_response_result result; /* the last one */
    int heads, status;
    struct buf headers, body; /* headers as "name=value;" */
    size_t taken;             /* how much of the input belongs to the answer */
    bool keeps_alive, may_end_here, has_head;
    const char *why;
};

static void note_head(struct got *got, const struct http_response_head *head)
{
    got->heads++;
    got->status = head->status;
    for (size_t i = 0; i < head->n_headers; i++) {
        buf_put(&got->headers, head->headers[i].name.at, head->headers[i].name.len);
        buf_putc(&got->headers, '=');
        buf_put(&got->headers, head->headers[i].value.at, head->headers[i].value.len);
        buf_putc(&got->headers, ';');
    }
}

static bool is_final(enum http_response_result result)
{
    return result == HTTP_RESPONSE_END || result == HTTP_RESPONSE_BAD;
}

/* Feeds one piece, in a copy that ends where the piece ends, until it is used up. */
static void feed_piece(struct http_response *r, struct got *got, const char *data, size_t len)
{
    static struct http_response_head head;
    char *copy = xmalloc(len);
    memcpy(copy, data, len);
    size_t at = 0;
    do {
        size_t used = 0;
        struct http_text piece;
        got->result = http_response_feed(r, copy + at, len - at, &used, &head, &piece);
        at += used;
        ck_assert_uint_le(at, len);
        if (got->result == HTTP_RESPONSE_HEAD)
            note_head(got, &head);
        if (got->result == HTTP_RESPONSE_DATA) {
            ck_assert(piece.len > 0 && piece.at >= copy && piece.at + piece.len <= copy + at);
            buf_put(&got->body, piece.at, piece.len);
        }
    } while (!is_final(got->result) && got->result != HTTP_RESPONSE_MORE);
    if (got->result == HTTP_RESPONSE_MORE)
        ck_assert_uint_eq(at, len);
    got->taken += at;
    free(copy);
}

static struct got feed(const char *data, size_t len, size_t step)
{
    struct http_response r;
    struct got got = {.result = HTTP_RESPONSE_MORE};
    http_response_init(&r);
    for (size_t at = 0; at < len && !is_final(got.result); at += step)
        feed_piece(&r, &got, data + at, len - at < step ? len - at : step);
    got.keeps_alive = r.keeps_alive;
    got.may_end_here = http_response_may_end_here(&r);
    got.has_head = http_response_has_head(&r);
    got.why = got.result == HTTP_RESPONSE_BAD ? http_response_why(&r) : NULL;
    http_response_deinit(&r);
    return got;
}

static void got_free(struct got *got)
{
    buf_free(&got->headers);
    buf_free(&got->body);
}

#define NL      "\r\n"
#define OK      "HTTP/1.1 200 OK" NL
#define CHUNKED "Transfer-Encoding: chunked" NL

static const struct {
    const char *data;
    int status;
    const char *headers, *body, *rest;
    bool is_whole, keeps_alive;
} good[] = {
    {OK "Content-Length: 3" NL NL "abc", 200, "Content-Length=3;", "abc", "", true, true},
    {OK "content-length:3" NL NL "abcHTTP/1.1", 200, "content-length=3;", "abc", "HTTP/1.1", true,
     true},
    {OK "Content-Length: 0" NL NL, 200, "Content-Length=0;", "", "", true, true},
    {OK "Content-Length: 5" NL NL "abc", 200, "Content-Length=5;", "abc", "", false, true},
    {OK CHUNKED NL "3" NL "abc" NL "0" NL NL "x", 200, "Transfer-Encoding=chunked;", "abc", "x",
     true, true},
    {OK "transfer-encoding: CHUNKED" NL NL "1" NL "a" NL "2" NL "bc" NL "0" NL "T: x" NL NL, 200,
     "transfer-encoding=CHUNKED;", "abc", "", true, true},
    {OK CHUNKED NL "3" NL "abc" NL, 200, "Transfer-Encoding=chunked;", "abc", "", false, true},
    {OK NL "until the end", 200, "", "until the end", "", false, false},
    {OK NL, 200, "", "", "", false, false},
    {"HTTP/1.1 200 " NL "Content-Length: 0" NL NL, 200, "Content-Length=0;", "", "", true, true},
    {"HTTP/1.1 200" NL "Content-Length: 0" NL NL, 200, "Content-Length=0;", "", "", true, true},
    {"HTTP/1.1 404 Not \xc3\xa9 Found\t!" NL "Content-Length: 1" NL NL "x", 404,
     "Content-Length=1;", "x", "", true, true},
    {"HTTP/1.1 999 ?" NL "Content-Length: 0" NL NL, 999, "Content-Length=0;", "", "", true, true},
    /* no body, whatever the fields say */
    {"HTTP/1.1 204 No Content" NL NL "x", 204, "", "", "x", true, true},
    {"HTTP/1.1 204 No Content" NL "Content-Length: 3" NL NL "abc", 204, "Content-Length=3;", "",
     "abc", true, true},
    {"HTTP/1.1 304 Not Modified" NL CHUNKED NL "0", 304, "Transfer-Encoding=chunked;", "", "0",
     true, true},
    /* interim answers are skipped, and their headers with them */
    {"HTTP/1.1 100 Continue" NL NL OK "Content-Length: 1" NL NL "a", 200, "Content-Length=1;", "a",
     "", true, true},
    {"HTTP/1.1 103 Early" NL "Link: x" NL "Content-Length: 9" NL NL "HTTP/1.1 102 P" NL NL OK
     "Content-Length: 1" NL NL "a",
     200, "Content-Length=1;", "a", "", true, true},
    /* the connection afterwards */
    {OK "Connection: close" NL "Content-Length: 1" NL NL "a", 200,
     "Connection=close;Content-Length=1;", "a", "", true, false},
    {OK "Connection: x, Close" NL CHUNKED NL "0" NL NL, 200,
     "Connection=x, Close;Transfer-Encoding=chunked;", "", "", true, false},
    {"HTTP/1.0 200 OK" NL "Content-Length: 1" NL NL "a", 200, "Content-Length=1;", "a", "", true,
     false},
    {"HTTP/1.0 200 OK" NL "Connection: keep-alive" NL "Content-Length: 1" NL NL "a", 200,
     "Connection=keep-alive;Content-Length=1;", "a", "", true, true},
    {"HTTP/1.0 200 OK" NL "Connection: keep-alive" NL NL "a", 200, "Connection=keep-alive;", "a",
     "", false, false},
    /* forgiven: what can mean one thing only */
    {OK "Server : x" NL "Content-Length: 1" NL NL "a", 200, "Server=x;Content-Length=1;", "a", "",
     true, true},
    {OK "Server\t \t:x" NL CHUNKED NL "0" NL NL, 200, "Server=x;Transfer-Encoding=chunked;", "", "",
     true, true},
    {OK "Content-Length: 1" NL "content-length: 1" NL NL "ab", 200,
     "Content-Length=1;content-length=1;", "a", "b", true, true},
    {OK "Content-Length: 1, 1 ,01" NL NL "a", 200, "Content-Length=1, 1 ,01;", "a", "", true, true},
    {OK CHUNKED NL "0003 ;x" NL "abc" NL "000000000 " NL NL, 200, "Transfer-Encoding=chunked;",
     "abc", "", true, true},
    /* and where another reader might see another end, the connection is not used again */
    {OK "Content-Length: 1" NL CHUNKED NL "3" NL "abc" NL "0" NL NL, 200,
     "Content-Length=1;Transfer-Encoding=chunked;", "abc", "", true, false},
    {OK CHUNKED "Content-Length: 0" NL NL "3" NL "abc" NL "0" NL NL, 200,
     "Transfer-Encoding=chunked;Content-Length=0;", "abc", "", true, false},
    {OK "Content-Length : 1" NL NL "a", 200, "Content-Length=1;", "a", "", true, false},
    {OK "Transfer-Encoding : chunked" NL NL "1" NL "a" NL "0" NL NL, 200,
     "Transfer-Encoding=chunked;", "a", "", true, false},
    {"HTTP/1.0 200 OK" NL "Connection: keep-alive" NL CHUNKED NL "1" NL "a" NL "0" NL NL, 200,
     "Connection=keep-alive;Transfer-Encoding=chunked;", "a", "", true, false},
    /* values */
    {OK "A:" NL "B: \t x y\t " NL "C: \xff" NL "Content-Length: 0" NL NL, 200,
     "A=;B=x y;C=\xff;Content-Length=0;", "", "", true, true},
};

START_TEST(reads_answers_cut_anywhere)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        size_t len = strlen(good[i].data);
        for (size_t step = 1; step <= len; step++) {
            struct got got = feed(good[i].data, len, step);
            ck_assert_msg(got.result == (good[i].is_whole ? HTTP_RESPONSE_END : HTTP_RESPONSE_MORE),
                          "row %zu in steps of %zu: %d", i, step, (int)got.result);
            ck_assert_int_eq(got.heads, 1);
            ck_assert(got.has_head);
            ck_assert_int_eq(got.status, good[i].status);
            ck_assert_str_eq(buf_cstr(&got.headers), good[i].headers);
            ck_assert_str_eq(buf_cstr(&got.body), good[i].body);
            ck_assert_str_eq(good[i].data + got.taken, good[i].rest);
            ck_assert_msg(got.keeps_alive == good[i].keeps_alive, "row %zu", i);
            got_free(&got);
        }
    }
}
END_TEST

static const struct {
    const char *data;
    bool may_end;
} cuts[] = {
    {"", false},
    {"HTTP/1.1 200 OK", false},
    {OK "Content-Le", false},
    {OK NL, true},
    {OK NL "abc", true},
    {"HTTP/1.0 200 OK" NL NL "abc", true},
    {OK "Content-Length: 3" NL NL, false},
    {OK "Content-Length: 3" NL NL "ab", false},
    {OK "Content-Length: 3" NL NL "abc", true},
    {OK CHUNKED NL, false},
    {OK CHUNKED NL "3" NL "ab", false},
    {OK CHUNKED NL "3" NL "abc" NL, false},
    {OK CHUNKED NL "3" NL "abc" NL "0" NL, false},
    {OK CHUNKED NL "3" NL "abc" NL "0" NL NL, true},
    {"HTTP/1.1 100 Continue" NL NL, false},
    {"HTTP/1.1 204 No Content" NL NL, true},
};

START_TEST(knows_where_a_connection_may_end)
{
    for (size_t i = 0; i < UNIT_ROWS(cuts); i++) {
        struct got got = feed(cuts[i].data, strlen(cuts[i].data), 1);
        ck_assert_msg(got.may_end_here == cuts[i].may_end, "row %zu", i);
        got_free(&got);
    }
}
END_TEST

#define BAD(data)                 \
    {                             \
        data, sizeof(data "") - 1 \
    }

static const struct {
    const char *data;
    size_t len;
} bad_heads[] = {
    BAD("SSH-2.0-OpenSSH_9.2"),
    BAD("\r\n" OK NL),
    BAD(" " OK NL),
    BAD("http/1.1 200 OK" NL NL),
    BAD("HTTP/2 200 OK" NL NL),
    BAD("HTTP/2.0 200 OK" NL NL),
    BAD("HTTP/1.2 200 OK" NL NL),
    BAD("HTTP/1.10 200 OK" NL NL),
    BAD("HTTP/1.1" NL NL),
    BAD("HTTP/1.1 " NL NL),
    BAD("HTTP/1.1 20" NL NL),
    BAD("HTTP/1.1 2000 OK" NL NL),
    BAD("HTTP/1.1 200OK" NL NL),
    BAD("HTTP/1.1  200 OK" NL NL),
    BAD("HTTP/1.1\t200 OK" NL NL),
    BAD("HTTP/1.1 +20 OK" NL NL),
    BAD("HTTP/1.1 099 OK" NL NL),
    BAD("HTTP/1.1 2x0 OK" NL NL),
    BAD("HTTP/1.1 200 O\x00K" NL NL),
    BAD("HTTP/1.1 200 O\rK" NL NL),
    BAD("HTTP/1.1 101 Switching Protocols" NL "Upgrade: x" NL NL),
    BAD("HTTP/1.1 200 OK\n\n"),
    BAD(OK "A: b\n" NL),
    BAD(OK "A: b\n\n"),
    BAD(OK "A: b\rc" NL NL),
    BAD(OK "A: \x00" NL NL),
    BAD(OK "A: \x7f" NL NL),
    BAD(OK "A" NL NL),
    BAD(OK ": b" NL NL),
    BAD(OK "A b: c" NL NL),
    BAD(OK " A: b" NL NL),
    BAD(OK "A: b" NL " c" NL NL),
    BAD(OK "\xc3: b" NL NL),
    BAD(OK "Content-Length: 1" NL "Content-Length: 2" NL NL),
    BAD(OK "Content-Length: 1" NL "Content-Length: 2" NL CHUNKED NL),
    BAD(OK "Content-Length: 1, 2" NL NL),
    BAD(OK "Content-Length: 1, " NL NL),
    BAD(OK "Content-Length: , 1" NL NL),
    BAD(OK "Content-Length: 1,,1" NL NL),
    BAD(OK "Content-Length: 1" NL "Content-Length: x" NL NL),
    BAD(OK "Content-Length : x" NL NL),
    BAD(OK "Transfer-Encoding : gzip" NL NL),
    BAD(OK "A \v: b" NL NL),
    BAD(OK " : b" NL NL),
    BAD(OK "A B : c" NL NL),
    BAD(OK "Content-Length:" NL NL),
    BAD(OK "Content-Length: +1" NL NL),
    BAD(OK "Content-Length: -1" NL NL),
    BAD(OK "Content-Length: 0x1" NL NL),
    BAD(OK "Content-Length: 1000000000000000" NL NL),
    BAD(OK "Content-Length: 99999999999999999999" NL NL),
    BAD(OK "Content-Length: 18446744073709551617" NL NL),
    BAD(OK CHUNKED CHUNKED NL),
    BAD(OK "Transfer-Encoding: gzip, chunked" NL NL),
    BAD(OK "Transfer-Encoding: identity" NL NL),
    BAD(OK "Transfer-Encoding: xchunked" NL NL),
    BAD(OK "Transfer-Encoding: chunked;q=1" NL NL),
    BAD(OK "Transfer-Encoding:" NL NL),
    BAD("HTTP/1.1 100 Continue" NL NL "HTTP/1.1 200 OK\n\n"),
    BAD("HTTP/1.1 100 Continue" NL NL NL),
    BAD("HTTP/1.1 100 Continue" NL "Content-Length: x" NL NL),
};

START_TEST(refuses_all_other_heads)
{
    for (size_t i = 0; i < UNIT_ROWS(bad_heads); i++) {
        for (size_t step = 1; step <= bad_heads[i].len; step++) {
            struct got got = feed(bad_heads[i].data, bad_heads[i].len, step);
            ck_assert_msg(got.result == HTTP_RESPONSE_BAD, "row %zu in steps of %zu: %s", i, step,
                          bad_heads[i].data);
            ck_assert_int_eq(got.heads, 0);
            ck_assert(!got.has_head && !got.may_end_here);
            ck_assert_ptr_nonnull(got.why);
            got_free(&got);
        }
    }
}
END_TEST

static const char *const bad_bodies[] = {
    OK CHUNKED NL "x",
    OK CHUNKED NL "3" NL "abcd",
    OK CHUNKED NL "3\nabc",
    OK CHUNKED NL NL,
    OK CHUNKED NL "7fffffffffffffff" NL,
    OK CHUNKED NL "ffffffffffffffff" NL,
    OK CHUNKED NL "10000000000000000" NL,
    OK CHUNKED NL "100000000" NL,
};

START_TEST(refuses_malformed_chunks_behind_a_head)
{
    for (size_t i = 0; i < UNIT_ROWS(bad_bodies); i++) {
        struct got got = feed(bad_bodies[i], strlen(bad_bodies[i]), 1);
        ck_assert_msg(got.result == HTTP_RESPONSE_BAD, "row %zu", i);
        ck_assert_int_eq(got.heads, 1);
        ck_assert(got.has_head && !got.may_end_here);
        got_free(&got);
    }
}
END_TEST

START_TEST(a_refusal_and_an_end_stay)
{
    static struct http_response_head head;
    struct http_response r;
    struct http_text piece;
    size_t used;
    http_response_init(&r);
    ck_assert_int_eq(http_response_feed(&r, "x", 1, &used, &head, &piece), HTTP_RESPONSE_BAD);
    ck_assert_int_eq(http_response_feed(&r, OK NL, strlen(OK NL), &used, &head, &piece),
                     HTTP_RESPONSE_BAD);
    ck_assert_uint_eq(used, 0);
    http_response_deinit(&r);
    http_response_init(&r);
    static const char none[] = "HTTP/1.1 204 -" NL NL;
    ck_assert_int_eq(http_response_feed(&r, none, strlen(none), &used, &head, &piece),
                     HTTP_RESPONSE_HEAD);
    ck_assert_int_eq(http_response_feed(&r, "", 0, &used, &head, &piece), HTTP_RESPONSE_END);
    ck_assert_int_eq(http_response_feed(&r, "x", 1, &used, &head, &piece), HTTP_RESPONSE_END);
    ck_assert_uint_eq(used, 0);
    http_response_deinit(&r);
}
END_TEST

/* `first`, `filler` until the input has `total` bytes, `last`. */
static struct got feed_long(const char *first, const char *filler, size_t total, const char *last,
                            size_t step)
{
    struct buf data = BUF_INIT;
    buf_puts(&data, first);
    while (data.len + strlen(last) < total)
        buf_puts(&data, filler);
    buf_puts(&data, last);
    struct got got = feed(data.data, data.len, step);
    buf_free(&data);
    return got;
}

START_TEST(bounds_heads)
{
    static const size_t steps[] = {100, 65536, 1u << 20};
    for (size_t i = 0; i < UNIT_ROWS(steps); i++) {
        struct got fits = feed_long(OK "A: ", "x", HTTP_RESPONSE_HEAD_MAX, NL NL, steps[i]);
        ck_assert_int_eq(fits.heads, 1);
        struct got over = feed_long(OK "A: ", "x", HTTP_RESPONSE_HEAD_MAX + 1, NL NL, steps[i]);
        ck_assert_int_eq(over.result, HTTP_RESPONSE_BAD);
        ck_assert_int_eq(over.heads, 0);
        struct got endless = feed_long(OK "A: ", "x", 1u << 20, "", steps[i]);
        ck_assert_int_eq(endless.result, HTTP_RESPONSE_BAD);
        ck_assert_uint_le(endless.taken, HTTP_RESPONSE_HEAD_MAX + 1);
        struct got interim = feed_long("", "HTTP/1.1 102 P" NL NL, 1u << 20, "", steps[i]);
        ck_assert_int_eq(interim.result, HTTP_RESPONSE_BAD);
        got_free(&fits);
        got_free(&over);
        got_free(&endless);
        got_free(&interim);
    }
}
END_TEST

START_TEST(bounds_the_number_of_headers)
{
    size_t first = strlen(OK), each = strlen("A:" NL);
    struct got fits = feed_long(OK, "A:" NL, first + HTTP_RESPONSE_HEADERS_MAX * each + 2, NL, 9);
    ck_assert_int_eq(fits.heads, 1);
    struct got over =
        feed_long(OK, "A:" NL, first + (HTTP_RESPONSE_HEADERS_MAX + 1) * each + 2, NL, 9);
    ck_assert_int_eq(over.result, HTTP_RESPONSE_BAD);
    got_free(&fits);
    got_free(&over);
}
END_TEST

UNIT_MAIN("http_response", reads_answers_cut_anywhere, knows_where_a_connection_may_end,
          refuses_all_other_heads, refuses_malformed_chunks_behind_a_head,
          a_refusal_and_an_end_stay, bounds_heads, bounds_the_number_of_headers)
