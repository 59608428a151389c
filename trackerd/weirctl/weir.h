/* SPDX-License-Identifier: MIT */
/* What weirctl asks of weir itself, by signals to its master. The master is the owner of the
 * workers' pages, and it notes there how the reload or upgrade went. */
#ifndef WEIR_TRACKERD_WEIRCTL_WEIR_H
#define WEIR_TRACKERD_WEIRCTL_WEIR_H

#include "trackerd/weirctl/weirctl.h"

/* Lets weir, if it runs, read its configuration again, and waits until it serves with it. An exit
 * code; failures have been told: among them a weir that answers at its address, but is not to be
 * found. With is_required, no weir at all is one, too, and the success is printed. */
int weir_reload(const struct weirctl *ctl, bool is_required);

int weir_run_upgrade(const struct weirctl *ctl);

#endif
