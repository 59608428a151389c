/* SPDX-License-Identifier: MIT */
/* See page_sums.h. */
#include "common/shm/page_sums.h"

static void add_pair(struct page_sums_pair *sum, const struct pages_pair *p)
{
    sum->requests += pages_counter_get(&p->requests);
    sum->successes += pages_counter_get(&p->successes);
    sum->failures += pages_counter_get(&p->failures);
    sum->mid_failures += pages_counter_get(&p->mid_failures);
    sum->tokens += pages_counter_get(&p->tokens);
    for (int i = 0; i < PAGES_OUTCOMES; i++)
        sum->outcomes[i] += pages_counter_get(&p->outcomes[i]);
    struct pages_stamps stamps;
    pages_read_stamps(p, &stamps);
    if (stamps.stream_ended_at > sum->last_stream_success_at) {
        sum->last_stream_success_at = stamps.stream_ended_at;
        sum->last_stream_success_started_at = stamps.stream_started_at;
    }
    if (stamps.answer_ended_at > sum->last_answer_success_at)
        sum->last_answer_success_at = stamps.answer_ended_at;
}

void page_sums_pair(const struct pages *pages, uint64_t key_hash, struct page_sums_pair *out)
{
    *out = (struct page_sums_pair){0};
    int pair = pages != NULL ? pages_pair_find(pages, key_hash) : -1;
    for (uint32_t i = 0; pair >= 0 && i < pages_slots(pages); i++)
        add_pair(out, pages_pair(pages, i, pair));
}

uint64_t page_sums_queued(const struct pages *pages, const char *chain)
{
    uint32_t place = pages != NULL ? pages_chain_find(pages, chain) : 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++) {
        const struct pages_slot *slot = pages_slot(pages, i);
        if (atomic_load_explicit(&slot->pid, memory_order_relaxed) != 0)
            sum += pages_counter_get(&slot->queued[place]);
    }
    return sum;
}

uint64_t page_sums_requests(const struct pages *pages, uint32_t chain, unsigned code)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++)
        sum += pages_counter_get(&pages_slot(pages, i)->requests[chain][code]);
    return sum;
}

uint64_t page_sums_answers(const struct pages *pages, uint32_t chain, enum pages_answer answer)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++)
        sum += pages_counter_get(&pages_slot(pages, i)->answers[chain][answer]);
    return sum;
}

struct page_sums_all page_sums_all(const struct pages *pages)
{
    struct page_sums_all all = {0};
    for (uint32_t i = 0; pages != NULL && i < pages_slots(pages); i++) {
        const struct pages_slot *slot = pages_slot(pages, i);
        if (pages_counter_get(&slot->incarnation) == 0)
            continue; /* never used: its pages stay untouched */
        for (uint32_t chain = 0; chain < PAGES_CHAINS_MAX; chain++)
            for (unsigned answer = 0; answer < PAGES_ANSWERS; answer++) {
                uint64_t n = pages_counter_get(&slot->answers[chain][answer]);
                bool has_failed = answer == PAGES_ANSWER_ERROR || answer == PAGES_ANSWER_BROKEN;
                all.answers += n;
                all.failed += has_failed ? n : 0;
            }
    }
    return all;
}

struct page_sums_workers page_sums_workers(const struct pages *pages)
{
    struct page_sums_workers out = {0};
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

void page_sums_histogram(const struct pages *pages, size_t offset, struct page_sums_histogram *out)
{
    *out = (struct page_sums_histogram){0};
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

double page_sums_quantile_us(const struct page_sums_histogram *histogram, double q)
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
