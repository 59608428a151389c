/* SPDX-License-Identifier: MIT */
/* Replacing the running binary without losing a request. The running master, the predecessor,
 * starts the new binary with the listening sockets open and named in the environment
 * (WEIR_UPGRADE); the new master, the successor, starts its own workers on them and reports over a
 * socket pair when all of them serve. Only then does the predecessor give up pid file, pages and
 * ledger and tell its workers to finish. Until that moment any failure of the successor (it cannot
 * be run, refuses the configuration, dies, reports nothing for MASTER_UPGRADE_MS) leaves the
 * predecessor serving as if nothing had happened, and the successor has no power over it; from that
 * moment on it hands on the signals that it gets.
 *
 *   predecessor                                            successor
 *   SIGUSR2: master_upgrade_begin
 *     forks the launcher, which forks       <-- "S" --   tells its pid, and executes
 *                                                          master_handover_take, workers start
 *   hand_over                                 <-- "R" --   master_upgrade_ready
 *     dismisses the launcher; workers finish  -- "G" -->   take_over: the names are its own
 *   exit                                    -- pidfd -->   master_upgrade_predecessor_ended
 *
 * The launcher is a process of a few lines between the two. If the successor ends too soon, the
 * launcher ends in the same way, which the predecessor sees; once the successor serves, the
 * predecessor kills the launcher, so that the successor is adopted by whatever process adopts
 * orphans. That has to be systemd before systemd hears of its new main process: at a stop it waits
 * only for a main process that is its own child. If the launcher is killed, the upgrade goes on; if
 * it is stopped, nobody waits for it.
 *
 * Killed at any step (kill points "hand-over...", "take-over..."): the predecessor's end, told by
 * its pidfd, makes the successor take over whatever is left. The successor killed while it takes
 * over leaves nobody, as any killed master does; its workers finish, and nothing is in the way of
 * the next start. Weak: addresses and sockets that only the new configuration has listen from
 * before the hand-over, and what they were dealt is reset should the successor fail. */
#ifndef WEIR_SERVER_MASTER_UPGRADE_H
#define WEIR_SERVER_MASTER_UPGRADE_H

#include <stddef.h>

#include "server/master/state.h"

#define MASTER_UPGRADE_MS 15000 /* how long the successor may take to serve */

/* What a successor is given. */
struct master_handover {
    pid_t predecessor;
    int process;  /* pidfd of the predecessor; -1 = it has ended */
    int link;     /* to the predecessor */
    int pid_file; /* -1 = none */
    int *fds;     /* listening sockets; the array is the taker's to free */
    size_t n_fds;
};
/* At the start of a process, before anything is opened: was it started by a master that is to be
 * replaced? Takes the variable out of the environment. False: no; exits 64 when it makes no sense.
 */
bool master_handover_take(struct master_handover *out);

/* ---- predecessor ---- */

/* Starts the binary we were started from again. */
void master_upgrade_begin(struct master *master);
/* Something came over successor.link. True when the successor serves, and pid file and shared
 * memory are its own from now on: the caller stops serving. */
bool master_upgrade_read_successor(struct master *master);
/* successor.process shows that it has ended. */
void master_upgrade_successor_ended(struct master *master);
/* Something came over successor.stderr_fd. */
void master_upgrade_read_stderr(struct master *master);
/* The successor's time is over. */
void master_upgrade_give_up(struct master *master);
/* We end ourselves: no upgrade. */
void master_upgrade_call_off(struct master *master);
/* A child process of ours has ended so. Acts on it when it was the launcher, who ends as the
 * successor did.
 */
void master_upgrade_ended(struct master *master, pid_t pid, int status);
/* In a forked worker: closes the descriptors between the masters. */
void master_upgrade_close_in_child(struct master *master);

/* ---- successor ---- */

/* All our workers serve: the predecessor may leave. */
void master_upgrade_ready(struct master *master);
/* Something came over predecessor.link. False when the predecessor wants us no more. */
bool master_upgrade_read_predecessor(struct master *master);
/* predecessor.process shows that it has ended. */
void master_upgrade_predecessor_ended(struct master *master);

#endif
