/* SPDX-License-Identifier: MIT */
/* A worker process: one event loop, one set of upstream connections, all requests that come over
 * its listeners. Made by fork in master.c; never returns to it. */
#ifndef WEIR_SERVER_WORKER_WORKER_H
#define WEIR_SERVER_WORKER_WORKER_H

#include "server/worker/inherit.h"

/* Serves until it is told to stop and returns the exit code of the process. SIGTERM, or the
 * master's end: running requests have server.drainTimeoutMs. SIGQUIT: others have taken over the
 * listeners, running requests have all the time they need. SIGUSR1: open the logs anew. */
int worker_run(const struct inherit *inherit);

#endif
