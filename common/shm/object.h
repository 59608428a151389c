/* SPDX-License-Identifier: MIT */
/* The life of a named shared memory object, the same for all kinds of it: made unseen, filled with
 * what its predecessor leaves, sealed, given its name, taken over by the next process, opened by
 * readers, removed. What differs between kinds is data: a struct shm_kind. Used by the weir master
 * (workers' pages, ledger, recent requests), trackerd (table, lock) and all readers; a new kind
 * needs its descriptor and nothing else of this.
 *
 * An object is used only when its head is of this version and of this boot, and its size the one
 * its head asks for. Anything else is as good as none: who would take it over makes a new one. What
 * lies in a tmpfs is of this boot by its nature; elsewhere (no tmpfs at /dev/shm) the boot id says.
 *
 * Known to be weak: a version that changes loses what the old one holds, counters and budgets
 * included; on a disk, where /proc cannot be read, all boots look the same. What is in the body is
 * the kind's to check: a head that is sound says nothing about it. */
#ifndef WEIR_COMMON_SHM_OBJECT_H
#define WEIR_COMMON_SHM_OBJECT_H

#include <stdint.h>

#include "common/shm/mapping.h"

/* What a new kind's head begins with: 32 bytes. All kinds have magic and version here; older ones
 * have their boot id further back (boot_id_at). */
struct shm_head {
    uint64_t magic; /* written last */
    uint32_t version;
    uint32_t extent;     /* how large it is, in what its kind counts */
    uint64_t boot_id[2]; /* of the kernel: instants of the boot clock mean nothing across a boot */
};
_Static_assert(sizeof(struct shm_head) == 32, "layout of an object's head");

#define SHM_HEAD_BYTES_MAX 4096

struct shm_kind {
    const char *suffix; /* of the name, behind tracker.shm */
    uint64_t magic;
    uint32_t version;
    mode_t mode;
    bool is_sparse;    /* memory is taken page by page as it is written (mapping.h) */
    size_t head_bytes; /* at most SHM_HEAD_BYTES_MAX */
    size_t boot_id_at; /* offset in the head */
    /* How many bytes an object with this head has; 0 when this kind makes none such. The head may
     * come from anybody. */
    size_t (*size_of)(const void *head);
    /* Fills the body of a new object, which is zero. `old` is the sound object that bears the name
     * now, or NULL; of this kind, but perhaps of another extent. NULL: the body stays zero. */
    void (*fill)(void *object, const void *old);
    /* Writes what in the head depends on the rest of it: a checksum. A head is whole when sealing
     * it again changes nothing. NULL: nothing does. */
    void (*seal)(void *head);
};

struct shm_object {
    struct shm_mapping map;
    const struct shm_kind *kind;
    char name[SHM_NAME_MAX];
    bool is_unnamed; /* made, and shm_object_take_name has not been called yet */
    int gid;
};
#define SHM_OBJECT_NONE ((struct shm_object){.map = {.fd = -1}})

/* Makes an object, filled and sealed, that nobody sees until it takes its name. `head` is a head of
 * the kind with its dimensions; magic, version and boot id are written here. `gid` (or -1) gets the
 * kind's group access. False with errno: EINVAL when the kind makes none with this head. */
WEIR_MUST_CHECK bool shm_object_make(const struct shm_kind *kind, const char *table_name,
                                     const void *head, int gid, struct shm_object *out);
/* The same in two steps, for one that its maker fills: what is prepared counts as being made until
 * it is sealed. */
WEIR_MUST_CHECK bool shm_object_prepare(const struct shm_kind *kind, const char *table_name,
                                        const void *head, int gid, struct shm_object *out);
void shm_object_seal(struct shm_object *object);

/* Gives a new object its name, in place of the one that bears it; nothing for one that was taken
 * over. False with errno, and a new object closed. */
WEIR_MUST_CHECK bool shm_object_take_name(struct shm_object *object);

/* Maps the sound object of that name. False with errno: ENOENT; EPROTO when it is damaged,
 * EPROTONOSUPPORT when it is of another version, ESTALE of another boot; EAGAIN when it is not
 * sealed; as shm_mapping_open. */
WEIR_MUST_CHECK bool shm_object_open(const struct shm_kind *kind, const char *table_name,
                                     bool is_writable, struct shm_object *out);
/* As root, before leaving it: what root has left under the name goes to this user. */
void shm_object_give(const struct shm_kind *kind, const char *table_name, int uid);

/* From now on this process can write to these bytes only, whole pages of them. False with errno. */
WEIR_MUST_CHECK bool shm_object_restrict(const struct shm_object *object, const void *own,
                                         size_t own_bytes);

/* Does the name still lead to this object, at its full size? */
bool shm_object_is_named(const struct shm_object *object);
/* That, and is its head still whole? */
bool shm_object_is_sound(const struct shm_object *object);
/* Removes the name if it still leads to this object. */
void shm_object_unlink(const struct shm_object *object);
/* Unmaps and closes; nothing for SHM_OBJECT_NONE. */
void shm_object_close(struct shm_object *object);

#endif
