/* SPDX-License-Identifier: MIT */
/* server/worker/siblings.c: which workers leave their connections waiting. */
#include "server/worker/siblings.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/unit/unit.h"

#define MS         CLOCK_NS_PER_MS
#define GENERATION (1000 * MS)

static struct pages *pages;

static void begin(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    pages = pages_create(name, 4, 8, -1);
    ck_assert_ptr_nonnull(pages);
    pages_unlink(pages);
}

static void be_worker(uint32_t slot, uint64_t generation_at, uint32_t index, uint64_t heartbeat_at)
{
    struct pages_slot *page = pages_slot(pages, slot);
    pages_counter_set(&page->generation_at, generation_at);
    pages_counter_set(&page->index, index);
    pages_counter_set(&page->heartbeat_at, heartbeat_at);
}

START_TEST(one_with_a_heartbeat_serves)
{
    begin();
    be_worker(2, GENERATION, 1, 9000 * MS);
    ck_assert(!siblings_is_stale(pages, GENERATION, 1, 9000 * MS));
    ck_assert(!siblings_is_stale(pages, GENERATION, 1, 9500 * MS));
    ck_assert(siblings_is_stale(pages, GENERATION, 1, 9501 * MS));
    ck_assert(siblings_is_stale(pages, GENERATION, 0, 9000 * MS));
    pages_close(&pages);
}
END_TEST

START_TEST(a_generation_is_given_time_to_start)
{
    begin();
    ck_assert(!siblings_is_stale(pages, GENERATION, 0, GENERATION + 500 * MS));
    ck_assert(siblings_is_stale(pages, GENERATION, 0, GENERATION + 501 * MS));
    pages_close(&pages);
}
END_TEST

START_TEST(neither_another_generation_nor_one_that_leaves_serves)
{
    begin();
    be_worker(0, GENERATION - 1, 1, 9000 * MS);
    be_worker(1, 0, 1, 9000 * MS);
    ck_assert(siblings_is_stale(pages, GENERATION, 1, 9000 * MS));
    pages_close(&pages);
}
END_TEST

START_TEST(the_one_in_its_place_counts)
{
    begin();
    be_worker(0, GENERATION, 1, 2000 * MS); /* of a dead one */
    be_worker(3, GENERATION, 1, 9000 * MS);
    be_worker(1, GENERATION, 1, 3000 * MS);
    ck_assert(!siblings_is_stale(pages, GENERATION, 1, 9000 * MS));
    pages_close(&pages);
}
END_TEST

UNIT_MAIN("siblings", one_with_a_heartbeat_serves, a_generation_is_given_time_to_start,
          neither_another_generation_nor_one_that_leaves_serves, the_one_in_its_place_counts)
