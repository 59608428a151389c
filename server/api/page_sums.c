/* SPDX-License-Identifier: MIT */
/* See page_sums.h. */
#include "server/api/page_sums.h"

uint64_t sums_requests(const struct wpages *pages, uint32_t chain, unsigned code)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; pages != NULL && i < wpages_slots(pages); i++)
        sum += wcounter_get(&wpages_slot(pages, i)->requests[chain][code]);
    return sum;
}

struct sums_workers sums_workers(const struct wpages *pages)
{
    struct sums_workers out = {0};
    for (uint32_t i = 0; pages != NULL && i < wpages_slots(pages); i++) {
        const struct wpages_slot *slot = wpages_slot(pages, i);
        out.restarts += wcounter_get(&slot->restarts);
        if (atomic_load(&slot->pid) == 0)
            continue;
        out.workers++;
        out.active_streams += wcounter_get(&slot->active_streams);
        out.connections += wcounter_get(&slot->connections);
    }
    return out;
}

void sums_histogram(const struct wpages *pages, size_t offset, struct sums_histogram *out)
{
    *out = (struct sums_histogram){0};
    for (uint32_t i = 0; pages != NULL && i < wpages_slots(pages); i++) {
        const struct wpages_histogram *h =
            (const void *)((const char *)wpages_slot(pages, i) + offset);
        for (unsigned b = 0; b < WPAGES_HISTOGRAM_BUCKETS; b++)
            out->buckets[b] += wcounter_get(&h->buckets[b]);
        out->sum_us += wcounter_get(&h->sum_us);
    }
    for (unsigned b = 0; b < WPAGES_HISTOGRAM_BUCKETS; b++)
        out->count += out->buckets[b];
}

double sums_quantile_us(const struct sums_histogram *histogram, double q)
{
    double wanted = q * (double)histogram->count, below = 0, from = 0;
    for (unsigned b = 0; b < WPAGES_HISTOGRAM_BUCKETS - 1; b++) {
        double here = (double)histogram->buckets[b], to = (double)(UINT64_C(1) << b);
        if (here > 0 && below + here >= wanted)
            return from + (to - from) * (wanted - below) / here;
        below += here;
        from = to;
    }
    return histogram->count > 0 ? from : 0;
}
