/* SPDX-License-Identifier: MIT */
/* SOCK_SEQPACKET over AF_UNIX: listening, connecting, peer credentials. Both daemons and weirctl.
 */
#ifndef WEIR_COMMON_BASE_UNIXSOCK_H
#define WEIR_COMMON_BASE_UNIXSOCK_H

#include <sys/types.h>

/* Listens, non-blocking. An old socket file nobody listens on is replaced; one that somebody does
 * is EADDRINUSE. Mode and group (gid or -1) are set before the first connection can come.
 * Returns the descriptor, or -1 with errno. */
int unixsock_listen(const char *path, mode_t mode, int gid);
/* Connects, non-blocking afterwards. -1 with errno (EAGAIN: its backlog is full, try later). */
int unixsock_connect(const char *path);
/* uid, gid and pid of the peer. 0, or -1 with errno. */
int unixsock_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid);

#endif
