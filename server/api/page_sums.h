/* SPDX-License-Identifier: MIT */
/* Sums over the slots of all workers' pages, for whoever shows them: /metrics and /status.json. So
 * any worker answers for all of them, and a worker's death takes nothing away. Pure: reads pages
 * that others write, and no more. `pages` may be NULL everywhere: all sums are 0 then. */
#ifndef WEIR_SERVER_API_PAGE_SUMS_H
#define WEIR_SERVER_API_PAGE_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "common/shm/pages.h"

/* Requests of one place in the chains' directory that ended with one status (pages_code_index). */
uint64_t sums_requests(const struct pages *pages, uint32_t chain, unsigned code);

struct sums_workers {
    uint64_t workers, restarts, active_streams, connections;
};
struct sums_workers sums_workers(const struct pages *pages);

struct sums_histogram {
    uint64_t buckets[PAGES_HISTOGRAM_BUCKETS]; /* each its own count, not those below it */
    uint64_t count, sum_us;
};
/* `offset` is the histogram's place in struct pages_slot. */
void sums_histogram(const struct pages *pages, size_t offset, struct sums_histogram *out);

/* The value that the share q (0..1) of all observations does not exceed, in us: interpolated within
 * its bucket, so that the error is at most the bucket's width. 0 when there are none; of the last
 * bucket, which has no upper end, its lower one. */
double sums_quantile_us(const struct sums_histogram *histogram, double q);

#endif
