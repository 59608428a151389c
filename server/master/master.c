/* SPDX-License-Identifier: MIT */
/* See master.h. Signals are blocked and read from a descriptor, so that nothing here runs inside a
 * signal handler. */
#include "server/master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/daemon.h"
#include "common/process/user.h"
#include "common/shm/mapping.h"
#include "server/master/children.h"
#include "server/master/orphans.h"
#include "server/master/reload.h"
#include "server/record/access_log.h"

#define SLOTS_MIN           32   /* of the workers' pages: room for generations that drain */
#define SLOTS_PER_WORKER    3    /* the same, for many workers */
#define PAIRS_MIN           64   /* room for pairs in the workers' pages */
#define KILL_AFTER_DRAIN_MS 3000 /* for workers that do not end after their drain time */
#define PORT_WAIT_MS        2000 /* for an address that is taken */
#define PORT_LOOK_MS        20

/* ---- signals --------------------------------------------------------------------------------- */

/* Before it hands over, it is not ours to signal: should we fail, it goes on serving. */
static void signal_predecessor(const struct master *m, int sig)
{
    if (m->predecessor.process >= 0 && m->owns_names)
        pidfd_send_signal(m->predecessor.process, sig, NULL, 0);
}

static void begin_stop(struct master *m)
{
    uint64_t ms = m->conf->drain_timeout_ms + KILL_AFTER_DRAIN_MS;
    log_info("stopping: running requests have %u ms", m->conf->drain_timeout_ms);
    if (m->owns_names)
        daemon_notify("STOPPING=1");
    m->phase = MASTER_STOPPING;
    if (m->listeners != NULL) /* new connections are refused from now, not left waiting */
        master_listeners_free(&m->listeners, m->owns_names);
    m->kill_at = clock_boot_ns() + ms * CLOCK_NS_PER_MS;
    master_children_signal(m, SIGTERM, false);
    signal_predecessor(m, SIGTERM);
    if (m->successor.is_under_way)
        master_upgrade_call_off(m);
}

/* A second time means at once. A whole group that is told to stop once hears it twice where one
 * weir has replaced another: from whoever stops the group, and from the successor, who hands it on.
 */
static void stop(struct master *m)
{
    bool is_forwarded = m->successor.pid != 0 && m->told_by == m->successor.pid;
    uint32_t times = is_forwarded ? ++m->forwarded_stops : ++m->stops;
    if (m->phase != MASTER_STOPPING) {
        begin_stop(m);
    } else if (times > 1) {
        log_warn("told to stop again: ending at once");
        master_children_signal(m, SIGKILL, false);
        signal_predecessor(m, SIGTERM);
    }
}

static void reopen_logs(struct master *m)
{
    if (!log_reopen())
        log_error("the log file cannot be opened again, the old one stays in use: %s",
                  strerror(errno));
    if (!access_log_reopen())
        log_error("the access log cannot be opened again, the old one stays in use: %s",
                  strerror(errno));
    master_children_signal(m, SIGUSR1, false);
    signal_predecessor(m, SIGUSR1);
}

/* The successor's workers need slots of the same pages as ours. */
static void upgrade(struct master *m)
{
    bool must_wait = m->phase == MASTER_SERVING && master_children_room(m) < m->conf->workers;
    if (must_wait && !m->wants_upgrade)
        log_info("the upgrade waits: too many older workers still finish their requests");
    m->wants_upgrade = must_wait;
    if (!must_wait)
        master_upgrade_begin(m);
}

/* A reload or an upgrade that had to wait. */
static void take_up_waiting(struct master *m)
{
    if (m->phase != MASTER_SERVING || !m->owns_names)
        return;
    if (m->wants_reload)
        master_reload(m);
    if (m->wants_upgrade)
        upgrade(m);
}

static void reap(struct master *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!master_children_ended(m, pid, status))
            master_upgrade_ended(m, pid, status);
    if (m->phase == MASTER_STARTING && m->exit_code != EX_OK)
        begin_stop(m);
    take_up_waiting(m);
}

static const struct {
    int number;
    void (*take)(struct master *);
} signals[] = {
    {SIGCHLD, reap},         {SIGTERM, stop},        {SIGINT, stop},
    {SIGHUP, master_reload}, {SIGUSR1, reopen_logs}, {SIGUSR2, upgrade},
};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static void take_signals(struct master *m)
{
    struct signalfd_siginfo info;
    while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        m->told_by = (pid_t)info.ssi_pid;
        for (size_t i = 0; i < N_SIGNALS; i++)
            if (signals[i].number == (int)info.ssi_signo)
                signals[i].take(m);
    }
}

static void block_signals(struct master *m)
{
    sigemptyset(&m->signals);
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaddset(&m->signals, signals[i].number);
    sigaddset(&m->signals, SIGQUIT); /* workers take it; until then it waits */
    sigprocmask(SIG_BLOCK, &m->signals, &m->old_mask);
    for (size_t i = 0; i < N_SIGNALS; i++) /* some were held since the start */
        sigdelset(&m->old_mask, signals[i].number);
    sigdelset(&m->signals, SIGQUIT);
    m->signal_fd = signalfd(-1, &m->signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (m->signal_fd < 0)
        log_fatal(EX_OSERR, "signalfd: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void read_ready(struct master *m)
{
    if (!master_children_read_ready(m))
        return;
    if (m->phase == MASTER_SERVING) {
        master_reload_finish(m);
    } else if (m->phase == MASTER_STARTING) {
        m->phase = MASTER_SERVING;
        log_info("weir serves with %u workers", m->conf->workers);
        if (m->owns_names)
            daemon_ready();
        else
            master_upgrade_ready(m);
        take_up_waiting(m);
    }
}

/* Another weir serves: our workers finish the requests they have. */
static void read_successor(struct master *m)
{
    if (!master_upgrade_read_successor(m))
        return;
    m->phase = MASTER_REPLACED;
    master_listeners_free(&m->listeners, false);
    master_children_signal(m, SIGQUIT, false);
}

static void read_predecessor(struct master *m)
{
    if (!master_upgrade_read_predecessor(m)) {
        log_warn("the running weir wants no upgrade any more");
        begin_stop(m);
    }
    take_up_waiting(m);
}

static void predecessor_ended(struct master *m)
{
    master_upgrade_predecessor_ended(m);
    take_up_waiting(m);
}

static uint64_t next_due_at(const struct master *m)
{
    uint64_t dues[] = {m->phase == MASTER_STOPPING ? m->kill_at : m->respawn_at, m->look_at,
                       m->successor.due_at};
    uint64_t next = 0;
    for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++)
        if (dues[i] != 0 && (next == 0 || dues[i] < next))
            next = dues[i];
    return next;
}

static bool is_due(uint64_t at)
{
    return at != 0 && clock_boot_ns() >= at;
}

static void take_dues(struct master *m)
{
    if (m->phase == MASTER_STOPPING && is_due(m->kill_at)) {
        log_error("workers did not end in time: killing them");
        m->kill_at += KILL_AFTER_DRAIN_MS * CLOCK_NS_PER_MS;
        master_children_signal(m, SIGKILL, false);
        signal_predecessor(m, SIGKILL);
    }
    if ((m->phase == MASTER_SERVING || m->phase == MASTER_STARTING) && is_due(m->respawn_at))
        master_children_spawn_missing(m);
    if (is_due(m->look_at))
        master_children_watch(m);
    if (is_due(m->successor.due_at))
        master_upgrade_give_up(m);
}

static int ms_until(uint64_t due_at)
{
    uint64_t now_at = clock_boot_ns();
    if (due_at == 0)
        return -1;
    return due_at > now_at ? (int)((due_at - now_at) / CLOCK_NS_PER_MS) + 1 : 0;
}

static void wait_for_events(struct master *m)
{
    const struct {
        int fd;
        void (*take)(struct master *);
    } sources[] = {
        {m->signal_fd, take_signals},
        {m->ready[0], read_ready},
        {m->predecessor.link, read_predecessor},
        {m->predecessor.process, predecessor_ended},
        /* Once it has taken over, its end means nothing to us. */
        {m->phase == MASTER_REPLACED ? -1 : m->successor.link, read_successor},
        {m->successor.process, master_upgrade_successor_ended},
        {m->successor.stderr_fd, master_upgrade_read_stderr},
    };
    enum {
        N = sizeof(sources) / sizeof(sources[0])
    };
    struct pollfd fds[N];
    for (int i = 0; i < N; i++)
        fds[i] = (struct pollfd){.fd = sources[i].fd, .events = POLLIN};
    if (poll(fds, N, ms_until(next_due_at(m))) > 0)
        for (int i = 0; i < N; i++)
            if (fds[i].revents != 0)
                sources[i].take(m);
    take_dues(m);
}

static bool is_over(const struct master *m)
{
    bool is_ending = m->phase == MASTER_STOPPING || m->phase == MASTER_REPLACED;
    bool is_alone = m->predecessor.process < 0 || !m->owns_names;
    return is_ending && !master_children_any(m) && is_alone;
}

/* ---- start and end --------------------------------------------------------------------------- */

static void warn_without(const char *what, const char *consequence)
{
    log_warn("no shared memory for %s (%s): %s", what, strerror(errno), consequence);
}

/* Recent requests are kept by the slot of their worker, so a successor takes over its predecessor's
 * only together with the pages. Without pages there are none: another weir may be alive that owns
 * this table's names. */
static void make_recent(struct master *m, uint32_t slots)
{
    const char *name = m->conf->tracker_shm;
    if (m->pages == NULL)
        return;
    if (!m->owns_names && pages_is_taken_over(m->pages))
        m->recent = recent_take_over(name, slots);
    if (m->recent == NULL)
        m->recent = recent_create(name, slots, m->conf->workers, m->gid);
    if (m->recent != NULL && m->owns_names && !recent_take_name(m->recent))
        recent_close(&m->recent);
    if (m->recent == NULL)
        warn_without("the recent requests", "weirctl explain will find none");
}

/* A successor takes over the pages of its predecessor, where they fit, so that the workers of both
 * count into the same ones; else it makes new ones, which get their names when it takes over. */
static void make_pages(struct master *m)
{
    const char *name = m->conf->tracker_shm;
    uint32_t slots = m->conf->workers * SLOTS_PER_WORKER, pairs = m->conf->n_pairs * 2;
    slots = slots > SLOTS_MIN ? slots : SLOTS_MIN;
    pairs = pairs > PAIRS_MIN ? (pairs + 7) / 8 * 8 : PAIRS_MIN;
    m->pages = m->owns_names ? pages_create(name, slots, pairs, m->gid)
                             : pages_take_over(name, slots, pairs, m->gid);
    if (m->pages == NULL)
        warn_without("the workers' pages", "serving without statistics");
    if (m->pages != NULL) {
        slots = pages_slots(m->pages);
        pairs = pages_pairs_max(m->pages);
        pages_chain_add(m->pages, "");
    }
    m->ledger =
        m->owns_names ? ledger_create(name, pairs, m->gid) : ledger_take_over(name, pairs, m->gid);
    if (m->ledger == NULL)
        warn_without("the ledger", "limits do not hold over all workers");
    make_recent(m, slots);
    m->n_slots = slots;
    m->children = xcalloc(m->n_slots, sizeof(*m->children));
    m->respawns = xcalloc(m->n_slots, sizeof(*m->respawns));
    master_reload_add_to_pages(m, m->conf);
}

/* The workers of a weir that was killed hold its sockets for a moment. */
static void open_listeners(struct master *m, const struct master_handover *handover)
{
    char *why = NULL;
    struct master_listeners *inherited = NULL;
    if (handover != NULL)
        inherited = master_listeners_inherit(handover->fds, handover->n_fds);
    m->listeners = master_listeners_renew(inherited, m->conf, &why);
    uint64_t until_at = clock_boot_ns() + PORT_WAIT_MS * CLOCK_NS_PER_MS;
    while (m->listeners == NULL && errno == EADDRINUSE && clock_boot_ns() < until_at) {
        free(why);
        master_orphans_kill_stuck(m->conf->tracker_shm);
        poll(NULL, 0, PORT_LOOK_MS);
        m->listeners = master_listeners_renew(inherited, m->conf, &why);
    }
    if (m->listeners == NULL)
        log_fatal(EX_UNAVAILABLE, "%s", why);
    if (inherited != NULL)
        master_listeners_free(&inherited, false);
}

static void open_pipes(struct master *m)
{
    if (pipe2(m->life, O_CLOEXEC) != 0 || pipe2(m->ready, O_CLOEXEC | O_NONBLOCK) != 0)
        log_fatal(EX_OSERR, "pipe: %s", strerror(errno));
}

/* What needs root comes first. */
static void leave_root(struct master *m)
{
    daemon_lookup_user(m->conf, &m->uid, &m->gid);
    shm_trust_uid(m->uid);
    shm_trust_uid(daemon_lookup_tracker_user(m->conf));
    master_listeners_give(m->listeners, m->uid, m->gid);
    if (!access_log_open(m->conf->access_log, m->uid, m->gid))
        log_fatal(EX_UNAVAILABLE, "cannot open %s: %s", m->conf->access_log, strerror(errno));
    shm_object_give(&pages_kind, m->conf->tracker_shm, m->uid);
    shm_object_give(&ledger_kind, m->conf->tracker_shm, m->uid);
    shm_object_give(&recent_kind, m->conf->tracker_shm, m->uid);
    daemon_drop_root_but_ports(m->uid, m->gid);
}

static void start(struct master *m, const struct master_handover *handover)
{
    m->started_at = clock_boot_ns();
    m->fd_limit = daemon_raise_fd_limit();
    master_reload_fit_connections(m, m->conf);
    block_signals(m);
    open_listeners(m, handover);
    leave_root(m);
    open_pipes(m);
    make_pages(m);
    m->generation_at = m->looked_at = clock_boot_ns();
    master_children_watch(m);
    master_children_spawn_missing(m);
}

static void finish(struct master *m)
{
    if (m->pages != NULL && m->owns_names)
        pages_unlink(m->pages);
    if (m->ledger != NULL && m->owns_names)
        ledger_unlink(m->ledger);
    if (m->recent != NULL && m->owns_names)
        recent_unlink(m->recent);
    pages_close(&m->pages);
    ledger_close(&m->ledger);
    recent_close(&m->recent);
    free(m->children);
    free(m->respawns);
    conf_free(&m->conf);
    access_log_close();
}

int master_run(struct conf *conf, const struct daemon_options *options,
               const struct master_handover *handover)
{
    struct master m = {
        .conf = conf,
        .options = options,
        .owns_names = handover == NULL,
        .successor = {.process = -1, .link = -1, .stderr_fd = -1},
        .predecessor = {.process = -1, .link = -1},
        .pid_file = -1,
        .stuck_index = -1,
    };
    if (handover != NULL) {
        m.predecessor =
            (struct predecessor){handover->predecessor, handover->process, handover->link};
        m.pid_file = handover->pid_file;
    }
    start(&m, handover);
    while (!is_over(&m))
        wait_for_events(&m);
    log_info(m.phase == MASTER_REPLACED ? "stopped: another weir serves" : "stopped");
    finish(&m);
    return m.exit_code;
}
