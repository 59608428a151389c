/* SPDX-License-Identifier: MIT */
/* common/shm/pages.c: the workers' pages, made and read, over the death of workers and masters. */
#include "common/shm/pages.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/shm/page_sums.h"
#include "common/terms/pair_key.h"
#include "tests/unit/unit.h"

static char name[64];

static void remove_object(void)
{
    char full[80];
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    snprintf(full, sizeof(full), "%s.workers", name);
    shm_unlink(full);
    strcat(full, ".new");
    shm_unlink(full);
}

static struct pages *create(uint32_t slots)
{
    struct pages *pages = pages_create(name, slots, 10, -1);
    ck_assert_ptr_nonnull(pages);
    return pages;
}

START_TEST(sums_over_slots)
{
    remove_object();
    struct pages *pages = create(3);
    ck_assert_int_eq(pages_pair_add(pages, "p", "m"), 0);
    ck_assert_int_eq(pages_pair_add(pages, "p", "n"), 1);
    ck_assert_int_eq(pages_pair_add(pages, "p", "m"), 0);
    struct pages *reader = pages_open_reader(name);
    ck_assert_ptr_nonnull(reader);
    ck_assert_int_eq(pages_pair_find(reader, pair_key_hash("p", "n")), 1);
    ck_assert_int_eq(pages_pair_find(reader, 1), -1);
    for (uint32_t slot = 0; slot < 3; slot++) {
        struct pages_pair *pair = pages_pair(pages, slot, 1);
        pages_counter_add(&pair->requests, 10 + slot);
        pages_counter_add(&pair->outcomes[OUTCOME_STREAM_LOST], 1);
        pages_stamp_stream(pair, 100 - slot, 200 - slot);
        pages_stamp_answer(pair, 100 + slot, 200 + slot);
    }
    struct page_sums_pair sum;
    page_sums_pair(reader, pair_key_hash("p", "n"), &sum);
    ck_assert_uint_eq(sum.requests, 33);
    ck_assert_uint_eq(sum.outcomes[OUTCOME_STREAM_LOST], 3);
    ck_assert_uint_eq(sum.last_stream_success_at, 200);
    ck_assert_uint_eq(sum.last_stream_success_started_at, 100);
    ck_assert_uint_eq(sum.last_answer_success_at, 202);
    page_sums_pair(reader, pair_key_hash("p", "m"), &sum);
    ck_assert_uint_eq(sum.requests, 0);
    page_sums_pair(reader, 1, &sum);
    ck_assert_uint_eq(sum.requests, 0);
    ck_assert_ptr_null(pages_slot(reader, 3));
    ck_assert_ptr_null(pages_pair(reader, 0, 16));
    pages_close(&reader);
    pages_unlink(pages);
    pages_close(&pages);
}
END_TEST

START_TEST(directory_full)
{
    remove_object();
    struct pages *pages = create(1);
    char model[16];
    for (int i = 0; i < 16; i++) { /* 10 is rounded up */
        snprintf(model, sizeof(model), "m%d", i);
        ck_assert_int_eq(pages_pair_add(pages, "p", model), i);
    }
    ck_assert_int_eq(pages_pair_add(pages, "p", "one too many"), -1);
    pages_unlink(pages);
    pages_close(&pages);
}
END_TEST

/* A worker that was killed between the two stores of a stamp: its last stamp is not believed, and
 * nobody waits. The next one in the slot writes a whole one again. */
START_TEST(half_a_stamp)
{
    struct pages_pair pair;
    struct pages_stamps stamps;
    memset(&pair, 0, sizeof(pair));
    pages_stamp_stream(&pair, 1, 2);
    ck_assert(pages_read_stamps(&pair, &stamps));
    ck_assert_uint_eq(stamps.stream_ended_at, 2);
    pages_counter_add(&pair.stamp_seq, 1);
    pages_counter_set(&pair.last_stream_success_started_at, 50);
    ck_assert(!pages_read_stamps(&pair, &stamps));
    ck_assert_uint_eq(stamps.stream_ended_at, 0);
    pages_stamp_answer(&pair, 7, 8);
    ck_assert(pages_read_stamps(&pair, &stamps));
    ck_assert_uint_eq(stamps.answer_ended_at, 8);
}
END_TEST

/* ---- litmus: what --enable-sanitizers=thread watches ----------------------------------------- */

#define STAMPS 200000

static struct pages_pair raced;
static _Atomic int is_over;

static void *read_stamps(void *arg)
{
    unsigned long *torn = arg;
    while (!is_over) {
        struct pages_stamps s;
        if (pages_read_stamps(&raced, &s))
            *torn += s.stream_ended_at != s.stream_started_at + 1 && s.stream_ended_at != 0;
    }
    return NULL;
}

START_TEST(stamps_are_read_whole)
{
    pthread_t reader;
    unsigned long torn = 0;
    is_over = 0;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_stamps, &torn), 0);
    for (uint64_t k = 1; k <= STAMPS; k++)
        pages_stamp_stream(&raced, 10 * k, 10 * k + 1);
    is_over = 1;
    pthread_join(reader, NULL);
    ck_assert_uint_eq(torn, 0);
}
END_TEST

/* Runs f as the master of pages of its own and leaves without cleaning up. */
static void as_dead_master(uint32_t slots)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct pages *pages = pages_create(name, slots, 10, -1);
        if (pages == NULL)
            _exit(1);
        pages_counter_add(&pages_pair(pages, 1, pages_pair_add(pages, "p", "m"))->requests, 5);
        pages_counter_add(&pages_slot(pages, 1)->restarts, 2);
        pages_counter_add(&pages_slot(pages, 1)->active_streams, 3);
        raise(SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert(WIFSIGNALED(status));
}

START_TEST(counts_survive_the_master)
{
    remove_object();
    as_dead_master(2);
    struct pages *old = pages_open_reader(name);
    ck_assert_ptr_nonnull(old);
    ck_assert_int_eq(pages_live_master(old), 0);
    ck_assert(pages_is_current(old));
    struct pages *pages = create(2);
    ck_assert(!pages_is_current(old));
    struct page_sums_pair sum;
    page_sums_pair(pages, pair_key_hash("p", "m"), &sum);
    ck_assert_uint_eq(sum.requests, 5);
    ck_assert_uint_eq(pages_counter_get(&pages_slot(pages, 1)->restarts), 2);
    ck_assert_uint_eq(pages_counter_get(&pages_slot(pages, 1)->active_streams), 0);
    pages_close(&old);
    pages_unlink(pages);
    pages_close(&pages);
    /* another number of slots: another layout, everything from 0 */
    as_dead_master(3);
    pages = create(2);
    ck_assert_int_eq(pages_pair_find(pages, pair_key_hash("p", "m")), -1);
    pages_unlink(pages);
    pages_close(&pages);
}
END_TEST

START_TEST(living_master_keeps_its_pages)
{
    remove_object();
    struct pages *pages = create(2);
    pid_t pid = fork();
    if (pid == 0) {
        struct pages *reader = pages_open_reader(name);
        bool is_seen = reader != NULL && pages_live_master(reader) == (int32_t)getppid();
        struct pages *second = pages_create(name, 2, 10, -1);
        _exit(is_seen && second == NULL && errno == EBUSY ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert(pages_is_current(pages));
    pages_unlink(pages);
    pages_close(&pages);
    ck_assert_ptr_null(pages_open_reader(name));
}
END_TEST

/* A worker gone mad can write to its own slot and to no other. */
START_TEST(restricted_to_its_slot)
{
    remove_object();
    struct pages *pages = create(3);
    pages_pair_add(pages, "p", "m");
    for (uint32_t own = 0; own < 3; own++) {
        for (uint32_t target = 0; target < 3; target++) {
            pid_t pid = fork();
            if (pid == 0) {
                signal(SIGSEGV, SIG_DFL);
                if (!pages_restrict(pages, own))
                    _exit(1);
                pages_counter_add(&pages_slot(pages, target)->connections, 1);
                pages_counter_add(&pages_pair(pages, target, 15)->requests, 1);
                _exit(0);
            }
            int status;
            waitpid(pid, &status, 0);
            ck_assert_msg((status == 0) == (own == target), "%u writes to %u: status %d", own,
                          target, status);
        }
    }
    ck_assert(!pages_restrict(pages, 3));
    pages_unlink(pages);
    pages_close(&pages);
}
END_TEST

UNIT_MAIN("pages", sums_over_slots, directory_full, half_a_stamp, stamps_are_read_whole,
          counts_survive_the_master, living_master_keeps_its_pages, restricted_to_its_slot)
