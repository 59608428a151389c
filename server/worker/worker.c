/* SPDX-License-Identifier: MIT */
/* See worker.h. What init makes, deinit undoes in reverse. */
#include "server/worker/worker.h"
#include "common/shm/page_sums.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/api/api.h"
#include "server/api/endpoints.h"
#include "server/client/client.h"
#include "server/loop/crumb.h"
#include "server/loop/defer.h"
#include "server/record/access_log.h"
#include "server/worker/accept.h"
#include "server/worker/siblings.h"

#define QUEUE_MS      20   /* how soon a queued request finds that a pair became available */
#define TICK_MS       200  /* heartbeat, a look for a new table, late quotas, the end of a drain */
#define DRAIN_LAST_MS 1000 /* for error events to reach their clients after the drain time */

struct worker {
    struct inherit in;
    struct event_base *base;
    struct event *signals[3], *tick, *queue_tick, *life, *drain_end;
    struct acceptor *acceptor;
    struct clients *clients;
    struct exchange_env env;
    struct api api;
    struct recent_writer recent;
    struct pages_slot own_slot; /* when there are no pages */
    bool is_draining, is_ending;
};

static bool has_tracker(const void *worker)
{
    return tracker_link_is_connected(((const struct worker *)worker)->env.tracker_link);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void leave_when_empty(struct worker *w)
{
    if (w->is_draining && clients_count(w->clients) == 0)
        event_base_loopbreak(w->base);
}

static void on_drain_end(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    struct timeval tv = {DRAIN_LAST_MS / 1000, 0};
    if (w->is_ending) {
        event_base_loopbreak(w->base);
        return;
    }
    w->is_ending = true;
    log_warn("drain time is over, %u connections are ended", clients_count(w->clients));
    clients_shutdown(w->clients);
    event_add(w->drain_end, &tv);
}

/* Other workers serve from now on: this one finishes its requests, however long they take. */
static void retire(struct worker *w)
{
    if (w->is_draining)
        return;
    w->is_draining = true;
    pages_counter_set(&w->env.slot->generation_at, 0); /* others accept from now on */
    acceptor_free(&w->acceptor);
    clients_drain(w->clients);
    leave_when_empty(w);
}

/* The same within drainTimeoutMs; requests that only wait for a pair are sent away at once. */
static void drain(struct worker *w)
{
    uint32_t ms = w->in.conf->drain_timeout_ms;
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    if (!evtimer_pending(w->drain_end, NULL))
        event_add(w->drain_end, &tv);
    if (w->acceptor != NULL)
        acceptor_empty(w->acceptor);
    retire(w);
    clients_send_queue_away(w->clients);
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
    drain(arg);
}

static void on_retire(evutil_socket_t sig, short what, void *arg)
{
    retire(arg);
}

static void on_reopen(evutil_socket_t sig, short what, void *arg)
{
    (void)!log_reopen(); /* the master says what cannot be opened */
    (void)!access_log_reopen();
}

static void on_master_gone(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    event_del(w->life);
    log_warn("the master is gone, draining");
    drain(w);
}

/* ---- running ------------------------------------------------------------------------------- */

/* Warns of a table that cannot be used once, not at every refresh. */
static void warn_of_table(const struct worker *w, enum shm_table_error before)
{
    enum shm_table_error error = tableview_error(w->env.view);
    bool is_passing =
        error == SHM_TABLE_OK || error == SHM_TABLE_ABSENT || error == SHM_TABLE_NOT_READY;
    if (error != before && !is_passing)
        log_warn("table %s: %s; every pair counts as available", w->env.conf->tracker_shm,
                 shm_table_error_text(error));
}

static void refresh_view(struct worker *w)
{
    enum shm_table_error before = tableview_error(w->env.view);
    tableview_refresh(w->env.view);
    warn_of_table(w, before);
}

static bool is_stale(void *arg, uint32_t index)
{
    const struct worker *w = arg;
    return siblings_is_stale(w->in.pages, w->in.generation_at, index, clock_boot_ns());
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    uint64_t now_at = clock_boot_ns();
    crumb_leave(CRUMB_TICK);
    pages_counter_set(&w->env.slot->heartbeat_at, now_at);
    if (w->acceptor != NULL && w->in.pages != NULL)
        acceptor_stand_in(w->acceptor, is_stale, w);
    refresh_view(w);
    credit_send_late_quotas(w->env.credit, now_at);
    if (health_answers_are_due(&w->api.answers, now_at))
        health_answers_note(&w->api.answers, now_at, page_sums_all(w->in.pages));
    leave_when_empty(w);
}

static void on_queue(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    crumb_leave(CRUMB_QUEUE);
    queue_run(w->env.queue, exchange_may_go, &w->env);
}

static void on_tracker(void *arg)
{
    refresh_view(arg);
}

static void watch_signals(struct worker *w)
{
    static const struct {
        int sig;
        event_callback_fn fn;
    } rows[] = {{SIGTERM, on_stop}, {SIGQUIT, on_retire}, {SIGUSR1, on_reopen}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w->signals[i] = evsignal_new(w->base, rows[i].sig, rows[i].fn, w);
        event_add(w->signals[i], NULL);
    }
    /* A terminal's Ctrl-C reaches the whole group: the master decides when a worker stops. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static void init_env(struct worker *w)
{
    const struct inherit *in = &w->in;
    w->env.conf = in->conf;
    w->env.slot = in->pages != NULL ? pages_slot(in->pages, in->slot) : &w->own_slot;
    crumb_init(&w->env.slot->crumb);
    pages_counter_set(&w->env.slot->index, in->index);
    pages_counter_set(&w->env.slot->generation_at, in->generation_at);
    if (in->recent != NULL)
        w->recent = recent_writer(in->recent, in->slot);
    w->env.transfers = transfers_new(w->base);
    /* before the first request: what TLS to a provider needs takes a while to load */
    for (uint32_t i = 0; i < in->conf->n_providers; i++) {
        const struct conf_provider *provider = &in->conf->providers[i];
        transfers_prepare(w->env.transfers, provider->base_url, provider->http2, provider->ca_file);
    }
    w->env.view = tableview_new(in->conf);
    warn_of_table(w, SHM_TABLE_OK);
    w->env.claims =
        claims_new(in->conf, in->ledger, in->pages, ledger_owner(in->slot, in->incarnation));
    w->env.queue = queue_new(in->conf->n_chains, in->conf->queue_max_size);
    w->env.tracker_link =
        tracker_link_new(&(struct tracker_link_setup){.base = w->base,
                                                      .socket_path = in->conf->tracker_socket,
                                                      .slot = in->slot,
                                                      .incarnation = in->incarnation,
                                                      .is_quiet = in->index != 0,
                                                      .on_connected = on_tracker,
                                                      .arg = w});
    w->env.credit = credit_new(in->conf, in->pages, in->slot, w->env.view, w->env.tracker_link);
    w->env.recorder =
        recorder_new(&(struct recorder_setup){.conf = in->conf,
                                              .view = w->env.view,
                                              .pages = in->pages,
                                              .page = w->env.slot,
                                              .recent = in->recent != NULL ? &w->recent : NULL});
    pages_counter_set(&w->env.slot->active_streams, 0);
    pages_counter_set(&w->env.slot->connections, 0);
    for (uint32_t c = 0; c < PAGES_CHAINS_MAX; c++)
        pages_counter_set(&w->env.slot->queued[c], 0);
}

static void init(struct worker *w)
{
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    w->base = event_base_new_with_config(config);
    event_config_free(config);
    defer_init(w->base);
    watch_signals(w);
    init_env(w);
    w->api = (struct api){.env = &w->env,
                          .pages = w->in.pages,
                          .started_at = w->in.started_at,
                          .has_tracker = has_tracker,
                          .worker = w};
    w->clients = clients_new(&(struct clients_setup){.base = w->base,
                                                     .conf = w->in.conf,
                                                     .slot = w->env.slot,
                                                     .recorder = w->env.recorder,
                                                     .queued_low = EXCHANGE_QUEUED_LOW,
                                                     .endpoints = api_endpoints,
                                                     .endpoints_arg = &w->api});
    w->acceptor =
        acceptor_new(w->base, w->in.listeners, w->in.n_listeners, w->in.index, w->clients);
    w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
    event_add(w->tick, &(struct timeval){0, TICK_MS * 1000});
    if (w->in.conf->queue_mode) {
        w->queue_tick = event_new(w->base, -1, EV_PERSIST, on_queue, w);
        event_add(w->queue_tick, &(struct timeval){0, QUEUE_MS * 1000});
    }
    w->life = event_new(w->base, w->in.life_fd, EV_READ | EV_PERSIST, on_master_gone, w);
    event_add(w->life, NULL);
    w->drain_end = evtimer_new(w->base, on_drain_end, w);
    on_tick(-1, 0, w);
}

/* Takes the signals that came since the fork, and reports to the master that this worker serves. */
static void begin_serving(struct worker *w)
{
    struct inherit_ready word = {.slot = w->in.slot, .pid = getpid()};
    sigprocmask(SIG_SETMASK, w->in.signal_mask, NULL);
    if (write(w->in.ready_fd, &word, sizeof(word)) != (ssize_t)sizeof(word))
        log_warn("the master does not hear us: %s", strerror(errno));
    close(w->in.ready_fd);
}

static void deinit(struct worker *w)
{
    event_free(w->drain_end);
    event_free(w->life);
    event_free(w->tick);
    if (w->queue_tick != NULL)
        event_free(w->queue_tick);
    if (w->acceptor != NULL)
        acceptor_free(&w->acceptor);
    clients_free(&w->clients);
    defer_deinit();
    recorder_free(&w->env.recorder);
    credit_free(&w->env.credit);
    queue_free(&w->env.queue);
    claims_free(&w->env.claims);
    tracker_link_free(&w->env.tracker_link);
    tableview_free(&w->env.view);
    transfers_free(&w->env.transfers);
    for (size_t i = 0; i < sizeof(w->signals) / sizeof(w->signals[0]); i++)
        event_free(w->signals[i]);
    event_base_free(w->base);
}

int worker_run(const struct inherit *inherit)
{
    struct worker *w = xcalloc(1, sizeof(*w));
    w->in = *inherit;
    if (inherit->pages != NULL && !pages_restrict(inherit->pages, inherit->slot))
        log_warn("the other workers' pages stay writable: %s", strerror(errno));
    if (inherit->recent != NULL && !recent_restrict(inherit->recent, inherit->slot))
        log_warn("the other workers' requests stay writable: %s", strerror(errno));
    init(w);
    begin_serving(w);
    int failed = event_base_dispatch(w->base);
    deinit(w);
    free(w);
    access_log_close();
    return failed == 0 ? EX_OK : EX_SOFTWARE;
}
