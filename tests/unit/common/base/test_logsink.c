/* SPDX-License-Identifier: MIT */
/* common/base/logsink.c: nobody who does not read holds up who writes, and nothing is torn. */
#include "common/base/logsink.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static const char line[] = "a line of the log that is of some length, so that a pipe fills\n";
static char dir[] = "/tmp/weir-sink-XXXXXX";
static char path[64];
static char text[1 << 20];

/* As it is when a daemon's standard error is one end of something that nobody reads. */
static void set_stderr(int fd)
{
    ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

static unsigned fill(struct logsink *sink)
{
    unsigned n = 0;
    while (logsink_write(sink, line, sizeof(line) - 1))
        n++;
    for (int i = 0; i < 10; i++)
        ck_assert(!logsink_write(sink, line, sizeof(line) - 1));
    ck_assert_uint_eq(sink->lost, 11);
    return n;
}

/* Whole lines only, though the last one that found room may be a part of one. */
static unsigned count_lines(int fd)
{
    unsigned n = 0;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    for (const char *p = text; (p = strstr(p, line)) != NULL; p++)
        n++;
    return n;
}

START_TEST(a_full_pipe_costs_lines)
{
    int pipe_fds[2];
    struct logsink sink = LOGSINK_NONE;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    set_stderr(pipe_fds[1]);
    logsink_use_stderr(&sink);
    unsigned n = fill(&sink);
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0); /* others have it, too */
    ck_assert_uint_eq(count_lines(pipe_fds[0]), n);
    ck_assert(logsink_write(&sink, line, sizeof(line) - 1));
    ck_assert_uint_eq(count_lines(pipe_fds[0]), 1);
    logsink_close(&sink);
}
END_TEST

START_TEST(so_does_one_that_cannot_be_opened_anew)
{
    int pipe_fds[2];
    struct logsink sink = LOGSINK_STDERR;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    set_stderr(pipe_fds[1]);
    fill(&sink);
}
END_TEST

START_TEST(a_full_socket_costs_lines)
{
    int fds[2];
    struct logsink sink = LOGSINK_NONE;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    set_stderr(fds[1]);
    logsink_use_stderr(&sink);
    fill(&sink);
    logsink_close(&sink);
}
END_TEST

static int listen_as_syslog(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    strcpy(address.sun_path, path);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

START_TEST(a_syslog_that_sleeps_dies_and_comes_back)
{
    struct logsink sink = LOGSINK_NONE;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    logsink_use_syslog(&sink, path);
    ck_assert(!logsink_write_syslog(&sink, LOG_ERR, "weir", "nobody is there"));
    int fd = listen_as_syslog();
    ck_assert(logsink_write_syslog(&sink, LOG_ERR, "weir", "hello"));
    ssize_t len = read(fd, text, sizeof(text));
    ck_assert_int_gt(len, 0);
    ck_assert(strncmp(text, "<27>", 4) == 0);
    char expected[64];
    snprintf(expected, sizeof(expected), " weir[%d]: hello", (int)getpid());
    ck_assert_str_eq(text + strlen(text) - strlen(expected), expected);
    unsigned n = 0;
    while (logsink_write_syslog(&sink, LOG_INFO, "weir", line))
        n++;
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(sink.lost, 2);
    close(fd);
    unlink(path);
    fd = listen_as_syslog();
    ck_assert(logsink_write_syslog(&sink, LOG_INFO, "weir", "after its restart"));
    logsink_close(&sink);
    close(fd);
    unlink(path);
    rmdir(dir);
}
END_TEST

UNIT_MAIN("logsink", a_full_pipe_costs_lines, so_does_one_that_cannot_be_opened_anew,
          a_full_socket_costs_lines, a_syslog_that_sleeps_dies_and_comes_back)
