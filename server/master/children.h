/* SPDX-License-Identifier: MIT */
/* The master's workers: forks them, reads which of them serve, notes those that ended, and plans
 * others in their place. master.c and reload.c call it. Kills one whose loop does not
 * turn. Weak: without pages no worker's loop is seen. */
#ifndef WEIR_SERVER_MASTER_CHILDREN_H
#define WEIR_SERVER_MASTER_CHILDREN_H

#include "server/master/state.h"

/* Forks the workers of this generation that are not there. */
void master_children_spawn_missing(struct master *master);
/* Reads who serves by now (m->ready). True when that completed the generation. */
bool master_children_read_ready(struct master *master);
/* A child process of ours has ended so. False: it was none of the workers. */
bool master_children_ended(struct master *master, pid_t pid, int status);

/* Looks for workers whose loops have not turned for server.stuckWorkerMs, and kills one of them:
 * another follows only when its successor serves. Sets when to look again (m->look_at). */
void master_children_watch(struct master *master);

/* Sends a signal to all workers, or to those of older generations only. */
void master_children_signal(const struct master *master, int sig, bool only_old);
bool master_children_any(const struct master *master);
/* Slots that another worker could have now. */
uint32_t master_children_room(const struct master *master);

#endif
