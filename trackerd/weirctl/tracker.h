/* SPDX-License-Identifier: MIT */
/* Does trackerd run? Judged by the header of its table and by its socket; no command is sent. Used
 * by status, top and route. */
#ifndef WEIR_TRACKERD_WEIRCTL_TRACKER_H
#define WEIR_TRACKERD_WEIRCTL_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/shm/table.h"

struct tracker {
    int32_t pid; /* 0 = unknown */
    bool is_running;
    uint64_t uptime_ms;   /* 0 unless running */
    uint64_t silent_ms;   /* since its last sign of life */
    bool is_unresponsive; /* its process is there but shows no life */
};

struct tracker tracker_look(const struct shm_table *tab, const struct conf *conf);

#endif
