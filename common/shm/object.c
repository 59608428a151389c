/* SPDX-License-Identifier: MIT */
/* See object.h. */
#include "common/shm/object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/hex.h"

#define BOOT_ID_PATH  "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_BYTES sizeof(((struct shm_head *)NULL)->boot_id)

/* ---- heads ----------------------------------------------------------------------------------- */

/* The UUID in the file as a number; zero when it cannot be read. */
static void read_boot_id(uint64_t out[2])
{
    char text[64];
    unsigned digits = 0;
    out[0] = out[1] = 0;
    int fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    for (ssize_t i = 0; i < len && digits < 32; i++) {
        int value = hex_value((unsigned char)text[i]);
        if (value < 0)
            continue; /* a dash */
        out[digits / 16] = out[digits / 16] << 4 | (unsigned)value;
        digits++;
    }
}

/* Memory that is a file ends with its kernel. The id tells nothing there, and may differ between
 * two who see the same object: a container manager may mount an id of its own over the kernel's,
 * which a service with a /proc of its own (ProtectProc= of systemd) does not see. */
static bool is_of_this_boot(const struct shm_kind *kind, const struct shm_mapping *map)
{
    struct statfs fs;
    uint64_t boot_id[2];
    if (fstatfs(map->fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
        return true;
    read_boot_id(boot_id);
    return memcmp((const char *)map->base + kind->boot_id_at, boot_id, BOOT_ID_BYTES) == 0;
}

static bool is_whole(const struct shm_kind *kind, const void *head)
{
    _Alignas(8) char sealed[SHM_HEAD_BYTES_MAX];
    if (kind->seal == NULL)
        return true;
    memcpy(sealed, head, kind->head_bytes);
    kind->seal(sealed);
    return memcmp(sealed, head, kind->head_bytes) == 0;
}

/* What is wrong with it, as an errno; 0: nothing. */
static int fault_of(const struct shm_kind *kind, const struct shm_mapping *map)
{
    const struct shm_head *head = map->base;
    if (head->magic != kind->magic)
        return head->magic == 0 ? EAGAIN : EPROTO;
    if (head->version != kind->version)
        return EPROTONOSUPPORT;
    if (kind->size_of(head) != map->size || !is_whole(kind, head))
        return EPROTO;
    return is_of_this_boot(kind, map) ? 0 : ESTALE;
}

/* ---- making and opening ---------------------------------------------------------------------- */

bool shm_object_prepare(const struct shm_kind *kind, const char *table_name, const void *head,
                        int gid, struct shm_object *out)
{
    size_t size = kind->size_of(head);
    *out = SHM_OBJECT_NONE;
    if (size == 0) {
        errno = EINVAL;
        return false;
    }
    if (!shm_name(out->name, table_name, kind->suffix) ||
        !shm_mapping_create(out->name, size, kind->is_sparse, &out->map))
        return false;
    out->kind = kind;
    out->is_unnamed = true;
    out->gid = gid;
    struct shm_head *new = out->map.base;
    uint64_t boot_id[2];
    memcpy(new, head, kind->head_bytes);
    new->magic = 0;
    new->version = kind->version;
    read_boot_id(boot_id);
    memcpy((char *)new + kind->boot_id_at, boot_id, BOOT_ID_BYTES);
    return true;
}

void shm_object_seal(struct shm_object *object)
{
    struct shm_head *head = object->map.base;
    if (object->kind->seal != NULL)
        object->kind->seal(head);
    atomic_thread_fence(memory_order_release);
    head->magic = object->kind->magic;
}

bool shm_object_make(const struct shm_kind *kind, const char *table_name, const void *head, int gid,
                     struct shm_object *out)
{
    struct shm_object old;
    if (!shm_object_prepare(kind, table_name, head, gid, out))
        return false;
    if (kind->fill != NULL) {
        bool has_old = shm_object_open(kind, table_name, false, &old);
        kind->fill(out->map.base, has_old ? old.map.base : NULL);
        shm_object_close(&old);
    }
    shm_object_seal(out);
    return true;
}

bool shm_object_take_name(struct shm_object *object)
{
    if (!object->is_unnamed)
        return true;
    object->is_unnamed = false;
    return shm_mapping_take_name(&object->map, object->name, object->kind->mode, object->gid);
}

bool shm_object_open(const struct shm_kind *kind, const char *table_name, bool is_writable,
                     struct shm_object *out)
{
    *out = SHM_OBJECT_NONE;
    if (!shm_name(out->name, table_name, kind->suffix) ||
        !shm_mapping_open(out->name, is_writable, kind->head_bytes, &out->map))
        return false;
    out->kind = kind;
    int error = fault_of(kind, &out->map);
    if (error == 0)
        return true;
    shm_object_close(out);
    errno = error;
    return false;
}

void shm_object_give(const struct shm_kind *kind, const char *table_name, int uid)
{
    char name[SHM_NAME_MAX];
    if (shm_name(name, table_name, kind->suffix))
        shm_mapping_give(name, uid);
}

/* ---- the rest of its life -------------------------------------------------------------------- */

bool shm_object_restrict(const struct shm_object *object, const void *own, size_t own_bytes)
{
    char *base = object->map.base, *behind = (char *)own + own_bytes;
    size_t before = (size_t)((const char *)own - base);
    size_t rest = object->map.size - before - own_bytes;
    return (before == 0 || mprotect(base, before, PROT_READ) == 0) &&
           (rest == 0 || mprotect(behind, rest, PROT_READ) == 0);
}

bool shm_object_is_named(const struct shm_object *object)
{
    return shm_mapping_is_named(&object->map, object->name);
}

bool shm_object_is_sound(const struct shm_object *object)
{
    return shm_object_is_named(object) && fault_of(object->kind, &object->map) == 0;
}

void shm_object_unlink(const struct shm_object *object)
{
    shm_mapping_unlink(&object->map, object->name);
}

void shm_object_close(struct shm_object *object)
{
    shm_mapping_close(&object->map);
    *object = SHM_OBJECT_NONE;
}
