/* SPDX-License-Identifier: MIT */
/* trackerd/table/statefile.c: what comes back after a reboot, and what is refused. */
#include "trackerd/table/statefile.h"

#include <stdio.h>
#include <string.h>

#include "common/terms/pair_key.h"
#include "common/terms/quota.h"
#include "tests/unit/unit.h"

#define MS   UINT64_C(1000000)
#define WALL UINT64_C(1790000000000)

/* Before the reboot the boot clock stood at an hour, after it stands at a minute. */
static const struct cooldown_now before = {.at = 3600000 * MS, .wall_ms = WALL};

static struct cooldown_now after(uint64_t ms_later)
{
    return (struct cooldown_now){.at = 60000 * MS, .wall_ms = WALL + ms_later};
}

static struct table *sample(void)
{
    static const struct cooldown_rules rules = {.recovery_concurrency = 1};
    struct table *table = table_new(8);
    struct shm_table_state row;
    cooldown_init(&row, "prov", "org/model \"x\"", pair_key_hash("prov", "org/model \"x\""),
                  &rules);
    row.hot.cooldown_until_at = before.at + 50000 * MS;
    row.hot.cooldown_began_at = before.at - 10000 * MS;
    row.hot.incident = 5;
    row.hot.mid_failures = 2;
    row.hot.pre_failures = 1;
    row.hot.flags = SHM_TABLE_RECOVERING | SHM_TABLE_QUOTA;
    row.cause = CAUSE_RATE_LIMITED;
    strcpy(row.reason, "429 \u00fcberlastet \u2026");
    row.escalation = 3;
    row.cooldowns = 6;
    row.cooldowns_by_cause[CAUSE_RATE_LIMITED] = 6;
    row.mid_failures_total = 77;
    row.last_success_at = before.at - 20000 * MS;
    row.quota_remaining_requests = 12;
    row.quota_reset_requests_wall_ms = WALL + 5;
    row.quota_updated_wall_ms = WALL - 5;
    table_adopt(table, &row);
    cooldown_init(&row, "quiet", "m", pair_key_hash("quiet", "m"), &rules);
    table_adopt(table, &row); /* says nothing: not in the file */
    return table;
}

static struct buf sample_text(void)
{
    struct buf text = BUF_INIT;
    struct table *table = sample();
    statefile_write(table, before, &text);
    table_free(&table);
    buf_cstr(&text);
    return text;
}

static enum statefile_error read_into(struct table *table, const struct buf *text, uint64_t later,
                                      unsigned *restored)
{
    return statefile_read(text->data, text->len, table, after(later), restored);
}

START_TEST(survives_a_reboot)
{
    struct buf text = sample_text();
    struct table *table = table_new(8);
    unsigned restored;
    ck_assert_int_eq(read_into(table, &text, 30000, &restored), STATEFILE_OK);
    ck_assert_uint_eq(restored, 1);
    int index = table_find(table, pair_key_hash("prov", "org/model \"x\""), 0);
    ck_assert_int_ge(index, 0);
    const struct shm_table_state *row = &table->rows[index].state;
    ck_assert_uint_eq(row->hot.cooldown_until_at, after(0).at + 20000 * MS);
    ck_assert_uint_eq(row->hot.cooldown_began_at, after(0).at - 40000 * MS);
    ck_assert_uint_eq(row->hot.incident, 5);
    ck_assert_uint_eq(row->hot.mid_failures, 2);
    ck_assert_uint_eq(row->hot.pre_failures, 1);
    ck_assert_uint_eq(row->hot.flags, SHM_TABLE_RECOVERING | SHM_TABLE_QUOTA);
    ck_assert_uint_eq(row->cause, CAUSE_RATE_LIMITED);
    ck_assert_str_eq(row->reason, "429 \u00fcberlastet \u2026");
    ck_assert_uint_eq(row->escalation, 3);
    ck_assert_uint_eq(row->cooldowns, 6);
    ck_assert_uint_eq(row->cooldowns_by_cause[CAUSE_RATE_LIMITED], 6);
    ck_assert_uint_eq(row->mid_failures_total, 77);
    ck_assert_int_eq(row->quota_remaining_requests, 12);
    ck_assert_int_eq(row->quota_remaining_tokens, QUOTA_UNKNOWN);
    ck_assert_uint_eq(row->quota_reset_requests_wall_ms, WALL + 5);
    ck_assert_uint_eq(row->last_success_at, after(0).at - 50000 * MS);
    table_free(&table);
    buf_free(&text);
}
END_TEST

START_TEST(ended_meanwhile_is_dropped)
{
    struct buf text = sample_text();
    struct table *table = table_new(8);
    unsigned restored;
    ck_assert_int_eq(read_into(table, &text, 50000, &restored), STATEFILE_OK);
    const struct shm_table_state *row = &table->rows[0].state;
    ck_assert_uint_eq(row->hot.cooldown_until_at, 0);
    ck_assert_uint_eq(row->hot.mid_failures, 2); /* counters stay */
    ck_assert(row->hot.flags & SHM_TABLE_RECOVERING);
    table_free(&table);
    buf_free(&text);
}
END_TEST

/* The wall clock was set back by years: no cooldown may last that long. */
START_TEST(absurd_clock)
{
    struct buf text = sample_text();
    struct table *table = table_new(8);
    struct cooldown_now now = {.at = 60000 * MS, .wall_ms = 1000000};
    unsigned restored;
    ck_assert_int_eq(statefile_read(text.data, text.len, table, now, &restored), STATEFILE_OK);
    const struct shm_table_hot *hot = &table->rows[0].state.hot;
    ck_assert_uint_le(shm_table_rest_ns(hot, now.at), SHM_TABLE_REST_MAX_NS);
    ck_assert_uint_le(hot->cooldown_began_at, now.at);
    table_free(&table);
    buf_free(&text);
}
END_TEST

/* The sample's cooldown began 10 s before it was written and is 60 s long. */
START_TEST(no_more_is_left_than_its_length)
{
    static const struct {
        uint64_t back_ms; /* how far the wall clock went back meanwhile */
        uint64_t left_ms;
    } rows[] = {
        {0, 50000},     {1000, 51000},    {10000, 60000},
        {10001, 60000}, {3600000, 60000}, {UINT64_C(10) * 365 * 86400 * 1000, 60000},
    };
    struct buf text = sample_text();
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct table *table = table_new(8);
        struct cooldown_now now = {.at = 60000 * MS, .wall_ms = WALL - rows[i].back_ms};
        unsigned restored;
        ck_assert_int_eq(statefile_read(text.data, text.len, table, now, &restored), STATEFILE_OK);
        const struct shm_table_hot *hot = &table->rows[0].state.hot;
        ck_assert_msg(shm_table_rest_ns(hot, now.at) == rows[i].left_ms * MS, "row %zu: %llu", i,
                      (unsigned long long)shm_table_rest_ns(hot, now.at));
        ck_assert_uint_le(hot->cooldown_began_at, now.at);
        table_free(&table);
    }
    buf_free(&text);
}
END_TEST

START_TEST(living_rows_come_first)
{
    struct buf text = sample_text();
    struct table *table = sample();
    unsigned restored;
    table->rows[0].state.hot.mid_failures = 1;
    ck_assert_int_eq(read_into(table, &text, 0, &restored), STATEFILE_OK);
    ck_assert_uint_eq(table->rows[0].state.hot.mid_failures, 1);
    table_free(&table);
    buf_free(&text);
}
END_TEST

/* A reason in which bytes had to be replaced grew: it is cut, between two characters. */
START_TEST(reason_that_grew)
{
    struct buf text = BUF_INIT;
    struct table *table = sample(), *copy = table_new(8);
    unsigned restored;
    memset(table->rows[0].state.reason, 0xff, SHM_TABLE_REASON_BYTES - 1);
    statefile_write(table, before, &text);
    ck_assert_int_eq(read_into(copy, &text, 0, &restored), STATEFILE_OK);
    ck_assert_uint_eq(strlen(copy->rows[0].state.reason), 93); /* 31 times U+FFFD */
    table_free(&table);
    table_free(&copy);
    buf_free(&text);
}
END_TEST

/* Cut anywhere: refused, and nothing taken. */
START_TEST(cut_anywhere)
{
    struct buf text = sample_text();
    for (size_t len = 0; len < text.len; len++) {
        struct table *table = table_new(8);
        unsigned restored;
        if (statefile_read(text.data, len, table, after(0), &restored) == STATEFILE_OK ||
            restored != 0 || table->moves != 0)
            ck_abort_msg("accepted when cut at %zu of %zu", len, text.len);
        table_free(&table);
    }
    buf_free(&text);
}
END_TEST

START_TEST(changed_anywhere)
{
    struct buf text = sample_text();
    for (size_t i = 0; i < text.len; i++) {
        struct table *table = table_new(8);
        unsigned restored;
        text.data[i] = (char)(text.data[i] ^ 1);
        if (statefile_read(text.data, text.len, table, after(0), &restored) == STATEFILE_OK)
            ck_abort_msg("accepted with byte %zu changed", i);
        text.data[i] = (char)(text.data[i] ^ 1);
        table_free(&table);
    }
    buf_free(&text);
}
END_TEST

START_TEST(foreign)
{
    static const struct {
        const char *text;
        enum statefile_error want;
    } rows[] = {
        {"", STATEFILE_FOREIGN},
        {"hello\n", STATEFILE_FOREIGN},
        {"{}\n", STATEFILE_FOREIGN},
        {"[]\n", STATEFILE_FOREIGN},
        {"{\"weirTrackerState\":2,\"pairs\":0}\n{\"end\":\"\"}\n", STATEFILE_FOREIGN},
        {"{\"weirTrackerState\":1,\"pairs\":0}\n", STATEFILE_CUT},
        {"{\"weirTrackerState\":1}\n", STATEFILE_DAMAGED},
        {"{\"weirTrackerState\":1,\"pairs\":0}\n{\"end\":\"0123456789abcdef\"}\n",
         STATEFILE_DAMAGED},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        unsigned restored;
        enum statefile_error got =
            statefile_read(rows[i].text, strlen(rows[i].text), NULL, after(0), &restored);
        ck_assert_msg(got == rows[i].want, "row %zu: %s", i, statefile_error_text(got));
    }
}
END_TEST

START_TEST(empty_table)
{
    struct buf text = BUF_INIT;
    struct table *table = table_new(2);
    unsigned restored;
    statefile_write(table, before, &text);
    ck_assert_int_eq(read_into(table, &text, 0, &restored), STATEFILE_OK);
    ck_assert_uint_eq(restored, 0);
    table_free(&table);
    buf_free(&text);
}
END_TEST

UNIT_MAIN("statefile", survives_a_reboot, ended_meanwhile_is_dropped, absurd_clock,
          no_more_is_left_than_its_length, living_rows_come_first, reason_that_grew, cut_anywhere,
          changed_anywhere, foreign, empty_table)
