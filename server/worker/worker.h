/* SPDX-License-Identifier: MIT */
/* A worker process: makes what all its requests share (one event loop, one set of upstream
 * connections, one link to the tracker), serves, drains. Run by master/children.c in the child,
 * after the fork. Answers no request itself: the rooms it joins do. */
#ifndef WEIR_SERVER_WORKER_WORKER_H
#define WEIR_SERVER_WORKER_WORKER_H

#include "server/worker/inherit.h"

/* Serves until it is told to stop and returns the exit code of the process. SIGTERM, or the
 * master's end: running requests have server.drainTimeoutMs. SIGQUIT: others have taken over the
 * listeners, running requests have all the time they need. SIGUSR1: open the logs again. */
int worker_run(const struct inherit *inherit);

#endif
