/* SPDX-License-Identifier: MIT */
/* One file of POSIX shared memory, mapped: made under a name nobody looks for, given its real name
 * in one step, removed only while the name is still its own. Knows nothing of what is in it; that
 * is object.h, which calls this, as trackerd does for its guard.
 *
 * The first mapping sets a handler for SIGBUS. When somebody cuts a mapped file short, its mapping
 * turns into private zeroed memory at the first touch of what is gone, instead of killing us; the
 * checks that the users of a mapping make anyway then find it damaged.
 *
 * Known to be weak: names are /dev/shm's, where glibc and musl put them; two makers of the same
 * name at once trample on each other's NAME.new (their own locks prevent that); only the first
 * SHM_MAPPING_GUARDED_MAX mappings of a process are watched. One thread maps and unmaps. */
#ifndef WEIR_COMMON_SHM_MAPPING_H
#define WEIR_COMMON_SHM_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/attributes.h"

#define SHM_NAME_MAX            200 /* bytes of a name with its suffix and NUL */
#define SHM_MAPPING_GUARDED_MAX 32

struct shm_mapping {
    int fd;
    void *base;
    size_t size;
    dev_t dev; /* which file this is, whatever its name leads to now */
    ino_t ino;
};
#define SHM_MAPPING_NONE ((struct shm_mapping){.fd = -1})

/* Anybody may make a file of any name there: only those of root, of ourselves and of these users
 * are opened. Called at the start, with the users that the configuration names; -1 = none. */
#define SHM_TRUSTED_MAX 4
void shm_trust_uid(int uid);
/* Removes the name of a file whose owner is not trusted, as only root can. */
bool shm_remove_strangers(const char *name);

/* Writes NAME and suffix to out. False with ENAMETOOLONG. */
WEIR_MUST_CHECK bool shm_name(char out[SHM_NAME_MAX], const char *name, const char *suffix);

/* A new file `NAME.new`, mode 0600, zeroed, mapped read-write; the caller fills it and then gives
 * it its name. Its bytes are reserved (a full tmpfs is ENOSPC here, never SIGBUS later), unless it
 * is sparse: then a page is taken when it is first touched, and when there is none left the mapping
 * becomes private memory, as for a file that is cut short. False with errno. */
WEIR_MUST_CHECK bool shm_mapping_create(const char *name, size_t size, bool is_sparse,
                                        struct shm_mapping *out);
/* Gives a created file its group (or -1), its final mode, and its name, in place of whatever bears
 * the name now, in one step. False with errno and the mapping closed. */
WEIR_MUST_CHECK bool shm_mapping_take_name(struct shm_mapping *mapping, const char *name,
                                           mode_t mode, int gid);

/* Maps a whole existing file of at least min_size bytes. False with errno: EPROTO when it is too
 * small or no plain file, EPERM when anybody may write to it, or its owner is nobody we trust. */
WEIR_MUST_CHECK bool shm_mapping_open(const char *name, bool is_writable, size_t min_size,
                                      struct shm_mapping *out);

/* As root, before leaving it: a file of that name which root has made goes to the user we are going
 * to be, who could not replace it otherwise; one of somebody else is removed. Harmless when there
 * is none. */
void shm_mapping_give(const char *name, int uid);

/* Does the name still lead to this file? At its full size, where it is mapped. */
bool shm_mapping_is_named(const struct shm_mapping *mapping, const char *name);
/* Removes the name if it still leads to this file. */
void shm_mapping_unlink(const struct shm_mapping *mapping, const char *name);
/* Unmaps and closes; nothing for SHM_MAPPING_NONE. */
void shm_mapping_close(struct shm_mapping *mapping);

#endif
