/* SPDX-License-Identifier: MIT */
/* weirctl probe: sends one small chat through the running weir to exactly one pair, and prints what
 * came back. The bytes of the request and of the answer are the business of probe.h. */
#ifndef WEIR_TRACKERD_WEIRCTL_PROBE_COMMAND_H
#define WEIR_TRACKERD_WEIRCTL_PROBE_COMMAND_H

#include "trackerd/weirctl/weirctl.h"

int probe_command_run(const struct weirctl *ctl);

#endif
