/* SPDX-License-Identifier: MIT */
/* weirctl status and weirctl top: the table as it stands, once or again and again. Works from
 * shared memory alone, also while trackerd is down. */
#ifndef WEIR_TRACKERD_WEIRCTL_VIEW_H
#define WEIR_TRACKERD_WEIRCTL_VIEW_H

#include "trackerd/weirctl/weirctl.h"

int view_run_status(const struct weirctl *ctl);
int view_run_top(const struct weirctl *ctl);

#endif
