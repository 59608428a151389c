/* SPDX-License-Identifier: MIT */
/* See unixsock.h. */
#include "common/base/unixsock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/fd.h"

/* A worker whose connection does not fit gets EAGAIN and comes again; this is room for a restart of
 * all of them at once. */
#define BACKLOG 512

static bool fill_address(const char *path, struct sockaddr_un *out)
{
    size_t len = strlen(path);
    if (len >= sizeof(out->sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, len);
    return true;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int unixsock_connect(const char *path)
{
    struct sockaddr_un address;
    if (!fill_address(path, &address))
        return -1;
    int fd = new_socket();
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return fd_close_keeping_errno(fd);
    return fd;
}

/* Did the process that began to listen die, and leave the socket to a forked child that has not
 * closed it yet? The kernel remembers who called listen(). */
static bool is_left_by_dead(int connected)
{
    uid_t uid;
    gid_t gid;
    pid_t pid;
    return unixsock_peer(connected, &uid, &gid, &pid) && pid > 0 && kill(pid, 0) != 0 &&
           errno == ESRCH;
}

/* Removes a socket file that nobody listens on. True when the path is free then. A refused
 * connection proves that the file is stale, and so does a listener that is dead. With a full
 * backlog, or a socket of another type, there is a listener. */
static bool clear_path(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode)) {
        errno = ENOTSOCK;
        return false;
    }
    int fd = unixsock_connect(path);
    bool is_stale = fd < 0 ? errno == ECONNREFUSED : is_left_by_dead(fd);
    fd_close(&fd);
    if (is_stale)
        return unlink(path) == 0;
    errno = EADDRINUSE;
    return false;
}

/* Between bind and listen the file exists, but nobody can connect yet: the time to set its rights.
 */
static bool bind_with_rights(int fd, const struct sockaddr_un *address, mode_t mode, int gid)
{
    const char *path = address->sun_path;
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return false;
    if ((gid < 0 || chown(path, (uid_t)-1, (gid_t)gid) == 0) && chmod(path, mode) == 0 &&
        listen(fd, BACKLOG) == 0)
        return true;
    int saved = errno;
    unlink(path);
    errno = saved;
    return false;
}

int unixsock_listen(const char *path, mode_t mode, int gid)
{
    struct sockaddr_un address;
    if (!fill_address(path, &address) || !clear_path(path))
        return -1;
    int fd = new_socket();
    if (fd < 0)
        return -1;
    if (!bind_with_rights(fd, &address, mode, gid))
        return fd_close_keeping_errno(fd);
    return fd;
}

bool unixsock_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    *uid = peer.uid;
    *gid = peer.gid;
    *pid = peer.pid;
    return true;
}
