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

static struct wpages *create(uint32_t slots)
{
    struct wpages *pages = wpages_create(name, slots, 10, -1);
    ck_assert_ptr_nonnull(pages);
    return pages;
}

START_TEST(sums_over_slots)
{
    remove_object();
    struct wpages *pages = create(3);
    ck_assert_int_eq(wpages_pair_add(pages, "p", "m"), 0);
    ck_assert_int_eq(wpages_pair_add(pages, "p", "n"), 1);
    ck_assert_int_eq(wpages_pair_add(pages, "p", "m"), 0);
    struct wpages *reader = wpages_open_reader(name);
    ck_assert_ptr_nonnull(reader);
    ck_assert_int_eq(wpages_pair_find(reader, pair_key_hash("p", "n")), 1);
    ck_assert_int_eq(wpages_pair_find(reader, 1), -1);
    for (uint32_t slot = 0; slot < 3; slot++) {
        struct wpages_pair *pair = wpages_pair(pages, slot, 1);
        wcounter_add(&pair->requests, 10 + slot);
        wcounter_add(&pair->outcomes[OUTCOME_STREAM_LOST], 1);
        wpages_stamp_stream(pair, 100 - slot, 200 - slot);
        wpages_stamp_answer(pair, 100 + slot, 200 + slot);
    }
    struct wpages_sum sum;
    wpages_sum(reader, 1, &sum);
    ck_assert_uint_eq(sum.requests, 33);
    ck_assert_uint_eq(sum.outcomes[OUTCOME_STREAM_LOST], 3);
    ck_assert_uint_eq(sum.last_stream_success_at, 200);
    ck_assert_uint_eq(sum.last_stream_success_started_at, 100);
    ck_assert_uint_eq(sum.last_answer_success_at, 202);
    wpages_sum(reader, 0, &sum);
    ck_assert_uint_eq(sum.requests, 0);
    wpages_sum(reader, -1, &sum);
    ck_assert_uint_eq(sum.requests, 0);
    ck_assert_ptr_null(wpages_slot(reader, 3));
    ck_assert_ptr_null(wpages_pair(reader, 0, 16));
    wpages_close(&reader);
    wpages_unlink(pages);
    wpages_close(&pages);
}
END_TEST

START_TEST(directory_full)
{
    remove_object();
    struct wpages *pages = create(1);
    char model[16];
    for (int i = 0; i < 16; i++) { /* 10 is rounded up */
        snprintf(model, sizeof(model), "m%d", i);
        ck_assert_int_eq(wpages_pair_add(pages, "p", model), i);
    }
    ck_assert_int_eq(wpages_pair_add(pages, "p", "one too many"), -1);
    wpages_unlink(pages);
    wpages_close(&pages);
}
END_TEST

/* A worker that was killed between the two stores of a stamp: its last stamp is not believed, and
 * nobody waits. The next one in the slot writes a whole one again. */
START_TEST(half_a_stamp)
{
    struct wpages_pair pair;
    struct wpages_stamps stamps;
    memset(&pair, 0, sizeof(pair));
    wpages_stamp_stream(&pair, 1, 2);
    ck_assert(wpages_read_stamps(&pair, &stamps));
    ck_assert_uint_eq(stamps.stream_ended_at, 2);
    wcounter_add(&pair.stamp_seq, 1);
    wcounter_set(&pair.last_stream_success_started_at, 50);
    ck_assert(!wpages_read_stamps(&pair, &stamps));
    ck_assert_uint_eq(stamps.stream_ended_at, 0);
    wpages_stamp_answer(&pair, 7, 8);
    ck_assert(wpages_read_stamps(&pair, &stamps));
    ck_assert_uint_eq(stamps.answer_ended_at, 8);
}
END_TEST

/* ---- litmus: what --enable-sanitizers=thread watches ----------------------------------------- */

#define STAMPS 200000

static struct wpages_pair raced;
static _Atomic int is_over;

static void *read_stamps(void *arg)
{
    unsigned long *torn = arg;
    while (!is_over) {
        struct wpages_stamps s;
        if (wpages_read_stamps(&raced, &s))
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
        wpages_stamp_stream(&raced, 10 * k, 10 * k + 1);
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
        struct wpages *pages = wpages_create(name, slots, 10, -1);
        if (pages == NULL)
            _exit(1);
        wcounter_add(&wpages_pair(pages, 1, wpages_pair_add(pages, "p", "m"))->requests, 5);
        wcounter_add(&wpages_slot(pages, 1)->restarts, 2);
        wcounter_add(&wpages_slot(pages, 1)->active_streams, 3);
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
    struct wpages *old = wpages_open_reader(name);
    ck_assert_ptr_nonnull(old);
    ck_assert_int_eq(wpages_live_master(old), 0);
    ck_assert(wpages_is_current(old));
    struct wpages *pages = create(2);
    ck_assert(!wpages_is_current(old));
    struct wpages_sum sum;
    wpages_sum(pages, wpages_pair_find(pages, pair_key_hash("p", "m")), &sum);
    ck_assert_uint_eq(sum.requests, 5);
    ck_assert_uint_eq(wcounter_get(&wpages_slot(pages, 1)->restarts), 2);
    ck_assert_uint_eq(wcounter_get(&wpages_slot(pages, 1)->active_streams), 0);
    wpages_close(&old);
    wpages_unlink(pages);
    wpages_close(&pages);
    /* another number of slots: another layout, everything from 0 */
    as_dead_master(3);
    pages = create(2);
    ck_assert_int_eq(wpages_pair_find(pages, pair_key_hash("p", "m")), -1);
    wpages_unlink(pages);
    wpages_close(&pages);
}
END_TEST

START_TEST(living_master_keeps_its_pages)
{
    remove_object();
    struct wpages *pages = create(2);
    pid_t pid = fork();
    if (pid == 0) {
        struct wpages *reader = wpages_open_reader(name);
        bool is_seen = reader != NULL && wpages_live_master(reader) == (int32_t)getppid();
        struct wpages *second = wpages_create(name, 2, 10, -1);
        _exit(is_seen && second == NULL && errno == EBUSY ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert(wpages_is_current(pages));
    wpages_unlink(pages);
    wpages_close(&pages);
    ck_assert_ptr_null(wpages_open_reader(name));
}
END_TEST

/* A worker gone mad can write to its own slot and to no other. */
START_TEST(restricted_to_its_slot)
{
    remove_object();
    struct wpages *pages = create(3);
    wpages_pair_add(pages, "p", "m");
    for (uint32_t own = 0; own < 3; own++) {
        for (uint32_t target = 0; target < 3; target++) {
            pid_t pid = fork();
            if (pid == 0) {
                signal(SIGSEGV, SIG_DFL);
                if (wpages_restrict(pages, own) != 0)
                    _exit(1);
                wcounter_add(&wpages_slot(pages, target)->connections, 1);
                wcounter_add(&wpages_pair(pages, target, 15)->requests, 1);
                _exit(0);
            }
            int status;
            waitpid(pid, &status, 0);
            ck_assert_msg((status == 0) == (own == target), "%u writes to %u: status %d", own,
                          target, status);
        }
    }
    ck_assert_int_eq(wpages_restrict(pages, 3), -1);
    wpages_unlink(pages);
    wpages_close(&pages);
}
END_TEST

UNIT_MAIN("wpages", sums_over_slots, directory_full, half_a_stamp, stamps_are_read_whole,
          counts_survive_the_master, living_master_keeps_its_pages, restricted_to_its_slot)
