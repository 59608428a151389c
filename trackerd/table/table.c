/* SPDX-License-Identifier: MIT */
/* See table.h. */
#include "trackerd/table/table.h"

#include <stdlib.h>

#include "common/base/alloc.h"

struct table *table_new(uint32_t capacity)
{
    struct table *table = xcalloc(1, sizeof(*table));
    table->rows = xcalloc(capacity, sizeof(*table->rows));
    table->capacity = capacity;
    return table;
}

void table_free(struct table **table)
{
    if (*table == NULL)
        return;
    free((*table)->rows);
    free(*table);
    *table = NULL;
}

void table_swap(struct table *a, struct table *b)
{
    struct table held = *a;
    *a = *b;
    *b = held;
}

int table_find(const struct table *table, uint64_t key_hash, uint32_t hint)
{
    if (hint < table->capacity && table->rows[hint].state.hot.key_hash == key_hash)
        return (int)hint;
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->rows[i].state.hot.key_hash == key_hash)
            return (int)i;
    return -1;
}

static int find_free(const struct table *table)
{
    return table_find(table, 0, 0);
}

int table_adopt(struct table *table, const struct shm_table_state *state)
{
    int row = table_find(table, state->hot.key_hash, 0);
    if (row >= 0)
        return row;
    row = find_free(table);
    if (row >= 0) {
        table->rows[row] = (struct table_row){.state = *state, .is_dirty = true};
        table->moves++;
    }
    return row;
}

static void want(struct table_row *row, const struct cooldown_rules *rules)
{
    row->is_wanted = true;
    if (row->state.hot.recovery_concurrency != rules->recovery_concurrency) {
        row->state.hot.recovery_concurrency = rules->recovery_concurrency;
        row->is_dirty = true;
    }
}

static void want_known(struct table *table, const struct table_pair *pairs, uint32_t n,
                       const struct cooldown_rules *rules)
{
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->rows[i].is_wanted) /* leaves the memory of free rows untouched */
            table->rows[i].is_wanted = false;
    for (uint32_t i = 0; i < n; i++) {
        int row = table_find(table, pairs[i].key_hash, 0);
        if (row >= 0)
            want(&table->rows[row], rules);
    }
}

uint32_t table_configure(struct table *table, const struct table_pair *pairs, uint32_t n,
                         const struct cooldown_rules *rules, uint64_t now_at)
{
    uint32_t homeless = 0;
    want_known(table, pairs, n, rules);
    table_sweep(table, now_at); /* frees rows before new pairs need them */
    for (uint32_t i = 0; i < n; i++) {
        struct shm_table_state fresh;
        cooldown_init(&fresh, pairs[i].provider, pairs[i].model, pairs[i].key_hash, rules);
        int row = table_adopt(table, &fresh);
        if (row >= 0)
            want(&table->rows[row], rules);
        else
            homeless++;
    }
    return homeless;
}

uint32_t table_sweep(struct table *table, uint64_t now_at)
{
    uint32_t freed = 0;
    for (uint32_t i = 0; i < table->capacity; i++) {
        struct table_row *row = &table->rows[i];
        if (row->state.hot.key_hash == 0 || row->is_wanted ||
            row->state.hot.cooldown_until_at > now_at)
            continue;
        *row = (struct table_row){.is_dirty = true};
        table->moves++;
        freed++;
    }
    return freed;
}
