/* SPDX-License-Identifier: MIT */
/* When weir calls itself degraded, and the words it has for it. */
#include "server/api/health.h"
#include "tests/unit/unit.h"

#define NOON UINT64_C(1767268800000) /* 2026-01-01T12:00:00Z */

static const struct {
    bool has_tracker;
    uint64_t until[3]; /* of the default chain's pairs; 0 = does not rest */
    unsigned pairs;
    const char *why; /* NULL = all is well */
} rows[] = {
    {true, {0, 0, 0}, 3, NULL},
    {true, {NOON, 0, NOON}, 3, NULL}, /* one is enough */
    {true,
     {NOON},
     1,
     "every pair of the default chain rests, the first one until "
     "2026-01-01T12:00:00Z"},
    {true,
     {NOON + 5000, NOON + 1250, NOON + 9000},
     3,
     "every pair of the default chain rests, the first one until 2026-01-01T12:00:02Z"},
    {false, {0, NOON}, 2, "no tracker"},
    {false,
     {NOON, NOON + 1},
     2,
     "no tracker; every pair of the default chain rests, the first one "
     "until 2026-01-01T12:00:00Z"},
    {true, {0}, 0, NULL}, /* no chain is empty; and this would not be its fault */
};

START_TEST(reasons)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct health_facts facts = {.has_tracker = rows[i].has_tracker};
        struct buf why = BUF_INIT;
        for (unsigned p = 0; p < rows[i].pairs; p++)
            health_note_pair(&facts, rows[i].until[p]);
        bool is_degraded = health_put_why(&facts, &why);
        ck_assert_msg(is_degraded == (rows[i].why != NULL), "row %zu: degraded %d", i, is_degraded);
        ck_assert_str_eq(buf_cstr(&why), rows[i].why != NULL ? rows[i].why : "");
        buf_free(&why);
    }
}
END_TEST

/* What reached clients as an error, or broken, within the last minute. */
START_TEST(answers_of_the_last_minute)
{
    const uint64_t step = HEALTH_STEP_MS * UINT64_C(1000000), start = 5 * step;
    struct health_answers answers = {0};
    ck_assert(health_answers_are_due(&answers, start));
    for (unsigned i = 0; i < 20; i++) {
        ck_assert(health_answers_are_due(&answers, start + i * step));
        health_answers_note(&answers, start + i * step,
                            (struct page_sums_all){.answers = 100 * i, .failed = 2 * i});
        ck_assert(!health_answers_are_due(&answers, start + i * step + step - 1));
    }
    static const struct {
        unsigned steps, answers, failed, is_degraded;
    } cases[] = {
        {19, 1900, 38, 0},  /* 10 of 500: 2 % */
        {19, 1900, 54, 1},  /* 26 of 500 */
        {19, 1401, 37, 0},  /* 9 of 1: too few to say anything */
        {40, 9000, 900, 0}, /* nothing is known of the last minute */
        {19, 10, 10, 0},    /* counters of another weir */
    };
    for (size_t i = 0; i < UNIT_ROWS(cases); i++) {
        struct health_facts facts = {.has_tracker = true};
        struct buf why = BUF_INIT;
        health_note_answers(&facts, &answers, start + cases[i].steps * step,
                            (struct page_sums_all){cases[i].answers, cases[i].failed});
        ck_assert_msg(health_put_why(&facts, &why) == (cases[i].is_degraded != 0), "case %zu", i);
        buf_free(&why);
    }
}
END_TEST

UNIT_MAIN("health", reasons, answers_of_the_last_minute)
