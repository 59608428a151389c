/* SPDX-License-Identifier: MIT */
/* Answers' bodies that are not what their label, or the request, says; and coded ones, in slices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "config.h"
#include "tests/replay/replay.h"
#include "tests/unit/unit.h"
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#define SSE      "content-type: text/event-stream; charset=utf-8\n"
#define JSON     "content-type: application/json\n"
#define TEXT     "content-type: text/plain\n"
#define HTML     "content-type: text/html\n"
#define NONE     "x: y\n"
#define CONTENT  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define FINISH   "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE     "data: [DONE]\n\n"
#define STREAM   CONTENT FINISH DONE
#define ANSWER   "{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}"
#define TOO_LONG "{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\"}}"

static void ask(bool is_stream)
{
    if (is_stream)
        replay_chat_stream();
    else
        replay_chat_plain();
}

/* ---- labels ---------------------------------------------------------------------------------- */

enum expected {
    SERVED,
    FAILED,
    REFUSED
};

static const struct {
    bool is_stream;
    const char *label, *body;
    enum expected expected;
} labels[] = {
    {true, SSE, STREAM, SERVED},
    {true, JSON, STREAM, SERVED},
    {true, TEXT, STREAM, SERVED},
    {true, NONE, STREAM, SERVED},
    {true, HTML, STREAM, SERVED},
    {true, JSON, "\n\r\n\n" STREAM, SERVED},
    {true, JSON, ": waiting\n\n" STREAM, SERVED},
    {true, NONE, "\xef\xbb\xbf" STREAM, SERVED},
    {true, NONE, "event: x\n" STREAM, SERVED},
    {true, NONE, "id: 1\n" STREAM, SERVED},
    {true, NONE, "retry:1\n\n" STREAM, SERVED},
    {true, JSON, ANSWER, FAILED},
    {true, SSE, ANSWER, FAILED},
    {true, SSE, " \n" ANSWER, FAILED},
    {true, NONE, "", FAILED},
    {true, JSON, "  ", FAILED},
    {true, HTML, "<html>", FAILED},
    {true, TEXT, "overloaded", FAILED},
    {true, TEXT, "database: {}", FAILED},
    {true, JSON, TOO_LONG, REFUSED},
    {true, SSE, TOO_LONG, REFUSED},
    {true, NONE, TOO_LONG, REFUSED},
    {false, JSON, ANSWER, SERVED},
    {false, SSE, ANSWER, SERVED},
    {false, NONE, ANSWER, SERVED},
    {false, TEXT, "\n\n" ANSWER, SERVED},
    {false, SSE, TOO_LONG, REFUSED},
    {false, SSE, STREAM, FAILED},
    {false, JSON, STREAM, FAILED},
    {false, NONE, ": x\n\n" STREAM, FAILED},
    {false, SSE, "", FAILED},
    {false, JSON, "<html>", FAILED},
    {false, HTML, "<html>", FAILED},
};

static void check_label(unsigned i, size_t step)
{
    size_t len = strlen(labels[i].body);
    ask(labels[i].is_stream);
    replay_head(200, labels[i].label);
    for (size_t at = 0; at < len && replay_is_sending() && replay_pair() == 0; at += step)
        replay_bytes(labels[i].body + at, len - at < step ? len - at : step);
    if (replay_is_sending() && replay_pair() == 0)
        replay_done(TRANSFER_COMPLETE);
    if (labels[i].expected == SERVED) {
        ck_assert_msg(replay_is_over() && replay_status() == 200, "row %u in steps of %zu", i,
                      step);
        ck_assert_msg(strstr(replay_body(), "hi") != NULL, "row %u in steps of %zu", i, step);
        return;
    }
    ck_assert_msg(replay_is_sending() && replay_pair() == 1, "row %u in steps of %zu", i, step);
    replay_client_leaves();
    unsigned failures = replay_events(EV_PRE_FAILURE, 0) + replay_events(EV_MID_FAILURE, 0);
    ck_assert_msg(failures == (labels[i].expected == FAILED), "row %u in steps of %zu", i, step);
}

START_TEST(the_body_decides)
{
    static const size_t steps[] = {1, 2, 3, 5, 1000};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (i > 0)
            replay_begin();
        check_label((unsigned)_i, steps[i]);
        if (i + 1 < sizeof(steps) / sizeof(steps[0]))
            replay_end();
    }
}
END_TEST

/* ---- codings --------------------------------------------------------------------------------- */

#ifdef HAVE_ZLIB
static struct buf gzipped(const char *data, size_t len)
{
    struct buf out = BUF_INIT;
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    size_t bound = deflateBound(&z, len);
    z.next_out = (Bytef *)buf_reserve(&out, bound);
    z.avail_out = (uInt)bound;
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)len;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.len = z.total_out;
    deflateEnd(&z);
    return out;
}

#define GZIP "content-encoding: gzip\n"

static const struct {
    bool is_stream;
    int status;
    const char *head, *body;
    bool is_coded;
    enum expected expected;
} coded[] = {
    {true, 200, SSE GZIP, STREAM, true, SERVED},
    {true, 200, SSE, STREAM, true, SERVED},
    {true, 200, JSON "content-encoding: x-gzip\n", STREAM, true, SERVED},
    {true, 200, SSE GZIP, STREAM, false, SERVED},
    {false, 200, JSON GZIP, ANSWER, true, SERVED},
    {false, 200, JSON, ANSWER, true, SERVED},
    {false, 200, JSON "content-encoding: identity\n", ANSWER, true, SERVED},
    {false, 200, JSON GZIP, ANSWER, false, SERVED},
    {false, 200, SSE, ANSWER, true, SERVED},
    {false, 200, JSON "content-encoding: br\n", ANSWER, false, FAILED},
    {false, 200, JSON "content-encoding: zstd\n", ANSWER, false, FAILED},
    {false, 200, JSON "content-encoding: gzip, gzip\n", ANSWER, true, FAILED},
    {true, 200, SSE "content-encoding: br\n", STREAM, false, FAILED},
    {false, 400, JSON GZIP, TOO_LONG, true, REFUSED},
    {false, 400, JSON, TOO_LONG, true, REFUSED},
    {true, 400, JSON, TOO_LONG, true, REFUSED},
    {true, 400, JSON "content-encoding: br\n", "\x0b", false, REFUSED},
    {false, 500, JSON GZIP, "{}", true, FAILED},
};

static void check_coded(unsigned i, size_t step)
{
    struct buf body = BUF_INIT;
    if (coded[i].is_coded)
        body = gzipped(coded[i].body, strlen(coded[i].body));
    else
        buf_puts(&body, coded[i].body);
    ask(coded[i].is_stream);
    replay_head(coded[i].status, coded[i].head);
    for (size_t at = 0; at < body.len && replay_is_sending() && replay_pair() == 0; at += step)
        replay_bytes(body.data + at, body.len - at < step ? body.len - at : step);
    if (replay_is_sending() && replay_pair() == 0)
        replay_done(TRANSFER_COMPLETE);
    buf_free(&body);
    if (coded[i].expected == SERVED) {
        ck_assert_msg(replay_is_over() && replay_status() == 200, "row %u in steps of %zu", i,
                      step);
        ck_assert_msg(strstr(replay_body(), "hi") != NULL, "row %u in steps of %zu", i, step);
        return;
    }
    ck_assert_msg(replay_is_sending() && replay_pair() == 1, "row %u in steps of %zu", i, step);
    replay_client_leaves();
    unsigned failures = replay_events(EV_PRE_FAILURE, 0) + replay_events(EV_MID_FAILURE, 0);
    ck_assert_msg(failures == (coded[i].expected == FAILED), "row %u in steps of %zu", i, step);
}

START_TEST(coded_or_not_it_says_the_same)
{
    check_coded((unsigned)_i, 1);
    replay_end();
    replay_begin();
    check_coded((unsigned)_i, 1000);
}
END_TEST

/* The words of a coded 400 reach the client plain. */
START_TEST(a_coded_error_is_relayed_plain)
{
    struct buf body = gzipped(TOO_LONG, strlen(TOO_LONG));
    replay_chat_plain();
    for (int i = 0; i < REPLAY_PAIRS; i++) {
        replay_head(400, JSON);
        replay_bytes(body.data, body.len);
        replay_done(TRANSFER_COMPLETE);
    }
    ck_assert_int_eq(replay_status(), 400);
    ck_assert_str_eq(replay_body(), TOO_LONG);
    buf_free(&body);
}
END_TEST

/* So do those that are for weir: it asks again without stream_options, and reads that anew. */
START_TEST(a_coded_refusal_of_stream_options_is_understood)
{
    static const char words[] = "{\"error\":{\"message\":\"unknown parameter stream_options\"}}";
    struct buf body = gzipped(words, strlen(words)), text = gzipped(STREAM, strlen(STREAM));
    replay_chat_stream();
    replay_head(400, JSON GZIP);
    replay_bytes(body.data, body.len);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert_ptr_null(strstr(replay_sent_body(), "stream_options"));
    replay_head(200, JSON);
    replay_bytes(text.data, text.len);
    ck_assert(replay_is_over());
    ck_assert_str_eq(replay_body(), STREAM);
    buf_free(&body);
    buf_free(&text);
}
END_TEST

START_TEST(a_coded_body_that_is_cut_is_cut)
{
    struct buf body = gzipped(ANSWER, strlen(ANSWER));
    replay_chat_plain();
    replay_head(200, JSON GZIP);
    replay_bytes(body.data, body.len - 4);
    replay_done(TRANSFER_COMPLETE);
    ck_assert_uint_eq(replay_pair(), 1);
    buf_free(&body);
}
END_TEST

START_TEST(a_coded_stream_that_breaks_is_a_broken_stream)
{
    struct buf body = gzipped(STREAM, strlen(CONTENT));
    body.data[body.len - 5] ^= 0x55; /* the checksum */
    replay_chat_stream();
    replay_head(200, SSE);
    replay_bytes(body.data, body.len);
    ck_assert(replay_is_over());
    ck_assert_ptr_nonnull(strstr(replay_body(), "stream_error"));
    ck_assert_uint_eq(replay_events(EV_MID_FAILURE, 0), 1);
    buf_free(&body);
}
END_TEST

static struct buf repeated(const char *text, size_t len)
{
    struct buf out = BUF_INIT;
    while (out.len < len)
        buf_puts(&out, text);
    return out;
}

/* 64 KiB that would be 64 MiB: some turns later it is known for what it is, and nothing is held. */
START_TEST(a_bomb_is_an_answer_too_large)
{
    struct buf blanks = repeated("                    ", 20u << 20);
    struct buf body = gzipped(blanks.data, blanks.len);
    unsigned slices = 0;
    ck_assert_uint_lt(body.len, 65536);
    replay_chat_plain();
    replay_head(200, JSON GZIP);
    replay_bytes(body.data, body.len);
    ck_assert_uint_eq(replay_pair(), 0);
    ck_assert(replay_is_paused());
    replay_done(TRANSFER_COMPLETE); /* it has come as a whole, but is not decoded */
    while (!replay_is_sending())
        ck_assert(replay_slice() && ++slices < 100);
    ck_assert_uint_eq(replay_pair(), 1);
    ck_assert_uint_ge(slices, 8); /* of 8 MiB, what conf allows here */
    ck_assert_uint_eq(replay_events(EV_PRE_FAILURE, 0), 0);
    buf_free(&body);
    buf_free(&blanks);
}
END_TEST

/* A large stream of good content takes several turns, keeps its order, stops for its client, and
 * its end comes last. */
START_TEST(a_large_coded_stream_comes_in_slices)
{
    struct buf text = repeated(CONTENT, 3u << 20);
    size_t contents = text.len;
    buf_puts(&text, FINISH DONE);
    struct buf body = gzipped(text.data, text.len);
    replay_chat_stream();
    replay_head(200, SSE);
    replay_client_queues(1u << 20);
    replay_bytes(body.data, body.len);
    ck_assert(replay_is_paused());
    ck_assert(!replay_slice()); /* the client takes nothing: nothing is decoded for it */
    size_t first = strlen(replay_body());
    ck_assert_uint_ge(first, 250u << 10);
    ck_assert_uint_le(first, 1u << 20);
    replay_client_reads();
    ck_assert(replay_is_paused());
    replay_done(TRANSFER_COMPLETE);
    ck_assert(!replay_is_over());
    while (replay_slice())
        ;
    ck_assert(replay_is_over());
    ck_assert_uint_eq(strlen(replay_body()), text.len);
    ck_assert_str_eq(replay_body() + contents, FINISH DONE);
    buf_free(&body);
    buf_free(&text);
}
END_TEST

START_TEST(a_client_that_leaves_leaves_no_slice)
{
    struct buf text = repeated(CONTENT, 3u << 20), body = gzipped(text.data, text.len);
    replay_chat_stream();
    replay_head(200, SSE);
    replay_bytes(body.data, body.len);
    replay_client_leaves();
    ck_assert(!replay_slice());
    buf_free(&body);
    buf_free(&text);
}
END_TEST
#endif

int main(void)
{
    TCase *tc = tcase_create("bodies");
    tcase_add_checked_fixture(tc, replay_begin, replay_end);
    tcase_add_loop_test(tc, the_body_decides, 0, sizeof(labels) / sizeof(labels[0]));
#ifdef HAVE_ZLIB
    tcase_add_loop_test(tc, coded_or_not_it_says_the_same, 0, sizeof(coded) / sizeof(coded[0]));
    tcase_add_test(tc, a_coded_error_is_relayed_plain);
    tcase_add_test(tc, a_coded_refusal_of_stream_options_is_understood);
    tcase_add_test(tc, a_coded_body_that_is_cut_is_cut);
    tcase_add_test(tc, a_coded_stream_that_breaks_is_a_broken_stream);
    tcase_add_test(tc, a_bomb_is_an_answer_too_large);
    tcase_add_test(tc, a_large_coded_stream_comes_in_slices);
    tcase_add_test(tc, a_client_that_leaves_leaves_no_slice);
#endif
    return unit_run_case("bodies", tc);
}
