/* SPDX-License-Identifier: MIT */
/* The master's workers: forks them, reads which of them serve, notes those that ended, and plans
 * others in their place. master.c and reload.c call it. Weak: a worker that hangs is not noticed,
 * only one that ends. */
#ifndef WEIR_SERVER_MASTER_CHILDREN_H
#define WEIR_SERVER_MASTER_CHILDREN_H

#include "server/master/state.h"

/* Forks the workers of this generation that are not there. */
void master_children_spawn_missing(struct master *master);
/* Reads who serves by now (m->ready). True when that completed the generation. */
bool master_children_read_ready(struct master *master);
/* A child process of ours has ended so. False: it was none of the workers. */
bool master_children_ended(struct master *master, pid_t pid, int status);

/* Sends a signal to all workers, or to those of older generations only. */
void master_children_signal(const struct master *master, int sig, bool only_old);
bool master_children_any(const struct master *master);
/* Slots that another worker could have now. */
uint32_t master_children_room(const struct master *master);

#endif
