/* SPDX-License-Identifier: MIT */
/* Sums over the slots of all workers' pages, for status, metrics and weirctl, which show them. So
 * any worker answers for all of them, and a worker's death takes nothing away. Pure. Reads pages
 * that others write; what they count at the same moment may be in one sum and not yet in another.
 * `pages` may be NULL everywhere: all sums are 0 then. */
#ifndef WEIR_COMMON_SHM_PAGE_SUMS_H
#define WEIR_COMMON_SHM_PAGE_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "common/shm/pages.h"

/* One pair (pair_key_hash); zeros when it is not in the directory. */
struct page_sums_pair {
    uint64_t requests, successes, failures, mid_failures, tokens;
    uint64_t last_stream_success_at, last_stream_success_started_at; /* the latest */
    uint64_t last_answer_success_at;
    uint64_t outcomes[PAGES_OUTCOMES];
};
void page_sums_pair(const struct pages *pages, uint64_t key_hash, struct page_sums_pair *out);

/* Requests that wait for a pair of this chain now, over all living workers. */
uint64_t page_sums_queued(const struct pages *pages, const char *chain);

/* Requests of one place in the chains' directory that ended with one status (pages_code_index). */
uint64_t page_sums_requests(const struct pages *pages, uint32_t chain, unsigned code);

/* The same by what the client got. */
uint64_t page_sums_answers(const struct pages *pages, uint32_t chain, enum pages_answer answer);
/* Of all chains together. Failed: an error in place of an answer, or a broken one. */
struct page_sums_all {
    uint64_t answers, failed;
};
struct page_sums_all page_sums_all(const struct pages *pages);

struct page_sums_workers {
    uint64_t workers, restarts, active_streams, connections;
};
struct page_sums_workers page_sums_workers(const struct pages *pages);

struct page_sums_histogram {
    uint64_t buckets[PAGES_HISTOGRAM_BUCKETS]; /* each its own count, not those below it */
    uint64_t count, sum_us;
};
/* `offset` is the histogram's place in struct pages_slot. */
void page_sums_histogram(const struct pages *pages, size_t offset, struct page_sums_histogram *out);

/* The q-quantile (0..1) in us, interpolated within its bucket, so that the error is at most the
 * bucket's width. 0 when nothing was observed; the lower bound of the last bucket, which has no
 * upper one. */
double page_sums_quantile_us(const struct page_sums_histogram *histogram, double q);

#endif
