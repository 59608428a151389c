/* SPDX-License-Identifier: MIT */
/* SOCK_SEQPACKET over AF_UNIX: listening, connecting, credentials of the peer. Used by both daemons
 * and weirctl. Weak: a dead process's socket that its child still has, with a full backlog, looks
 * like a living one's. */
#ifndef WEIR_COMMON_BASE_UNIXSOCK_H
#define WEIR_COMMON_BASE_UNIXSOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/attributes.h"

/* Listens, non-blocking. A socket file that nobody listens on any more is replaced; one in use
 * gives EADDRINUSE. Mode and group (gid or -1) are set before the first connection can come.
 * Returns the descriptor, or -1 with errno set. */
WEIR_MUST_CHECK int unixsock_listen(const char *path, mode_t mode, int gid);
/* Connects; the descriptor is non-blocking. -1 with errno set (EAGAIN: the backlog is full, try
 * later). */
WEIR_MUST_CHECK int unixsock_connect(const char *path);
/* uid, gid and pid of the peer. False with errno set when the system does not know them. */
WEIR_MUST_CHECK bool unixsock_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid);

#endif
