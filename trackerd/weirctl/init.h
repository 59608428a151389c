/* SPDX-License-Identifier: MIT */
/* weirctl init: writes a first configuration from the provider keys that stand in the environment,
 * and says what to do next. Called by commands.c. It never replaces a file, and never prints or
 * writes a provider's key: the file names the variables. */
#ifndef WEIR_TRACKERD_WEIRCTL_INIT_H
#define WEIR_TRACKERD_WEIRCTL_INIT_H

#include "trackerd/weirctl/weirctl.h"

int init_run(const struct weirctl *ctl);

#endif
