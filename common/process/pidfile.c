/* SPDX-License-Identifier: MIT */
/* See pidfile.h. fcntl's process-wide locks, not flock: the lock must not pass to the workers, who
 * may outlive a killed master for a moment. */
#include "common/process/pidfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/process/user.h"

#define PID_FILE_MODE 0644

static struct {
    char *path; /* NULL: we have none */
    int fd;
    pid_t owner; /* who removes it: no forked child */
} pf = {.fd = -1};

static bool lock_whole(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return true;
    if (errno == EACCES)
        errno = EAGAIN;
    return false;
}

/* Another instance may have removed the file between our open and our lock. */
static bool is_still_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

/* Never O_CREAT alone: in a folder that others may write to (sticky, of the service's group) Linux
 * refuses it for an existing file of theirs, even to root. */
static int open_or_create(const char *path)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    for (;;) {
        int fd = open(path, flags);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        fd = open(path, flags | O_CREAT | O_EXCL, PID_FILE_MODE);
        if (fd >= 0)
            (void)!fchmod(fd, PID_FILE_MODE); /* whatever the umask: it is not secret */
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
}

static int open_locked(const char *path)
{
    for (;;) {
        int fd = open_or_create(path);
        if (fd < 0)
            return -1;
        if (!lock_whole(fd))
            return fd_close_keeping_errno(fd);
        if (is_still_at(fd, path))
            return fd;
        close(fd);
    }
}

static bool write_pid(int fd)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "%ld\n", (long)getpid());
    errno = EIO; /* for a short write, which sets none */
    bool is_written =
        ftruncate(fd, 0) == 0 && pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len;
    buf_free(&text);
    return is_written;
}

/* Takes the locked descriptor, also when it fails. */
static bool take_locked(const char *path, int fd)
{
    if (!write_pid(fd)) {
        fd_close_keeping_errno(fd);
        return false;
    }
    free(pf.path); /* a parent's */
    pf.path = xstrdup(path);
    pf.fd = fd;
    pf.owner = getpid();
    return true;
}

bool pidfile_write(const char *path)
{
    if (path == NULL)
        return true;
    /* One a process: closing a second descriptor of the file would lose the first's lock. */
    assert(pf.path == NULL || pf.owner != getpid());
    int fd = open_locked(path);
    return fd >= 0 && take_locked(path, fd);
}

void pidfile_begin(const char *path, const char *prog, int uid, int gid)
{
    if (path == NULL)
        return;
    daemon_make_folder(path, DAEMON_RUN_MODE, uid, gid);
    if (!pidfile_write(path))
        log_fatal(EX_UNAVAILABLE, "pid file %s: %s%s", path,
                  errno == EAGAIN ? "held by another " : "",
                  errno == EAGAIN ? prog : strerror(errno));
}

int pidfile_fd(void)
{
    return pf.path != NULL ? pf.fd : -1;
}

static void forget(void)
{
    close(pf.fd);
    free(pf.path);
    pf.path = NULL;
    pf.fd = -1;
}

void pidfile_release(void)
{
    if (pf.path != NULL)
        forget();
}

bool pidfile_inherit(const char *path, int fd)
{
    if (fd < 0 || path == NULL || !is_still_at(fd, path)) {
        fd_close(&fd);
        return pidfile_write(path);
    }
    if (lock_whole(fd))
        return take_locked(path, fd);
    fd_close_keeping_errno(fd);
    return false;
}

void pidfile_remove(void)
{
    if (pf.path == NULL || pf.owner != getpid())
        return;
    /* Without the right to remove it (root has been left) we empty it, which says as much. */
    if (unlink(pf.path) != 0) {
        int rc = ftruncate(pf.fd, 0);
        (void)rc;
    }
    forget();
}
