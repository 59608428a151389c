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

UNIT_MAIN("health", reasons)
