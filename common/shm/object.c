/* SPDX-License-Identifier: MIT */
/* See object.h. */
#include "common/shm/object.h"

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

bool shm_object_name(char out[SHM_OBJECT_NAME_MAX], const char *name, const char *suffix)
{
    int n = snprintf(out, SHM_OBJECT_NAME_MAX, "%s%s", name, suffix);
    return n > 0 && n < SHM_OBJECT_NAME_MAX - (int)strlen(NEW);
}

/* ---- objects that are cut short ---------------------------------------------------------------
 */

/* Read by a signal handler: a range counts while its base is set, which is written last and cleared
 * first. One thread maps and unmaps. */
static struct {
    void *volatile base;
    volatile size_t size;
} guarded[SHM_OBJECT_GUARDED_MAX];

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    for (int i = 0; i < SHM_OBJECT_GUARDED_MAX; i++) {
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
    for (int i = 0; i < SHM_OBJECT_GUARDED_MAX; i++) {
        if (guarded[i].base == NULL) {
            guarded[i].size = size;
            guarded[i].base = base;
            return;
        }
    }
}

static void unguard(const void *base)
{
    for (int i = 0; i < SHM_OBJECT_GUARDED_MAX; i++)
        if (guarded[i].base == base)
            guarded[i].base = NULL;
}

/* ---- making and opening ---------------------------------------------------------------------- */

static int fail(struct shm_object *obj, int error)
{
    shm_object_close(obj);
    errno = error;
    return -1;
}

static int map(struct shm_object *obj, bool writable)
{
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *base = mmap(NULL, obj->size, prot, MAP_SHARED, obj->fd, 0);
    if (base == MAP_FAILED)
        return -1;
    obj->base = base;
    guard(base, obj->size);
    return 0;
}

static int reserve(int fd, off_t size)
{
    return posix_fallocate(fd, 0, size);
}

static int reserve_nothing(int fd, off_t size)
{
    return ftruncate(fd, size) == 0 ? 0 : errno;
}

static int create(const char *name, size_t size, int (*give_size)(int fd, off_t size),
                  struct shm_object *out)
{
    char temporary[SHM_OBJECT_NAME_MAX];
    *out = SHM_OBJECT_NONE;
    if (!shm_object_name(temporary, name, NEW)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    shm_unlink(temporary); /* of a maker that died before publishing */
    out->fd = shm_open(temporary, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (out->fd < 0)
        return -1;
    int error = give_size(out->fd, (off_t)size);
    struct stat st;
    if (error == 0 && fstat(out->fd, &st) != 0)
        error = errno;
    if (error == 0) {
        out->size = size;
        out->dev = st.st_dev;
        out->ino = st.st_ino;
        error = map(out, true) == 0 ? 0 : errno;
    }
    if (error != 0) {
        shm_unlink(temporary);
        return fail(out, error);
    }
    return 0;
}

int shm_object_create(const char *name, size_t size, struct shm_object *out)
{
    return create(name, size, reserve, out);
}

int shm_object_create_sparse(const char *name, size_t size, struct shm_object *out)
{
    return create(name, size, reserve_nothing, out);
}

int shm_object_publish(struct shm_object *obj, const char *name, mode_t mode, int gid)
{
    char from[SHM_OBJECT_NAME_MAX + sizeof(SHM_DIR) + sizeof(NEW)];
    char to[SHM_OBJECT_NAME_MAX + sizeof(SHM_DIR)];
    snprintf(from, sizeof(from), SHM_DIR "%s" NEW, name);
    snprintf(to, sizeof(to), SHM_DIR "%s", name);
    /* The mode is the gate: only now may others open it. umask plays no part in fchmod. */
    if ((gid >= 0 && fchown(obj->fd, (uid_t)-1, (gid_t)gid) != 0) || fchmod(obj->fd, mode) != 0 ||
        rename(from, to) != 0) {
        int error = errno;
        unlink(from);
        return fail(obj, error);
    }
    return 0;
}

int shm_object_open(const char *name, bool writable, size_t min_size, struct shm_object *out)
{
    *out = SHM_OBJECT_NONE;
    out->fd = shm_open(name, writable ? O_RDWR : O_RDONLY, 0);
    if (out->fd < 0)
        return -1;
    struct stat st;
    if (fstat(out->fd, &st) != 0)
        return fail(out, errno);
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)min_size)
        return fail(out, EPROTO);
    if ((st.st_mode & S_IWOTH) != 0)
        return fail(out, EPERM);
    out->size = (size_t)st.st_size;
    out->dev = st.st_dev;
    out->ino = st.st_ino;
    return map(out, writable) == 0 ? 0 : fail(out, errno);
}

void shm_object_give(const char *name, int uid)
{
    struct stat st;
    if (geteuid() != 0 || uid <= 0)
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

bool shm_object_is_named(const struct shm_object *obj, const char *name)
{
    /* By path: opening and closing it would drop the fcntl locks that this process has on it. */
    char path[SHM_OBJECT_NAME_MAX + sizeof(SHM_DIR)];
    struct stat st;
    snprintf(path, sizeof(path), SHM_DIR "%s", name);
    return stat(path, &st) == 0 && st.st_dev == obj->dev && st.st_ino == obj->ino &&
           st.st_size == (off_t)obj->size;
}

void shm_object_unlink(const struct shm_object *obj, const char *name)
{
    if (shm_object_is_named(obj, name))
        shm_unlink(name);
}

void shm_object_close(struct shm_object *obj)
{
    if (obj->base != NULL) {
        unguard(obj->base);
        munmap(obj->base, obj->size);
    }
    if (obj->fd >= 0)
        close(obj->fd);
    *obj = SHM_OBJECT_NONE;
}
