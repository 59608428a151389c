/* SPDX-License-Identifier: MIT */
/* The shared memory objects of the table, for trackerd, which makes them. Called by keeper.c. A
 * table that others may have mapped is never shrunk or reused: a new one takes its name, and the
 * old one is marked as retired and stays mapped here. Knows nothing of what rows mean (publish.c
 * writes them).
 *
 *   NAME.guard  locked by the running trackerd; one at a time
 *   NAME.lock   the mutex page; survives changes of the table
 *   NAME        the table
 *
 * Known weakness: what was replaced stays mapped for trackerd's whole life. Memory grows with every
 * resize and rebuild, and after about thirty of them (SHM_MAPPING_GUARDED_MAX) a new table is no
 * longer guarded against being cut short. */
#ifndef WEIR_TRACKERD_TABLE_SEGMENT_H
#define WEIR_TRACKERD_TABLE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/object.h"
#include "common/shm/table.h"
#include "common/shm/table_layout.h"

struct segment {
    char name[SHM_NAME_MAX];
    int gid; /* of the table and the lock; -1 = our own */
    struct shm_mapping guard;
    struct shm_object lock_object, table_object, next_object;
    struct shm_lock *lock;
    struct shm_table_header *head; /* NULL until there is a table */
    struct shm_table_row *rows;
    struct shm_table_sender *senders;
    uint32_t capacity;
    struct shm_table_identity identity; /* a copy: what the header must still hold */
};

/* As root, before leaving it: gives objects of these names that root has made to the user we
 * become.
 */
void segment_give(const char *name, int uid);

/* Takes the guard, makes or opens the lock, and attaches to a sound table if there is one; *origin
 * is SHM_TABLE_OK then, else why not. False with errno: EBUSY when another trackerd has the guard.
 */
WEIR_MUST_CHECK bool segment_open(struct segment *seg, const char *name, int gid,
                                  enum shm_table_error *origin);
/* Unmaps everything and gives the guard back; table and lock stay for the workers and for the next
 * trackerd. */
void segment_close(struct segment *seg);

/* Makes a new table that nobody sees yet: returns its header, rows zeroed. NULL with errno. */
WEIR_MUST_CHECK struct shm_table_header *segment_prepare(struct segment *seg, uint32_t capacity);
/* Gives the prepared table the name, retires the old one and goes over to the new. False with errno
 * and nothing changed. */
WEIR_MUST_CHECK bool segment_switch(struct segment *seg);

/* Takes the guard again when somebody has removed its name, so that no second trackerd can start.
 */
void segment_keep_guard(struct segment *seg);
/* Is the lock page still there under its name, and whole? */
bool segment_lock_is_sound(const struct segment *seg);
/* Is the table still there under its name, at its size, with its identity whole? */
bool segment_is_sound(const struct segment *seg);
/* A new lock page in place of one that cannot be used any more. False with errno. */
WEIR_MUST_CHECK bool segment_renew_lock(struct segment *seg);

#endif
