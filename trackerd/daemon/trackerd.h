/* SPDX-License-Identifier: MIT */
/* The tracker daemon's life from start to stop: leaves root, opens table and socket, and turns the
 * event loop, from which all parts are called. One process, no threads; forks only to write the
 * state file. Called by main.c.
 *
 * Known weakness: everything is done in the one loop; what takes long there holds up all workers'
 * events. Workers keep these until then, and go on with the table as it is. */
#ifndef WEIR_TRACKERD_DAEMON_TRACKERD_H
#define WEIR_TRACKERD_DAEMON_TRACKERD_H

#include "common/conf/conf.h"
#include "common/process/options.h"

/* Runs the daemon; returns the process's exit code. Takes conf over. */
int trackerd_run(const struct daemon_options *options, struct conf *conf);

#endif
