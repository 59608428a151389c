/* SPDX-License-Identifier: MIT */
/* common/shm/table.c: the reader's rules, and the litmus test of its lock-free reads: threads of
 * one process, so that a build with --enable-sanitizers=thread proves that no load races with a
 * store. What happens when writers die is in test_publish.c. */
#include "common/shm/table.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/terms/pair_key.h"
#include "tests/unit/unit.h"
#include "trackerd/table/publish.h"

#define CAPACITY 8

static char name[64];

static struct segment seg;
static struct publish pub = {.seg = &seg};
static struct table *table;
static struct senders senders;

static void open_table(void)
{
    static const char *const suffixes[] = {"", ".lock", ".guard", ".new", ".lock.new"};
    enum shm_table_error origin;
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    for (size_t i = 0; i < UNIT_ROWS(suffixes); i++) {
        char full[80];
        snprintf(full, sizeof(full), "%s%s", name, suffixes[i]);
        shm_unlink(full);
    }
    ck_assert(segment_open(&seg, name, -1, &origin));
    table = table_new(CAPACITY);
    struct cooldown_rules rules = {.recovery_concurrency = 1};
    struct table_pair pairs[] = {{"a", "m", pair_key_hash("a", "m")},
                                 {"b", "m", pair_key_hash("b", "m")},
                                 {"b", "n", pair_key_hash("b", "n")}};
    table_configure(table, pairs, 3, &rules, 1);
    struct shm_table_header *head = segment_prepare(&seg, CAPACITY);
    publish_fill(head, table, &senders);
    ck_assert(segment_switch(&seg));
}

static void close_table(void)
{
    char full[80];
    shm_unlink(name);
    snprintf(full, sizeof(full), "%s.lock", name);
    shm_unlink(full);
    segment_close(&seg);
    table_free(&table);
}

START_TEST(statuses)
{
    static const struct {
        uint64_t until;
        uint32_t flags;
        enum pair_status want;
    } rows[] = {
        {0, 0, PAIR_AVAILABLE},
        {0, SHM_TABLE_QUOTA, PAIR_TRACKING},
        {1000, 0, PAIR_AVAILABLE}, /* ends by the clock, at this very instant */
        {1001, 0, PAIR_EXHAUSTED},
        {1001, SHM_TABLE_QUOTA | SHM_TABLE_RECOVERING, PAIR_EXHAUSTED},
        {1000, SHM_TABLE_QUOTA | SHM_TABLE_RECOVERING, PAIR_RECOVERING},
        {1000 + SHM_TABLE_REST_MAX_NS, 0, PAIR_EXHAUSTED},
        {1001 + SHM_TABLE_REST_MAX_NS, 0, PAIR_AVAILABLE}, /* absurd: damage */
        {UINT64_MAX, 0, PAIR_AVAILABLE},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct shm_table_hot hot = {.cooldown_until_at = rows[i].until, .flags = rows[i].flags};
        ck_assert_msg(shm_table_status(&hot, 1000) == rows[i].want, "row %zu", i);
    }
    ck_assert_str_eq(pair_status_word(PAIR_RECOVERING), "recovering");
    ck_assert_str_eq(pair_status_word(99), "available");
}
END_TEST

START_TEST(finding_and_reading)
{
    struct shm_table *tab = NULL;
    struct shm_table_hot hot;
    struct shm_table_state state, all[CAPACITY];
    open_table();
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
    ck_assert_uint_eq(shm_table_capacity(tab), CAPACITY);
    int row = shm_table_find(tab, "b", "m");
    ck_assert_int_eq(row, 1);
    ck_assert_int_eq(shm_table_find(tab, "b", "x"), -1);
    ck_assert(shm_table_read_hot(tab, row, pair_key_hash("b", "m"), &hot));
    ck_assert(!shm_table_read_hot(tab, row, pair_key_hash("a", "m"), &hot)); /* given to another */
    ck_assert(!shm_table_read_hot(tab, -1, pair_key_hash("b", "m"), &hot));
    ck_assert(!shm_table_read_hot(tab, CAPACITY, pair_key_hash("b", "m"), &hot));
    ck_assert(!shm_table_read_hot(tab, 5, 0, &hot)); /* free */
    ck_assert(shm_table_read(tab, row, &state));
    ck_assert_str_eq(state.model, "m");
    ck_assert(!shm_table_read(tab, 5, &state));
    shm_table_read_all(tab, all, CAPACITY);
    ck_assert_str_eq(all[2].model, "n");
    ck_assert_uint_eq(all[3].hot.key_hash, 0);
    shm_table_close(&tab);
    shm_table_close(&tab); /* of nothing: nothing */
    close_table();
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_ABSENT);
}
END_TEST

START_TEST(generation_tells_of_moves)
{
    struct shm_table *tab = NULL;
    uint64_t published = table != NULL ? table->moves : 0;
    open_table();
    published = table->moves;
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
    uint64_t before = shm_table_rows_generation(tab);
    table->rows[0].state.hot.mid_failures = 1;
    table->rows[0].is_dirty = true;
    publish_dirty(&pub, table, &published);
    ck_assert_uint_eq(shm_table_rows_generation(tab), before);
    table_configure(table, NULL, 0, &(struct cooldown_rules){0}, 1);
    publish_dirty(&pub, table, &published);
    ck_assert_uint_ne(shm_table_rows_generation(tab), before);
    ck_assert_int_eq(shm_table_find(tab, "a", "m"), -1);
    shm_table_close(&tab);
    close_table();
}
END_TEST

/* ---- litmus ---------------------------------------------------------------------------------- */

#define WRITES  30000
#define READERS 2

static _Atomic int is_over;

struct reading {
    struct shm_table *tab;
    unsigned long reads, torn, unreadable, back;
};

/* All words that change carry one number; a mixture shows. */
static void *read_on(void *arg)
{
    struct reading *r = arg;
    uint64_t key = pair_key_hash("b", "m"), last = 0;
    while (!is_over) {
        struct shm_table_hot hot;
        struct shm_table_state state;
        r->reads++;
        r->unreadable +=
            !shm_table_read_hot(r->tab, 1, key, &hot) || !shm_table_read(r->tab, 1, &state);
        r->torn += hot.cooldown_until_at != hot.incident || hot.cooldown_began_at != hot.incident;
        r->torn += state.cooldowns != state.hot.incident || state.recent_pre[3] != state.cooldowns;
        r->back += hot.incident < last || state.cooldowns < hot.incident;
        last = state.cooldowns;
    }
    return NULL;
}

static void write_numbers(void)
{
    struct shm_table_state *state = &table->rows[1].state;
    for (uint64_t k = 1; k <= WRITES; k++) {
        state->hot.incident = state->hot.cooldown_until_at = state->hot.cooldown_began_at = k;
        state->cooldowns = state->recent_pre[3] = k;
        publish_begin(&pub);
        publish_commit(&pub, table, 1, &senders, (int)(k % 3));
        publish_commit(&pub, table, 2, &senders, -1); /* the journal serves other rows too */
        publish_end(&pub);
    }
}

START_TEST(litmus)
{
    pthread_t threads[READERS];
    struct reading readings[READERS] = {0};
    open_table();
    is_over = 0;
    for (int i = 0; i < READERS; i++) {
        ck_assert_int_eq(shm_table_open_reader(name, &readings[i].tab), SHM_TABLE_OK);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, &readings[i]), 0);
    }
    write_numbers();
    is_over = 1;
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_gt(readings[i].reads, 0);
        ck_assert_uint_eq(readings[i].torn, 0);
        ck_assert_uint_eq(readings[i].back, 0);
        ck_assert_uint_eq(readings[i].unreadable, 0);
        shm_table_close(&readings[i].tab);
    }
    close_table();
}
END_TEST

UNIT_MAIN("shm_table", statuses, finding_and_reading, generation_tells_of_moves, litmus)
