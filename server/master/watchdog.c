/* SPDX-License-Identifier: MIT */
/* See watchdog.h. */
#include "server/master/watchdog.h"

#define LOOKS          5 /* in the time after which a worker is stuck */
#define INTERVAL_LEAST 20
#define INTERVAL_MOST  1000

uint32_t watchdog_interval_ms(uint32_t stuck_ms)
{
    uint32_t ms = stuck_ms / LOOKS;
    return ms < INTERVAL_LEAST ? INTERVAL_LEAST : ms > INTERVAL_MOST ? INTERVAL_MOST : ms;
}

uint32_t watchdog_look(struct watchdog *w, uint64_t heartbeat_at, uint64_t since_ms,
                       uint32_t interval_ms)
{
    uint64_t most = (uint64_t)interval_ms * WATCHDOG_LOOK_MAX;
    uint64_t still_ms = w->still_ms + (since_ms < most ? since_ms : most);
    if (heartbeat_at != w->heartbeat_at)
        still_ms = 0;
    w->heartbeat_at = heartbeat_at;
    w->still_ms = still_ms < UINT32_MAX ? (uint32_t)still_ms : UINT32_MAX;
    return w->still_ms;
}
