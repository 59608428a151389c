/* SPDX-License-Identifier: MIT */
/* weirctl's commands, as trackerd carries them out (common/wire/evwire.h, EVCMD_*). */
#ifndef WEIR_TRACKERD_DAEMON_CONTROL_H
#define WEIR_TRACKERD_DAEMON_CONTROL_H

#include <sys/types.h>

#include "common/wire/evwire.h"
#include "trackerd/daemon/trackerd.h"

/* Runs a checked command for user `uid` and fills the reply. may_change: the user may do more than
 * look. */
void control_run(struct trackerd *td, const struct evwire_command *command, bool may_change,
                 uid_t uid, struct evwire_reply *reply);

#endif
