/* What weirctl prints: plain columns for people, JSON for programs. */
#ifndef WEIR_TRACKERD_WEIRCTL_PRINT_H
#define WEIR_TRACKERD_WEIRCTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/evwire.h"
#include "common/ratelimits.h"

struct print_tracker {
    int32_t pid; /* 0 = unknown */
    bool is_running;
    uint64_t uptime_ms;   /* 0 unless running */
    uint64_t silent_ms;   /* since its last sign of life */
    bool is_unresponsive; /* its process is there but shows no life */
};

void print_status_text(const struct print_tracker *tracker, const struct ratelimit_row *rows,
                       size_t n);
/* {"tracker":{...},"ratelimits":[...]} on one line */
void print_status_json(const struct print_tracker *tracker, const struct ratelimit_row *rows,
                       size_t n);

void print_change_text(const struct evwire_change *change);
void print_change_json(const struct evwire_change *change);

#endif
