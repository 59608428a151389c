/* SPDX-License-Identifier: MIT */
/* trackerd/table/changes.c: what a listener hears, and for how long. */
#include "trackerd/table/changes.h"

#include <string.h>

#include "tests/unit/trackerd/table/cooldown_fixture.h"
#include "tests/unit/unit.h"

struct ear {
    struct change_listener listener;
    struct evwire_change heard[4];
    unsigned n;
};

static void on_change(void *arg, const struct evwire_change *change)
{
    struct ear *ear = arg;
    ck_assert_uint_lt(ear->n, UNIT_ROWS(ear->heard));
    ear->heard[ear->n++] = *change;
}

static void listen_with(struct ear *ear, struct change_listeners *listeners)
{
    *ear = (struct ear){.listener = {.on_change = on_change, .arg = ear}};
    changes_listen(listeners, &ear->listener);
}

START_TEST(listeners_hear_every_change_in_order)
{
    static const struct cooldown_rules rules = {.mid_threshold = 3};
    struct change_listeners listeners = LIST_HEAD_INITIALIZER(listeners);
    struct shm_table_state row = fresh_row(&rules);
    struct cooldown_changes changes = {0}, none = {0};
    struct ear first, second;
    listen_with(&first, &listeners);
    listen_with(&second, &listeners);
    changes_report(&listeners, &row, &none);
    ck_assert_uint_eq(first.n, 0);
    cooldown_start(&row, CAUSE_RATE_LIMITED, NULL, T0 + 5000 * MS, at(T0), &changes);
    cooldown_clear(&row, &changes);
    changes_report(&listeners, &row, &changes);
    for (int i = 0; i < 2; i++) {
        const struct ear *ear = i == 0 ? &first : &second;
        ck_assert_uint_eq(ear->n, 2);
        ck_assert_uint_eq(ear->heard[0].kind, EVCH_COOLDOWN);
        ck_assert_uint_eq(ear->heard[0].cause, CAUSE_RATE_LIMITED);
        ck_assert_uint_eq(ear->heard[0].duration_ms, 5000);
        ck_assert_uint_eq(ear->heard[1].kind, EVCH_CLEARED);
        ck_assert_uint_gt(ear->heard[1].at_wall_ms, 0);
        ck_assert_mem_eq(&ear->heard[1].state, &row, sizeof(row));
    }
}
END_TEST

START_TEST(one_that_left_hears_nothing)
{
    static const struct cooldown_rules rules = {.mid_threshold = 3};
    struct change_listeners listeners = LIST_HEAD_INITIALIZER(listeners);
    struct shm_table_state row = fresh_row(&rules);
    struct cooldown_changes changes = {0};
    struct ear gone, stays;
    listen_with(&gone, &listeners);
    listen_with(&stays, &listeners);
    changes_unlisten(&gone.listener);
    cooldown_clear(&row, &changes);
    changes_report(&listeners, &row, &changes);
    ck_assert_uint_eq(gone.n, 0);
    ck_assert_uint_eq(stays.n, 1);
}
END_TEST

UNIT_MAIN("changes", listeners_hear_every_change_in_order, one_that_left_hears_nothing)
