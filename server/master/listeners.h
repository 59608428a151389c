/* SPDX-License-Identifier: MIT */
/* The listening sockets, in the master: made before the workers, kept over reloads and workers'
 * deaths, so that nothing queued on them is lost. TCP addresses have one SO_REUSEPORT socket a
 * worker (an even spread); a Unix socket is shared by all. */
#ifndef WEIR_SERVER_MASTER_LISTENERS_H
#define WEIR_SERVER_MASTER_LISTENERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"

struct master_listen;

/* Opens what the configuration names. Addresses that the old set has (NULL: there is none) keep
 * their sockets. NULL on failure, and *why says what failed, with the address and port; the caller
 * frees it, and the old set is as it was. On success the old set is empty of what stays and must be
 * freed. */
struct master_listen *master_listen_renew(struct master_listen *old, const struct conf *conf,
                                          char **why);
/* A set of sockets that another master opened: ours from now on. */
struct master_listen *master_listen_inherit(const int *fds, size_t n);
/* As root: gives the sockets to the user we are going to be, and their files also to the group; -1
 * leaves the one or the other. */
void master_listen_give(const struct master_listen *listen, int uid, int gid);
/* Closes the descriptors; removes Unix sockets' files when asked. */
void master_listen_free(struct master_listen **listen, int remove_files);

/* The descriptors that worker `index` of `workers` shall serve. Returns how many were written to
 * fds, which has room for master_listen_count. */
size_t master_listen_share(const struct master_listen *listen, uint32_t index, uint32_t workers,
                           int *fds);
size_t master_listen_count(const struct master_listen *listen);
/* In a worker: closes the descriptors that are not among the n in fds. */
void master_listen_keep_only(const struct master_listen *listen, const int *fds, size_t n);

#endif
