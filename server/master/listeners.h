/* SPDX-License-Identifier: MIT */
/* The listening sockets, in the master: made before the workers, kept over reloads and workers'
 * deaths, so that nothing queued on them is lost. TCP addresses have one SO_REUSEPORT socket a
 * worker (an even spread); a Unix socket is shared by all. Each worker inherits all of them. */
#ifndef WEIR_SERVER_MASTER_LISTENERS_H
#define WEIR_SERVER_MASTER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "server/worker/inherit.h"

struct master_listeners;

/* Opens the sockets that the configuration names. Addresses that the old set has (NULL: there is
 * none) keep their sockets. On success these have moved out of the old set, which the caller frees.
 * NULL on failure: the old set is as it was, and *why, for the caller to free, is the reason with
 * address and port; errno, too, tells the reason. */
struct master_listeners *master_listeners_renew(struct master_listeners *old,
                                                const struct conf *conf, char **why);
/* The set of sockets that the predecessor opened, ours from now on. */
struct master_listeners *master_listeners_inherit(const int *fds, size_t n);
/* As root: gives the sockets to the user we are going to be, and their files also to the group; -1
 * leaves the one or the other. */
void master_listeners_give(const struct master_listeners *listeners, int uid, int gid);
/* Closes the descriptors; removes Unix sockets' files when asked. */
void master_listeners_free(struct master_listeners **listeners, bool remove_files);

size_t master_listeners_count(const struct master_listeners *listeners);
/* Writes all of them, and which of so many workers serves each, to out, which has room for
 * master_listeners_count. */
void master_listeners_list(const struct master_listeners *listeners, uint32_t workers,
                           struct inherit_listener *out);

#endif
