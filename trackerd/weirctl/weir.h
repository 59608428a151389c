/* SPDX-License-Identifier: MIT */
/* What weirctl asks of weir itself, by signals to its master. The master is the owner of the
 * workers' pages, and it notes there how the reload or upgrade went. */
#ifndef WEIR_TRACKERD_WEIRCTL_WEIR_H
#define WEIR_TRACKERD_WEIRCTL_WEIR_H

#include "trackerd/weirctl/weirctl.h"

/* Lets weir, if it runs, read its configuration again, and waits until it serves with it. An exit
 * code; failures have been told. */
int weir_reload(const struct conf *conf);

int weir_run_upgrade(const struct weirctl *ctl);

#endif
