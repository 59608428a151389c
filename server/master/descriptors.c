/* SPDX-License-Identifier: MIT */
/* See descriptors.h. */
#include "server/master/descriptors.h"

/* Logs, shared memory, the tracker, the loop, names that are looked up; and clients over the bound,
 * which are told so. */
#define OTHERS 320

uint32_t descriptors_connections(unsigned long limit, uint64_t n_listeners)
{
    uint64_t taken = (limit / 2 < OTHERS ? limit / 2 : OTHERS) + n_listeners;
    uint64_t most = limit > taken ? (limit - taken) / 2 : 0;
    return most < 1 ? 1 : most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
}
