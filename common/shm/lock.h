/* SPDX-License-Identifier: MIT */
/* The table's lock: a robust process-shared mutex in a page of its own. Workers and weirctl take it
 * to copy several rows, trackerd whenever it writes; nobody depends on it: rows are sound without
 * it, and a holder that was stopped must not stop others. So every attempt to take it has a time
 * limit, and its holder only copies: no formatting, logging, allocation or I/O.
 *
 * Known to be weak: a process that may take it may also write nonsense into the page. trackerd
 * finds out (SHM_LOCK_BROKEN) and makes a new one; until then readers do without. */
#ifndef WEIR_COMMON_SHM_LOCK_H
#define WEIR_COMMON_SHM_LOCK_H

#include <stdbool.h>

#include "common/shm/object.h"
#include "common/shm/table_layout.h"

#define SHM_LOCK_PATIENCE_MS 2

enum shm_lock_result {
    SHM_LOCK_TAKEN,
    SHM_LOCK_TAKEN_FROM_DEAD, /* taken; its holder died. The mutex is consistent again */
    SHM_LOCK_BUSY,            /* not taken within SHM_LOCK_PATIENCE_MS: go on without it */
    SHM_LOCK_BROKEN,          /* not taken, and never will be: trackerd makes a new one */
};

extern const struct shm_kind shm_lock_kind;
/* A new lock page, still without its name. False with errno. */
WEIR_MUST_CHECK bool shm_lock_make(const char *table_name, int gid, struct shm_object *out);

enum shm_lock_result shm_lock_take(struct shm_lock *lock);
/* Without waiting at all. */
enum shm_lock_result shm_lock_try(struct shm_lock *lock);
/* Only after one of the two TAKEN results. */
void shm_lock_release(struct shm_lock *lock);

static inline bool shm_lock_is_held(enum shm_lock_result result)
{
    return result == SHM_LOCK_TAKEN || result == SHM_LOCK_TAKEN_FROM_DEAD;
}

#endif
