/* SPDX-License-Identifier: MIT */
/* See mapping.h. */
#include "common/shm/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where glibc and musl keep POSIX shared memory on Linux: rename(2) has no shm counterpart. */
#define SHM_DIR "/dev/shm"
#define NEW     ".new"

bool shm_name(char out[SHM_NAME_MAX], const char *name, const char *suffix)
{
    int n = snprintf(out, SHM_NAME_MAX, "%s%s", name, suffix);
    if (n > 0 && n < SHM_NAME_MAX - (int)strlen(NEW))
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* ---- files that are cut short ---------------------------------------------------------------- */

/* Read by a signal handler: a range counts while its base is set, which is written last and cleared
 * first. One thread maps and unmaps. */
static struct {
    void *volatile base;
    volatile size_t size;
} guarded[SHM_MAPPING_GUARDED_MAX];

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    for (int i = 0; i < SHM_MAPPING_GUARDED_MAX; i++) {
        char *base = guarded[i].base;
        size_t size = guarded[i].size;
        if (base == NULL || (char *)info->si_addr < base || (char *)info->si_addr >= base + size)
            continue;
        if (mmap(base, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0) != MAP_FAILED)
            return; /* and the access is made again */
    }
    signal(number, SIG_DFL); /* not ours: the access is made again and kills as it should */
}

static void guard(void *base, size_t size)
{
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    for (int i = 0; i < SHM_MAPPING_GUARDED_MAX; i++) {
        if (guarded[i].base == NULL) {
            guarded[i].size = size;
            guarded[i].base = base;
            return;
        }
    }
}

static void unguard(const void *base)
{
    for (int i = 0; i < SHM_MAPPING_GUARDED_MAX; i++)
        if (guarded[i].base == base)
            guarded[i].base = NULL;
}

/* ---- owners ---------------------------------------------------------------------------------- */

static uid_t trusted[SHM_TRUSTED_MAX];
static unsigned n_trusted;

static bool is_trusted(uid_t uid)
{
    if (uid == 0 || uid == geteuid())
        return true;
    for (unsigned i = 0; i < n_trusted; i++)
        if (trusted[i] == uid)
            return true;
    return false;
}

void shm_trust_uid(int uid)
{
    if (uid >= 0 && !is_trusted((uid_t)uid) && n_trusted < SHM_TRUSTED_MAX)
        trusted[n_trusted++] = (uid_t)uid;
}

bool shm_remove_strangers(const char *name)
{
    char path[SHM_NAME_MAX + sizeof(SHM_DIR)];
    struct stat st;
    snprintf(path, sizeof(path), SHM_DIR "%s", name);
    return lstat(path, &st) == 0 && !is_trusted(st.st_uid) && unlink(path) == 0;
}

/* ---- making and opening ---------------------------------------------------------------------- */

static bool fail(struct shm_mapping *mapping, int error)
{
    shm_mapping_close(mapping);
    errno = error;
    return false;
}

static bool map(struct shm_mapping *mapping, bool is_writable)
{
    int prot = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *base = mmap(NULL, mapping->size, prot, MAP_SHARED, mapping->fd, 0);
    if (base == MAP_FAILED)
        return false;
    mapping->base = base;
    guard(base, mapping->size);
    return true;
}

bool shm_mapping_create(const char *name, size_t size, bool is_sparse, struct shm_mapping *out)
{
    char temporary[SHM_NAME_MAX];
    struct stat st;
    *out = SHM_MAPPING_NONE;
    if (!shm_name(temporary, name, NEW))
        return false;
    shm_unlink(temporary); /* of a maker that died before it gave it a name */
    out->fd = shm_open(temporary, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (out->fd < 0)
        return false;
    int error = 0;
    if (!is_sparse)
        error = posix_fallocate(out->fd, 0, (off_t)size);
    else if (ftruncate(out->fd, (off_t)size) != 0)
        error = errno;
    if (error == 0 && fstat(out->fd, &st) != 0)
        error = errno;
    if (error == 0) {
        out->size = size;
        out->dev = st.st_dev;
        out->ino = st.st_ino;
        error = map(out, true) ? 0 : errno;
    }
    if (error == 0)
        return true;
    shm_unlink(temporary);
    return fail(out, error);
}

bool shm_mapping_take_name(struct shm_mapping *mapping, const char *name, mode_t mode, int gid)
{
    char from[SHM_NAME_MAX + sizeof(SHM_DIR) + sizeof(NEW)];
    char to[SHM_NAME_MAX + sizeof(SHM_DIR)];
    snprintf(from, sizeof(from), SHM_DIR "%s" NEW, name);
    snprintf(to, sizeof(to), SHM_DIR "%s", name);
    /* The mode is the gate: only now may others open it. umask plays no part in fchmod. */
    if ((gid >= 0 && fchown(mapping->fd, (uid_t)-1, (gid_t)gid) != 0) ||
        fchmod(mapping->fd, mode) != 0 || rename(from, to) != 0) {
        int error = errno;
        unlink(from);
        return fail(mapping, error);
    }
    return true;
}

bool shm_mapping_open(const char *name, bool is_writable, size_t min_size, struct shm_mapping *out)
{
    *out = SHM_MAPPING_NONE;
    out->fd = shm_open(name, is_writable ? O_RDWR : O_RDONLY, 0);
    if (out->fd < 0)
        return false;
    struct stat st;
    if (fstat(out->fd, &st) != 0)
        return fail(out, errno);
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)min_size)
        return fail(out, EPROTO);
    if ((st.st_mode & S_IWOTH) != 0 || !is_trusted(st.st_uid))
        return fail(out, EPERM);
    out->size = (size_t)st.st_size;
    out->dev = st.st_dev;
    out->ino = st.st_ino;
    return map(out, is_writable) || fail(out, errno);
}

void shm_mapping_give(const char *name, int uid)
{
    struct stat st;
    if (geteuid() != 0 || uid <= 0 || shm_remove_strangers(name))
        return;
    int fd = shm_open(name, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && st.st_nlink == 1) {
        int rc = fchown(fd, (uid_t)uid, (gid_t)-1);
        (void)rc; /* opening or replacing it then says what is wrong */
    }
    close(fd);
}

bool shm_mapping_is_named(const struct shm_mapping *mapping, const char *name)
{
    /* By path: opening and closing it would drop the fcntl locks that this process has on it. */
    char path[SHM_NAME_MAX + sizeof(SHM_DIR)];
    struct stat st;
    snprintf(path, sizeof(path), SHM_DIR "%s", name);
    return stat(path, &st) == 0 && st.st_dev == mapping->dev && st.st_ino == mapping->ino &&
           (mapping->base == NULL || st.st_size == (off_t)mapping->size);
}

void shm_mapping_unlink(const struct shm_mapping *mapping, const char *name)
{
    if (shm_mapping_is_named(mapping, name))
        shm_unlink(name);
}

void shm_mapping_close(struct shm_mapping *mapping)
{
    if (mapping->base != NULL) {
        unguard(mapping->base);
        munmap(mapping->base, mapping->size);
    }
    if (mapping->fd >= 0)
        close(mapping->fd);
    *mapping = SHM_MAPPING_NONE;
}
