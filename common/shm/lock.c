/* SPDX-License-Identifier: MIT */
/* See lock.h. The journal and the odd sequence counters tell trackerd that a writer died in the
 * middle; so the next locker may declare the mutex of a dead owner consistent at once, a reader
 * too. */
#include "common/shm/lock.h"

#include <errno.h>
#include <time.h>

static void fill(void *object, const void *old)
{
    struct shm_lock *lock = object;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&lock->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    (void)old; /* its state is its holder's */
}

static size_t size_of(const void *head)
{
    return ((const struct shm_head *)head)->extent == SHM_LOCK_BYTES ? SHM_LOCK_BYTES : 0;
}

const struct shm_kind shm_lock_kind = {
    .suffix = ".lock",
    .magic = SHM_LOCK_MAGIC,
    .version = SHM_TABLE_VERSION,
    .mode = 0660,
    .head_bytes = sizeof(struct shm_head),
    .boot_id_at = offsetof(struct shm_head, boot_id),
    .size_of = size_of,
    .fill = fill,
};

bool shm_lock_make(const char *table_name, int gid, struct shm_object *out)
{
    struct shm_head head = {.extent = SHM_LOCK_BYTES};
    return shm_object_make(&shm_lock_kind, table_name, &head, gid, out);
}

static enum shm_lock_result result_of(struct shm_lock *lock, int error)
{
    switch (error) {
    case 0:
        return SHM_LOCK_TAKEN;
    case EOWNERDEAD:
        pthread_mutex_consistent(&lock->mutex);
        return SHM_LOCK_TAKEN_FROM_DEAD;
    case EBUSY:
    case ETIMEDOUT:
    case EDEADLK:
        return SHM_LOCK_BUSY;
    default:
        return SHM_LOCK_BROKEN;
    }
}

enum shm_lock_result shm_lock_take(struct shm_lock *lock)
{
    struct timespec until;
    enum shm_lock_result result = shm_lock_try(lock); /* mostly it is free: no look at the clock */
    if (result != SHM_LOCK_BUSY)
        return result;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SHM_LOCK_PATIENCE_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return result_of(lock, pthread_mutex_clocklock(&lock->mutex, CLOCK_MONOTONIC, &until));
}

enum shm_lock_result shm_lock_try(struct shm_lock *lock)
{
    return result_of(lock, pthread_mutex_trylock(&lock->mutex));
}

void shm_lock_release(struct shm_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
