/* SPDX-License-Identifier: MIT */
/* trackerd/table/table.c and senders.c: whose row is it, and which event was last. */
#include "trackerd/table/table.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "trackerd/table/senders.h"

#define NOW UINT64_C(1000000000)

static const struct cooldown_rules rules = {
    .mid_threshold = 3, .mid_cooldown_ms = 1000, .recovery_concurrency = 1};

static const struct table_pair pairs[] = {
    {"a", "m", 11}, {"b", "m", 12}, {"c", "m", 13}, {"d", "m", 14}};

START_TEST(pairs_that_stay_keep_state)
{
    struct table *table = table_new(4);
    ck_assert_uint_eq(table_configure(table, pairs, 3, &rules, NOW), 0);
    int b = table_find(table, 12, UINT32_MAX);
    table->rows[b].state.hot.mid_failures = 2;
    uint64_t moves = table->moves;
    ck_assert_uint_eq(table_configure(table, pairs, 3, &rules, NOW), 0);
    ck_assert_uint_eq(table->moves, moves); /* nobody moved: readers need not look again */
    ck_assert_uint_eq(table_configure(table, pairs + 1, 3, &rules, NOW), 0);
    ck_assert_uint_ne(table->moves, moves);
    ck_assert_int_eq(table_find(table, 12, UINT32_MAX), b);
    ck_assert_uint_eq(table->rows[b].state.hot.mid_failures, 2);
    ck_assert_int_eq(table_find(table, 11, 0), -1);
    table_free(&table);
}
END_TEST

START_TEST(pair_that_leaves_rests_to_the_end)
{
    struct table *table = table_new(2);
    table_configure(table, pairs, 2, &rules, NOW);
    int a = table_find(table, 11, UINT32_MAX);
    table->rows[a].state.hot.cooldown_until_at = NOW + 100;
    ck_assert_uint_eq(table_configure(table, pairs + 1, 1, &rules, NOW), 0);
    ck_assert_int_eq(table_find(table, 11, UINT32_MAX), a);
    ck_assert_uint_eq(table_sweep(table, NOW + 99), 0);
    /* no room for c as long as it lasts */
    ck_assert_uint_eq(table_configure(table, pairs + 1, 2, &rules, NOW + 99), 1);
    ck_assert_uint_eq(table_sweep(table, NOW + 100), 1);
    ck_assert(table->rows[a].is_dirty);
    ck_assert_uint_eq(table_configure(table, pairs + 1, 2, &rules, NOW + 100), 0);
    /* and if it comes back in time it finds its state */
    table->rows[table_find(table, 12, 0)].state.hot.cooldown_until_at = NOW + 200;
    table_configure(table, pairs + 2, 1, &rules, NOW + 101);
    table_configure(table, pairs + 1, 2, &rules, NOW + 102);
    ck_assert_uint_eq(table->rows[table_find(table, 12, 0)].state.hot.cooldown_until_at, NOW + 200);
    table_free(&table);
}
END_TEST

START_TEST(hint_is_only_a_hint)
{
    struct table *table = table_new(4);
    table_configure(table, pairs, 4, &rules, NOW);
    for (uint32_t hint = 0; hint < 6; hint++)
        ck_assert_uint_eq(table->rows[table_find(table, 13, hint)].state.hot.key_hash, 13);
    ck_assert_int_eq(table_find(table, 99, 2), -1);
    table_free(&table);
}
END_TEST

START_TEST(adopting)
{
    struct table *table = table_new(1);
    struct shm_table_state state = {.hot = {.key_hash = 5, .mid_failures = 2}};
    ck_assert_int_eq(table_adopt(table, &state), 0);
    state.hot.mid_failures = 9; /* what is there already stays */
    ck_assert_int_eq(table_adopt(table, &state), 0);
    ck_assert_uint_eq(table->rows[0].state.hot.mid_failures, 2);
    state.hot.key_hash = 6;
    ck_assert_int_eq(table_adopt(table, &state), -1);
    table_free(&table);
}
END_TEST

START_TEST(new_rules_reach_rows)
{
    struct table *table = table_new(2);
    struct cooldown_rules other = rules;
    other.recovery_concurrency = 5;
    table_configure(table, pairs, 2, &rules, NOW);
    table->rows[0].is_dirty = table->rows[1].is_dirty = false;
    table_configure(table, pairs, 2, &rules, NOW);
    ck_assert(!table->rows[0].is_dirty && !table->rows[1].is_dirty);
    table_configure(table, pairs, 2, &other, NOW);
    ck_assert(table->rows[0].is_dirty && table->rows[1].is_dirty);
    ck_assert_uint_eq(table->rows[1].state.hot.recovery_concurrency, 5);
    table_free(&table);
}
END_TEST

/* ---- senders --------------------------------------------------------------------------------- */

START_TEST(sender_comes_back)
{
    static struct senders senders;
    memset(&senders, 0, sizeof(senders));
    int first = senders_join(&senders, 3, 100, 1);
    senders.items[first].seq = 17;
    senders_leave(&senders, first);
    /* the slot's next worker is somebody else */
    int second = senders_join(&senders, 3, 200, 2);
    ck_assert_int_ne(first, second);
    ck_assert_uint_eq(senders.items[second].seq, 0);
    ck_assert_int_eq(senders_join(&senders, 3, 100, 3), first);
    ck_assert_uint_eq(senders.items[first].seq, 17);
}
END_TEST

START_TEST(senders_make_room)
{
    static struct senders senders;
    memset(&senders, 0, sizeof(senders));
    for (uint32_t i = 0; i < SHM_TABLE_SENDERS; i++)
        ck_assert_int_ge(senders_join(&senders, i, 7, 10 + i), 0);
    ck_assert_int_eq(senders_join(&senders, 5000, 7, 5000), -1); /* all are connected */
    senders_leave(&senders, 30);
    senders_leave(&senders, 20);
    ck_assert_int_eq(senders_join(&senders, 5000, 7, 5000), 20); /* the one unheard for longest */
    ck_assert_uint_eq(senders.items[20].who, 5001);
    ck_assert_uint_eq(senders.items[20].seq, 0);
}
END_TEST

/* Two connections speak for one worker for a moment, after it lost one and made another. */
START_TEST(two_connections_of_one_sender)
{
    static struct senders senders;
    memset(&senders, 0, sizeof(senders));
    int index = senders_join(&senders, 1, 7, 1);
    ck_assert_int_eq(senders_join(&senders, 1, 7, 2), index);
    senders_leave(&senders, index);
    ck_assert_uint_eq(senders.users[index], 1);
    senders_leave(&senders, index);
    senders_leave(&senders, index);
    senders_leave(&senders, -1);
    ck_assert_uint_eq(senders.users[index], 0);
}
END_TEST

UNIT_MAIN("table", pairs_that_stay_keep_state, pair_that_leaves_rests_to_the_end,
          hint_is_only_a_hint, adopting, new_rules_reach_rows, sender_comes_back, senders_make_room,
          two_connections_of_one_sender)
