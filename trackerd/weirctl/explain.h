/* SPDX-License-Identifier: MIT */
/* weirctl explain: what became of the last requests, from the records that the workers leave in
 * shared memory (common/shm/recent.h). Works without weir and without trackerd. */
#ifndef WEIR_TRACKERD_WEIRCTL_EXPLAIN_H
#define WEIR_TRACKERD_WEIRCTL_EXPLAIN_H

#include "trackerd/weirctl/weirctl.h"

int explain_run(const struct weirctl *ctl);

#endif
