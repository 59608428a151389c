/* SPDX-License-Identifier: MIT */
/* See page_sums.h. */
#include "server/api/page_sums.h"

uint64_t sums_requests(const struct pages *pages, uint32_t chain, unsigned code)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++)
        sum += pages_counter_get(&pages_slot(pages, i)->requests[chain][code]);
    return sum;
}

struct sums_workers sums_workers(const struct pages *pages)
{
    struct sums_workers out = {0};
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++) {
        const struct pages_slot *slot = pages_slot(pages, i);
        out.restarts += pages_counter_get(&slot->restarts);
        if (atomic_load(&slot->pid) == 0)
            continue;
        out.workers++;
        out.active_streams += pages_counter_get(&slot->active_streams);
        out.connections += pages_counter_get(&slot->connections);
    }
    return out;
}

void sums_histogram(const struct pages *pages, size_t offset, struct sums_histogram *out)
{
    *out = (struct sums_histogram){0};
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++) {
        const struct pages_histogram *h =
            (const void *)((const char *)pages_slot(pages, i) + offset);
        for (unsigned b = 0; b < PAGES_HISTOGRAM_BUCKETS; b++)
            out->buckets[b] += pages_counter_get(&h->buckets[b]);
        out->sum_us += pages_counter_get(&h->sum_us);
    }
    for (unsigned b = 0; b < PAGES_HISTOGRAM_BUCKETS; b++)
        out->count += out->buckets[b];
}

double sums_quantile_us(const struct sums_histogram *histogram, double q)
{
    double wanted = q * (double)histogram->count, below = 0, from = 0;
    for (unsigned b = 0; b < PAGES_HISTOGRAM_BUCKETS - 1; b++) {
        double here = (double)histogram->buckets[b], to = (double)(UINT64_C(1) << b);
        if (here > 0 && below + here >= wanted)
            return from + (to - from) * (wanted - below) / here;
        below += here;
        from = to;
    }
    return histogram->count > 0 ? from : 0;
}
