/* SPDX-License-Identifier: MIT */
/* The only code that writes the shared table's rows, senders and live words. Called by keeper.c and
 * apply.c. A change of a row and the number of the event that caused it are one step, even against
 * SIGKILL: see shm/table_layout.h. The caller's own copies (table.h, senders.h) are the truth; the
 * shared table is compared with them and never trusted, except once, at the start, when the table
 * of an earlier trackerd is loaded.
 *
 * Known weakness: when the lock is not to be had in time, changes are published without it, and a
 * reader of several rows may see them from different moments. */
#ifndef WEIR_TRACKERD_TABLE_PUBLISH_H
#define WEIR_TRACKERD_TABLE_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trackerd/table/segment.h"
#include "trackerd/table/senders.h"
#include "trackerd/table/table.h"

struct publish {
    struct segment *seg; /* borrowed */
    bool is_locked;
    bool is_lock_contended; /* the last wait timed out: only tried, not waited for */
    bool is_lock_broken;
};

struct publish_loaded {
    uint32_t rows, damaged_rows;
    bool had_journal;         /* an earlier trackerd died in the middle of a change */
    bool had_damaged_journal; /* ... and what it left is not whole: dying alone does not cause that
                               */
};

/* Loads the attached table: finishes the change that was under way, then copies what is sound to
 * table (of the same capacity; rows keep their places) and senders. Damaged rows become free. */
struct publish_loaded publish_load(struct publish *pub, struct table *table,
                                   struct senders *senders);

/* Around one or more changes: takes the lock if it can be had within its time limit, and gives it
 * back. */
void publish_begin(struct publish *pub);
void publish_end(struct publish *pub);

/* Publishes row `row` (or -1) and sender `sender` (or -1) in one step; clears is_dirty. */
void publish_commit(struct publish *pub, struct table *table, int row,
                    const struct senders *senders, int sender);
/* Publishes all dirty rows, then, if rows changed owners, the rows' generation. */
void publish_dirty(struct publish *pub, struct table *table, uint64_t *published_moves);

/* Fills a new, prepared table from the copies, before it is switched to. */
void publish_fill(struct shm_table_header *head, const struct table *table,
                  const struct senders *senders);
/* ... and continues the tracker's counters from the table it replaces. */
void publish_carry_counts(struct shm_table_header *head, const struct shm_table_header *from);

/* Who keeps this table, and that it is alive; and that it has stopped in order. */
void publish_life(struct shm_table_header *head, pid_t pid, uint64_t started_at, uint64_t now_at);
void publish_end_of_life(struct shm_table_header *head);

/* Rewrites what differs from the copies: all senders and PUBLISH_REPAIR_ROWS rows from *next on,
 * which then says where to go on. Returns how many rows and senders differed. */
#define PUBLISH_REPAIR_ROWS 4096
uint32_t publish_repair(struct publish *pub, struct table *table, const struct senders *senders,
                        uint32_t *next);

#endif
