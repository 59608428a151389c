/* SPDX-License-Identifier: MIT */
/* See trackerd.h. */
#include "trackerd/daemon/trackerd.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "trackerd/daemon/intake.h"
#include "trackerd/table/keeper.h"
#include "trackerd/table/snapshot.h"

#define TICK_MS 1000

struct cooldown_now trackerd_now(void)
{
    return (struct cooldown_now){.at = clock_boot_ns(), .wall_ms = clock_wall_ms()};
}

void trackerd_find_pages(struct trackerd *td)
{
    if (td->pages != NULL && pages_is_current(td->pages))
        return;
    struct pages *pages = pages_open_reader(td->conf->tracker_shm);
    if (pages == NULL)
        return; /* the old ones, if any, still tell what was */
    pages_close(&td->pages);
    td->pages = pages;
}

/* ---- reload ---------------------------------------------------------------------------------- */

/* What names the table, the socket and the files cannot change under a running trackerd. */
static void keep_fixed(struct conf *fresh, const struct conf *old, struct buf *messages)
{
    struct buf names = BUF_INIT;
    if (conf_keep_fixed(old, fresh, &names) > 0)
        buf_printf(messages, "what has changed in %s takes effect at a restart only\n",
                   buf_cstr(&names));
    buf_free(&names);
}

static void log_lines(enum log_level level, struct buf *messages)
{
    char *copy = xstrdup(buf_cstr(messages)), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0' && log_is_enabled(level))
            log_write(level, NULL, 0, "%s", line);
    free(copy);
}

int trackerd_reload(struct trackerd *td, struct buf *messages)
{
    struct conf *fresh = NULL;
    daemon_notify("RELOADING=1");
    int rc = conf_load_without_secrets(td->conf->path, &fresh, messages);
    if (rc == 0) {
        struct conf *old = td->conf;
        keep_fixed(fresh, old, messages);
        td->conf = fresh;
        log_set_level(fresh->log_level);
        tablekeeper_configure(td);
        snapshot_want(td->snapshot);
        conf_free(&old);
        log_info("configuration %s reloaded: %u pairs", td->conf->path, td->conf->n_pairs);
    } else {
        log_error("configuration %s is not valid; the old one stays in force", td->conf->path);
    }
    log_lines(rc == 0 ? LOGLV_WARN : LOGLV_ERROR, messages);
    daemon_notify("READY=1");
    return rc;
}

/* ---- events of the loop ---------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct trackerd *td = arg;
    tablekeeper_tick(td);
    intake_keep_socket(td->intake);
    trackerd_find_pages(td);
}

static void on_stop(evutil_socket_t signal, short what, void *arg)
{
    struct trackerd *td = arg;
    log_info("stopping on signal %d", (int)signal);
    event_base_loopbreak(td->base);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
    struct buf messages = BUF_INIT;
    trackerd_reload(arg, &messages);
    buf_free(&messages);
}

static void on_reopen(evutil_socket_t signal, short what, void *arg)
{
    if (log_reopen() != 0)
        log_error("the log file cannot be opened again: %s", strerror(errno));
}

static void on_child(evutil_socket_t signal, short what, void *arg)
{
    struct trackerd *td = arg;
    snapshot_reap(td->snapshot);
}

#define N_EVENTS 6
static void add_events(struct trackerd *td, struct event *events[N_EVENTS])
{
    static const struct {
        int signal;
        void (*on_signal)(evutil_socket_t, short, void *);
    } signals[N_EVENTS - 1] = {
        {SIGTERM, on_stop},   {SIGINT, on_stop},   {SIGHUP, on_reload},
        {SIGUSR1, on_reopen}, {SIGCHLD, on_child},
    };
    for (int i = 0; i < N_EVENTS - 1; i++) {
        events[i] = evsignal_new(td->base, signals[i].signal, signals[i].on_signal, td);
        event_add(events[i], NULL);
    }
    struct timeval tick = {TICK_MS / 1000, TICK_MS % 1000 * 1000};
    events[N_EVENTS - 1] = event_new(td->base, -1, EV_PERSIST, on_tick, td);
    event_add(events[N_EVENTS - 1], &tick);
}

/* ---- start and stop -------------------------------------------------------------------------- */

/* A group that is not ours can only be given by root. */
static bool may_give_group(int gid)
{
    gid_t groups[256];
    if (gid < 0 || geteuid() == 0 || getegid() == (gid_t)gid)
        return true;
    int n = getgroups(256, groups);
    for (int i = 0; i < n; i++)
        if (groups[i] == (gid_t)gid)
            return true;
    return false;
}

static void become_user(struct trackerd *td)
{
    int own_uid = daemon_lookup_tracker_user(td->conf);
    daemon_lookup_user(td->conf, &td->uid, &td->gid);
    daemon_make_folder(td->conf->tracker_socket, DAEMON_RUN_MODE, own_uid, td->gid);
    daemon_make_folder(td->conf->tracker_state_file, DAEMON_STATE_MODE, own_uid, td->gid);
    segment_give(td->conf->tracker_shm, own_uid);
    daemon_drop_root(own_uid, td->gid);
    if (!may_give_group(td->gid)) {
        log_warn("not a member of group %s: table and socket keep our own group",
                 td->conf->group != NULL ? td->conf->group : td->conf->user);
        td->gid = -1;
    }
}

static int open_all(struct trackerd *td)
{
    if (tablekeeper_open(td) != 0) {
        log_error("table %s: %s", td->conf->tracker_shm,
                  errno == EBUSY ? "another weir-trackerd owns it" : strerror(errno));
        return EX_UNAVAILABLE;
    }
    td->snapshot = snapshot_new(td);
    td->intake = intake_new(td);
    if (td->intake == NULL) {
        log_error("socket %s: %s", td->conf->tracker_socket, strerror(errno));
        return EX_UNAVAILABLE;
    }
    return 0;
}

static void close_all(struct trackerd *td)
{
    intake_free(&td->intake);
    snapshot_free(&td->snapshot);
    tablekeeper_close(td);
    pages_close(&td->pages);
    conf_free(&td->conf);
    event_base_free(td->base);
}

int trackerd_run(const struct daemon_options *options, struct conf *conf)
{
    struct trackerd td = {.conf = conf, .started_at = clock_boot_ns()};
    struct event *events[N_EVENTS];
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like any other */
    daemon_raise_fd_limit();
    become_user(&td);
    td.base = event_base_new();
    if (td.base == NULL)
        log_fatal(EX_UNAVAILABLE, "no event loop: %s", strerror(errno));
    int code = open_all(&td);
    if (code == 0) {
        add_events(&td, events);
        trackerd_find_pages(&td);
        log_info("ready: %u pairs, socket %s", td.conf->n_pairs, td.conf->tracker_socket);
        daemon_ready();
        event_base_dispatch(td.base);
        daemon_notify("STOPPING=1");
        snapshot_flush(td.snapshot);
        for (int i = 0; i < N_EVENTS; i++)
            event_free(events[i]);
    }
    close_all(&td);
    return code;
}
