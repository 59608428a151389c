/* SPDX-License-Identifier: MIT */
/* The present, as the rules of cooldown.h take it. The only place in this room that asks both
 * clocks. */
#ifndef WEIR_TRACKERD_TABLE_NOW_H
#define WEIR_TRACKERD_TABLE_NOW_H

#include "common/base/clock.h"
#include "trackerd/table/cooldown.h"

static inline struct cooldown_now now_read(void)
{
    return (struct cooldown_now){.at = clock_boot_ns(), .wall_ms = clock_wall_ms()};
}

#endif
