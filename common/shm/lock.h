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

#define SHMLOCK_PATIENCE_MS 2

enum shmlock_result {
    SHMLOCK_TAKEN,
    SHMLOCK_TAKEN_FROM_DEAD, /* taken; its holder died. The mutex is consistent again */
    SHMLOCK_BUSY,            /* not taken within SHMLOCK_PATIENCE_MS: go on without it */
    SHMLOCK_BROKEN,          /* not taken, and never will be: trackerd makes a new one */
};

/* Fills a new lock page. */
void shmlock_init(struct shmtab_lock *lock, const uint64_t boot_id[2]);
bool shmlock_is_good(const struct shmtab_lock *lock, const uint64_t boot_id[2]);

enum shmlock_result shmlock_take(struct shmtab_lock *lock);
/* Without waiting at all. */
enum shmlock_result shmlock_try(struct shmtab_lock *lock);
/* Only after one of the two TAKEN results. */
void shmlock_release(struct shmtab_lock *lock);

static inline bool shmlock_is_held(enum shmlock_result result)
{
    return result == SHMLOCK_TAKEN || result == SHMLOCK_TAKEN_FROM_DEAD;
}

#endif
