/* SPDX-License-Identifier: MIT */
/* Quantiles of a histogram, and sums where there are no pages. */
#include "common/shm/page_sums.h"
#include "tests/unit/unit.h"

static struct page_sums_histogram make(unsigned bucket_a, uint64_t a, unsigned bucket_b, uint64_t b)
{
    struct page_sums_histogram h = {0};
    h.buckets[bucket_a] += a;
    h.buckets[bucket_b] += b;
    h.count = a + b;
    return h;
}

static const struct {
    unsigned bucket_a, bucket_b;
    uint64_t a, b;
    double q, us;
} rows[] = {
    {0, 0, 0, 0, 0.5, 0},        /* nothing was seen */
    {10, 10, 100, 0, 0.5, 768},  /* the middle of 512..1024 */
    {10, 10, 100, 0, 1.0, 1024}, /* and its end */
    {4, 10, 50, 50, 0.5, 16},    /* exactly the lower half */
    {4, 10, 50, 50, 0.75, 768},  /* half of the upper one */
    {4, 10, 99, 1, 0.95, 8 + 8 * 95.0 / 99},
    {0, 0, 4, 0, 0.5, 0.5},            /* the first bucket begins at 0 */
    {31, 31, 3, 0, 0.5, 1073741824.0}, /* the last one has no end: 2^30 us at least */
};

START_TEST(quantiles)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct page_sums_histogram h =
            make(rows[i].bucket_a, rows[i].a, rows[i].bucket_b, rows[i].b);
        double us = page_sums_quantile_us(&h, rows[i].q);
        ck_assert_msg(us > rows[i].us - 1e-6 && us < rows[i].us + 1e-6, "row %zu: %f", i, us);
    }
}
END_TEST

START_TEST(no_pages_are_no_counts)
{
    struct page_sums_histogram h = make(1, 1, 2, 2);
    page_sums_histogram(NULL, 0, &h);
    ck_assert_uint_eq(h.count, 0);
    ck_assert_uint_eq(h.buckets[1], 0);
    ck_assert_uint_eq(page_sums_workers(NULL).workers, 0);
    ck_assert_uint_eq(page_sums_requests(NULL, 0, 0), 0);
}
END_TEST

UNIT_MAIN("sums", quantiles, no_pages_are_no_counts)
