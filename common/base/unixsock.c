/* SPDX-License-Identifier: MIT */
/* See unixsock.h. */
#include "common/base/unixsock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/fd.h"

/* A worker whose connection does not fit gets EAGAIN and comes again; this is room for a restart of
 * all of them at once. */
#define BACKLOG 512

static int fill_address(const char *path, struct sockaddr_un *out)
{
    size_t len = strlen(path);
    if (len >= sizeof(out->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, len);
    return 0;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int unixsock_connect(const char *path)
{
    struct sockaddr_un address;
    if (fill_address(path, &address) != 0)
        return -1;
    int fd = new_socket();
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return fd_close_keeping_errno(fd);
    return fd;
}

/* Removes a socket file nobody listens on. 0 when the path is free then. Only a refused connection
 * proves that it is stale: a full backlog or a socket of another type means somebody is there. */
static int clear_path(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -1;
    if (!S_ISSOCK(st.st_mode)) {
        errno = ENOTSOCK;
        return -1;
    }
    int fd = unixsock_connect(path);
    if (fd < 0 && errno == ECONNREFUSED)
        return unlink(path);
    if (fd >= 0)
        close(fd);
    errno = EADDRINUSE;
    return -1;
}

/* Between bind and listen the file exists, but nobody can connect: the time for its rights. */
static int bind_with_rights(int fd, const struct sockaddr_un *address, mode_t mode, int gid)
{
    const char *path = address->sun_path;
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return -1;
    if ((gid < 0 || chown(path, (uid_t)-1, (gid_t)gid) == 0) && chmod(path, mode) == 0 &&
        listen(fd, BACKLOG) == 0)
        return 0;
    int saved = errno;
    unlink(path);
    errno = saved;
    return -1;
}

int unixsock_listen(const char *path, mode_t mode, int gid)
{
    struct sockaddr_un address;
    if (fill_address(path, &address) != 0 || clear_path(path) != 0)
        return -1;
    int fd = new_socket();
    if (fd < 0)
        return -1;
    if (bind_with_rights(fd, &address, mode, gid) != 0)
        return fd_close_keeping_errno(fd);
    return fd;
}

int unixsock_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return -1;
    *uid = peer.uid;
    *gid = peer.gid;
    *pid = peer.pid;
    return 0;
}
