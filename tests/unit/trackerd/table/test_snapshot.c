/* SPDX-License-Identifier: MIT */
/* trackerd/table/snapshot.c: a file that could not be written is written a little later, though
 * nothing changes any more. fork is this file's. */
#include "trackerd/table/snapshot.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/weir-snapshot-XXXXXX";
static char folder[80], path[96];
static int forks_that_fail, n_forks;
static struct event_base *base;
static struct snapshot *snapshot;
static struct table *table;

pid_t fork(void)
{
    n_forks++;
    if (forks_that_fail > 0) {
        forks_that_fail--;
        errno = EAGAIN;
        return -1;
    }
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    n_forks = 0; /* Check has forked us */
    snprintf(folder, sizeof(folder), "%s/f", dir);
    snprintf(path, sizeof(path), "%s/state", folder);
    log_set_level(LOGLV_ERROR);
    base = event_base_new();
    table = table_new(4);
    snapshot = snapshot_new(base, path, table);
}

/* Until the file is there; ends the test when it takes much longer than a retry. */
static void turn_until_written(void)
{
    for (int i = 0; i < 2 * SNAPSHOT_RETRY_MS / 10; i++) {
        event_base_loopexit(base, &(struct timeval){0, 10000});
        event_base_dispatch(base);
        snapshot_reap(snapshot);
        if (access(path, F_OK) == 0)
            return;
    }
    ck_abort_msg("not written");
}

static void finish(void)
{
    snapshot_free(&snapshot);
    table_free(&table);
    event_base_free(base);
    unlink(path);
    rmdir(folder);
    rmdir(dir);
}

START_TEST(after_forks_that_failed)
{
    begin();
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    forks_that_fail = 1;
    snapshot_want(snapshot);
    turn_until_written();
    ck_assert_int_eq(n_forks, 2);
    finish();
}
END_TEST

START_TEST(after_a_write_that_failed)
{
    begin();
    snapshot_want(snapshot);
    for (int i = 0; i < 300 && n_forks == 0; i++) {
        event_base_loopexit(base, &(struct timeval){0, 10000});
        event_base_dispatch(base);
    }
    siginfo_t info; /* the child has ended, and is left for snapshot_reap */
    ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    snapshot_reap(snapshot);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    turn_until_written();
    ck_assert_int_eq(n_forks, 2);
    finish();
}
END_TEST

UNIT_MAIN("snapshot", after_forks_that_failed, after_a_write_that_failed)
