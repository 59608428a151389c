/* SPDX-License-Identifier: MIT */
/* weirctl's columns on screens of every size, and its small texts. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "trackerd/weirctl/columns.h"
#include "trackerd/weirctl/text.h"

#define N_ROWS 40

/* Forty pairs; number 30 rests, number 35 has failures, all others are quiet. */
static struct pair_row rows[N_ROWS];
static char names[N_ROWS][32];

static void fill_rows(void)
{
    for (int i = 0; i < N_ROWS; i++) {
        snprintf(names[i], sizeof(names[i]), "some-long-model-name-%02d", i);
        rows[i] = (struct pair_row){
            .provider = "provider", .model = names[i], .requests = 1000, .failures = 1};
    }
    rows[30].status = PAIR_EXHAUSTED;
    rows[30].cooldown_remaining_ms = 61000;
    strcpy(rows[30].reason, "mid-stream failures exceeded threshold");
    rows[35].mid_failures = 2;
}

static struct buf drawn(size_t n, int width, int height, bool has_colors)
{
    struct buf out = BUF_INIT;
    fill_rows();
    columns_put(&out, rows, n,
                &(struct screen){
                    .is_live = true, .has_colors = has_colors, .width = width, .height = height});
    buf_cstr(&out);
    return out;
}

static size_t count_lines(const struct buf *text, size_t *widest)
{
    size_t lines = 0;
    *widest = 0;
    for (const char *at = text->data, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        size_t width = text_width(at, (size_t)(end - at));
        *widest = width > *widest ? width : *widest;
        lines++;
    }
    return lines;
}

START_TEST(no_screen_is_too_small)
{
    for (int width = 60; width <= 200; width++) {
        for (int height = 2; height <= 50; height++) {
            size_t widest;
            struct buf text = drawn(N_ROWS, width, height, false);
            size_t lines = count_lines(&text, &widest);
            ck_assert_msg(widest <= (size_t)width, "%zu characters in %d", widest, width);
            ck_assert_msg(lines == (size_t)(height > N_ROWS ? N_ROWS + 1 : height),
                          "%zu lines in %d", lines, height);
            buf_free(&text);
        }
    }
}
END_TEST

START_TEST(what_matters_is_seen)
{
    struct buf text = drawn(N_ROWS, 80, 6, false);
    ck_assert_ptr_nonnull(strstr(text.data, "name-30  exhausted   1m01s     0"));
    ck_assert_ptr_nonnull(strstr(text.data, "name-35  available       -     2"));
    ck_assert_ptr_nonnull(strstr(text.data, "name-01 "));
    ck_assert_ptr_null(strstr(text.data, "name-02 "));
    ck_assert_ptr_nonnull(strstr(text.data, "\n... and 36 more\n"));
    ck_assert_ptr_nonnull(strstr(text.data, " mid-stream "));
    buf_free(&text);
}
END_TEST

START_TEST(without_a_screen_all_is_there)
{
    struct buf text = drawn(N_ROWS, 0, 0, false);
    size_t widest;
    ck_assert_uint_eq(count_lines(&text, &widest), N_ROWS + 1);
    ck_assert_ptr_nonnull(strstr(text.data, "mid-stream failures exceeded threshold\n"));
    ck_assert_ptr_nonnull(strstr(text.data, " COOLDOWNS REQUESTS SUCCEEDED FAILED  REASON\n"));
    ck_assert_ptr_null(strchr(text.data, '\033'));
    ck_assert_ptr_null(strstr(text.data, " \n"));
    ck_assert(strstr(text.data, "name-29") < strstr(text.data, "name-30"));
    buf_free(&text);
}
END_TEST

START_TEST(rows_that_fit_keep_their_order)
{
    struct buf text = drawn(3, 80, 4, false);
    size_t widest;
    ck_assert_uint_eq(count_lines(&text, &widest), 4);
    ck_assert_ptr_null(strstr(text.data, "more"));
    buf_free(&text);
}
END_TEST

START_TEST(colors_take_no_room)
{
    struct buf plain = drawn(N_ROWS, 80, 24, false), colored = drawn(N_ROWS, 80, 24, true);
    struct buf stripped = BUF_INIT;
    ck_assert_ptr_nonnull(strstr(colored.data, "\033[31mexhausted\033[0m"));
    ck_assert_ptr_nonnull(strstr(colored.data, "\033[32mavailable\033[0m"));
    for (const char *at = colored.data; *at != '\0'; at++) {
        if (*at == '\033')
            at = strchr(at, 'm');
        else
            buf_putc(&stripped, *at);
    }
    ck_assert_str_eq(buf_cstr(&stripped), plain.data);
    buf_free(&plain);
    buf_free(&colored);
    buf_free(&stripped);
}
END_TEST

START_TEST(totals)
{
    struct buf text = BUF_INIT;
    fill_rows();
    columns_put_totals(&text, rows, N_ROWS);
    ck_assert_str_eq(buf_cstr(&text),
                     "40 pairs: 39 available, 1 exhausted; 40000 requests, 40 failed");
    buf_free(&text);
}
END_TEST

static const struct {
    const char *text;
    size_t width;
    const char *cut;
} cuts[] = {
    {"abc", 0, "abc"},
    {"abc", 3, "abc"},
    {"abcd", 3, "ab~"},
    {"abcd", 1, "~"},
    {"m\303\274n", 3, "m\303\274n"},
    {"m\303\274nch", 3, "m\303\274~"},
    {"", 5, ""},
};

START_TEST(cutting)
{
    for (size_t i = 0; i < UNIT_ROWS(cuts); i++) {
        struct buf out = BUF_INIT;
        text_put_cut(&out, cuts[i].text, strlen(cuts[i].text), cuts[i].width);
        ck_assert_str_eq(buf_cstr(&out), cuts[i].cut);
        buf_free(&out);
    }
}
END_TEST

START_TEST(control_characters)
{
    struct buf out = BUF_INIT;
    text_put_clean(&out, "a\033[2Jb\n\177\302\233c\303\274\377d\302");
    ck_assert_str_eq(buf_cstr(&out), "a?[2Jb ??c\303\274?d?");
    buf_free(&out);
}
END_TEST

static const struct {
    uint64_t ms;
    const char *text;
} durations[] = {
    {0, "0ms"},          {999, "999ms"},
    {1000, "1.0s"},      {59999, "59.9s"},
    {60000, "1m00s"},    {3599999, "59m59s"},
    {3600000, "1h00m"},  {86399999, "23h59m"},
    {86400000, "1d00h"}, {UINT64_C(31) * 86400000, "31d00h"},
};

START_TEST(duration)
{
    for (size_t i = 0; i < UNIT_ROWS(durations); i++) {
        struct buf out = BUF_INIT;
        text_put_duration(&out, durations[i].ms);
        ck_assert_str_eq(buf_cstr(&out), durations[i].text);
        buf_free(&out);
    }
}
END_TEST

UNIT_MAIN("columns", no_screen_is_too_small, what_matters_is_seen, without_a_screen_all_is_there,
          rows_that_fit_keep_their_order, colors_take_no_room, totals, cutting, control_characters,
          duration)
