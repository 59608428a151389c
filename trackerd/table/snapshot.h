/* SPDX-License-Identifier: MIT */
/* Keeps tracker.stateFile up to date, and reads it when the table has to be rebuilt. Written by a
 * short-lived child, so that a slow disk never holds the tracker up; at the stop by ourselves. A
 * file that cannot be written costs the snapshot and a warning, nothing else.
 *
 * Known weakness: what changed since the last file, usually within the last second, is lost with
 * the power; and each file holds the whole table. */
#ifndef WEIR_TRACKERD_TABLE_SNAPSHOT_H
#define WEIR_TRACKERD_TABLE_SNAPSHOT_H

#include "trackerd/table/table.h"

/* At most one file in this time. */
#define SNAPSHOT_INTERVAL_MS 1000
/* After one that could not be written, or a child that could not be made. */
#define SNAPSHOT_RETRY_MS 3000

struct event_base;
struct snapshot;

/* path NULL: keeps nothing. The table is borrowed until snapshot_free. */
struct snapshot *snapshot_new(struct event_base *base, const char *path, const struct table *table);
void snapshot_free(struct snapshot **snapshot);

/* Writes the file now, waiting for the disk: for the stop. */
void snapshot_flush(struct snapshot *snapshot);

/* The rows changed: write soon. */
void snapshot_want(struct snapshot *snapshot);
/* A child process ended (SIGCHLD), perhaps ours. */
void snapshot_reap(struct snapshot *snapshot);

/* Reads the file into the table. A broken one is set aside under another name, with a
 * warning. path NULL: nothing. Returns how many pairs were restored. */
unsigned snapshot_restore(const char *path, struct table *table, struct cooldown_now now);

#endif
