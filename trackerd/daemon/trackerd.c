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

#include "common/base/log.h"
#include "common/process/daemon.h"
#include "common/process/user.h"
#include "common/shm/mapping.h"
#include "trackerd/daemon/intake.h"
#include "trackerd/daemon/reload.h"
#include "trackerd/table/keeper.h"
#include "trackerd/table/segment.h"

#define TICK_MS 1000

struct trackerd {
    struct event_base *base;
    struct keeper *keeper;
    struct intake *intake;
    int uid, gid; /* of the settings; -1 = not configured */
};

/* ---- events of the loop ---------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct trackerd *td = arg;
    keeper_tick(td->keeper);
    intake_keep_socket(td->intake);
}

static void on_stop(evutil_socket_t signal, short what, void *arg)
{
    struct trackerd *td = arg;
    log_info("stopping on signal %d", (int)signal);
    event_base_loopbreak(td->base);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
    struct trackerd *td = arg;
    struct buf messages = BUF_INIT;
    reload_conf(td->keeper, &messages); /* how it went is in the log */
    buf_free(&messages);
}

static void on_reopen(evutil_socket_t signal, short what, void *arg)
{
    if (!log_reopen())
        log_error("the log file cannot be opened again: %s", strerror(errno));
}

static void on_child(evutil_socket_t signal, short what, void *arg)
{
    struct trackerd *td = arg;
    keeper_reap(td->keeper);
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

/* Only root can give a file a group that it is not a member of. */
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

static void become_user(struct trackerd *td, const struct conf *conf)
{
    int own_uid = daemon_lookup_tracker_user(conf);
    daemon_lookup_user(conf, &td->uid, &td->gid);
    shm_trust_uid(td->uid);
    shm_trust_uid(own_uid);
    daemon_make_folder(conf->tracker_socket, DAEMON_RUN_MODE, own_uid, td->gid);
    daemon_make_folder(conf->tracker_state_file, DAEMON_STATE_MODE, own_uid, td->gid);
    segment_give(conf->tracker_shm, own_uid);
    daemon_drop_root(own_uid, td->gid);
    if (!may_give_group(td->gid)) {
        log_warn("not a member of group %s: table and socket keep our own group",
                 conf->group != NULL ? conf->group : conf->user);
        td->gid = -1;
    }
}

/* Takes conf over. On failure false, and the log says why. */
static bool open_all(struct trackerd *td, struct conf *conf)
{
    td->keeper = keeper_open(td->base, conf, td->gid);
    if (td->keeper == NULL)
        return false;
    td->intake = intake_new(td->base, td->keeper, td->uid, td->gid);
    if (td->intake == NULL)
        log_error("socket %s: %s", conf->tracker_socket, strerror(errno));
    return td->intake != NULL;
}

static void serve(struct trackerd *td)
{
    const struct conf *conf = keeper_conf(td->keeper);
    struct event *events[N_EVENTS];
    add_events(td, events);
    daemon_release_signals();
    log_info("ready: %u pairs, socket %s", conf->n_pairs, conf->tracker_socket);
    daemon_ready();
    event_base_dispatch(td->base);
    daemon_notify("STOPPING=1");
    keeper_flush(td->keeper);
    for (int i = 0; i < N_EVENTS; i++)
        event_free(events[i]);
}

int trackerd_run(const struct daemon_options *options, struct conf *conf)
{
    struct trackerd td = {0};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like any other */
    daemon_raise_fd_limit();
    become_user(&td, conf);
    td.base = event_base_new();
    if (td.base == NULL)
        log_fatal(EX_UNAVAILABLE, "no event loop: %s", strerror(errno));
    bool is_open = open_all(&td, conf);
    if (is_open)
        serve(&td);
    intake_free(&td.intake);
    keeper_close(&td.keeper);
    event_base_free(td.base);
    return is_open ? 0 : EX_UNAVAILABLE;
}
