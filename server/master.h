/* The parent process of weir: keeps the listeners, forks the workers, replaces those that die,
 * reloads, drains. It parses no network input and has no event loop, no libcurl, no threads. */
#ifndef WEIR_SERVER_MASTER_H
#define WEIR_SERVER_MASTER_H

#include "common/conf.h"
#include "common/daemon.h"

/* Serves with this configuration (taken) until it is told to stop; returns the exit code. */
int master_run(struct conf *conf, const struct daemon_options *options);

#endif
