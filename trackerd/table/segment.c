/* SPDX-License-Identifier: MIT */
/* See segment.h. */
#include "trackerd/table/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/killpoint.h"
#include "common/shm/lock.h"

#define GUARD_SUFFIX ".guard"

/* ---- guard --------------------------------------------------------------------------------- */

/* Locks the guard object; it may vanish between opening and locking (a trackerd that ends removes
 * it), and then the lock is worth nothing: EAGAIN. The lock is the process's (F_SETLK), not the
 * open file's: a child that writes the state file must not hold it beyond its parent's death. So
 * nothing else in this process may open the guard: closing that would drop the lock. */
static bool try_guard(struct segment *seg, const char *name)
{
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return false;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    int error = fcntl(fd, F_SETLK, &lock) == 0 && fstat(fd, &st) == 0 ? 0 : errno;
    if (error != 0) {
        close(fd);
        errno = error == EAGAIN || error == EACCES ? EBUSY : error;
        return false;
    }
    seg->guard = (struct shm_mapping){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    if (shm_mapping_is_named(&seg->guard, name))
        return true;
    shm_mapping_close(&seg->guard);
    errno = EAGAIN;
    return false;
}

static bool take_guard(struct segment *seg)
{
    char name[SHM_NAME_MAX];
    if (!shm_name(name, seg->name, GUARD_SUFFIX))
        return false;
    for (;;) {
        if (try_guard(seg, name))
            return true;
        int error = errno;
        if (error == EACCES && shm_remove_strangers(name))
            continue;
        errno = error;
        if (errno != EAGAIN)
            return false;
    }
}

void segment_keep_guard(struct segment *seg)
{
    char name[SHM_NAME_MAX];
    if (!shm_name(name, seg->name, GUARD_SUFFIX) || shm_mapping_is_named(&seg->guard, name))
        return;
    struct shm_mapping old = seg->guard;
    if (take_guard(seg))
        shm_mapping_close(&old);
    else
        seg->guard = old;
}

/* ---- lock ---------------------------------------------------------------------------------- */

static void use_lock(struct segment *seg, const struct shm_object *object)
{
    seg->lock_object = *object;
    seg->lock = object->map.base;
}

bool segment_renew_lock(struct segment *seg)
{
    /* The old page stays mapped: a mutex that others may hold is never destroyed or unmapped. */
    struct shm_object object;
    if (!shm_lock_make(seg->name, seg->gid, &object) || !shm_object_take_name(&object))
        return false;
    if (seg->lock != NULL)
        close(seg->lock_object.map.fd);
    use_lock(seg, &object);
    return true;
}

static bool open_lock(struct segment *seg)
{
    struct shm_object object;
    if (!shm_object_open(&shm_lock_kind, seg->name, true, &object))
        return segment_renew_lock(seg);
    use_lock(seg, &object);
    return true;
}

bool segment_lock_is_sound(const struct segment *seg)
{
    return shm_object_is_sound(&seg->lock_object);
}

/* ---- table --------------------------------------------------------------------------------- */

static void use_table(struct segment *seg, const struct shm_object *object)
{
    seg->table_object = *object;
    seg->head = object->map.base;
    seg->identity = seg->head->identity;
    seg->capacity = seg->identity.capacity;
    seg->rows = shm_table_rows_of(seg->head);
    seg->senders = shm_table_senders_of(seg->head, seg->capacity);
}

/* Readers may still have a damaged table mapped: has them look for the one that is made next. */
static void retire_damaged(const char *name)
{
    struct shm_mapping damaged;
    if (!shm_mapping_open(name, true, SHM_TABLE_HEADER_BYTES, &damaged))
        return;
    atomic_store(&((struct shm_table_header *)damaged.base)->retired, 1);
    shm_mapping_close(&damaged);
}

static bool attach(struct segment *seg, enum shm_table_error *origin)
{
    struct shm_object object;
    if (shm_object_open(&shm_table_kind, seg->name, true, &object)) {
        *origin = SHM_TABLE_OK;
        use_table(seg, &object);
        return true;
    }
    if (errno == EACCES)
        return false;
    *origin = shm_table_error_of(errno);
    if (*origin != SHM_TABLE_ABSENT)
        retire_damaged(seg->name);
    return true;
}

void segment_give(const char *name, int uid)
{
    char guard[SHM_NAME_MAX];
    shm_object_give(&shm_table_kind, name, uid);
    shm_object_give(&shm_lock_kind, name, uid);
    if (shm_name(guard, name, GUARD_SUFFIX))
        shm_mapping_give(guard, uid);
}

bool segment_open(struct segment *seg, const char *name, int gid, enum shm_table_error *origin)
{
    *seg = (struct segment){
        .gid = gid,
        .guard = SHM_MAPPING_NONE,
        .lock_object = SHM_OBJECT_NONE,
        .table_object = SHM_OBJECT_NONE,
        .next_object = SHM_OBJECT_NONE,
    };
    if (!shm_name(seg->name, name, ""))
        return false;
    if (take_guard(seg) && open_lock(seg) && attach(seg, origin))
        return true;
    int error = errno;
    segment_close(seg);
    errno = error;
    return false;
}

void segment_close(struct segment *seg)
{
    char name[SHM_NAME_MAX];
    shm_object_close(&seg->next_object);
    shm_object_close(&seg->table_object);
    shm_object_close(&seg->lock_object);
    if (seg->guard.fd >= 0 && shm_name(name, seg->name, GUARD_SUFFIX))
        shm_mapping_unlink(&seg->guard, name); /* while still locked: nobody else can have it */
    shm_mapping_close(&seg->guard);
    seg->head = NULL;
    seg->lock = NULL;
}

struct shm_table_header *segment_prepare(struct segment *seg, uint32_t capacity)
{
    shm_object_close(&seg->next_object);
    if (!shm_table_prepare(seg->name, capacity, seg->gid, &seg->next_object))
        return NULL;
    return seg->next_object.map.base;
}

bool segment_switch(struct segment *seg)
{
    struct shm_table_header *old = seg->head;
    shm_object_seal(&seg->next_object);
    KILL_POINT("segment-sealed");
    if (!shm_object_take_name(&seg->next_object))
        return false;
    KILL_POINT("segment-published");
    if (old != NULL) {
        /* It stays mapped for good: readers and the kernel's robust lists may still look at it. */
        atomic_store(&old->retired, 1);
        close(seg->table_object.map.fd);
    }
    use_table(seg, &seg->next_object);
    seg->next_object = SHM_OBJECT_NONE;
    return true;
}

bool segment_is_sound(const struct segment *seg)
{
    return shm_object_is_named(&seg->table_object) &&
           memcmp(&seg->head->identity, &seg->identity, sizeof(seg->identity)) == 0 &&
           atomic_load(&seg->head->retired) == 0;
}
