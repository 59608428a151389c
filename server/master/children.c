/* SPDX-License-Identifier: MIT */
/* See children.h. A worker is known by its slot in the workers' pages; a slot may also
 * belong to a worker of another master while one takes over from the other. */
#include "server/master/children.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/daemon.h"
#include "common/process/user.h"
#include "server/master/upgrade.h"
#include "server/worker/inherit.h"
#include "server/worker/worker.h"

#define HEALTHY_LIFE_MS  1000 /* a worker that lived as long may be replaced at once */
#define RESPAWN_FIRST_MS 100
#define RESPAWN_LAST_MS  5000

/* ---- forking ------------------------------------------------------------------------------- */

static struct inherit make_inheritance(struct master *m, uint32_t index, uint32_t slot, int *fds)
{
    return (struct inherit){
        .conf = m->conf,
        .pages = m->pages,
        .ledger = m->ledger,
        .recent = m->recent,
        .index = index,
        .slot = slot,
        .incarnation = m->children[slot].started_at,
        .listen_fds = fds,
        .n_listen_fds = master_listeners_share(m->listeners, index, m->conf->workers, fds),
        .life_fd = m->life[0],
        .ready_fd = m->ready[1],
        .signal_mask = &m->old_mask,
        .started_at = m->started_at,
    };
}

static void be_worker(struct master *m, uint32_t index, uint32_t slot)
{
    int *fds = xcalloc(master_listeners_count(m->listeners) + 1, sizeof(*fds));
    struct inherit inherit = make_inheritance(m, index, slot, fds);
    master_listeners_keep_only(m->listeners, fds, inherit.n_listen_fds);
    close(m->life[1]);
    close(m->ready[0]);
    close(m->signal_fd);
    master_upgrade_close_in_child(m);
    daemon_leave_terminal(m->options);
    daemon_drop_rights();
    int code = worker_run(&inherit);
    free(fds);
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

void master_children_spawn_missing(struct master *m)
{
    m->respawn_at = 0;
    for (uint32_t i = 0; i < m->conf->workers; i++)
        if (find(m, i) == NULL && !spawn(m, i))
            m->respawn_at = clock_boot_ns() + RESPAWN_LAST_MS * CLOCK_NS_PER_MS;
}

/* ---- hearing that they serve ----------------------------------------------------------------- */

static bool is_generation_complete(const struct master *m)
{
    for (uint32_t i = 0; i < m->conf->workers; i++) {
        const struct child *c = find(m, i);
        if (c == NULL || !c->is_ready)
            return false;
    }
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
    if (m->phase == MASTER_STARTING)
        give_up_start(m, status);
    else
        plan_respawn(m, &child);
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
