/* SPDX-License-Identifier: MIT */
/* See siblings.h. */
#include "server/worker/siblings.h"

#include "common/base/clock.h"

bool siblings_is_stale(const struct pages *pages, uint64_t generation_at, uint32_t index,
                       uint64_t now_at)
{
    uint64_t seen_at = generation_at;
    for (uint32_t i = 0; i < pages_slots(pages); i++) {
        const struct pages_slot *page = pages_slot(pages, i);
        uint64_t heartbeat_at = pages_counter_get(&page->heartbeat_at);
        bool is_it = pages_counter_get(&page->generation_at) == generation_at &&
                     pages_counter_get(&page->index) == index;
        if (is_it && heartbeat_at > seen_at)
            seen_at = heartbeat_at;
    }
    return now_at > seen_at + SIBLINGS_STALE_MS * CLOCK_NS_PER_MS;
}
