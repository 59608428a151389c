/* SPDX-License-Identifier: MIT */
/* segment: the guard keeps a second trackerd out, for exactly as long as the first one lives. */
#include "trackerd/table/segment.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char name[64], guard[80], lock[80];

static void choose_name(void)
{
    snprintf(name, sizeof(name), "/weir-test-segment-%d", (int)getpid());
    snprintf(guard, sizeof(guard), "%s.guard", name);
    snprintf(lock, sizeof(lock), "%s.lock", name);
}

static void remove_objects(void)
{
    shm_unlink(guard);
    shm_unlink(lock);
    shm_unlink(name);
}

static bool open_it(struct segment *seg)
{
    enum shm_table_error origin;
    return segment_open(seg, name, -1, &origin);
}

/* A trackerd, which has forked a child that still has all its descriptors. The child goes when
 * alive's other end is closed. */
static pid_t start_owner(const int alive[2])
{
    int forked[2];
    char byte = 'n';
    ck_assert_int_eq(pipe(forked), 0);
    pid_t owner = fork();
    if (owner == 0) {
        struct segment seg;
        close(alive[1]);
        bool is_open = open_it(&seg);
        if (fork() == 0)
            _exit(read(alive[0], &byte, 1) != 0);
        (void)!write(forked[1], is_open ? "y" : "n", 1);
        pause();
    }
    ck_assert_int_eq(read(forked[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'y');
    close(forked[0]);
    close(forked[1]);
    return owner;
}

START_TEST(the_guard_ends_with_its_owner_whatever_its_children_do)
{
    int alive[2];
    struct segment seg;
    choose_name();
    ck_assert_int_eq(pipe(alive), 0);
    pid_t owner = start_owner(alive);
    close(alive[0]);
    ck_assert(!open_it(&seg));
    ck_assert_int_eq(errno, EBUSY);
    kill(owner, SIGKILL);
    ck_assert_int_eq(waitpid(owner, NULL, 0), owner);
    ck_assert(open_it(&seg));
    segment_close(&seg);
    ck_assert_int_eq(shm_unlink(guard), -1); /* removed by its owner */
    close(alive[1]);
    remove_objects();
}
END_TEST

/* Whoever may write to the guard may make it longer; its owner keeps it, and removes it. */
START_TEST(the_guards_size_does_not_matter)
{
    struct segment seg;
    choose_name();
    ck_assert(open_it(&seg));
    ck_assert_int_eq(ftruncate(seg.guard.fd, 10), 0);
    int fd = seg.guard.fd;
    segment_keep_guard(&seg);
    ck_assert_int_eq(seg.guard.fd, fd);
    pid_t other = fork();
    if (other == 0)
        _exit(open_it(&seg) || errno != EBUSY);
    int status;
    ck_assert_int_eq(waitpid(other, &status, 0), other);
    ck_assert_int_eq(status, 0);
    segment_close(&seg);
    ck_assert_int_eq(shm_unlink(guard), -1);
    remove_objects();
}
END_TEST

UNIT_MAIN("segment", the_guard_ends_with_its_owner_whatever_its_children_do,
          the_guards_size_does_not_matter)
