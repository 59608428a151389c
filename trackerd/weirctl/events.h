/* SPDX-License-Identifier: MIT */
/* weirctl events: follows what trackerd reports of pairs, over restarts of trackerd. */
#ifndef WEIR_TRACKERD_WEIRCTL_EVENTS_H
#define WEIR_TRACKERD_WEIRCTL_EVENTS_H

#include "trackerd/weirctl/weirctl.h"

int events_run(const struct weirctl *ctl);

#endif
