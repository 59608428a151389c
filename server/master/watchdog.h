/* SPDX-License-Identifier: MIT */
/* How long a worker's loop has not turned, by the heartbeats that the master sees. Pure.
 *
 * Counted is only the time in which the master looked: when the machine or the whole group was
 * stopped, one look counts no more than WATCHDOG_LOOK_MAX of its usual intervals, so that nobody is
 * killed who had no chance to turn. Weak: a machine on which the master is given time and a worker
 * is not for that long kills a worker that did nothing wrong. */
#ifndef WEIR_SERVER_MASTER_WATCHDOG_H
#define WEIR_SERVER_MASTER_WATCHDOG_H

#include <stdint.h>

#define WATCHDOG_LOOK_MAX 2

struct watchdog {
    uint64_t heartbeat_at; /* as it was seen last */
    uint32_t still_ms;     /* for how long it has stayed so */
};

/* How long the master waits between two looks. */
uint32_t watchdog_interval_ms(uint32_t stuck_ms);
/* A look, so long after the last one. Returns for how long the worker has not turned. */
uint32_t watchdog_look(struct watchdog *watchdog, uint64_t heartbeat_at, uint64_t since_ms,
                       uint32_t interval_ms);

#endif
