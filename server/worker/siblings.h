/* SPDX-License-Identifier: MIT */
/* Which other workers serve their listeners, told by the heartbeats in their pages. The worker asks
 * at each tick, and accepts for those that do not. Pure: reads the pages it is given. */
#ifndef WEIR_SERVER_WORKER_SIBLINGS_H
#define WEIR_SERVER_WORKER_SIBLINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/pages.h"

#define SIBLINGS_STALE_MS 500 /* without a heartbeat, of which there is one in 200 ms */

/* Does worker `index` of the generation that began at generation_at leave its connections waiting:
 * is it dead, stopped, busy with one thing, or on its way out? One that has only just been forked
 * is given as much time. */
bool siblings_is_stale(const struct pages *pages, uint64_t generation_at, uint32_t index,
                       uint64_t now_at);

#endif
