/* SPDX-License-Identifier: MIT */
/* sim_http: requests read whole and cut at every byte give the same; what is refused, and why. */
#include "tests/sim/sim_http.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

/* Feeds text in pieces of `step` bytes, from memory of exactly the size seen so far. */
static enum sim_http_state feed(struct sim_http_request *r, const char *text, size_t len,
                                size_t step)
{
    enum sim_http_state state = SIM_HTTP_IN_HEAD;
    for (size_t n = step; state == SIM_HTTP_IN_HEAD || state == SIM_HTTP_IN_BODY; n += step) {
        size_t now = n < len ? n : len;
        char *copy = xmalloc(now);
        memcpy(copy, text, now);
        state = sim_http_read(r, copy, now);
        free(copy);
        if (now == len)
            break;
    }
    return state;
}

static bool span_is(const char *text, struct sim_http_span span, const char *wanted)
{
    return span.len == strlen(wanted) && memcmp(text + span.at, wanted, span.len) == 0;
}

static const struct {
    const char *text;
    const char *method, *target, *body;
    size_t ahead; /* bytes of the next request behind it */
    bool is_keep_alive;
} good[] = {
    {"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/v1/models", "", 0, true},
    {"GET / HTTP/1.1\r\n\r\nGET ", "GET", "/", "", 4, true},
    {"\r\n\nGET / HTTP/1.1\nHost: a\n\n", "GET", "/", "", 0, true},
    {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", 0, false},
    {"GET / HTTP/1.1\r\nConnection: keep-alive, Close\r\n\r\n", "GET", "/", "", 0, false},
    {"POST /x?y=z HTTP/1.1\r\ncontent-LENGTH:  5 \r\n\r\nhellonext", "POST", "/x?y=z", "hello", 4,
     true},
    {"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "POST", "/", "", 0, true},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
     "00A;x=y\r\n, worldly!\r\n0\r\nTrailer: x\r\n\r\nGET",
     "POST", "/", "hello, worldly!", 3, true},
    {"POST / HTTP/1.1\nTransfer-Encoding: Chunked\n\n1\na\n0\n\n", "POST", "/", "a", 0, true},
};

static void assert_good(size_t row, size_t step)
{
    const char *text = good[row].text;
    size_t len = strlen(text), body_len;
    struct sim_http_request r;
    sim_http_init(&r);
    ck_assert_msg(feed(&r, text, len, step) == SIM_HTTP_COMPLETE, "row %zu, step %zu: %s", row,
                  step, r.error);
    ck_assert(span_is(text, r.method, good[row].method));
    ck_assert(span_is(text, r.target, good[row].target));
    const char *body = sim_http_body(&r, text, len, &body_len);
    ck_assert_uint_eq(body_len, strlen(good[row].body));
    ck_assert_int_eq(memcmp(body, good[row].body, body_len), 0);
    ck_assert_msg(r.read_at + good[row].ahead == len, "row %zu, step %zu ends at %zu", row, step,
                  r.read_at);
    ck_assert_int_eq(r.is_keep_alive, good[row].is_keep_alive);
    sim_http_free(&r);
}

START_TEST(good_requests_are_read_however_they_are_cut)
{
    for (size_t row = 0; row < UNIT_ROWS(good); row++)
        for (size_t step = 1; step <= strlen(good[row].text); step++)
            assert_good(row, step);
}
END_TEST

static const struct {
    const char *text;
    int status;
} refused[] = {
    {"GET /\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\n\r\n", 400},
    {"GET / x HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\n\r\n", 400},
    {"G(T / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nContent-Length: 1,1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nContent-Length: 9999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nExpect: miracles\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n000000001\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413},
};

START_TEST(what_two_readers_could_read_differently_is_refused)
{
    for (size_t row = 0; row < UNIT_ROWS(refused); row++) {
        const char *text = refused[row].text;
        for (size_t step = 1; step <= strlen(text); step++) {
            struct sim_http_request r;
            sim_http_init(&r);
            ck_assert_msg(feed(&r, text, strlen(text), step) == SIM_HTTP_BAD, "row %zu, step %zu",
                          row, step);
            ck_assert_int_eq(r.error_status, refused[row].status);
            ck_assert_ptr_nonnull(r.error);
            sim_http_free(&r);
        }
    }
}
END_TEST

static enum sim_http_state read_long_head(size_t bytes, int *status)
{
    char *text = xmalloc(bytes);
    memset(text, 'a', bytes);
    memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
    struct sim_http_request r;
    sim_http_init(&r);
    enum sim_http_state state = sim_http_read(&r, text, bytes);
    *status = r.error_status;
    sim_http_free(&r);
    free(text);
    return state;
}

START_TEST(a_head_is_bounded)
{
    int status;
    ck_assert_int_eq(read_long_head(SIM_HTTP_HEAD_MAX, &status), SIM_HTTP_IN_HEAD);
    ck_assert_int_eq(read_long_head(SIM_HTTP_HEAD_MAX + 1, &status), SIM_HTTP_BAD);
    ck_assert_int_eq(status, 431);
}
END_TEST

START_TEST(a_request_that_stops_is_not_complete)
{
    static const char text[] = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell";
    struct sim_http_request r;
    sim_http_init(&r);
    for (size_t n = 1; n < sizeof(text); n++)
        ck_assert_int_ne(sim_http_read(&r, text, n), SIM_HTTP_COMPLETE);
    ck_assert_int_eq(r.state, SIM_HTTP_IN_BODY);
    sim_http_free(&r);
}
END_TEST

START_TEST(expectations_are_seen)
{
    static const char text[] =
        "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    struct sim_http_request r;
    sim_http_init(&r);
    ck_assert_int_eq(sim_http_read(&r, text, sizeof(text) - 1), SIM_HTTP_IN_BODY);
    ck_assert(r.is_expecting);
    sim_http_free(&r);
}
END_TEST

START_TEST(fields_come_one_by_one)
{
    const char *at = "A:b\r\nC : d\nE:\t f g \r\n", *name, *value;
    size_t left = strlen(at), name_len, value_len;
    ck_assert(sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len));
    ck_assert(name_len == 1 && *name == 'A' && value_len == 1 && *value == 'b');
    ck_assert(sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len));
    ck_assert(name_len == 2 && value_len == 1 && *value == 'd');
    ck_assert(sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len));
    ck_assert(name_len == 1 && value_len == 3 && memcmp(value, "f g", 3) == 0);
    ck_assert(!sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len));
}
END_TEST

static void assert_digest(size_t step)
{
    static const char head[] = "POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n";
    size_t head_len = sizeof(head) - 1, len = head_len + 1000000;
    char *text = xmalloc(len), hex[SHA256_HEX_BYTES];
    memset(text, 'a', len);
    memcpy(text, head, head_len);
    struct sim_http_request r;
    sim_http_init(&r);
    for (size_t n = step; sim_http_read(&r, text, n < len ? n : len) == SIM_HTTP_IN_BODY; n += step)
        continue;
    ck_assert_int_eq(r.state, SIM_HTTP_COMPLETE);
    sim_http_body_digest(&r, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sim_http_free(&r);
    free(text);
}

/* FIPS 180-4's example of a million a's */
START_TEST(long_bodies_are_hashed_as_they_arrive)
{
    assert_digest(SIZE_MAX / 2);
    assert_digest(60000);
    assert_digest(333);
}
END_TEST

UNIT_MAIN("sim_http", good_requests_are_read_however_they_are_cut,
          what_two_readers_could_read_differently_is_refused, a_head_is_bounded,
          a_request_that_stops_is_not_complete, expectations_are_seen, fields_come_one_by_one,
          long_bodies_are_hashed_as_they_arrive)
