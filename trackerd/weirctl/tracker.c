/* SPDX-License-Identifier: MIT */
/* See tracker.h. */
#include "trackerd/weirctl/tracker.h"

#include <errno.h>
#include <signal.h>

#include "common/base/clock.h"
#include "trackerd/weirctl/link.h"

/* A tracker that has shown no life for this long is stopped or gone, whatever its process says. */
#define SILENCE_MAX_MS 5000

struct tracker tracker_look(const struct shm_table *tab, const struct conf *conf)
{
    struct shm_table_tracker seen = shm_table_tracker(tab);
    uint64_t now_at = clock_boot_ns();
    struct tracker out = {.pid = seen.pid};
    out.silent_ms = now_at > seen.heartbeat_at ? (now_at - seen.heartbeat_at) / CLOCK_NS_PER_MS : 0;
    enum link_state link = link_probe(conf);
    bool is_there = link == LINK_UP || (link == LINK_FORBIDDEN && seen.pid > 0 &&
                                        (kill(seen.pid, 0) == 0 || errno == EPERM));
    out.is_running = seen.pid != 0 && is_there && out.silent_ms <= SILENCE_MAX_MS;
    out.is_unresponsive = seen.pid != 0 && is_there && !out.is_running;
    if (out.is_running && now_at > seen.started_at)
        out.uptime_ms = (now_at - seen.started_at) / CLOCK_NS_PER_MS;
    return out;
}
