/* SPDX-License-Identifier: MIT */
/* See reload.h. */
#include "server/master/reload.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/conf/effective.h"
#include "common/conf/load.h"
#include "common/process/daemon.h"
#include "server/master/children.h"
#include "server/master/descriptors.h"
#include "server/upstream/module.h"

void master_reload_add_to_pages(struct master *m, const struct conf *conf)
{
    for (uint32_t i = 0; m->pages != NULL && i < conf->n_chains; i++)
        pages_chain_add(m->pages, conf->chains[i].name);
    for (uint32_t i = 0; m->pages != NULL && i < conf->n_pairs; i++)
        if (pages_pair_add(m->pages, conf->pairs[i].provider->id, conf->pairs[i].model) < 0)
            log_warn("no room for statistics of %s/%s until a restart", conf->pairs[i].provider->id,
                     conf->pairs[i].model);
}

void master_reload_fit_connections(const struct master *m, struct conf *conf)
{
    uint32_t most = descriptors_connections(m->fd_limit, (uint64_t)conf->n_listen * conf->workers);
    if (conf->max_connections <= most)
        return;
    log_warn("server.maxConnections: %u of %u, since a process may have %lu descriptors", most,
             conf->max_connections, m->fd_limit);
    conf->max_connections = most;
}

/* The settings that only a start can change keep their values, and are named. */
static void keep_fixed(const struct master *m, struct conf *fresh)
{
    struct buf names = BUF_INIT;
    uint32_t most = m->n_slots / 2; /* an old and a new generation must fit */
    if (conf_keep_fixed(m->conf, fresh, &names) > 0)
        log_warn("what has changed in %s takes effect at a restart only", buf_cstr(&names));
    buf_free(&names);
    if (fresh->workers > most) {
        log_warn("server.workers: no more than %u until a restart", most);
        fresh->workers = most;
    }
    master_reload_fit_connections(m, fresh);
}

/* For the log, and for the weirctl that asked. */
static void refuse(const struct master *m, const char *why)
{
    log_error("reload refused: %s", why);
    if (m->pages != NULL)
        pages_note_refusal(m->pages, PAGES_RELOAD_REFUSED, why);
}

/* Puts the new configuration, which it takes, into force. False when it is refused, and nothing was
 * taken. */
static bool adopt(struct master *m, struct conf *fresh)
{
    char *why = NULL;
    struct master_listeners *listeners = master_listeners_renew(m->listeners, fresh, &why);
    if (listeners == NULL) {
        refuse(m, why);
        free(why);
        return false;
    }
    master_listeners_free(&m->listeners, true);
    m->listeners = listeners;
    master_reload_add_to_pages(m, fresh);
    conf_free(&m->conf);
    m->conf = fresh;
    log_set_level(fresh->log_level);
    m->generation++;
    m->generation_at = clock_boot_ns();
    memset(m->respawns, 0, m->n_slots * sizeof(*m->respawns));
    m->stuck_index = -1;
    master_children_watch(m); /* from now on with its server.stuckWorkerMs */
    m->is_generation_ready = false;
    master_children_spawn_missing(m);
    return true;
}

/* Reads the configuration, and loads what its providers need. NULL when it is refused. */
static struct conf *load(const struct master *m)
{
    struct conf *fresh = NULL;
    struct buf messages = BUF_INIT;
    char *why = NULL;
    bool is_good = conf_load(m->options->conf_path, &fresh, &messages);
    if (!is_good)
        why = xasprintf("the configuration is bad, the old one stays in force: %.*s",
                        (int)strcspn(buf_cstr(&messages), "\n"), buf_cstr(&messages));
    log_lines(is_good ? LOGLV_WARN : LOGLV_ERROR, "", buf_cstr(&messages));
    buf_free(&messages);
    if (is_good && !transfer_module_load(fresh, &why))
        conf_free(&fresh);
    if (fresh == NULL)
        refuse(m, why);
    free(why);
    return fresh;
}

/* Why a reload cannot begin yet; NULL: it can. */
static const char *why_wait(const struct master *m, const struct conf *fresh)
{
    if (m->successor.is_under_way)
        return "another weir is about to take over";
    if (master_children_room(m) < fresh->workers)
        return "too many older workers still finish their requests";
    return NULL;
}

void master_reload(struct master *m)
{
    if (m->phase == MASTER_STARTING || (m->phase == MASTER_SERVING && !m->owns_names))
        m->wants_reload = true; /* until we serve, and no other weir does */
    if (m->phase != MASTER_SERVING || !m->owns_names)
        return;
    const char *why = NULL;
    struct conf *fresh = load(m);
    daemon_notify("RELOADING=1");
    if (fresh != NULL) {
        keep_fixed(m, fresh);
        why = why_wait(m, fresh);
    }
    if (why != NULL && !m->wants_reload)
        log_info("the reload waits: %s", why);
    m->wants_reload = why != NULL;
    if (why == NULL && fresh != NULL && adopt(m, fresh))
        fresh = NULL;
    conf_free(&fresh);
    if (m->is_generation_ready) /* nothing has begun */
        daemon_notify("READY=1");
}

void master_reload_finish(struct master *m)
{
    master_children_signal(m, SIGQUIT, true);
    if (m->pages != NULL)
        pages_note(m->pages, PAGES_RELOADED);
    log_info("configuration reloaded");
    daemon_notify("READY=1");
}
