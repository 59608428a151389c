/* See master.h. Signals are blocked and taken one by one (sigtimedwait), so that nothing here runs
 * inside a signal handler. */
#include "server/master.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/wpages.h"
#include "server/access_log.h"
#include "server/inherit.h"
#include "server/master_listen.h"
#include "server/worker.h"

#define SPARE_SLOTS         8    /* of the workers' pages, for generations that drain */
#define PAIRS_MIN           64   /* room for pairs in the workers' pages */
#define HEALTHY_LIFE_MS     1000 /* a worker that lived as long may be replaced at once */
#define RESPAWN_FIRST_MS    100
#define RESPAWN_LAST_MS     5000
#define KILL_AFTER_DRAIN_MS 3000 /* for workers that do not end after their drain time */

struct child {
    pid_t pid;           /* 0 = none */
    uint32_t index;      /* which worker of its generation */
    uint32_t generation; /* of the configuration */
    uint64_t started_at;
};

struct master {
    struct conf *conf;
    const struct daemon_options *options;
    struct master_listen *listen;
    struct wpages *pages;
    struct ledger *ledger;
    uint64_t started_at;
    uint32_t generation;
    struct child *children; /* by slot of the workers' pages */
    uint32_t n_slots;
    int life[2]; /* its write end closes when the master dies */
    int uid, gid;
    uint64_t respawn_at; /* 0 = nobody is missing, or not yet looked */
    uint32_t respawn_ms;
    uint64_t kill_at; /* while stopping */
    bool is_stopping;
    sigset_t signals, old_mask;
};

/* ---- forking ------------------------------------------------------------------------------- */

static struct inherit make_inheritance(struct master *m, uint32_t index, uint32_t slot, int *fds)
{
    return (struct inherit){
        .conf = m->conf,
        .pages = m->pages,
        .ledger = m->ledger,
        .index = index,
        .slot = slot,
        .incarnation = m->children[slot].started_at,
        .listen_fds = fds,
        .n_listen_fds = master_listen_share(m->listen, index, m->conf->workers, fds),
        .life_fd = m->life[0],
        .started_at = m->started_at,
        .uid = m->uid,
        .gid = m->gid,
    };
}

static void be_worker(struct master *m, uint32_t index, uint32_t slot)
{
    int *fds = xcalloc(master_listen_count(m->listen) + 1, sizeof(*fds));
    struct inherit inherit = make_inheritance(m, index, slot, fds);
    master_listen_keep_only(m->listen, fds, inherit.n_listen_fds);
    close(m->life[1]);
    daemon_leave_terminal(m->options);
    sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
    int code = worker_run(&inherit);
    free(fds);
    exit(code);
}

static int free_slot(const struct master *m)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (m->children[i].pid == 0)
            return (int)i;
    return -1;
}

static void note_in_page(struct master *m, uint32_t slot)
{
    if (m->pages == NULL)
        return;
    struct wpages_slot *page = wpages_slot(m->pages, slot);
    wcounter_set(&page->incarnation, m->children[slot].started_at);
    atomic_store(&page->pid, m->children[slot].pid);
}

static bool spawn(struct master *m, uint32_t index)
{
    int slot = free_slot(m);
    if (slot < 0) {
        log_error("no slot for another worker: too many still drain");
        return false;
    }
    struct child *c = &m->children[slot];
    c->index = index;
    c->generation = m->generation;
    c->started_at = clock_boot_ns();
    pid_t pid = fork();
    if (pid == 0)
        be_worker(m, index, (uint32_t)slot);
    if (pid < 0) {
        log_error("fork: %s", strerror(errno));
        return false;
    }
    c->pid = pid;
    note_in_page(m, (uint32_t)slot);
    log_debug("worker %u started, pid %d, slot %d", index, (int)pid, slot);
    return true;
}

static bool is_running(const struct master *m, uint32_t index)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (m->children[i].pid != 0 && m->children[i].index == index &&
            m->children[i].generation == m->generation)
            return true;
    return false;
}

static void spawn_missing(struct master *m)
{
    m->respawn_at = 0;
    for (uint32_t i = 0; i < m->conf->workers; i++)
        if (!is_running(m, i) && !spawn(m, i))
            m->respawn_at = clock_boot_ns() + RESPAWN_LAST_MS * CLOCK_NS_PER_MS;
}

/* ---- reaping ------------------------------------------------------------------------------- */

static void describe_death(const struct child *c, int status)
{
    if (WIFSIGNALED(status))
        log_fields(LOGLV_ERROR, LOG_LIST(LOG_INT("worker", c->index), LOG_INT("child", c->pid)),
                   "worker %u died: %s", c->index, strsignal(WTERMSIG(status)));
    else
        log_fields(LOGLV_ERROR, LOG_LIST(LOG_INT("worker", c->index), LOG_INT("child", c->pid)),
                   "worker %u ended with code %d", c->index, WEXITSTATUS(status));
}

/* At once after a life of some length; with back-off for one that keeps dying. */
static void plan_respawn(struct master *m, const struct child *c)
{
    uint64_t now_at = clock_boot_ns();
    bool was_healthy = now_at - c->started_at >= HEALTHY_LIFE_MS * CLOCK_NS_PER_MS;
    if (was_healthy)
        m->respawn_ms = 0;
    uint64_t at = now_at + m->respawn_ms * CLOCK_NS_PER_MS;
    if (m->respawn_at == 0 || at < m->respawn_at)
        m->respawn_at = at;
    m->respawn_ms = m->respawn_ms == 0 ? RESPAWN_FIRST_MS : m->respawn_ms * 2;
    if (m->respawn_ms > RESPAWN_LAST_MS)
        m->respawn_ms = RESPAWN_LAST_MS;
}

static void child_ended(struct master *m, uint32_t slot, int status)
{
    struct child *c = &m->children[slot];
    bool was_wanted = c->generation == m->generation && !m->is_stopping;
    if (m->pages != NULL) {
        struct wpages_slot *page = wpages_slot(m->pages, slot);
        atomic_store(&page->pid, 0);
        if (was_wanted)
            wcounter_add(&page->restarts, 1);
    }
    if (m->ledger != NULL)
        ledger_reap(m->ledger, slot);
    if (was_wanted) {
        describe_death(c, status);
        plan_respawn(m, c);
    }
    c->pid = 0;
}

static void reap(struct master *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t i = 0; i < m->n_slots; i++)
            if (m->children[i].pid == pid)
                child_ended(m, i, status);
}

/* ---- telling the workers ------------------------------------------------------------------- */

static void tell(const struct master *m, int sig, bool only_old)
{
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct child *c = &m->children[i];
        if (c->pid != 0 && (!only_old || c->generation != m->generation))
            kill(c->pid, sig);
    }
}

static bool has_children(const struct master *m)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (m->children[i].pid != 0)
            return true;
    return false;
}

static void stop(struct master *m)
{
    uint64_t ms = m->conf->drain_timeout_ms + KILL_AFTER_DRAIN_MS;
    if (m->is_stopping) {
        log_warn("told to stop again: ending at once");
        tell(m, SIGKILL, false);
        return;
    }
    log_info("stopping: running requests have %u ms", m->conf->drain_timeout_ms);
    daemon_notify("STOPPING=1");
    m->is_stopping = true;
    master_listen_free(&m->listen, 1); /* new connections are refused from now, not left waiting */
    m->kill_at = clock_boot_ns() + ms * CLOCK_NS_PER_MS;
    tell(m, SIGTERM, false);
}

/* ---- reloading ----------------------------------------------------------------------------- */

static void log_messages(struct buf *messages, enum log_level level)
{
    char *save = NULL, *text = buf_take(messages);
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        log_write(level, NULL, 0, "%s", line);
    free(text);
}

static void add_to_pages(struct master *m, const struct conf *conf)
{
    for (uint32_t i = 0; m->pages != NULL && i < conf->n_chains; i++)
        wpages_chain_add(m->pages, conf->chains[i].name);
    for (uint32_t i = 0; m->pages != NULL && i < conf->n_pairs; i++)
        if (wpages_pair_add(m->pages, conf->pairs[i].provider->id, conf->pairs[i].model) < 0)
            log_warn("no room for statistics of %s/%s until a restart", conf->pairs[i].provider->id,
                     conf->pairs[i].model);
}

/* True when the new configuration is in force. */
static bool adopt(struct master *m, struct conf *conf)
{
    char *why = NULL;
    struct master_listen *listen = master_listen_renew(m->listen, conf, &why);
    if (listen == NULL) {
        log_error("reload refused: %s", why);
        free(why);
        return false;
    }
    master_listen_free(&m->listen, 1);
    m->listen = listen;
    add_to_pages(m, conf);
    struct conf *old = m->conf;
    m->conf = conf;
    conf_free(&old);
    log_set_level(conf->log_level);
    m->generation++;
    spawn_missing(m);
    tell(m, SIGTERM, true);
    return true;
}

static void reload(struct master *m)
{
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    if (m->is_stopping)
        return;
    daemon_notify("RELOADING=1");
    if (conf_load(m->options->conf_path, &conf, &messages) != 0) {
        log_messages(&messages, LOGLV_ERROR);
        log_error("reload refused: the configuration is bad, the old one stays in force");
    } else {
        log_messages(&messages, LOGLV_WARN);
        if (adopt(m, conf))
            log_info("configuration reloaded");
        else
            conf_free(&conf);
    }
    buf_free(&messages);
    daemon_notify("READY=1");
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void reopen_logs(struct master *m)
{
    log_reopen();
    access_log_reopen();
    tell(m, SIGUSR1, false);
}

static void handle(struct master *m, int sig)
{
    switch (sig) {
    case SIGCHLD:
        reap(m);
        break;
    case SIGTERM:
    case SIGINT:
        stop(m);
        break;
    case SIGHUP:
        reload(m);
        break;
    case SIGUSR1:
        reopen_logs(m);
        break;
    default:
        break;
    }
}

static uint64_t next_due_at(const struct master *m)
{
    return m->is_stopping ? m->kill_at : m->respawn_at;
}

static void wait_for_signal(struct master *m)
{
    uint64_t due_at = next_due_at(m), now_at = clock_boot_ns();
    uint64_t wait_ns = due_at > now_at ? due_at - now_at : 0;
    struct timespec ts = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
    int sig = due_at != 0 ? sigtimedwait(&m->signals, NULL, &ts) : sigwaitinfo(&m->signals, NULL);
    if (sig > 0)
        handle(m, sig);
    if (due_at == 0 || clock_boot_ns() < due_at)
        return;
    if (m->is_stopping) {
        log_error("workers did not end in time: killing them");
        m->kill_at += KILL_AFTER_DRAIN_MS * CLOCK_NS_PER_MS;
        tell(m, SIGKILL, false);
    } else {
        spawn_missing(m);
    }
}

static void block_signals(struct master *m)
{
    static const int wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigemptyset(&m->signals);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        sigaddset(&m->signals, wanted[i]);
    sigprocmask(SIG_BLOCK, &m->signals, &m->old_mask);
    signal(SIGPIPE, SIG_IGN);
}

static void make_pages(struct master *m)
{
    uint32_t pairs =
        m->conf->n_pairs * 2 > PAIRS_MIN ? (m->conf->n_pairs * 2 + 7) / 8 * 8 : PAIRS_MIN;
    m->n_slots = m->conf->workers * 3 + SPARE_SLOTS;
    m->children = xcalloc(m->n_slots, sizeof(*m->children));
    m->pages = wpages_create(m->conf->tracker_shm, m->n_slots, pairs, m->gid);
    if (m->pages == NULL)
        log_warn("no shared memory for the workers' pages (%s): serving without statistics",
                 strerror(errno));
    m->ledger = ledger_create(m->conf->tracker_shm, pairs, m->gid);
    if (m->ledger == NULL)
        log_warn("no shared memory for the ledger (%s): limits do not hold over all workers",
                 strerror(errno));
    if (m->pages != NULL)
        wpages_chain_add(m->pages, "");
    add_to_pages(m, m->conf);
}

static void open_listeners(struct master *m)
{
    char *why = NULL;
    m->listen = master_listen_new(m->conf, &why);
    if (m->listen == NULL)
        log_fatal(EX_UNAVAILABLE, "%s", why);
}

static void start(struct master *m)
{
    m->started_at = clock_boot_ns();
    daemon_raise_fd_limit();
    daemon_lookup_user(m->conf, &m->uid, &m->gid);
    block_signals(m);
    open_listeners(m);
    if (access_log_open(m->conf->access_log) != 0)
        log_fatal(EX_UNAVAILABLE, "cannot open %s: %s", m->conf->access_log, strerror(errno));
    if (pipe(m->life) != 0)
        log_fatal(EX_OSERR, "pipe: %s", strerror(errno));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    make_pages(m);
    spawn_missing(m);
}

static void finish(struct master *m)
{
    if (m->pages != NULL) {
        wpages_unlink(m->pages);
        wpages_close(&m->pages);
    }
    if (m->ledger != NULL) {
        ledger_unlink(m->ledger);
        ledger_close(&m->ledger);
    }
    free(m->children);
    conf_free(&m->conf);
    access_log_close();
    curl_global_cleanup();
}

int master_run(struct conf *conf, const struct daemon_options *options)
{
    struct master m = {.conf = conf, .options = options};
    start(&m);
    log_info("weir serves with %u workers", conf->workers);
    daemon_ready();
    while (!m.is_stopping || has_children(&m))
        wait_for_signal(&m);
    log_info("stopped");
    finish(&m);
    return EX_OK;
}
