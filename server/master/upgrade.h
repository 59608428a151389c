/* SPDX-License-Identifier: MIT */
/* Replacing the running binary without losing a request. The old master starts the new binary with
 * the listening sockets open and named in the environment (WEIR_UPGRADE); the new master, the heir,
 * makes its own workers on them and says over a socket pair when all of them serve. Only then does
 * the old one, the elder, give up pid file, pages and ledger and tell its workers to finish. Until
 * that moment any failure of the heir (it cannot be run, refuses the configuration, dies, says
 * nothing for MASTER_UPGRADE_MS) leaves the elder serving as if nothing had happened.
 *
 *   elder: SIGUSR2 -> begin -> fork usher -> fork, exec heir: bequest_take, master starts workers
 *   elder: hand_over               <-- "R" and pid --      master_upgrade_ready
 *          lets the usher go; workers finish -- "G" -->    take_over: names are the heir's
 *          exit                    --- end of file -->     the elder has gone
 *
 * The usher is a process of a few lines between the two. It tells the elder how the heir ended, if
 * it ends too soon; and when the heir serves, the usher leaves, so that the heir becomes a child of
 * whoever looks after orphans. That has to be systemd before systemd hears of its new main process:
 * it waits, at a stop, only for a main process that is its own child. */
#ifndef WEIR_SERVER_MASTER_UPGRADE_H
#define WEIR_SERVER_MASTER_UPGRADE_H

#include <stddef.h>

#include "server/master/state.h"

#define MASTER_UPGRADE_MS 15000 /* how long the heir may take to serve */

/* What an heir is given. */
struct bequest {
    pid_t elder;
    int link;     /* to the elder */
    int pid_file; /* -1 = none */
    int *fds;     /* listening sockets; the array is the taker's to free */
    size_t n_fds;
};
/* At the start of a process, before anything is opened: was it started by a master that is to be
 * replaced? Takes the variable out of the environment. False: no; exits 64 when it makes no sense.
 */
bool bequest_take(struct bequest *out);

/* ---- elder ---- */

/* Starts the binary we were started from again. */
void master_upgrade_begin(struct master *master);
/* Something came over heir.link. True when the heir serves, and pid file and shared memory are its
 * own from now on: the caller stops serving. */
bool master_upgrade_hear_heir(struct master *master);
/* Something came over heir.words. */
void master_upgrade_hear_words(struct master *master);
/* The heir's time is over. */
void master_upgrade_give_up(struct master *master);
/* We end ourselves: no upgrade. */
void master_upgrade_call_off(struct master *master);
/* A child process of ours has ended so. Acts on it when it was the usher, who ends as the heir did.
 */
void master_upgrade_ended(struct master *master, pid_t pid, int status);
/* In a forked worker: closes what is between the masters. */
void master_upgrade_close_in_child(struct master *master);

/* ---- heir ---- */

/* All our workers serve: the elder may leave. */
void master_upgrade_ready(struct master *master);
/* Something came over elder.link. */
void master_upgrade_hear_elder(struct master *master);

#endif
