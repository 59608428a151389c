/* SPDX-License-Identifier: MIT */
/* sse: every text cut at every place, with every kind of line end, gives the same events. */
#include "common/http/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "tests/unit/unit.h"

#define EVENT_MAX_BYTES (8u << 20)

/* What came out, one line an event: `TYPE|DATA;`. */
struct heard {
    struct buf text;
    const char *feed; /* the latest feed, to see whether data lies in it */
    size_t feed_len;
    unsigned events, in_place;
    unsigned stops_after; /* events; 0 = never */
};

static bool hear(void *arg, const struct sse_event *event)
{
    struct heard *heard = arg;
    buf_put(&heard->text, event->type, event->type_len);
    buf_putc(&heard->text, '|');
    buf_put(&heard->text, event->data, event->data_len);
    buf_putc(&heard->text, ';');
    heard->events++;
    heard->in_place += event->data >= heard->feed &&
                       event->data + event->data_len <= heard->feed + heard->feed_len;
    return heard->stops_after == 0 || heard->events < heard->stops_after;
}

/* Feeds from memory of its own that is gone afterwards: nothing may be kept of it. */
static enum sse_result feed(struct sse *sse, struct heard *heard, const char *data, size_t len)
{
    char *copy = xmalloc(len);
    if (len > 0)
        memcpy(copy, data, len);
    heard->feed = copy;
    heard->feed_len = len;
    enum sse_result result = sse_feed(sse, copy, len);
    free(copy);
    heard->feed = NULL;
    heard->feed_len = 0;
    return result;
}

static const struct {
    const char *text, *events;
    size_t comments;
} rows[] = {
    {"", "", 0},
    {"\n\n\n", "", 0},
    {"data: a\n\n", "|a;", 0},
    {"data:a\n\n", "|a;", 0},
    {"data:  a \n\n", "| a ;", 0},
    {"data: a\n\ndata: b\n\n", "|a;|b;", 0},
    {"data: a\ndata: b\n\n", "|a\nb;", 0},
    {"data: a\ndata\ndata:\ndata: b\n\n", "|a\n\n\nb;", 0},
    {"data:\ndata: b\n\n", "|\nb;", 0},
    {"data\n\n", "|;", 0},
    {"data:\n\n", "|;", 0},
    {"data\ndata\n\n", "|\n;", 0},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "|a;", 0},
    {"\xef\xbb\xbf\xef\xbb\xbf"
     "data: a\n\n",
     "", 0},
    {"data: x\n\n\xef\xbb\xbf"
     "data: a\n\n",
     "|x;", 0},
    {"\xef\xbb\xbf\n\ndata: a\n\n", "|a;", 0},
    {": a comment\n\n:\n:data: no\ndata: a\n\n", "|a;", 3},
    {": OPENROUTER PROCESSING\n\ndata: {\"a\":1}\n\n", "|{\"a\":1};", 1},
    {"event: error\ndata: {}\n\ndata: b\n\n", "error|{};|b;", 0},
    {"event: one\nevent: two\ndata: a\n\n", "two|a;", 0},
    {"event: ping\n\ndata: a\n\n", "|a;", 0},
    {"data: a\nevent: late\n\n", "late|a;", 0},
    {"event\ndata: a\n\n", "|a;", 0},
    {"id: 7\nretry: 100\nfoo: bar\nbaz\ndata: a\n\n", "|a;", 0},
    {"id: 7\n\n", "", 0},
    {"Data: a\ndata : b\n data: c\ndatax: d\ndat: e\n\n", "", 0},
    {"data: a:b: c\n\n", "|a:b: c;", 0},
    {"data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n", "|\xe2\x82\xac\xf0\x9f\x98\x80;", 0},
    {"data: a\n\ndata: [DONE]\n\n", "|a;|[DONE];", 0},
    /* what ends without its blank line, or without its line end, is heard at the end */
    {"data: a\n", "|a;", 0},
    {"data: a\n\ndata: [DONE]", "|a;|[DONE];", 0},
    {"data: a\ndata: b", "|a\nb;", 0},
    {"data: a\n\nevent: x", "|a;", 0},
    {"data: a\n\n: comm", "|a;", 1},
    {"data: a\n\ndat", "|a;", 0},
    {"data: a\n\n\n\n\ndata: b\n\n\n", "|a;|b;", 0},
};

/* The text with LF replaced by line_end. */
static void with_line_ends(const char *text, const char *line_end, struct buf *out)
{
    buf_clear(out);
    for (; *text != '\0'; text++)
        if (*text == '\n')
            buf_puts(out, line_end);
        else
            buf_putc(out, *text);
}

/* Feeds in[0..a), in[a..b), in[b..] and compares. */
static void check_cut(const struct buf *in, size_t a, size_t b, const char *events, size_t comments)
{
    struct heard heard = {.text = BUF_INIT};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    ck_assert_int_eq(feed(sse, &heard, in->data, a), SSE_OK);
    ck_assert_int_eq(feed(sse, &heard, in->data + a, b - a), SSE_OK);
    ck_assert_int_eq(feed(sse, &heard, in->data + b, in->len - b), SSE_OK);
    ck_assert_int_eq(sse_finish(sse), SSE_OK);
    ck_assert_msg(strcmp(buf_cstr(&heard.text), events) == 0, "%.*s cut at %zu and %zu: %s",
                  (int)in->len, in->data, a, b, buf_cstr(&heard.text));
    ck_assert_uint_eq(sse_comments(sse), comments);
    sse_free(&sse);
    ck_assert_ptr_null(sse);
    buf_free(&heard.text);
}

static void check_bytewise(const struct buf *in, const char *events)
{
    struct heard heard = {.text = BUF_INIT};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    for (size_t i = 0; i < in->len; i++)
        ck_assert_int_eq(feed(sse, &heard, in->data + i, 1), SSE_OK);
    ck_assert_int_eq(sse_finish(sse), SSE_OK);
    ck_assert_msg(strcmp(buf_cstr(&heard.text), events) == 0, "%.*s bytewise: %s", (int)in->len,
                  in->data, buf_cstr(&heard.text));
    sse_free(&sse);
    buf_free(&heard.text);
}

static void check_all_cuts(const char *line_end)
{
    struct buf in = BUF_INIT;
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        with_line_ends(rows[i].text, line_end, &in);
        buf_cstr(&in);
        for (size_t a = 0; a <= in.len; a++)
            for (size_t b = a; b <= in.len; b++)
                check_cut(&in, a, b, rows[i].events, rows[i].comments);
        check_bytewise(&in, rows[i].events);
    }
    buf_free(&in);
}

START_TEST(every_cut_with_lf)
{
    check_all_cuts("\n");
}
END_TEST

START_TEST(every_cut_with_crlf)
{
    check_all_cuts("\r\n");
}
END_TEST

START_TEST(every_cut_with_cr)
{
    check_all_cuts("\r");
}
END_TEST

START_TEST(line_ends_may_be_mixed)
{
    struct buf in = BUF_INIT;
    buf_puts(&in, "data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\rdata: e\r\r\ndata: f\r\n\n");
    for (size_t a = 0; a <= in.len; a++)
        check_cut(&in, a, a, "|a\nb\nc;|d;|e;|f;", 0);
    buf_free(&in);
}
END_TEST

START_TEST(an_event_is_heard_at_its_blank_line)
{
    static const char *const ends[] = {"\n\n", "\r\n\r\n", "\r\r"};
    for (size_t i = 0; i < UNIT_ROWS(ends); i++) {
        struct heard heard = {.text = BUF_INIT};
        struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
        char text[32];
        snprintf(text, sizeof(text), "data: a%s", ends[i]);
        feed(sse, &heard, text, strlen(text));
        ck_assert_msg(heard.events == 1, "row %zu", i);
        sse_free(&sse);
        buf_free(&heard.text);
    }
}
END_TEST

/* A trailing CR may be half a CRLF; the event is handed out without waiting to see. */
START_TEST(a_trailing_cr_does_not_delay)
{
    struct heard heard = {.text = BUF_INIT};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    feed(sse, &heard, "data: a\r\n\r", 10);
    ck_assert_uint_eq(heard.events, 1);
    feed(sse, &heard, "\n", 1);
    feed(sse, &heard, "data: b\r\n\r\n", 11);
    ck_assert_str_eq(buf_cstr(&heard.text), "|a;|b;");
    sse_free(&sse);
    buf_free(&heard.text);
}
END_TEST

START_TEST(a_whole_event_is_not_copied)
{
    struct heard heard = {.text = BUF_INIT};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    feed(sse, &heard, "data: a\n\nid: 1\ndata: b\n\n", 24);
    ck_assert_uint_eq(heard.events, 2);
    ck_assert_uint_eq(heard.in_place, 2);
    /* the tail of a cut event, then a whole one */
    feed(sse, &heard, "data: c", 7);
    feed(sse, &heard, "\n\ndata: d\n\n", 11);
    ck_assert_uint_eq(heard.events, 4);
    ck_assert_uint_eq(heard.in_place, 3);
    sse_free(&sse);
    buf_free(&heard.text);
}
END_TEST

START_TEST(the_receiver_can_stop)
{
    struct heard heard = {.text = BUF_INIT, .stops_after = 2};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    ck_assert_int_eq(feed(sse, &heard, "data: a\n\ndata: b\n\ndata: c\n\n", 27), SSE_STOPPED);
    ck_assert_int_eq(feed(sse, &heard, "data: d\n\n", 9), SSE_STOPPED);
    ck_assert_int_eq(sse_finish(sse), SSE_STOPPED);
    ck_assert_str_eq(buf_cstr(&heard.text), "|a;|b;");
    sse_free(&sse);
    buf_free(&heard.text);
}
END_TEST

START_TEST(the_receiver_can_stop_at_the_end)
{
    struct heard heard = {.text = BUF_INIT, .stops_after = 1};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    ck_assert_int_eq(feed(sse, &heard, "data: a", 7), SSE_OK);
    ck_assert_int_eq(sse_finish(sse), SSE_STOPPED);
    ck_assert_uint_eq(heard.events, 1);
    sse_free(&sse);
    buf_free(&heard.text);
}
END_TEST

static bool measure(void *arg, const struct sse_event *event)
{
    *(size_t *)arg += event->data_len;
    return true;
}

/* One event of `size` data bytes in pieces of at most `piece`; what the receiver got of it. */
static enum sse_result feed_large(size_t size, size_t piece, size_t *got)
{
    size_t len = 6 + size + 2, at = 0;
    char *text = xmalloc(len);
    memset(text, 'x', len);
    memcpy(text, "data: ", 6);
    memcpy(text + len - 2, "\n\n", 2);
    *got = 0;
    struct sse *sse = sse_new(measure, got, EVENT_MAX_BYTES);
    enum sse_result result = SSE_OK;
    for (; at < len; at += piece)
        result = sse_feed(sse, text + at, len - at < piece ? len - at : piece);
    sse_free(&sse);
    free(text);
    return result;
}

START_TEST(an_event_of_a_megabyte_passes)
{
    size_t got;
    ck_assert_int_eq(feed_large(1 << 20, 1000, &got), SSE_OK);
    ck_assert_uint_eq(got, 1 << 20);
}
END_TEST

START_TEST(the_largest_event_passes_and_one_more_byte_does_not)
{
    static const size_t pieces[] = {SIZE_MAX / 4, 1 << 20, 16384};
    for (size_t i = 0; i < UNIT_ROWS(pieces); i++) {
        size_t got;
        ck_assert_int_eq(feed_large(EVENT_MAX_BYTES, pieces[i], &got), SSE_OK);
        ck_assert_uint_eq(got, EVENT_MAX_BYTES);
        ck_assert_int_eq(feed_large(EVENT_MAX_BYTES + 1, pieces[i], &got), SSE_TOO_LARGE);
        ck_assert_uint_eq(got, 0);
    }
}
END_TEST

/* Two data lines and the LF between them: together they may be as large as one. */
static enum sse_result feed_joined(size_t first, size_t second)
{
    size_t got = 0;
    char *text = xmalloc(first);
    memset(text, 'x', first);
    struct sse *sse = sse_new(measure, &got, EVENT_MAX_BYTES);
    sse_feed(sse, "data:", 5);
    sse_feed(sse, text, first);
    sse_feed(sse, "\ndata:", 6);
    sse_feed(sse, text, second);
    enum sse_result result = sse_feed(sse, "\n\n", 2);
    ck_assert_uint_eq(got, result == SSE_OK ? first + 1 + second : 0);
    sse_free(&sse);
    free(text);
    return result;
}

START_TEST(joined_lines_are_bounded_together)
{
    size_t half = EVENT_MAX_BYTES / 2;
    ck_assert_int_eq(feed_joined(half, half - 1), SSE_OK);
    ck_assert_int_eq(feed_joined(half, half), SSE_TOO_LARGE);
}
END_TEST

/* Without end, in whatever shape: memory stays bounded because the parser refuses. */
static void flood(const char *first, const char *again)
{
    size_t got = 0, fed = 0;
    struct sse *sse = sse_new(measure, &got, EVENT_MAX_BYTES);
    enum sse_result result = sse_feed(sse, first, strlen(first));
    for (; result == SSE_OK && fed < 4 * (size_t)EVENT_MAX_BYTES; fed += strlen(again))
        result = sse_feed(sse, again, strlen(again));
    ck_assert_msg(result == SSE_TOO_LARGE, "%s", first);
    ck_assert_int_eq(sse_finish(sse), SSE_TOO_LARGE);
    ck_assert_uint_eq(got, 0);
    sse_free(&sse);
}

START_TEST(an_event_without_end_is_refused)
{
    char again[4097];
    memset(again, 'y', sizeof(again) - 1);
    again[sizeof(again) - 1] = '\0';
    flood("data: ", again);
    flood(": ", again);
    flood("event: ", again);
    flood("", again);
    memcpy(again, "\ndata: ", 7);
    flood("data: a", again);
}
END_TEST

/* Small events cut in the middle: buffers are reused, nothing of one is left in the next. */
START_TEST(events_after_a_large_one_are_whole)
{
    struct heard heard = {.text = BUF_INIT};
    struct buf large = BUF_INIT;
    buf_puts(&large, "event: big\ndata: ");
    for (int i = 0; i < 200000; i++)
        buf_putc(&large, 'x');
    buf_puts(&large, "\n");
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    feed(sse, &heard, large.data, large.len / 2);
    feed(sse, &heard, large.data + large.len / 2, large.len - large.len / 2);
    feed(sse, &heard, "\n", 1);
    ck_assert_uint_eq(heard.text.len, 200000 + strlen("big|;"));
    buf_clear(&heard.text);
    feed(sse, &heard, "da", 2);
    feed(sse, &heard, "ta: s\nda", 8);
    feed(sse, &heard, "ta: t\n", 6);
    feed(sse, &heard, "\n", 1);
    ck_assert_str_eq(buf_cstr(&heard.text), "|s\nt;");
    sse_free(&sse);
    buf_free(&large);
    buf_free(&heard.text);
}
END_TEST

START_TEST(a_nul_is_data)
{
    struct heard heard = {.text = BUF_INIT};
    struct sse *sse = sse_new(hear, &heard, EVENT_MAX_BYTES);
    feed(sse, &heard, "data: a\0b\n\n", 11);
    ck_assert_uint_eq(heard.text.len, 5);
    ck_assert(memcmp(heard.text.data, "|a\0b;", 5) == 0);
    sse_free(&sse);
    buf_free(&heard.text);
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
    struct sse *sse = NULL;
    sse_free(&sse);
    ck_assert_ptr_null(sse);
}
END_TEST

UNIT_MAIN("sse", every_cut_with_lf, every_cut_with_crlf, every_cut_with_cr, line_ends_may_be_mixed,
          an_event_is_heard_at_its_blank_line, a_trailing_cr_does_not_delay,
          a_whole_event_is_not_copied, the_receiver_can_stop, the_receiver_can_stop_at_the_end,
          an_event_of_a_megabyte_passes, the_largest_event_passes_and_one_more_byte_does_not,
          joined_lines_are_bounded_together, an_event_without_end_is_refused,
          events_after_a_large_one_are_whole, a_nul_is_data, freeing_nothing_is_fine)
