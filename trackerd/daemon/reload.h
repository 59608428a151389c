/* SPDX-License-Identifier: MIT */
/* Another configuration under the running tracker: on SIGHUP (trackerd.c) and on weirctl's command
 * (control.c). */
#ifndef WEIR_TRACKERD_DAEMON_RELOAD_H
#define WEIR_TRACKERD_DAEMON_RELOAD_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "trackerd/table/keeper.h"

/* Reads the configuration file again and goes over to it, keeping the state of every pair that
 * stays. Appends faults, and what takes effect at a restart only, to messages; all of it is logged.
 * False: the file is not valid, and the old configuration stays in force. */
bool reload_conf(struct keeper *keeper, struct buf *messages);

#endif
