/* SPDX-License-Identifier: MIT */
/* See logfile.h. */
#include "common/base/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root must not follow a link that another user has put into the folder. */
static int open_existing(const char *path, int flags)
{
    struct stat st;
    if (geteuid() != 0)
        return open(path, flags);
    int fd = open(path, flags | O_NOFOLLOW);
    if (fd < 0 && errno == ELOOP && lstat(path, &st) == 0 && st.st_uid == 0)
        return open(path, flags);
    return fd;
}

static int open_or_create(const char *path, mode_t mode, bool *is_new)
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    *is_new = false;
    for (;;) {
        int fd = open_existing(path, flags);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        fd = open(path, flags | O_CREAT | O_EXCL, mode);
        *is_new = fd >= 0;
        if (fd >= 0 || errno != EEXIST) /* EEXIST: another process was quicker */
            return fd;
    }
}

/* If we may not give it away it stays ours: no reason not to log. */
static void give(int fd, const struct logfile_owner *owner, bool is_new)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
        return;
    int rc = is_new ? fchmod(fd, owner->mode) : 0; /* whatever the umask was */
    if (geteuid() == 0 && st.st_uid == 0)
        rc = fchown(fd, (uid_t)owner->uid, (gid_t)owner->gid);
    (void)rc;
}

int logfile_open(const char *path, const struct logfile_owner *owner)
{
    bool is_new;
    int fd = open_or_create(path, owner->mode, &is_new);
    if (fd >= 0)
        give(fd, owner, is_new);
    return fd;
}
