/* SPDX-License-Identifier: MIT */
/* trackerd's own copy of the table: which row belongs to which pair, and what each row says
 * (ordinary memory, no sockets, no clock). Pure. The shared table is published from here and never
 * read back while trackerd runs, so that nobody can change trackerd's mind by writing to it.
 *
 * A pair that the configuration names is wanted. One that it no longer names keeps its row until
 * its cooldown has ended; then the row is free.
 *
 * Known weakness: every search is linear, so fitting n pairs into a table costs n times its
 * capacity: some milliseconds for a thousand pairs, but half a second for ten thousand, and ten for
 * thirty. */
#ifndef WEIR_TRACKERD_TABLE_TABLE_H
#define WEIR_TRACKERD_TABLE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/table.h"
#include "trackerd/table/cooldown.h"

struct table_row {
    struct shm_table_state state; /* key_hash 0: free */
    bool is_wanted;
    bool is_dirty; /* differs from what was published; cleared by the publisher */
};

struct table {
    struct table_row *rows;
    uint32_t capacity;
    uint64_t moves; /* grows whenever a row gets or loses its pair */
};

struct table_pair { /* what the configuration says of a pair; texts borrowed for the call */
    const char *provider, *model;
    uint64_t key_hash;
};

struct table *table_new(uint32_t capacity);
void table_free(struct table **table);
/* Exchanges what two tables hold. */
void table_swap(struct table *a, struct table *b);

/* The row of a key, or -1. hint is tried first; it may be any number. */
int table_find(const struct table *table, uint64_t key_hash, uint32_t hint);

/* Copies a row that was kept elsewhere (the old table, the state file) into the first free place,
 * unless its pair already has a row. The pair's index, or -1 when the table is full. */
int table_adopt(struct table *table, const struct shm_table_state *state);

/* Makes the rows fit a configuration: new pairs get rows, pairs that stay keep their state, others
 * are no longer wanted, and swept. Changed rows are dirty. Returns how many pairs found no room. */
uint32_t table_configure(struct table *table, const struct table_pair *pairs, uint32_t n,
                         const struct cooldown_rules *rules, uint64_t now_at);

/* Frees rows that nobody wants and whose cooldown has ended. Returns how many. */
uint32_t table_sweep(struct table *table, uint64_t now_at);

#endif
