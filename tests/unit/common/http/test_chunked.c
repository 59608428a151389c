/* SPDX-License-Identifier: MIT */
/* http_chunked: bodies cut at every place give the same bytes; what is not exactly the grammar is
 * refused at the first wrong byte. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/http/chunked.h"
#include "tests/unit/unit.h"

/* Feeds in pieces of `step` bytes and collects the body. Returns the last result; *taken is how
 * much of the input belongs to the body. */
static enum http_chunked_result feed_as(bool forgives, const char *data, size_t len, size_t step,
                                        struct buf *body, size_t *taken)
{
    struct http_chunked chunked;
    enum http_chunked_result result = HTTP_CHUNKED_MORE;
    http_chunked_init(&chunked, forgives);
    *taken = 0;
    while (*taken < len && (result == HTTP_CHUNKED_MORE || result == HTTP_CHUNKED_DATA)) {
        size_t n = len - *taken < step ? len - *taken : step, used;
        struct http_text piece;
        char *copy = xmalloc(n);
        memcpy(copy, data + *taken, n);
        result = http_chunked_feed(&chunked, copy, n, &used, &piece);
        ck_assert_uint_le(used, n);
        if (result == HTTP_CHUNKED_MORE)
            ck_assert_uint_eq(used, n);
        if (result == HTTP_CHUNKED_DATA) {
            ck_assert(piece.len > 0 && piece.at >= copy && piece.at + piece.len <= copy + used);
            buf_put(body, piece.at, piece.len);
        }
        free(copy);
        *taken += used;
    }
    return result;
}

static enum http_chunked_result feed(const char *data, size_t len, size_t step, struct buf *body,
                                     size_t *taken)
{
    return feed_as(false, data, len, step, body, taken);
}

static const struct {
    const char *data, *body, *rest;
} good[] = {
    {"0\r\n\r\n", "", ""},
    {"0\r\n\r\nGET / HTTP/1.1\r\n", "", "GET / HTTP/1.1\r\n"},
    {"3\r\nabc\r\n0\r\n\r\n", "abc", ""},
    {"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", ""},
    {"00000003\r\nabc\r\n00000000\r\n\r\n", "abc", ""},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789", ""},
    {"9\r\n012345678\r\n00f\r\n0123456789abcde\r\n0\r\n\r\n", "0123456780123456789abcde", ""},
    {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""},
    {"3;ext\r\nabc\r\n0;x=\"y\"\r\n\r\n", "abc", ""},
    {"3; a = b\t;c\r\nabc\r\n0\r\n\r\n", "abc", ""},
    {"3;\r\nabc\r\n0\r\n\r\n", "abc", ""},
    {"0\r\nTrailer: x\r\nA:\r\nB:\t caf\xc3\xa9\r\n\r\nrest", "", "rest"},
    {"0\r\nContent-Length: 5\r\n\r\nrest", "", "rest"},
};

START_TEST(reads_bodies_cut_anywhere)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        size_t len = strlen(good[i].data);
        for (size_t step = 1; step <= len; step++) {
            struct buf body = BUF_INIT;
            size_t taken;
            ck_assert_msg(feed(good[i].data, len, step, &body, &taken) == HTTP_CHUNKED_END,
                          "row %zu in steps of %zu", i, step);
            ck_assert_str_eq(buf_cstr(&body), good[i].body);
            ck_assert_str_eq(good[i].data + taken, good[i].rest);
            buf_free(&body);
        }
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
} bad[] = {
    BAD("0x3\r\nabc\r\n"),
    BAD("+3\r\nabc\r\n"),
    BAD("-3\r\nabc\r\n"),
    BAD(" 3\r\nabc\r\n"),
    BAD("3 \r\nabc\r\n"),
    BAD("3\t\r\nabc\r\n"),
    BAD("3 ;x\r\nabc\r\n"),
    BAD("\r\nabc\r\n"),
    BAD(";x\r\nabc\r\n"),
    BAD("g\r\n"),
    BAD("3g\r\n"),
    BAD("3,3\r\n"),
    BAD("000000003\r\nabc\r\n"),
    BAD("100000000\r\n"),
    BAD("3\nabc\r\n"),
    BAD("3\r\rabc\r\n"),
    BAD("3\rabc\r\n"),
    BAD("3;x\nabc\r\n"),
    BAD("3;x\ry\r\nabc\r\n"),
    BAD("3;\x00\r\nabc\r\n"),
    BAD("3;\x7f\r\nabc\r\n"),
    BAD("3\x00\r\nabc\r\n"),
    BAD("3\r\nabc0\r\n\r\n"),
    BAD("3\r\nabcd\r\n"),
    BAD("3\r\nabc\n0\r\n\r\n"),
    BAD("3\r\nabc\r0\r\n\r\n"),
    BAD("3\r\nabc\r\n\r\n"),
    BAD("3\r\nabc\r\n 0\r\n\r\n"),
    BAD("0\r\n\n"),
    BAD("0\n\r\n"),
    BAD("0\n\n"),
    BAD("0\r\n\rx"),
    BAD("0\r\nX: a\n\r\n"),
    BAD("0\r\nX: a\rb\r\n\r\n"),
    BAD("0\r\nX: a\x00\r\n\r\n"),
    BAD("0\r\nX : a\r\n\r\n"),
    BAD("0\r\n: a\r\n\r\n"),
    BAD("0\r\nX\r\n\r\n"),
    BAD("0\r\n fold\r\n\r\n"),
    BAD("0\r\nX: a\r\n b\r\n\r\n"),
    BAD("0\r\nX\xc3: a\r\n\r\n"),
};

START_TEST(refuses_all_else)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        for (size_t step = 1; step <= bad[i].len; step++) {
            struct buf body = BUF_INIT;
            size_t taken;
            ck_assert_msg(feed(bad[i].data, bad[i].len, step, &body, &taken) == HTTP_CHUNKED_BAD,
                          "row %zu in steps of %zu: %s", i, step, bad[i].data);
            buf_free(&body);
        }
    }
}
END_TEST

/* What real providers send: refused from clients. */
static const struct {
    const char *data, *body;
} forgiven[] = {
    {"3 \r\nabc\r\n0\r\n\r\n", "abc"},
    {"3  \t \r\nabc\r\n0 \r\n\r\n", "abc"},
    {"3 ;x\r\nabc\r\n0 ; y\r\n\r\n", "abc"},
    {"000000003\r\nabc\r\n0\r\n\r\n", "abc"},
    {"3\r\nabc\r\n0000000000000000\r\n\r\n", "abc"},
    {"00000000000000000000000000000000000003\r\nabc\r\n0\r\n\r\n", "abc"},
    {"000000003 ;x=y\r\nabc\r\n0\r\n\r\n", "abc"},
};

START_TEST(forgives_providers_what_can_mean_one_thing_only)
{
    for (size_t i = 0; i < UNIT_ROWS(forgiven); i++) {
        size_t len = strlen(forgiven[i].data);
        for (size_t step = 1; step <= len; step++) {
            struct buf body = BUF_INIT;
            size_t taken;
            ck_assert_msg(feed_as(true, forgiven[i].data, len, step, &body, &taken) ==
                              HTTP_CHUNKED_END,
                          "row %zu in steps of %zu", i, step);
            ck_assert_uint_eq(taken, len);
            ck_assert_str_eq(buf_cstr(&body), forgiven[i].body);
            ck_assert_int_eq(feed(forgiven[i].data, len, step, &body, &taken), HTTP_CHUNKED_BAD);
            buf_free(&body);
        }
    }
}
END_TEST

static const char *const unforgivable[] = {
    "100000000\r\n",  "0100000000\r\n", "00 3\r\nabc\r\n", " 3\r\nabc\r\n",
    "3 3\r\nabc\r\n", "3 x\r\nabc\r\n", "0x3\r\nabc\r\n",  "+3\r\nabc\r\n",
    ";x\r\nabc\r\n",  " \r\nabc\r\n",   "3 \nabc\r\n",     "3\nabc\r\n",
};

START_TEST(forgives_nobody_what_is_ambiguous)
{
    for (size_t i = 0; i < UNIT_ROWS(unforgivable); i++) {
        struct buf body = BUF_INIT;
        size_t taken, len = strlen(unforgivable[i]);
        ck_assert_msg(feed_as(true, unforgivable[i], len, 1, &body, &taken) == HTTP_CHUNKED_BAD,
                      "row %zu", i);
        buf_free(&body);
    }
}
END_TEST

START_TEST(a_refusal_and_an_end_stay)
{
    struct http_chunked chunked;
    struct http_text piece;
    size_t used;
    http_chunked_init(&chunked, false);
    ck_assert_int_eq(http_chunked_feed(&chunked, "x", 1, &used, &piece), HTTP_CHUNKED_BAD);
    ck_assert_int_eq(http_chunked_feed(&chunked, "0\r\n\r\n", 5, &used, &piece), HTTP_CHUNKED_BAD);
    ck_assert_uint_eq(used, 0);
    http_chunked_init(&chunked, false);
    ck_assert_int_eq(http_chunked_feed(&chunked, "0\r\n\r\n", 5, &used, &piece), HTTP_CHUNKED_END);
    ck_assert_int_eq(http_chunked_feed(&chunked, "x", 1, &used, &piece), HTTP_CHUNKED_END);
    ck_assert_uint_eq(used, 0);
}
END_TEST

/* `first`, then `filler` repeated to `total` bytes: refused, and before much more than `bound`. */
static void check_bound(bool forgives, const char *first, char filler, size_t bound)
{
    struct buf data = BUF_INIT, body = BUF_INIT;
    size_t taken;
    buf_puts(&data, first);
    for (size_t i = 0; i < 2 * bound; i++)
        buf_putc(&data, filler);
    ck_assert_msg(feed_as(forgives, data.data, data.len, 100, &body, &taken) == HTTP_CHUNKED_BAD,
                  "%s", first);
    ck_assert_msg(taken <= strlen(first) + bound + 1, "%s: %zu", first, taken);
    buf_free(&data);
    buf_free(&body);
}

START_TEST(bounds_what_is_no_body)
{
    check_bound(false, "1;", 'x', 256);
    check_bound(false, "0\r\n", 'x', 8192);
    check_bound(false, "0\r\nX: ", 'x', 8192);
    check_bound(true, "0", '0', 256);
    check_bound(true, "1", ' ', 256);
}
END_TEST

START_TEST(bounds_all_trailers_together)
{
    struct buf data = BUF_INIT, body = BUF_INIT;
    size_t taken;
    buf_puts(&data, "0\r\n");
    for (int i = 0; i < 2000; i++)
        buf_puts(&data, "X: a\r\n");
    buf_puts(&data, "\r\n");
    ck_assert_int_eq(feed(data.data, data.len, data.len, &body, &taken), HTTP_CHUNKED_BAD);
    buf_free(&data);
    buf_free(&body);
}
END_TEST

START_TEST(a_long_extension_on_every_chunk_passes)
{
    struct buf data = BUF_INIT, body = BUF_INIT;
    size_t taken;
    for (int i = 0; i < 100; i++) {
        buf_puts(&data, "1;");
        for (int k = 0; k < 250; k++)
            buf_putc(&data, 'x');
        buf_puts(&data, "\r\na\r\n");
    }
    buf_puts(&data, "0\r\n\r\n");
    ck_assert_int_eq(feed(data.data, data.len, 7, &body, &taken), HTTP_CHUNKED_END);
    ck_assert_uint_eq(body.len, 100);
    buf_free(&data);
    buf_free(&body);
}
END_TEST

START_TEST(the_largest_chunk_is_four_gigabytes)
{
    struct http_chunked chunked;
    struct http_text piece;
    size_t used;
    http_chunked_init(&chunked, false);
    ck_assert_int_eq(http_chunked_feed(&chunked, "ffffffff\r\nab", 12, &used, &piece),
                     HTTP_CHUNKED_DATA);
    ck_assert_uint_eq(used, 12);
    ck_assert_uint_eq(piece.len, 2);
    ck_assert_uint_eq(chunked.left, UINT32_MAX - 2);
}
END_TEST

UNIT_MAIN("http_chunked", reads_bodies_cut_anywhere, refuses_all_else,
          forgives_providers_what_can_mean_one_thing_only, forgives_nobody_what_is_ambiguous,
          a_refusal_and_an_end_stay, bounds_what_is_no_body, bounds_all_trailers_together,
          a_long_extension_on_every_chunk_passes, the_largest_chunk_is_four_gigabytes)
