/* SPDX-License-Identifier: MIT */
/* Keeps tracker.stateFile up to date, and reads it when the table has to be made anew. Written by a
 * short-lived child, so that a slow disk never holds the tracker up; at the stop by ourselves. What
 * cannot be written costs the snapshot and a warning, nothing else. */
#ifndef WEIR_TRACKERD_TABLE_SNAPSHOT_H
#define WEIR_TRACKERD_TABLE_SNAPSHOT_H

#include "trackerd/daemon/trackerd.h"

/* At most one file in this time. */
#define SNAPSHOT_INTERVAL_MS 1000

struct snapshot *snapshot_new(struct trackerd *td);
void snapshot_free(struct snapshot **snapshot);

/* Writes the file now, waiting for the disk: for the stop. */
void snapshot_flush(struct snapshot *snapshot);

/* The rows changed: write soon. */
void snapshot_want(struct snapshot *snapshot);
/* A child ended (SIGCHLD). */
void snapshot_reap(struct snapshot *snapshot);

/* Reads the file into the table. One that is broken is set aside under another name, with a
 * warning. Returns how many pairs were restored. */
unsigned snapshot_restore(struct trackerd *td);

#endif
