/* SPDX-License-Identifier: MIT */
/* unixsock: one listener a path, stale files, rights, message boundaries, peers. */
#include "common/base/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

#define DIR_TEMPLATE "/tmp/weir-unixsock-XXXXXX"

static char dir[] = DIR_TEMPLATE;
static char *path;

static void make_path(void)
{
    strcpy(dir, DIR_TEMPLATE);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    path = xasprintf("%s/sock", dir);
}

static void remove_path(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(dir), 0);
    free(path);
}

static int listen_there(void)
{
    return unixsock_listen(path, 0660, -1);
}

START_TEST(messages_keep_their_boundaries)
{
    char got[16];
    make_path();
    int listener = listen_there(), client = unixsock_connect(path);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_ge(client, 0);
    int server = accept(listener, NULL, NULL);
    ck_assert_int_ge(server, 0);
    ck_assert_int_eq(send(client, "one", 3, 0), 3);
    ck_assert_int_eq(send(client, "three", 5, 0), 5);
    ck_assert_int_eq(recv(server, got, sizeof(got), 0), 3);
    ck_assert_int_eq(recv(server, got, sizeof(got), 0), 5);
    close(server);
    close(client);
    close(listener);
    remove_path();
}
END_TEST

START_TEST(both_ends_are_private_and_do_not_block)
{
    make_path();
    int fds[] = {listen_there(), unixsock_connect(path)};
    for (size_t i = 0; i < UNIT_ROWS(fds); i++) {
        ck_assert(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        close(fds[i]);
    }
    remove_path();
}
END_TEST

START_TEST(the_peer_is_known)
{
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    pid_t pid = 0;
    make_path();
    int listener = listen_there(), client = unixsock_connect(path);
    int server = accept(listener, NULL, NULL);
    ck_assert(unixsock_peer(server, &uid, &gid, &pid));
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_uint_eq(gid, getegid());
    ck_assert_int_eq(pid, getpid());
    close(server);
    ck_assert(!unixsock_peer(server, &uid, &gid, &pid));
    close(client);
    close(listener);
    remove_path();
}
END_TEST

START_TEST(the_mode_is_set_whatever_the_umask)
{
    struct stat st;
    make_path();
    umask(077);
    int listener = listen_there();
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    close(listener);
    remove_path();
}
END_TEST

START_TEST(the_group_is_set)
{
    struct stat st;
    make_path();
    int gid = geteuid() == 0 ? 12345 : (int)getegid();
    int listener = unixsock_listen(path, 0660, gid);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq((int)st.st_gid, gid);
    close(listener);
    remove_path();
}
END_TEST

START_TEST(a_second_listener_is_refused)
{
    make_path();
    int listener = listen_there();
    ck_assert_int_eq(listen_there(), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    int client = unixsock_connect(path); /* the first one is still there */
    ck_assert_int_ge(client, 0);
    close(client);
    close(listener);
    remove_path();
}
END_TEST

START_TEST(a_stale_file_is_replaced)
{
    make_path();
    close(listen_there());
    ck_assert_int_eq(unixsock_connect(path), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    int listener = listen_there(), client = unixsock_connect(path);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_ge(client, 0);
    close(client);
    close(listener);
    remove_path();
}
END_TEST

/* A process listens and forks; it dies, and its child has not closed the socket yet. */
START_TEST(a_listener_that_only_a_child_has_is_replaced)
{
    int forked[2], alive[2];
    char byte;
    make_path();
    ck_assert_int_eq(pipe(forked), 0);
    ck_assert_int_eq(pipe(alive), 0);
    pid_t parent = fork();
    if (parent == 0) {
        close(alive[1]);
        bool listens = listen_there() >= 0;
        if (fork() == 0)
            _exit(read(alive[0], &byte, 1) != 0); /* until the test lets it go */
        (void)!write(forked[1], listens ? "y" : "n", 1);
        pause();
    }
    close(alive[0]);
    ck_assert_int_eq(read(forked[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'y');
    ck_assert_int_eq(listen_there(), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    kill(parent, SIGKILL);
    ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
    int orphaned = unixsock_connect(path); /* the child's socket would still take it */
    ck_assert_int_ge(orphaned, 0);
    close(orphaned);
    int listener = listen_there();
    ck_assert_int_ge(listener, 0);
    close(listener);
    close(alive[1]);
    close(forked[0]);
    close(forked[1]);
    remove_path();
}
END_TEST

/* Somebody's file is not ours to remove, and a socket of another type is in use. */
START_TEST(what_is_not_ours_stays)
{
    make_path();
    close(open(path, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(listen_there(), -1);
    ck_assert_int_eq(errno, ENOTSOCK);
    ck_assert_int_eq(access(path, F_OK), 0);
    remove_path();
}
END_TEST

/* With its backlog full a listener is alive, and the connection can be tried again later. */
START_TEST(a_full_backlog_is_no_stale_file)
{
    make_path();
    int listener = listen_there(), clients[4096], n = 0;
    ck_assert_int_eq(listen(listener, 1), 0);
    while (n < 4096 && (clients[n] = unixsock_connect(path)) >= 0)
        n++;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(listen_there(), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    while (n > 0)
        close(clients[--n]);
    close(listener);
    remove_path();
}
END_TEST

START_TEST(bad_paths_are_refused)
{
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    ck_assert_int_eq(unixsock_listen(long_path, 0660, -1), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_int_eq(unixsock_connect(long_path), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_int_eq(unixsock_listen("/nonexistent/sock", 0660, -1), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(unixsock_connect("/nonexistent/sock"), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

UNIT_MAIN("unixsock", messages_keep_their_boundaries, both_ends_are_private_and_do_not_block,
          the_peer_is_known, the_mode_is_set_whatever_the_umask, the_group_is_set,
          a_second_listener_is_refused, a_stale_file_is_replaced,
          a_listener_that_only_a_child_has_is_replaced, what_is_not_ours_stays,
          a_full_backlog_is_no_stale_file, bad_paths_are_refused)
