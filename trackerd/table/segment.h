/* SPDX-License-Identifier: MIT */
/* The shared memory objects of the table, as their maker sees them: guard, lock, table. trackerd
 * only. A segment that somebody has mapped is never shrunk or made again: a new one takes its name,
 * and the old one says that it is retired and stays mapped here.
 *
 *   NAME.guard  locked by the running trackerd; one at a time
 *   NAME.lock   the mutex page; survives changes of the table
 *   NAME        the table */
#ifndef WEIR_TRACKERD_TABLE_SEGMENT_H
#define WEIR_TRACKERD_TABLE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/object.h"
#include "common/shm/table_layout.h"

enum segment_origin {
    SEGMENT_ATTACHED, /* the table of an earlier trackerd of this boot */
    SEGMENT_ABSENT,   /* there was none */
    SEGMENT_DAMAGED,  /* there was one that cannot be used, or of another boot */
};

struct segment {
    char name[SHM_NAME_MAX];
    int gid; /* of the table and the lock; -1 = as it comes */
    struct shm_mapping guard;
    struct shm_object lock_object, table_object, next_object;
    struct shm_lock *lock;
    struct shm_table_header *head; /* NULL until there is a table */
    struct shm_table_row *rows;
    struct shm_table_sender *senders;
    uint32_t capacity;
    struct shm_table_identity identity; /* what the header must say */
};

/* As root, before leaving it: what root has left under these names goes to the user we become. */
void segment_give(const char *name, int uid);

/* Takes the guard, makes or opens the lock, and attaches to a sound table if there is one; *origin
 * says which. False with errno: EBUSY when another trackerd has the guard. */
WEIR_MUST_CHECK bool segment_open(struct segment *seg, const char *name, int gid,
                                  enum segment_origin *origin);
/* Lets everything go; table and lock stay for the workers and for the next trackerd. */
void segment_close(struct segment *seg);

/* A new table, unseen yet: returns its header, rows zeroed. NULL with errno. */
struct shm_table_header *segment_prepare(struct segment *seg, uint32_t capacity);
/* Gives the prepared table the name, retires the old one and goes over to the new. False with errno
 * and nothing changed. */
WEIR_MUST_CHECK bool segment_switch(struct segment *seg);

/* Takes the guard again when somebody removed its name, so that no second trackerd can start. */
void segment_keep_guard(struct segment *seg);
/* Is the lock page still there under its name, and whole? */
bool segment_lock_is_sound(const struct segment *seg);
/* Is the table still there under its name, at its size, with its identity whole? */
bool segment_is_sound(const struct segment *seg);
/* A new lock page in place of one that cannot be used any more. False with errno. */
WEIR_MUST_CHECK bool segment_renew_lock(struct segment *seg);

#endif
