/* SPDX-License-Identifier: MIT */
/* weirctl's commands, as trackerd carries them out (common/wire/evwire.h, EVCMD_*): who may run
 * them, what they do, and the line in the log. Called by intake.c, which knows the user; touches no
 * socket.
 */
#ifndef WEIR_TRACKERD_DAEMON_CONTROL_H
#define WEIR_TRACKERD_DAEMON_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/wire/evwire.h"
#include "trackerd/table/keeper.h"

/* Runs a checked command for user `uid` and fills the reply. may_change: the user may do more than
 * look. */
void control_run(struct keeper *keeper, const struct evwire_command *command, bool may_change,
                 uid_t uid, struct evwire_reply *reply);

#endif
