/* SPDX-License-Identifier: MIT */
/* See children.h. A worker is known by its slot in the workers' pages; a slot may also
 * belong to a worker of another master while one takes over from the other. */
#include "server/master/children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/process/daemon.h"
#include "common/process/user.h"
#include "server/loop/crumb.h"
#include "server/master/upgrade.h"
#include "server/worker/inherit.h"
#include "server/worker/worker.h"

/* ---- forking ------------------------------------------------------------------------------- */

static struct inherit make_inheritance(struct master *m, uint32_t index, uint32_t slot)
{
    size_t n = master_listeners_count(m->listeners);
    struct inherit_listener *listeners = xcalloc(n + 1, sizeof(*listeners));
    master_listeners_list(m->listeners, m->conf->workers, listeners);
    return (struct inherit){
        .conf = m->conf,
        .pages = m->pages,
        .ledger = m->ledger,
        .recent = m->recent,
        .index = index,
        .slot = slot,
        .incarnation = m->children[slot].started_at,
        .generation_at = m->generation_at,
        .listeners = listeners,
        .n_listeners = n,
        .life_fd = m->life[0],
        .ready_fd = m->ready[1],
        .signal_mask = &m->old_mask,
        .started_at = m->started_at,
    };
}

static void be_worker(struct master *m, uint32_t index, uint32_t slot)
{
    struct inherit inherit = make_inheritance(m, index, slot);
    close(m->life[1]);
    close(m->ready[0]);
    close(m->signal_fd);
    master_upgrade_close_in_child(m);
    daemon_leave_terminal(m->options);
    daemon_drop_rights();
    int code = worker_run(&inherit);
    free((void *)inherit.listeners);
    exit(code);
}

/* Another master's worker is known by its page alone, which that master may have left uncleared
 * when it died. */
static bool is_others(const struct master *m, uint32_t slot)
{
    pid_t pid = m->pages != NULL ? atomic_load(&pages_slot(m->pages, slot)->pid) : 0;
    return pid != 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

static bool is_free(const struct master *m, uint32_t slot)
{
    return m->children[slot].pid == 0 && !is_others(m, slot);
}

static int free_slot(const struct master *m)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (is_free(m, i))
            return (int)i;
    return -1;
}

uint32_t master_children_room(const struct master *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_slots; i++)
        n += is_free(m, i);
    return n;
}

static void note_in_page(struct master *m, uint32_t slot)
{
    if (m->pages == NULL)
        return;
    struct pages_slot *page = pages_slot(m->pages, slot);
    pages_counter_set(&page->incarnation, m->children[slot].started_at);
    atomic_store(&page->pid, m->children[slot].pid);
}

/* Without pages no worker knows a pair's index, and none takes places. */
static void reap_places(const struct master *m, uint32_t slot)
{
    if (m->ledger != NULL && m->pages != NULL)
        ledger_reap(m->ledger, slot, pages_pairs(m->pages));
}

static bool spawn(struct master *m, uint32_t index)
{
    int slot = free_slot(m);
    if (slot < 0) {
        log_error("no slot for another worker: too many still drain");
        return false;
    }
    struct child *c = &m->children[slot];
    *c = (struct child){.index = index, .generation = m->generation, .started_at = clock_boot_ns()};
    reap_places(m, (uint32_t)slot); /* of one whose master died first */
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

static const struct child *find(const struct master *m, uint32_t index)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (m->children[i].pid != 0 && m->children[i].index == index &&
            m->children[i].generation == m->generation)
            return &m->children[i];
    return NULL;
}

static bool serves(const struct child *c)
{
    return c != NULL && c->is_ready;
}

static bool does_anybody_serve(const struct master *m)
{
    for (uint32_t i = 0; i < m->conf->workers; i++)
        if (serves(find(m, i)))
            return true;
    return false;
}

static void set_next_respawn(struct master *m)
{
    m->respawn_at = 0;
    for (uint32_t i = 0; i < m->conf->workers; i++)
        if (find(m, i) == NULL && (m->respawn_at == 0 || m->respawns[i].due_at < m->respawn_at))
            m->respawn_at = m->respawns[i].due_at;
}

void master_children_spawn_missing(struct master *m)
{
    uint64_t now_at = clock_boot_ns();
    for (uint32_t i = 0; i < m->conf->workers; i++)
        if (find(m, i) == NULL && m->respawns[i].due_at <= now_at && !spawn(m, i))
            respawn_after_failed_fork(&m->respawns[i], now_at, !does_anybody_serve(m));
    set_next_respawn(m);
}

/* ---- hearing that they serve ----------------------------------------------------------------- */

static bool is_generation_complete(const struct master *m)
{
    for (uint32_t i = 0; i < m->conf->workers; i++)
        if (!serves(find(m, i)))
            return false;
    return true;
}

bool master_children_read_ready(struct master *m)
{
    struct inherit_ready word;
    while (read(m->ready[0], &word, sizeof(word)) == (ssize_t)sizeof(word))
        if (word.slot < m->n_slots && m->children[word.slot].pid == word.pid)
            m->children[word.slot].is_ready = true;
    if (m->is_generation_ready || !is_generation_complete(m))
        return false;
    m->is_generation_ready = true;
    return true;
}

/* ---- reaping ------------------------------------------------------------------------------- */

static void log_death(const struct child *c, int status)
{
    if (WIFSIGNALED(status))
        log_fields(LOGLV_ERROR, LOG_LIST(LOG_INT("worker", c->index), LOG_INT("child", c->pid)),
                   "worker %u (pid %d) died: %s", c->index, (int)c->pid,
                   strsignal(WTERMSIG(status)));
    else
        log_fields(LOGLV_ERROR, LOG_LIST(LOG_INT("worker", c->index), LOG_INT("child", c->pid)),
                   "worker %u (pid %d) ended with code %d", c->index, (int)c->pid,
                   WEXITSTATUS(status));
}

static bool is_wanted(const struct master *m, const struct child *c)
{
    return c->generation == m->generation &&
           (m->phase == MASTER_STARTING || m->phase == MASTER_SERVING);
}

/* A worker that fails before it serves would fail again; we exit, so that our parent finds out.
 */
static void give_up_start(struct master *m, int status)
{
    bool has_code = WIFEXITED(status) && WEXITSTATUS(status) != 0;
    log_error("a worker ended before it served: not starting");
    m->exit_code = has_code ? WEXITSTATUS(status) : EX_SOFTWARE;
}

static void clear_slot(struct master *m, uint32_t slot, bool was_wanted)
{
    if (m->pages != NULL) {
        struct pages_slot *page = pages_slot(m->pages, slot);
        atomic_store(&page->pid, 0);
        if (was_wanted)
            pages_counter_add(&page->restarts, 1);
    }
    reap_places(m, slot);
    m->children[slot].pid = 0;
}

static void worker_ended(struct master *m, uint32_t slot, int status)
{
    struct child child = m->children[slot];
    bool was_wanted = is_wanted(m, &child);
    clear_slot(m, slot, was_wanted);
    if (!was_wanted)
        return;
    log_death(&child, status);
    if (m->phase == MASTER_STARTING) {
        give_up_start(m, status);
        return;
    }
    respawn_after_death(&m->respawns[child.index], child.started_at, clock_boot_ns(),
                        !does_anybody_serve(m));
    set_next_respawn(m);
}

bool master_children_ended(struct master *m, pid_t pid, int status)
{
    for (uint32_t i = 0; i < m->n_slots; i++) {
        if (m->children[i].pid == pid) {
            worker_ended(m, i, status);
            return true;
        }
    }
    return false;
}

/* ---- stuck ones ------------------------------------------------------------------------------ */

/* What /proc knows of a process: is it stopped, does it run, or does it wait in the kernel? */
static const char *state_of(pid_t pid)
{
    char path[32], text[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    fd_close(&fd);
    const char *end = strrchr(text, ')'); /* PID (NAME) STATE ... */
    switch (end != NULL && strlen(end) > 2 ? end[2] : '?') {
    case 'R':
        return "it runs";
    case 'T':
    case 't':
        return "it is stopped";
    case 'D':
    case 'S':
        return "it waits in the kernel";
    default:
        return "nothing is known of it";
    }
}

static bool is_stuck(const struct master *m, const struct child *c)
{
    return c->pid != 0 && c->watchdog.still_ms >= m->conf->stuck_worker_ms;
}

/* The successor of the last one must serve first, so that whatever stops them all does not make us
 * kill them all. When we leave there are no successors, and a stuck one would keep our port. */
static bool may_kill(const struct master *m, const struct child *c)
{
    bool is_leaving = m->phase == MASTER_REPLACED || m->phase == MASTER_STOPPING;
    return is_leaving || m->stuck_index < 0 || m->stuck_index == (int)c->index ||
           serves(find(m, (uint32_t)m->stuck_index));
}

static void kill_stuck(struct master *m, struct child *c)
{
    uint32_t slot = (uint32_t)(c - m->children);
    uint64_t crumb = pages_counter_get(&pages_slot(m->pages, slot)->crumb);
    log_fields(LOGLV_ERROR, LOG_LIST(LOG_INT("worker", c->index), LOG_INT("child", c->pid)),
               "worker %u (pid %d) has not turned for %u ms (%s), last it began %s: killing it",
               c->index, (int)c->pid, c->watchdog.still_ms, state_of(c->pid), crumb_text(crumb));
    kill(c->pid, SIGKILL);
    m->stuck_index = (int)c->index;
    c->watchdog.still_ms = 0;
}

void master_children_watch(struct master *m)
{
    uint64_t now_at = clock_boot_ns();
    uint32_t interval_ms = watchdog_interval_ms(m->conf->stuck_worker_ms);
    uint64_t since_ms = (now_at - m->looked_at) / CLOCK_NS_PER_MS;
    bool is_on = m->pages != NULL && m->conf->stuck_worker_ms != 0;
    struct child *stuck = NULL;
    for (uint32_t i = 0; is_on && i < m->n_slots; i++) {
        struct child *c = &m->children[i];
        uint64_t heartbeat_at = pages_counter_get(&pages_slot(m->pages, i)->heartbeat_at);
        watchdog_look(&c->watchdog, heartbeat_at, since_ms, interval_ms);
        if (is_stuck(m, c) && (stuck == NULL || c->watchdog.still_ms > stuck->watchdog.still_ms))
            stuck = c;
    }
    if (stuck != NULL && may_kill(m, stuck))
        kill_stuck(m, stuck);
    m->looked_at = now_at;
    m->look_at = is_on ? now_at + interval_ms * CLOCK_NS_PER_MS : 0;
}

/* ---- signals --------------------------------------------------------------------------------- */

void master_children_signal(const struct master *m, int sig, bool only_old)
{
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct child *c = &m->children[i];
        if (c->pid != 0 && (!only_old || c->generation != m->generation))
            kill(c->pid, sig);
    }
}

bool master_children_any(const struct master *m)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (m->children[i].pid != 0)
            return true;
    return false;
}
