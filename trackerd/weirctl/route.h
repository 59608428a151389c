/* SPDX-License-Identifier: MIT */
/* weirctl route: which entry of a chain a request would take now, and why the ones before it would
 * be passed by. Decides with the code and the data that the workers decide with (common/routing),
 * and takes nothing: no place, no request of a budget. */
#ifndef WEIR_TRACKERD_WEIRCTL_ROUTE_H
#define WEIR_TRACKERD_WEIRCTL_ROUTE_H

#include "trackerd/weirctl/weirctl.h"

int route_run(const struct weirctl *ctl);

#endif
