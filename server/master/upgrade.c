/* SPDX-License-Identifier: MIT */
/* See upgrade.h. */
#include "server/master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/unixsock.h"

#define VARIABLE     "WEIR_UPGRADE" /* LINK PIDFILE FD... , numbers with blanks between */
#define EXEC_FAILED  127
#define WORDS_BUFFER 4096

/* What passes between the two, and to the usher. */
enum {
    WORD_READY = 'R',
    WORD_GO = 'G',
    WORD_KILL = 'K'
};
struct message {
    char word;
    pid_t pid; /* of the heir */
};

static bool tell(int fd, char word)
{
    struct message message = {.word = word, .pid = getpid()};
    return send(fd, &message, sizeof(message), MSG_NOSIGNAL) == (ssize_t)sizeof(message);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void master_upgrade_close_in_child(struct master *m)
{
    close_fd(&m->heir.leash);
    close_fd(&m->heir.link);
    close_fd(&m->heir.words);
    close_fd(&m->elder.link);
    close_fd(&m->pid_file);
}

/* ---- bequest --------------------------------------------------------------------------------- */

static void refuse_bequest(const char *text) __attribute__((noreturn));
static void refuse_bequest(const char *text)
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
        refuse_bequest(text);
    *at = end + strspn(end, " ");
    return (int)fd;
}

bool bequest_take(struct bequest *out)
{
    const char *set = getenv(VARIABLE);
    uid_t uid;
    gid_t gid;
    *out = (struct bequest){.link = -1, .pid_file = -1};
    if (set == NULL)
        return false;
    char *text = xstrdup(set);
    const char *at = text;
    unsetenv(VARIABLE);
    out->link = take_fd(&at, text);
    out->pid_file = take_fd(&at, text);
    if (unixsock_peer(out->link, &uid, &gid, &out->elder) != 0 || out->elder <= 0)
        refuse_bequest(text);
    while (*at != '\0') {
        out->fds = xreallocarray(out->fds, out->n_fds + 1, sizeof(*out->fds));
        out->fds[out->n_fds++] = take_fd(&at, text);
    }
    free(text);
    return true;
}

/* ---- elder: beginning ------------------------------------------------------------------------ */

static void keep_over_exec(struct buf *list, int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, 0);
    buf_printf(list, "%s%d", list->len > 0 ? " " : "", fd);
}

static void set_bequest(const struct master *m, int link)
{
    struct buf list = BUF_INIT;
    size_t n = master_listen_count(m->listen);
    int *fds = xcalloc(n + 1, sizeof(*fds));
    master_listen_share(m->listen, 0, 1, fds);
    keep_over_exec(&list, link);
    keep_over_exec(&list, daemon_pid_file_fd());
    for (size_t i = 0; i < n; i++)
        keep_over_exec(&list, fds[i]);
    setenv(VARIABLE, buf_cstr(&list), 1);
    free(fds);
    buf_free(&list);
}

static void become_heir(const struct master *m, int link, int words) __attribute__((noreturn));
static void become_heir(const struct master *m, int link, int words)
{
    const struct daemon_options *o = m->options;
    char *const argv[] = {o->program, (char *)"-c", (char *)o->conf_path,
                          o->foreground ? (char *)"-f" : NULL, NULL};
    set_bequest(m, link);
    if (words >= 0)
        dup2(words, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
    execv(o->program, argv);
    dprintf(STDERR_FILENO, "%s: %s\n", o->program, strerror(errno));
    _exit(EXEC_FAILED);
}

static void end_like(pid_t heir) __attribute__((noreturn));
static void end_like(pid_t heir)
{
    int status = 0;
    while (waitpid(heir, &status, 0) < 0 && errno == EINTR)
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

/* The elder closing its end means: the heir serves, let it go. */
static void be_usher(pid_t heir, int leash) __attribute__((noreturn));
static void be_usher(pid_t heir, int leash)
{
    struct message message;
    struct pollfd both[] = {{.fd = pidfd_open(heir, 0), .events = POLLIN},
                            {.fd = leash, .events = POLLIN}};
    while (poll(both, 2, -1) < 0 && errno == EINTR)
        ;
    if (both[0].revents != 0)
        end_like(heir);
    if (recv(leash, &message, sizeof(message), 0) != (ssize_t)sizeof(message))
        _exit(EX_OK);
    kill(heir, SIGKILL);
    end_like(heir);
}

/* The ends that the elder keeps, and those it gives away. */
struct links {
    int link[2], leash[2], words[2];
};

static void close_pair(int pair[2])
{
    close_fd(&pair[0]);
    close_fd(&pair[1]);
}

/* For a daemon, whose standard error is nowhere, also a pipe for what the heir says before it has a
 * log. */
static bool make_links(const struct master *m, struct links *l)
{
    const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;
    *l = (struct links){{-1, -1}, {-1, -1}, {-1, -1}};
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, l->link) == 0 &&
        socketpair(AF_UNIX, type, 0, l->leash) == 0 &&
        (m->options->foreground || pipe2(l->words, O_CLOEXEC | O_NONBLOCK) == 0))
        return true;
    int saved = errno;
    close_pair(l->link);
    close_pair(l->leash);
    errno = saved;
    return false;
}

static void start_usher(const struct master *m, const struct links *l) __attribute__((noreturn));
static void start_usher(const struct master *m, const struct links *l)
{
    close(l->leash[0]);
    close(l->link[0]);
    pid_t heir = fork();
    if (heir == 0)
        become_heir(m, l->link[1], l->words[1]);
    if (heir < 0)
        _exit(EX_OSERR);
    close(l->link[1]);
    be_usher(heir, l->leash[1]);
}

static void forget_heir(struct master *m)
{
    m->heir.usher = 0;
    m->heir.due_at = 0;
    close_fd(&m->heir.leash);
    close_fd(&m->heir.link);
    close_fd(&m->heir.words);
}

static bool may_begin(const struct master *m)
{
    if (m->phase != MASTER_SERVING || m->heir.usher != 0) {
        log_warn("no upgrade now: %s",
                 m->heir.usher != 0 ? "one is under way" : "this weir starts or stops");
        return false;
    }
    return true;
}

static void refused(struct master *m, const char *why)
{
    if (m->pages != NULL)
        pages_note(m->pages, PAGES_UPGRADE_REFUSED);
    log_error("upgrade refused: %s; this weir goes on serving", why);
}

void master_upgrade_begin(struct master *m)
{
    struct links l;
    if (!may_begin(m))
        return;
    if (!make_links(m, &l)) {
        refused(m, strerror(errno));
        return;
    }
    pid_t usher = fork();
    if (usher == 0)
        start_usher(m, &l);
    close_fd(&l.link[1]);
    close_fd(&l.leash[1]);
    close_fd(&l.words[1]);
    m->heir = (struct heir){usher, l.leash[0], l.link[0], l.words[0], 0};
    if (usher < 0) {
        refused(m, strerror(errno));
        forget_heir(m);
        return;
    }
    m->heir.due_at = clock_boot_ns() + MASTER_UPGRADE_MS * CLOCK_NS_PER_MS;
    log_info("upgrade: started %s", m->options->program);
}

/* ---- elder: handing over --------------------------------------------------------------------- */

/* When this returns, the heir is no descendant of ours any more. */
static void dismiss_usher(struct master *m)
{
    close_fd(&m->heir.leash);
    while (waitpid(m->heir.usher, NULL, 0) < 0 && errno == EINTR)
        ;
    m->heir.usher = 0;
    m->heir.due_at = 0;
}

/* From here on the names are the heir's: we remove none of them at our end. */
static void hand_over(struct master *m, pid_t heir)
{
    char *main_pid = xasprintf("MAINPID=%d", (int)heir);
    dismiss_usher(m);
    daemon_pid_file_release();
    if (m->pages != NULL)
        pages_release(m->pages);
    daemon_notify(main_pid);
    free(main_pid);
    m->owns_names = false;
    if (!tell(m->heir.link, WORD_GO))
        log_warn("the new weir, pid %d, has gone already", (int)heir);
    if (m->wants_reload) /* told to us while it started */
        kill(heir, SIGHUP);
    log_info("upgrade: pid %d has taken over, running requests finish here", (int)heir);
}

bool master_upgrade_hear_heir(struct master *m)
{
    struct message message;
    ssize_t n = recv(m->heir.link, &message, sizeof(message), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n == (ssize_t)sizeof(message) && message.word == WORD_READY && m->heir.due_at != 0) {
        hand_over(m, message.pid);
        return true;
    }
    close_fd(&m->heir.link); /* it ends: reaping the usher tells how */
    return false;
}

void master_upgrade_hear_words(struct master *m)
{
    char text[WORDS_BUFFER];
    ssize_t n = read(m->heir.words, text, sizeof(text) - 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_fd(&m->heir.words);
        return;
    }
    text[n] = '\0';
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        log_error("upgrade: %s", line);
}

static void kill_heir(struct master *m)
{
    m->heir.due_at = 0;
    tell(m->heir.leash, WORD_KILL);
}

void master_upgrade_give_up(struct master *m)
{
    log_error("upgrade: the new weir does not serve after %d ms: killing it", MASTER_UPGRADE_MS);
    kill_heir(m);
}

void master_upgrade_call_off(struct master *m)
{
    log_info("upgrade: called off");
    kill_heir(m);
}

void master_upgrade_ended(struct master *m, pid_t pid, int status)
{
    if (m->heir.usher != pid)
        return;
    if (m->heir.words >= 0)
        master_upgrade_hear_words(m);
    forget_heir(m);
    if (m->phase != MASTER_SERVING)
        return;
    char *why = WIFSIGNALED(status)
                    ? xasprintf("%s: %s", m->options->program, strsignal(WTERMSIG(status)))
                    : xasprintf("%s ended with code %d", m->options->program, WEXITSTATUS(status));
    refused(m, why);
    free(why);
}

/* ---- heir ------------------------------------------------------------------------------------ */

void master_upgrade_ready(struct master *m)
{
    if (!tell(m->elder.link, WORD_READY))
        master_upgrade_hear_elder(m); /* it has gone: its end of file says so */
}

/* Pid file and shared memory are ours from now on. */
static void take_over(struct master *m)
{
    m->owns_names = true;
    if (m->pages != NULL && pages_take_name(m->pages) != 0) {
        log_warn("the workers' pages cannot be published: %s", strerror(errno));
        pages_close(&m->pages);
    }
    if (m->ledger != NULL && ledger_take_name(m->ledger) != 0) {
        log_warn("the ledger cannot be published: %s", strerror(errno));
        ledger_close(&m->ledger);
    }
    if (m->recent != NULL && recent_take_name(m->recent) != 0) {
        log_warn("the recent requests cannot be published: %s", strerror(errno));
        recent_close(&m->recent);
    }
    if (daemon_pid_file_take_over(m->conf->pid_file, m->pid_file) != 0)
        log_error("pid file %s: %s", m->conf->pid_file, strerror(errno));
    m->pid_file = -1;
    daemon_leave_terminal(m->options);
    daemon_ready();
    log_info("upgrade: took over from pid %d", (int)m->elder.pid);
}

void master_upgrade_hear_elder(struct master *m)
{
    struct message message;
    ssize_t n = recv(m->elder.link, &message, sizeof(message), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (!m->owns_names && m->phase == MASTER_SERVING)
        take_over(m); /* told to, or the elder has died: nobody else is there */
    if (n > 0)
        return;
    close_fd(&m->elder.link);
}
