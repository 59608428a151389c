/* SPDX-License-Identifier: MIT */
/* See reload.h. */
#include "server/master/reload.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/conf/effective.h"
#include "common/conf/load.h"
#include "common/process/daemon.h"
#include "server/master/children.h"
#include "server/upstream/module.h"

static void log_messages(struct buf *messages, enum log_level level)
{
    char *save = NULL, *text = buf_take(messages);
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        log_write(level, NULL, 0, "%s", line);
    free(text);
}

void master_reload_add_to_pages(struct master *m, const struct conf *conf)
{
    for (uint32_t i = 0; m->pages != NULL && i < conf->n_chains; i++)
        pages_chain_add(m->pages, conf->chains[i].name);
    for (uint32_t i = 0; m->pages != NULL && i < conf->n_pairs; i++)
        if (pages_pair_add(m->pages, conf->pairs[i].provider->id, conf->pairs[i].model) < 0)
            log_warn("no room for statistics of %s/%s until a restart", conf->pairs[i].provider->id,
                     conf->pairs[i].model);
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
}

static void note(const struct master *m, enum pages_note what)
{
    if (m->pages != NULL)
        pages_note(m->pages, what);
}

/* Puts the new configuration into force; false when it cannot be. */
static bool adopt(struct master *m, struct conf *fresh)
{
    char *why = NULL;
    struct master_listeners *listeners = master_listeners_renew(m->listeners, fresh, &why);
    if (listeners == NULL) {
        log_error("reload refused: %s", why);
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
    m->is_generation_ready = false;
    master_children_spawn_missing(m);
    return true;
}

static void load_module(struct conf **fresh)
{
    char *why = NULL;
    if (transfer_module_load(*fresh, &why))
        return;
    log_error("reload refused: %s", why);
    free(why);
    conf_free(fresh);
}

/* The configuration, and what its providers need; NULL when it is refused. */
static struct conf *load(const struct master *m)
{
    struct conf *fresh = NULL;
    struct buf messages = BUF_INIT;
    if (conf_load(m->options->conf_path, &fresh, &messages)) {
        log_messages(&messages, LOGLV_WARN);
        load_module(&fresh);
    } else {
        log_messages(&messages, LOGLV_ERROR);
        log_error("reload refused: the configuration is bad, the old one stays in force");
    }
    buf_free(&messages);
    return fresh;
}

/* Keeps a reload for later: it is not refused. */
static void put_off(struct master *m, const char *why)
{
    if (!m->wants_reload)
        log_info("the reload waits: %s", why);
    m->wants_reload = true;
}

static bool must_wait(struct master *m, const struct conf *fresh)
{
    if (m->successor.launcher != 0)
        put_off(m, "another weir is about to take over");
    else if (master_children_room(m) < fresh->workers)
        put_off(m, "too many older workers still finish their requests");
    else
        return false;
    return true;
}

static void take(struct master *m, struct conf *fresh)
{
    keep_fixed(m, fresh);
    if (must_wait(m, fresh)) {
        conf_free(&fresh);
        return;
    }
    m->wants_reload = false;
    if (adopt(m, fresh))
        return;
    conf_free(&fresh);
    note(m, PAGES_RELOAD_REFUSED);
}

void master_reload(struct master *m)
{
    if (m->phase != MASTER_SERVING)
        return;
    struct conf *fresh = load(m);
    daemon_notify("RELOADING=1");
    if (fresh != NULL) {
        take(m, fresh);
    } else {
        m->wants_reload = false;
        note(m, PAGES_RELOAD_REFUSED);
    }
    if (m->is_generation_ready) /* nothing has begun */
        daemon_notify("READY=1");
}

void master_reload_finish(struct master *m)
{
    master_children_signal(m, SIGQUIT, true);
    note(m, PAGES_RELOADED);
    log_info("configuration reloaded");
    daemon_notify("READY=1");
}
