/* SPDX-License-Identifier: MIT */
/* See upgrade.h. */
#include "server/master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/killpoint.h"
#include "common/base/log.h"
#include "common/base/unixsock.h"
#include "common/process/daemon.h"
#include "common/process/pidfile.h"

#define VARIABLE      "WEIR_UPGRADE" /* LINK PIDFILE FD... , numbers with blanks between */
#define EXEC_FAILED   127
#define STDERR_BUFFER 4096

/* What passes between the two. */
enum {
    WORD_STARTED = 'S', /* before the new binary is executed */
    WORD_READY = 'R',
    WORD_GO = 'G',
    WORD_NO = 'N' /* the successor is not wanted any more */
};
struct message {
    char word;
    pid_t pid; /* of the sender */
};

static bool send_message(int fd, char word)
{
    struct message message = {.word = word, .pid = getpid()};
    return send(fd, &message, sizeof(message), MSG_NOSIGNAL) == (ssize_t)sizeof(message);
}

void master_upgrade_close_in_child(struct master *m)
{
    fd_close(&m->successor.process);
    fd_close(&m->successor.link);
    fd_close(&m->successor.stderr_fd);
    fd_close(&m->predecessor.process);
    fd_close(&m->predecessor.link);
    fd_close(&m->pid_file);
}

/* ---- handover -------------------------------------------------------------------------------- */

static void refuse_handover(const char *text) __attribute__((noreturn));
static void refuse_handover(const char *text)
{
    log_fatal(EX_USAGE, VARIABLE "=%s makes no sense: it is set by weir itself", text);
}

/* The next number of the text: a descriptor that is open, or -1. */
static int take_fd(const char **at, const char *text)
{
    char *end;
    errno = 0;
    long fd = strtol(*at, &end, 10);
    if (end == *at || errno != 0 || fd < -1 || fd > 1 << 20 ||
        (fd >= 0 && fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0))
        refuse_handover(text);
    *at = end + strspn(end, " ");
    return (int)fd;
}

bool master_handover_take(struct master_handover *out)
{
    const char *set = getenv(VARIABLE);
    uid_t uid;
    gid_t gid;
    *out = (struct master_handover){.process = -1, .link = -1, .pid_file = -1};
    if (set == NULL)
        return false;
    char *text = xstrdup(set);
    const char *at = text;
    unsetenv(VARIABLE);
    out->link = take_fd(&at, text);
    out->pid_file = take_fd(&at, text);
    if (!unixsock_peer(out->link, &uid, &gid, &out->predecessor) || out->predecessor <= 0)
        refuse_handover(text);
    out->process = pidfd_open(out->predecessor, 0);
    while (*at != '\0') {
        out->fds = xreallocarray(out->fds, out->n_fds + 1, sizeof(*out->fds));
        out->fds[out->n_fds++] = take_fd(&at, text);
    }
    free(text);
    return true;
}

/* ---- predecessor: beginning ------------------------------------------------------------------ */

static void keep_over_exec(struct buf *list, int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, 0);
    buf_printf(list, "%s%d", list->len > 0 ? " " : "", fd);
}

static void set_handover(const struct master *m, int link)
{
    struct buf list = BUF_INIT;
    size_t n = master_listeners_count(m->listeners);
    struct inherit_listener *listeners = xcalloc(n + 1, sizeof(*listeners));
    master_listeners_list(m->listeners, m->conf->workers, listeners);
    keep_over_exec(&list, link);
    keep_over_exec(&list, pidfile_fd());
    for (size_t i = 0; i < n; i++)
        keep_over_exec(&list, listeners[i].fd);
    setenv(VARIABLE, buf_cstr(&list), 1);
    free(listeners);
    buf_free(&list);
}

static void become_successor(const struct master *m, int link, int stderr_fd)
    __attribute__((noreturn));
static void become_successor(const struct master *m, int link, int stderr_fd)
{
    const struct daemon_options *o = m->options;
    char *const argv[] = {o->program, (char *)"-c", (char *)o->conf_path,
                          o->foreground ? (char *)"-f" : NULL, NULL};
    set_handover(m, link);
    if (stderr_fd >= 0)
        dup2(stderr_fd, STDERR_FILENO);
    send_message(link, WORD_STARTED);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
    execv(o->program, argv);
    dprintf(STDERR_FILENO, "%s: %s\n", o->program, strerror(errno));
    _exit(EXEC_FAILED);
}

static void end_like(pid_t successor) __attribute__((noreturn));
static void end_like(pid_t successor)
{
    int status = 0;
    while (waitpid(successor, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    _exit(EX_SOFTWARE);
}

/* Of sockets or a pipe: the predecessor keeps [0] of each. */
struct pairs {
    int link[2], stderr_fd[2];
};

static void close_pair(int pair[2])
{
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

/* A daemon has no standard error to share: a pipe takes what the successor writes there before it
 * has opened its log. */
static bool make_pairs(const struct master *m, struct pairs *p)
{
    const int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
    *p = (struct pairs){{-1, -1}, {-1, -1}};
    if (socketpair(AF_UNIX, type, 0, p->link) == 0 &&
        (m->options->foreground || pipe2(p->stderr_fd, O_CLOEXEC | O_NONBLOCK) == 0))
        return true;
    int saved = errno;
    close_pair(p->link);
    errno = saved;
    return false;
}

static void start_launcher(const struct master *m, const struct pairs *p, pid_t predecessor)
    __attribute__((noreturn));
static void start_launcher(const struct master *m, const struct pairs *p, pid_t predecessor)
{
    /* Without a predecessor nobody is interested in how the successor ends. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != predecessor)
        _exit(EX_OSERR);
    close(p->link[0]);
    pid_t successor = fork();
    if (successor == 0)
        become_successor(m, p->link[1], p->stderr_fd[1]);
    if (successor < 0)
        _exit(EX_OSERR);
    close(p->link[1]);
    end_like(successor);
}

static void forget_successor(struct master *m)
{
    m->successor.is_under_way = false;
    m->successor.launcher = m->successor.pid = 0;
    m->successor.due_at = 0;
    if (m->successor.link >= 0) /* should it still be there: its launcher cannot tell us */
        send_message(m->successor.link, WORD_NO);
    fd_close(&m->successor.process);
    fd_close(&m->successor.link);
    fd_close(&m->successor.stderr_fd);
}

static bool may_begin(const struct master *m)
{
    bool may = m->phase == MASTER_SERVING && m->owns_names && !m->successor.is_under_way;
    if (!may)
        log_warn("no upgrade now: %s",
                 m->successor.is_under_way ? "one is under way" : "this weir starts or stops");
    return may;
}

static void refused(struct master *m, const char *why)
{
    if (m->pages != NULL)
        pages_note_refusal(m->pages, PAGES_UPGRADE_REFUSED, why);
    log_error("upgrade refused: %s; this weir goes on serving", why);
}

void master_upgrade_begin(struct master *m)
{
    struct pairs pairs;
    if (!may_begin(m))
        return;
    if (!make_pairs(m, &pairs)) {
        refused(m, strerror(errno));
        return;
    }
    pid_t self = getpid(), launcher = fork();
    if (launcher == 0)
        start_launcher(m, &pairs, self);
    fd_close(&pairs.link[1]);
    fd_close(&pairs.stderr_fd[1]);
    m->successor = (struct successor){.is_under_way = true,
                                      .launcher = launcher,
                                      .process = -1,
                                      .link = pairs.link[0],
                                      .stderr_fd = pairs.stderr_fd[0]};
    if (launcher < 0) {
        refused(m, strerror(errno));
        forget_successor(m);
        return;
    }
    m->successor.due_at = clock_boot_ns() + MASTER_UPGRADE_MS * CLOCK_NS_PER_MS;
    log_info("upgrade: started %s", m->options->program);
}

/* ---- predecessor: handing over --------------------------------------------------------------- */

/* When this returns, the successor is no longer a descendant of ours. The launcher may be stopped,
 * and could not be asked to leave. */
static void dismiss_launcher(struct master *m)
{
    if (m->successor.launcher != 0)
        kill(m->successor.launcher, SIGKILL);
    while (m->successor.launcher != 0 && waitpid(m->successor.launcher, NULL, 0) < 0 &&
           errno == EINTR)
        ;
    m->successor.launcher = 0;
}

/* From here on the names are the successor's: we remove none of them at our end. */
static void hand_over(struct master *m, pid_t successor)
{
    char *main_pid = xasprintf("MAINPID=%d", (int)successor);
    KILL_POINT("hand-over");
    dismiss_launcher(m);
    KILL_POINT("hand-over-alone");
    m->successor.is_under_way = false;
    m->successor.pid = successor;
    m->successor.due_at = 0;
    fd_close(&m->successor.process);
    pidfile_release();
    if (m->pages != NULL)
        pages_release(m->pages);
    KILL_POINT("hand-over-released");
    daemon_notify(main_pid);
    free(main_pid);
    m->owns_names = false;
    if (!send_message(m->successor.link, WORD_GO))
        log_warn("the new weir, pid %d, has gone already", (int)successor);
    KILL_POINT("hand-over-said");
    if (m->wants_reload) /* asked of us while it started */
        kill(successor, SIGHUP);
    log_info("upgrade: pid %d has taken over, running requests finish here", (int)successor);
}

static void note_started(struct master *m, pid_t pid)
{
    fd_close(&m->successor.process);
    m->successor.pid = pid;
    m->successor.process = pidfd_open(pid, 0);
}

bool master_upgrade_read_successor(struct master *m)
{
    struct message message;
    ssize_t n = recv(m->successor.link, &message, sizeof(message), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n == (ssize_t)sizeof(message) && message.word == WORD_STARTED) {
        note_started(m, message.pid);
    } else if (n == (ssize_t)sizeof(message) && message.word == WORD_READY &&
               m->successor.due_at != 0) {
        hand_over(m, message.pid);
        return true;
    } else {
        fd_close(&m->successor.link); /* it ends: how, its launcher tells us */
    }
    return false;
}

void master_upgrade_read_stderr(struct master *m)
{
    char text[STDERR_BUFFER];
    ssize_t n = read(m->successor.stderr_fd, text, sizeof(text) - 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fd_close(&m->successor.stderr_fd);
        return;
    }
    text[n] = '\0';
    log_lines(LOGLV_ERROR, "upgrade: ", text);
}

/* Its launcher ends in the same way, and then we forget it. */
static void kill_successor(struct master *m)
{
    m->successor.due_at = 0;
    if (m->successor.process >= 0)
        pidfd_send_signal(m->successor.process, SIGKILL, NULL, 0);
    else if (m->successor.launcher != 0)
        kill(m->successor.launcher, SIGKILL);
}

void master_upgrade_give_up(struct master *m)
{
    log_error("upgrade: the new weir does not serve after %d ms: killing it", MASTER_UPGRADE_MS);
    kill_successor(m);
}

void master_upgrade_call_off(struct master *m)
{
    log_info("upgrade: called off");
    kill_successor(m);
}

static bool is_over(int process)
{
    struct pollfd one = {.fd = process, .events = POLLIN};
    return process < 0 || poll(&one, 1, 0) > 0;
}

/* The launcher's end is taken before what the successor has sent us. */
static void hear_started(struct master *m)
{
    struct message message;
    if (m->successor.process < 0 && m->successor.link >= 0 &&
        recv(m->successor.link, &message, sizeof(message), MSG_PEEK) == (ssize_t)sizeof(message) &&
        message.word == WORD_STARTED)
        (void)master_upgrade_read_successor(m);
}

static const char *meaning_of(int code)
{
    switch (code) {
    case EX_CONFIG:
        return ": the configuration is bad";
    case EX_UNAVAILABLE:
        return ": what it needs is not to be had";
    case EXEC_FAILED:
        return ": it cannot be run";
    default:
        return "";
    }
}

static void failed(struct master *m, const char *why)
{
    if (m->successor.stderr_fd >= 0)
        master_upgrade_read_stderr(m);
    forget_successor(m);
    if (m->phase == MASTER_SERVING)
        refused(m, why);
}

void master_upgrade_ended(struct master *m, pid_t pid, int status)
{
    if (pid != m->successor.launcher)
        return;
    m->successor.launcher = 0;
    hear_started(m);
    if (!is_over(m->successor.process)) {
        log_warn("upgrade: the launcher has died, the new weir, pid %d, goes on",
                 (int)m->successor.pid);
        return;
    }
    char *why = WIFSIGNALED(status)
                    ? xasprintf("%s: %s", m->options->program, strsignal(WTERMSIG(status)))
                    : xasprintf("%s ended with code %d%s", m->options->program, WEXITSTATUS(status),
                                meaning_of(WEXITSTATUS(status)));
    failed(m, why);
    free(why);
}

void master_upgrade_successor_ended(struct master *m)
{
    fd_close(&m->successor.process);
    if (m->successor.launcher != 0)
        kill(m->successor.launcher, SIGCONT); /* should it be stopped: it tells us the rest */
    else
        failed(m, "the new weir has ended");
}

/* ---- successor ------------------------------------------------------------------------------- */

/* Pid file and shared memory are ours from now on. */
static void take_over(struct master *m)
{
    KILL_POINT("take-over");
    m->owns_names = true;
    if (m->pages != NULL && !pages_take_name(m->pages)) {
        log_warn("the workers' pages cannot be published: %s", strerror(errno));
        pages_close(&m->pages);
    }
    if (m->ledger != NULL && !ledger_take_name(m->ledger)) {
        log_warn("the ledger cannot be published: %s", strerror(errno));
        ledger_close(&m->ledger);
    }
    if (m->recent != NULL && !recent_take_name(m->recent)) {
        log_warn("the recent requests cannot be published: %s", strerror(errno));
        recent_close(&m->recent);
    }
    KILL_POINT("take-over-named");
    if (!pidfile_inherit(m->conf->pid_file, m->pid_file))
        log_error("pid file %s: %s", m->conf->pid_file, strerror(errno));
    m->pid_file = -1;
    KILL_POINT("take-over-pid-file");
    daemon_leave_terminal(m->options);
    daemon_ready();
    log_info("upgrade: took over from pid %d", (int)m->predecessor.pid);
}

void master_upgrade_ready(struct master *m)
{
    if (m->predecessor.process < 0)
        take_over(m); /* it died while we started: nobody else is there */
    else if (m->predecessor.link >= 0)
        send_message(m->predecessor.link, WORD_READY); /* should it be gone, its pidfd says so */
}

bool master_upgrade_read_predecessor(struct master *m)
{
    struct message message;
    ssize_t n = recv(m->predecessor.link, &message, sizeof(message), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n == (ssize_t)sizeof(message) && message.word == WORD_GO && !m->owns_names &&
        m->phase == MASTER_SERVING)
        take_over(m);
    if (n <= 0)
        fd_close(&m->predecessor.link);
    return n <= 0 || message.word != WORD_NO || m->owns_names;
}

void master_upgrade_predecessor_ended(struct master *m)
{
    fd_close(&m->predecessor.process);
    fd_close(&m->predecessor.link);
    if (!m->owns_names && m->phase == MASTER_SERVING)
        take_over(m);
}
