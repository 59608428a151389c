/* See master_upgrade.h. */
#include "server/master_upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unixsock.h"
#include "server/master_children.h"

#define VARIABLE     "WEIR_UPGRADE" /* LINK PIDFILE FD... , numbers with blanks between */
#define EXEC_FAILED  127
#define WORDS_BUFFER 4096

static const char word_ready = 'R', word_go = 'G';

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
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

static bool may_begin(const struct master *m)
{
    if (m->phase != MASTER_SERVING || m->heir.pid != 0) {
        log_warn("no upgrade now: %s",
                 m->heir.pid != 0 ? "one is under way" : "this weir starts or stops");
        return false;
    }
    return true;
}

static void refused(struct master *m, const char *why)
{
    if (m->pages != NULL)
        wpages_note(m->pages, WPAGES_UPGRADE_REFUSED);
    log_error("upgrade refused: %s; this weir goes on serving", why);
}

/* A socket pair, and for a daemon (whose standard error is nowhere) a pipe for what the heir says
 * before it has a log. */
static bool make_links(const struct master *m, int link[2], int words[2])
{
    words[0] = words[1] = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, link) != 0)
        return false;
    if (m->options->foreground || pipe2(words, O_CLOEXEC | O_NONBLOCK) == 0)
        return true;
    close(link[0]);
    close(link[1]);
    return false;
}

void master_upgrade_begin(struct master *m)
{
    int link[2], words[2];
    if (!may_begin(m))
        return;
    if (!make_links(m, link, words)) {
        refused(m, strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_heir(m, link[1], words[1]);
    close(link[1]);
    close_fd(&words[1]);
    if (pid < 0) {
        refused(m, strerror(errno));
        close(link[0]);
        close_fd(&words[0]);
        return;
    }
    m->heir = (struct other_master){.pid = pid, .link = link[0]};
    m->heir_words = words[0];
    m->heir_due_at = clock_boot_ns() + MASTER_UPGRADE_MS * CLOCK_NS_PER_MS;
    log_info("upgrade: started %s, pid %d", m->options->program, (int)pid);
}

/* ---- elder: handing over --------------------------------------------------------------------- */

/* From here on the names are the heir's: we remove none of them at our end. */
static void hand_over(struct master *m)
{
    char *main_pid = xasprintf("MAINPID=%d", (int)m->heir.pid);
    daemon_pid_file_release();
    if (m->pages != NULL)
        wpages_release(m->pages);
    daemon_notify(main_pid);
    free(main_pid);
    m->owns_names = false;
    m->heir_due_at = 0;
    m->phase = MASTER_REPLACED;
    if (send(m->heir.link, &word_go, 1, MSG_NOSIGNAL) != 1)
        log_warn("the new weir, pid %d, has gone already", (int)m->heir.pid);
    if (m->wants_reload) /* told to us while it started */
        kill(m->heir.pid, SIGHUP);
    log_info("upgrade: pid %d has taken over, running requests finish here", (int)m->heir.pid);
    master_listen_free(&m->listen, 0);
    master_children_tell(m, SIGQUIT, false);
}

void master_upgrade_hear_heir(struct master *m)
{
    char word = 0;
    ssize_t n = recv(m->heir.link, &word, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 1 && word == word_ready && m->heir_due_at != 0)
        hand_over(m);
    else
        close_fd(&m->heir.link); /* it ends: reaping it tells how */
}

void master_upgrade_hear_words(struct master *m)
{
    char text[WORDS_BUFFER];
    ssize_t n = read(m->heir_words, text, sizeof(text) - 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_fd(&m->heir_words);
        return;
    }
    text[n] = '\0';
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        log_error("upgrade: %s", line);
}

void master_upgrade_give_up(struct master *m)
{
    log_error("upgrade: pid %d does not serve after %d ms: killing it", (int)m->heir.pid,
              MASTER_UPGRADE_MS);
    m->heir_due_at = 0;
    kill(m->heir.pid, SIGKILL);
}

void master_upgrade_heir_ended(struct master *m, int status)
{
    m->heir.pid = 0;
    m->heir_due_at = 0;
    if (m->heir_words >= 0)
        master_upgrade_hear_words(m);
    close_fd(&m->heir_words);
    close_fd(&m->heir.link);
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
    if (send(m->elder.link, &word_ready, 1, MSG_NOSIGNAL) != 1)
        master_upgrade_hear_elder(m); /* it has gone: its end of file says so */
}

/* Pid file, pages and ledger are ours from now on. */
static void take_over(struct master *m)
{
    m->owns_names = true;
    if (m->pages != NULL && wpages_claim(m->pages) != 0) {
        log_warn("the workers' pages cannot be published: %s", strerror(errno));
        wpages_close(&m->pages);
    }
    if (m->ledger != NULL && ledger_claim_name(m->ledger) != 0) {
        log_warn("the ledger cannot be published: %s", strerror(errno));
        ledger_close(&m->ledger);
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
    char word = 0;
    ssize_t n = recv(m->elder.link, &word, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (!m->owns_names && m->phase == MASTER_SERVING)
        take_over(m); /* told to, or the elder has died: nobody else is there */
    if (n == 1)
        return;
    close_fd(&m->elder.link);
}
