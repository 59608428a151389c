/* SPDX-License-Identifier: MIT */
/* common/shm/recent.c: the object of the recent requests, over the death of workers and masters. */
#include "common/shm/recent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define SLOTS 6

static char name[64], object[80];

static void remove_object(void)
{
    char unnamed[96];
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    snprintf(object, sizeof(object), "%s.recent", name);
    snprintf(unnamed, sizeof(unnamed), "%s.new", object);
    shm_unlink(object);
    shm_unlink(unnamed);
}

static struct recent *create(uint32_t slots, uint32_t workers)
{
    struct recent *recent = recent_create(name, slots, workers, -1);
    ck_assert_ptr_nonnull(recent);
    ck_assert(recent_take_name(recent));
    return recent;
}

static void put(struct recent_writer *writer, uint64_t ended_at)
{
    char id[32];
    snprintf(id, sizeof(id), "r%d", (int)ended_at);
    struct recent_head head = {.ended_at = ended_at, .id_bytes = (uint8_t)strlen(id)};
    recent_put(writer, &head, NULL, id);
}

/* Requests `from` to `from + n - 1` are there, in this order, and nothing else. */
static void assert_there(const struct recent *recent, int from, size_t n)
{
    size_t found;
    struct recent_request *requests = recent_read(recent, &found);
    ck_assert_uint_eq(found, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(requests[i].head.ended_at, (uint64_t)from + i);
        ck_assert_int_eq(atoi(requests[i].id + 1), from + (int)i);
    }
    free(requests);
}

static void give_up(struct recent **recent)
{
    recent_unlink(*recent);
    recent_close(recent);
    ck_assert_ptr_null(*recent);
}

START_TEST(a_reader_sees_all_slots_in_order)
{
    remove_object();
    struct recent *recent = create(SLOTS, 2);
    struct recent_writer a = recent_writer(recent, 0), b = recent_writer(recent, SLOTS - 1);
    for (int i = 1; i <= 9; i += 2) {
        put(&a, i);
        put(&b, i + 1);
    }
    struct recent *reader = recent_open_reader(name);
    ck_assert_ptr_nonnull(reader);
    assert_there(reader, 1, 10);
    recent_close(&reader);
    give_up(&recent);
    ck_assert_ptr_null(recent_open_reader(name));
}
END_TEST

/* Nothing is kept for requests that have not come. */
START_TEST(memory_is_taken_as_requests_come)
{
    remove_object();
    struct recent *recent = create(SLOTS, 1);
    struct stat st;
    int fd = shm_open(object, O_RDONLY, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_ge(st.st_size, (off_t)SLOTS * RECENT_REQUESTS * 512);
    ck_assert_int_le(st.st_blocks * 512, 2 * 4096);
    struct recent_writer writer = recent_writer(recent, 3);
    for (int i = 0; i < 16; i++)
        put(&writer, i);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_le(st.st_blocks * 512, 5 * 4096);
    ck_assert_int_eq((int)(st.st_mode & 0777), 0640);
    close(fd);
    give_up(&recent);
}
END_TEST

/* No memory is left for a page: the worker goes on, and only its requests are not found. */
START_TEST(a_worker_without_memory_goes_on)
{
    remove_object();
    struct recent *recent = create(SLOTS, 2);
    struct recent_writer writer = recent_writer(recent, 0);
    int fd = shm_open(object, O_RDWR, 0);
    ck_assert_int_eq(ftruncate(fd, 4096), 0);
    for (int i = 1; i <= 20; i++)
        put(&writer, i);
    assert_there(recent, 1, 20);
    ck_assert_ptr_null(recent_open_reader(name));
    close(fd);
    shm_unlink(object); /* it is not at its full size any more */
    recent_close(&recent);
}
END_TEST

/* The more workers, the less each keeps; never less than RECENT_SLOT_MIN. */
START_TEST(the_last_few_thousand_are_kept)
{
    static const uint32_t workers[] = {1, 3, 64, 1000};
    for (size_t i = 0; i < UNIT_ROWS(workers); i++) {
        remove_object();
        struct recent *recent = create(2, workers[i]);
        struct recent_writer writer = recent_writer(recent, 1);
        int n = 0;
        while (n <= RECENT_REQUESTS)
            put(&writer, ++n);
        size_t kept;
        free(recent_read(recent, &kept));
        ck_assert_uint_ge(kept, RECENT_SLOT_MIN);
        ck_assert_uint_ge(kept * workers[i], RECENT_REQUESTS);
        assert_there(recent, n + 1 - (int)kept, kept);
        give_up(&recent);
    }
}
END_TEST

static int status_of(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

START_TEST(a_worker_can_write_to_its_slot_only)
{
    remove_object();
    struct recent *recent = create(SLOTS, 2);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGSEGV, SIG_DFL); /* not a sanitizer's */
            if (!recent_restrict(recent, 2))
                _exit(1);
            struct recent_writer writer = recent_writer(recent, slot);
            put(&writer, 1);
            _exit(0);
        }
        int status = status_of(pid);
        ck_assert_msg(slot == 2 ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
                      "slot %u: %d", slot, status);
    }
    assert_there(recent, 1, 1);
    give_up(&recent);
}
END_TEST

/* A worker killed at any instant leaves at most one record that cannot be read. */
START_TEST(killed_workers_leave_sound_records)
{
    remove_object();
    struct recent *recent = create(1, 1);
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct recent_writer writer = recent_writer(recent, 0);
            for (uint64_t i = 1;; i++)
                put(&writer, i);
        }
        size_t n = 0;
        while (n < RECENT_REQUESTS - 1)
            free(recent_read(recent, &n));
        kill(pid, SIGKILL);
        ck_assert(WIFSIGNALED(status_of(pid)));
        struct recent_request *requests = recent_read(recent, &n);
        ck_assert_uint_ge(n, RECENT_REQUESTS - 1);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(atoi(requests[i].id + 1), (int)requests[i].head.ended_at);
        free(requests);
    }
    give_up(&recent);
}
END_TEST

/* Of a master that was killed, and when the number of workers has changed. */
START_TEST(a_new_object_takes_the_old_ones_requests_along)
{
    remove_object();
    struct recent *old = create(SLOTS, 1);
    struct recent_writer a = recent_writer(old, 0), b = recent_writer(old, SLOTS - 1);
    for (int i = 1; i <= 9; i += 2) {
        put(&a, i);
        put(&b, i + 1);
    }
    struct recent *recent = create(2, 5);
    assert_there(recent, 1, 10);
    recent_unlink(old); /* the name is not its any more */
    recent_close(&old);
    struct recent *reader = recent_open_reader(name);
    ck_assert_ptr_nonnull(reader);
    assert_there(reader, 1, 10);
    recent_close(&reader);
    give_up(&recent);
}
END_TEST

START_TEST(an_heir_shares_the_object)
{
    remove_object();
    struct recent *elder = create(SLOTS, 2);
    ck_assert_ptr_null(recent_take_over(name, SLOTS + 1));
    ck_assert_int_eq(errno, EPROTO);
    struct recent *heir = recent_take_over(name, SLOTS);
    ck_assert_ptr_nonnull(heir);
    struct recent_writer a = recent_writer(elder, 0), b = recent_writer(heir, 1);
    put(&a, 1);
    put(&b, 2);
    ck_assert(recent_take_name(heir));
    recent_close(&elder);
    put(&b, 3);
    assert_there(heir, 1, 3);
    give_up(&heir);
}
END_TEST

/* An object without its name is nobody's to find; one that is no such object is not read. */
START_TEST(only_a_good_object_is_opened)
{
    remove_object();
    struct recent *recent = recent_create(name, SLOTS, 2, -1);
    ck_assert_ptr_nonnull(recent);
    ck_assert_ptr_null(recent_open_reader(name));
    ck_assert(recent_take_name(recent));
    int fd = shm_open(object, O_RDWR, 0);
    ck_assert_int_eq(pwrite(fd, "damaged", 7, 0), 7);
    ck_assert_ptr_null(recent_open_reader(name));
    ck_assert_ptr_null(recent_take_over(name, SLOTS));
    close(fd);
    give_up(&recent);
}
END_TEST

UNIT_MAIN("recent", a_reader_sees_all_slots_in_order, memory_is_taken_as_requests_come,
          a_worker_without_memory_goes_on, the_last_few_thousand_are_kept,
          a_worker_can_write_to_its_slot_only, killed_workers_leave_sound_records,
          a_new_object_takes_the_old_ones_requests_along, an_heir_shares_the_object,
          only_a_good_object_is_opened)
