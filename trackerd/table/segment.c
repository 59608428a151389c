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

#include "common/base/clock.h"
#include "common/base/killpoint.h"
#include "common/shm/bootid.h"
#include "common/shm/lock.h"

#define GUARD_SUFFIX ".guard"
#define TABLE_MODE   0640
#define LOCK_MODE    0660

/* ---- guard --------------------------------------------------------------------------------- */

/* Locks the guard object; it may vanish between opening and locking (a trackerd that ends removes
 * it), and then the lock is worth nothing. */
static int try_guard(struct segment *seg, const char *name)
{
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return -1;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    int error = fcntl(fd, F_OFD_SETLK, &lock) == 0 && fstat(fd, &st) == 0 ? 0 : errno;
    if (error != 0) {
        close(fd);
        errno = error == EAGAIN || error == EACCES ? EBUSY : error;
        return -1;
    }
    seg->guard = (struct shm_object){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    if (shm_object_is_named(&seg->guard, name))
        return 0;
    shm_object_close(&seg->guard);
    errno = EAGAIN;
    return -1;
}

static int take_guard(struct segment *seg)
{
    char name[SHM_OBJECT_NAME_MAX];
    if (!shm_object_name(name, seg->name, GUARD_SUFFIX)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (;;) {
        if (try_guard(seg, name) == 0)
            return 0;
        if (errno != EAGAIN)
            return -1;
    }
}

void segment_keep_guard(struct segment *seg)
{
    char name[SHM_OBJECT_NAME_MAX];
    shm_object_name(name, seg->name, GUARD_SUFFIX);
    if (shm_object_is_named(&seg->guard, name))
        return;
    struct shm_object old = seg->guard;
    if (take_guard(seg) == 0)
        shm_object_close(&old);
    else
        seg->guard = old;
}

/* ---- lock ---------------------------------------------------------------------------------- */

static int make_lock(struct segment *seg, const char *name)
{
    struct shm_object object;
    if (shm_object_create(name, SHM_LOCK_BYTES, &object) != 0)
        return -1;
    shm_lock_init(object.base, seg->boot_id);
    if (shm_object_publish(&object, name, LOCK_MODE, seg->gid) != 0)
        return -1;
    seg->lock_object = object;
    seg->lock = object.base;
    return 0;
}

static int open_lock(struct segment *seg)
{
    char name[SHM_OBJECT_NAME_MAX];
    shm_object_name(name, seg->name, SHM_LOCK_SUFFIX);
    if (shm_object_open(name, true, SHM_LOCK_BYTES, &seg->lock_object) == 0) {
        if (shm_lock_is_good(seg->lock_object.base, seg->boot_id)) {
            seg->lock = seg->lock_object.base;
            return 0;
        }
        shm_object_close(&seg->lock_object);
    }
    return make_lock(seg, name);
}

bool segment_lock_is_sound(const struct segment *seg)
{
    char name[SHM_OBJECT_NAME_MAX];
    shm_object_name(name, seg->name, SHM_LOCK_SUFFIX);
    return shm_object_is_named(&seg->lock_object, name) &&
           shm_lock_is_good(seg->lock, seg->boot_id);
}

int segment_renew_lock(struct segment *seg)
{
    /* The old page stays mapped: a mutex that others may hold is never destroyed or unmapped. */
    char name[SHM_OBJECT_NAME_MAX];
    shm_object_name(name, seg->name, SHM_LOCK_SUFFIX);
    return make_lock(seg, name);
}

/* ---- table --------------------------------------------------------------------------------- */

static void use_table(struct segment *seg, const struct shm_object *object)
{
    seg->table_object = *object;
    seg->head = object->base;
    seg->identity = seg->head->identity;
    seg->capacity = seg->identity.capacity;
    seg->rows = shm_table_rows_of(seg->head);
    seg->senders = shm_table_senders_of(seg->head, seg->capacity);
}

static int attach(struct segment *seg, enum segment_origin *origin)
{
    struct shm_object object;
    if (shm_object_open(seg->name, true, SHM_TABLE_HEADER_BYTES, &object) != 0) {
        *origin = errno == ENOENT ? SEGMENT_ABSENT : SEGMENT_DAMAGED;
        return errno == EACCES ? -1 : 0;
    }
    struct shm_table_header *head = object.base;
    if (shm_table_identity_is_good(&head->identity, object.size, seg->boot_id)) {
        *origin = SEGMENT_ATTACHED;
        use_table(seg, &object);
        return 0;
    }
    *origin = SEGMENT_DAMAGED;
    /* Readers may still have it mapped: tell them to look for the one that is made next. */
    atomic_store(&head->retired, 1);
    shm_object_close(&object);
    return 0;
}

void segment_give(const char *name, int uid)
{
    static const char *const suffixes[] = {"", SHM_LOCK_SUFFIX, GUARD_SUFFIX};
    char full[SHM_OBJECT_NAME_MAX];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (shm_object_name(full, name, suffixes[i]))
            shm_object_give(full, uid);
}

int segment_open(struct segment *seg, const char *name, int gid, enum segment_origin *origin)
{
    *seg = (struct segment){
        .gid = gid,
        .guard = SHM_OBJECT_NONE,
        .lock_object = SHM_OBJECT_NONE,
        .table_object = SHM_OBJECT_NONE,
        .next_object = SHM_OBJECT_NONE,
    };
    if (!shm_object_name(seg->name, name, "")) {
        errno = ENAMETOOLONG;
        return -1;
    }
    bootid_read(seg->boot_id);
    if (take_guard(seg) == 0 && open_lock(seg) == 0 && attach(seg, origin) == 0)
        return 0;
    int error = errno;
    segment_close(seg);
    errno = error;
    return -1;
}

void segment_close(struct segment *seg)
{
    char name[SHM_OBJECT_NAME_MAX];
    shm_object_close(&seg->next_object);
    shm_object_close(&seg->table_object);
    shm_object_close(&seg->lock_object);
    if (seg->guard.fd >= 0 && shm_object_name(name, seg->name, GUARD_SUFFIX))
        shm_object_unlink(&seg->guard, name); /* while still locked: nobody else can have it */
    shm_object_close(&seg->guard);
    seg->head = NULL;
    seg->lock = NULL;
}

struct shm_table_header *segment_prepare(struct segment *seg, uint32_t capacity)
{
    size_t size = shm_table_total_bytes(capacity);
    shm_object_close(&seg->next_object);
    if (shm_object_create(seg->name, size, &seg->next_object) != 0)
        return NULL;
    struct shm_table_header *head = seg->next_object.base;
    head->identity = (struct shm_table_identity){
        .version = SHM_TABLE_VERSION,
        .header_bytes = SHM_TABLE_HEADER_BYTES,
        .row_bytes = sizeof(struct shm_table_row),
        .capacity = capacity,
        .sender_bytes = sizeof(struct shm_table_sender),
        .senders = SHM_TABLE_SENDERS,
        .total_bytes = size,
        .generation = clock_boot_ns(),
        .boot_id = {seg->boot_id[0], seg->boot_id[1]},
    };
    return head;
}

int segment_switch(struct segment *seg)
{
    struct shm_table_header *old = seg->head;
    shm_table_identity_seal(&((struct shm_table_header *)seg->next_object.base)->identity);
    KILL_POINT("segment-sealed");
    if (shm_object_publish(&seg->next_object, seg->name, TABLE_MODE, seg->gid) != 0)
        return -1;
    KILL_POINT("segment-published");
    if (old != NULL) {
        /* It stays mapped for good: readers and the kernel's robust lists may still look at it. */
        atomic_store(&old->retired, 1);
        close(seg->table_object.fd);
    }
    use_table(seg, &seg->next_object);
    seg->next_object = SHM_OBJECT_NONE;
    return 0;
}

bool segment_is_sound(const struct segment *seg)
{
    return shm_object_is_named(&seg->table_object, seg->name) &&
           memcmp(&seg->head->identity, &seg->identity, sizeof(seg->identity)) == 0 &&
           atomic_load(&seg->head->retired) == 0;
}
