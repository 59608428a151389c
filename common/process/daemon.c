/* SPDX-License-Identifier: MIT */
/* See daemon.h. */
#include "common/process/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/process/user.h"

/* The end of a socket pair whose other end the parent holds, waiting for daemon_ready; -1 in
 * the foreground and afterwards. */
static int ready_fd = -1;

static void mask_requests(int how)
{
    sigset_t requests;
    sigemptyset(&requests);
    sigaddset(&requests, SIGHUP);
    sigaddset(&requests, SIGUSR1);
    sigaddset(&requests, SIGUSR2);
    sigprocmask(how, &requests, NULL);
}

void daemon_hold_signals(void)
{
    mask_requests(SIG_BLOCK);
}

void daemon_release_signals(void)
{
    mask_requests(SIG_UNBLOCK);
}

/* With a group both daemons write to one file, maybe as two users. */
static void set_log_owner(const struct conf *conf)
{
    struct logfile_owner owner = LOGFILE_INIT;
    daemon_lookup_user(conf, &owner.uid, &owner.gid);
    if (owner.gid >= 0)
        owner.mode = LOGFILE_MODE_SHARED;
    log_set_owner(&owner);
}

void daemon_open_log(const struct daemon_options *options, const struct conf *conf)
{
    log_set_level(conf->log_level);
    if (options->foreground)
        return;
    set_log_owner(conf);
    log_echo_errors(true); /* until daemon_ready somebody watches the start */
    if (conf->error_log == NULL)
        log_open_syslog();
    else if (strcmp(conf->error_log, "-") != 0 && !log_open_file(conf->error_log))
        log_fatal(EX_UNAVAILABLE, "log file %s: %s", conf->error_log, strerror(errno));
}

static void exit_as_child(pid_t child) __attribute__((noreturn));
static void exit_as_child(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
    if (code != 0)
        fprintf(stderr, "%s: did not start (%s %d)\n", program_invocation_short_name,
                WIFEXITED(status) ? "exit code" : "signal",
                WIFEXITED(status) ? code : WTERMSIG(status));
    _exit(code);
}

/* The socket alone would not show that the child has died: a worker it forked may hold the other
 * end. */
static void wait_for_ready(int fd, pid_t child) __attribute__((noreturn));
static void wait_for_ready(int fd, pid_t child)
{
    struct pollfd both[] = {{.fd = fd, .events = POLLIN},
                            {.fd = pidfd_open(child, 0), .events = POLLIN}};
    while (poll(both, 2, -1) < 0 && errno == EINTR)
        ;
    char byte;
    if ((both[0].revents & POLLIN) != 0 && read(fd, &byte, 1) == 1)
        _exit(0);
    exit_as_child(child);
}

static void use_null(int first, int last)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = first; null >= 0 && fd <= last; fd++)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

static void become_daemon(int fd)
{
    ready_fd = fd;
    setsid();
    if (chdir("/") != 0)
        log_fatal(EX_UNAVAILABLE, "/: %s", strerror(errno));
    use_null(STDIN_FILENO, STDOUT_FILENO);
}

void daemon_background(const struct daemon_options *options)
{
    int pair[2];
    if (options->foreground)
        return;
    fflush(NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        log_fatal(EX_UNAVAILABLE, "socketpair: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        log_fatal(EX_UNAVAILABLE, "fork: %s", strerror(errno));
    close(pair[child == 0 ? 0 : 1]);
    if (child > 0)
        wait_for_ready(pair[0], child);
    become_daemon(pair[1]);
}

void daemon_leave_terminal(const struct daemon_options *options)
{
    if (options->foreground)
        return;
    log_echo_errors(false);
    fd_close(&ready_fd);
    use_null(STDERR_FILENO, STDERR_FILENO);
}

void daemon_ready(void)
{
    log_echo_errors(false);
    if (ready_fd >= 0) {
        /* The parent may have been killed meanwhile, which must not kill us. */
        ssize_t sent = send(ready_fd, "", 1, MSG_NOSIGNAL);
        (void)sent;
        fd_close(&ready_fd);
        use_null(STDERR_FILENO, STDERR_FILENO);
    }
    daemon_notify("READY=1");
}

/* The address in $NOTIFY_SOCKET: a path, or @NAME for an abstract socket. 0 when it is neither. */
static socklen_t notify_address(const char *name, struct sockaddr_un *out)
{
    size_t len = strlen(name);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(out->sun_path))
        return 0;
    memcpy(out->sun_path, name, len);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void daemon_notify(const char *state)
{
    struct sockaddr_un address;
    const char *name = getenv("NOTIFY_SOCKET");
    socklen_t len = name != NULL ? notify_address(name, &address) : 0;
    if (len == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len) < 0)
        log_warn("cannot tell the service manager %s: %s", state, strerror(errno));
    if (fd >= 0)
        close(fd);
}

unsigned long daemon_raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}
