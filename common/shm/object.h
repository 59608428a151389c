/* SPDX-License-Identifier: MIT */
/* POSIX shared memory objects, as the makers of weir's segments need them: filled before
 * anybody may open them, names removed only while they are ours. Used by trackerd (table, lock,
 * guard), the weir master (worker pages, ledger, recent requests) and all readers.
 *
 * Mapping the first object sets a handler for SIGBUS. When somebody cuts a mapped object short, its
 * mapping turns into private zeroed memory at the first touch of what is gone, instead of killing
 * us; the checks that the users of a mapping make anyway then find it damaged. */
#ifndef WEIR_COMMON_SHM_OBJECT_H
#define WEIR_COMMON_SHM_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SHM_OBJECT_NAME_MAX    200 /* bytes of a name with its suffix and NUL */
#define SHM_OBJECT_GUARDED_MAX 32  /* objects that may be cut short; no others are watched */

struct shm_object {
    int fd;
    void *base;
    size_t size;
    dev_t dev; /* which object this is, whatever its name leads to by now */
    ino_t ino;
};
#define SHM_OBJECT_NONE ((struct shm_object){.fd = -1})

/* Writes NAME and suffix to out. False when it does not fit. */
bool shm_object_name(char out[SHM_OBJECT_NAME_MAX], const char *name, const char *suffix);

/* A new object without a name that others look for: `NAME.new`, mode 0600, zeroed, `size` bytes
 * reserved (a full tmpfs is ENOSPC here, never SIGBUS later), mapped read-write. The caller fills
 * it, then publishes it. 0, or -1 with errno. */
int shm_object_create(const char *name, size_t size, struct shm_object *out);
/* The same without reserving anything: a page is taken when it is first touched. When there is none
 * left then, the mapping becomes private memory, as for an object that is cut short. */
int shm_object_create_sparse(const char *name, size_t size, struct shm_object *out);
/* Gives a created object its group (or -1), its final mode, and its name, in place of whatever
 * bears the name now, in one step. 0, or -1 with errno and the object closed. */
int shm_object_publish(struct shm_object *obj, const char *name, mode_t mode, int gid);

/* Maps a whole existing object of at least min_size bytes. -1 with errno: EPROTO when it is too
 * small or no plain file, EPERM when anybody may write to it. */
int shm_object_open(const char *name, bool writable, size_t min_size, struct shm_object *out);

/* As root, before it is left: gives an object of that name which root has made to the user we are
 * going to be, who could not replace it otherwise. Harmless when there is none. */
void shm_object_give(const char *name, int uid);

/* Does the name still lead to this object, at its full size? */
bool shm_object_is_named(const struct shm_object *obj, const char *name);
/* Removes the name if it still leads to this object. */
void shm_object_unlink(const struct shm_object *obj, const char *name);
/* Unmaps and closes; nothing for SHM_OBJECT_NONE. */
void shm_object_close(struct shm_object *obj);

#endif
