/* SPDX-License-Identifier: MIT */
/* The table's lock: a robust process-shared mutex in a page of its own. Whoever copies several rows
 * takes it (workers, weirctl), and trackerd whenever it writes; nobody depends on it: rows are
 * sound without it, and a holder that was stopped must not stop others. So every taking has a time
 * limit, and everything held under it is a copy: no formatting, logging, allocation or I/O. */
#ifndef WEIR_COMMON_SHM_LOCK_H
#define WEIR_COMMON_SHM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/table_layout.h"

#define SHM_LOCK_PATIENCE_MS 2

enum shm_lock_result {
    SHM_LOCK_TAKEN,
    SHM_LOCK_TAKEN_FROM_DEAD, /* taken; its holder died. The mutex is consistent again */
    SHM_LOCK_BUSY,            /* not taken within SHM_LOCK_PATIENCE_MS: go on without it */
    SHM_LOCK_BROKEN,          /* not taken, and never will be: trackerd makes a new one */
};

/* Fills a new lock page. */
void shm_lock_init(struct shm_lock *lock, const uint64_t boot_id[2]);
bool shm_lock_is_good(const struct shm_lock *lock, const uint64_t boot_id[2]);

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
