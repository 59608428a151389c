/* SPDX-License-Identifier: MIT */
/* See replay.h. */
#include "tests/replay/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/shm/ledger.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "common/terms/pair_key.h"
#include "server/exchange/exchange.h"
#include "server/loop/defer.h"
#include "server/record/credit.h"

#define BEGIN_AT      UINT64_C(1000000000000)
#define BEGIN_WALL_MS UINT64_C(1700000000000)
#define EVENTS_MAX    64
#define DEFERRED_MAX  64
#define QUEUE_LOOK_MS 20
#define OUR_SLOT      0
#define OTHER_SLOT    1
#define RECENT_MAX    8

struct transfer {
    const struct transfer_events *events;
    void *arg;
    uint32_t pair;
    char *body;
};

static struct {
    struct conf *conf;
    struct credit *credit;
    struct recorder *recorder;
    struct pages_slot slot;
    struct queue *queue;
    struct claims *claims;
    struct recent_writer recent;
    struct exchange_env env;
    struct exchange *exchange;
    uint64_t timer_at;
    bool explains, probes;
    /* transfers */
    struct transfer *transfer;
    struct buf sent_body;
    unsigned transfers, aborts;
    bool is_paused;
    /* client */
    int status;
    struct buf headers, body;
    unsigned writes;
    bool is_over;
    bool has_unflushed; /* output that neither flush nor end has let go */
    size_t queued;
    /* table */
    uint64_t cooldown_began_at[REPLAY_PAIRS], cooldown_until_at[REPLAY_PAIRS];
    bool wants_reset[REPLAY_PAIRS];
    /* gates; NULL until a pair recovers */
    struct ledger *ledger;
    struct pages *pages;
    bool recovers[REPLAY_PAIRS];
    int32_t others[REPLAY_PAIRS];
    struct evwire_event events[EVENTS_MAX];
    unsigned n_events;
    bool acks_are_held;
    struct tracker_link_waiter *waiter;
    /* turn */
    struct {
        void (*fn)(void *ptr);
        void *ptr;
    } deferred[DEFERRED_MAX];
    size_t n_deferred;
    void (*slice)(void *ptr); /* NULL = none is due */
    void *slice_ptr;
} r;

/* ---- stand-ins ----------------------------------------------------------------------------- */

void defer_call(void (*fn)(void *ptr), void *ptr)
{
    ck_assert(r.n_deferred < DEFERRED_MAX);
    r.deferred[r.n_deferred].fn = fn;
    r.deferred[r.n_deferred++].ptr = ptr;
}

void defer_slice(void (*fn)(void *ptr), void *ptr)
{
    ck_assert_ptr_null(r.slice); /* there is one attempt at a time */
    r.slice = fn;
    r.slice_ptr = ptr;
}

void defer_cancel_slice(void *ptr)
{
    r.slice = NULL;
}

static void end_turn(void)
{
    ck_assert(!r.has_unflushed);
    for (size_t i = 0; i < r.n_deferred; i++)
        r.deferred[i].fn(r.deferred[i].ptr);
    r.n_deferred = 0;
}

struct transfer *transfer_start(struct transfers *ts, struct transfer_request *request,
                                const struct transfer_events *events, void *arg)
{
    struct transfer *t = xcalloc(1, sizeof(*t));
    ck_assert_ptr_null(r.transfer); /* one attempt at a time */
    t->events = events;
    t->arg = arg;
    t->pair = (uint32_t)(request->url[strlen("http://")] - 'a');
    buf_clear(&r.sent_body);
    for (size_t i = 0; i < request->n_body; i++)
        buf_put(&r.sent_body, request->body[i].iov_base, request->body[i].iov_len);
    r.transfer = t;
    r.transfers++;
    r.is_paused = false;
    return t;
}

static void forget(struct transfer *t)
{
    if (r.transfer == t)
        r.transfer = NULL;
    free(t);
}

bool transfer_needs_body(const struct transfer *t)
{
    return false;
}

void transfer_abort(struct transfer *t)
{
    r.aborts++;
    forget(t);
}

void transfer_finish(struct transfer *t)
{
    forget(t);
}

void transfer_pause(struct transfer *t, bool paused)
{
    r.is_paused = paused;
}

const char *transfer_header(const void *headers, const char *name)
{
    static char values[4][256]; /* a real one lives as long as the headers */
    static unsigned next;
    char *value = values[next++ % 4];
    size_t len = strlen(name);
    for (const char *line = headers; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, name, len) != 0 || strncmp(line + len, ": ", 2) != 0)
            continue;
        snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(line + len + 2, "\n"),
                 line + len + 2);
        return value;
    }
    return NULL;
}

enum outcome tableview_verdict(struct tableview *view, uint32_t pair, uint64_t now_at,
                               struct pair_seen *seen, uint64_t *rest_ms)
{
    *seen = (struct pair_seen){
        .row = pair, .incident = 7, .is_recovering = r.recovers[pair], .recovery_concurrency = 1};
    if (r.cooldown_until_at[pair] <= now_at)
        return OUTCOME_NONE;
    *rest_ms = (r.cooldown_until_at[pair] - now_at) / CLOCK_NS_PER_MS;
    return OUTCOME_IN_COOLDOWN;
}

uint64_t tableview_rest_since(struct tableview *view, uint32_t pair, uint64_t since_at)
{
    uint64_t began_at = r.cooldown_began_at[pair];
    return began_at >= since_at ? (r.cooldown_until_at[pair] - began_at) / CLOCK_NS_PER_MS : 0;
}

bool tableview_wants_reset(struct tableview *view, uint32_t pair)
{
    return r.wants_reset[pair];
}

uint64_t tracker_link_post(struct tracker_link *tracker_link, const struct evwire_event *event)
{
    ck_assert(r.n_events < EVENTS_MAX);
    r.events[r.n_events] = *event;
    return ++r.n_events;
}

/* wants_reset says it for the table and for what is on its way there. */
bool tracker_link_has_failure(const struct tracker_link *tracker_link, uint64_t key_hash)
{
    return false;
}

bool tracker_link_wait(struct tracker_link *tracker_link, struct tracker_link_waiter *waiter)
{
    if (!r.acks_are_held)
        return false;
    r.waiter = waiter;
    return true;
}

void tracker_link_unwait(struct tracker_link *tracker_link, struct tracker_link_waiter *waiter)
{
    if (r.waiter == waiter)
        r.waiter = NULL;
}

/* ---- the client ---------------------------------------------------------------------------- */

static void client_head(void *client, int status, const char *headers, size_t len, int64_t length)
{
    ck_assert_int_eq(r.status, 0); /* one head */
    r.status = status;
    buf_put(&r.headers, headers, len);
}

static void client_body(void *client, const struct iovec *pieces, int n)
{
    ck_assert_int_ne(r.status, 0);
    ck_assert(!r.is_over);
    for (int i = 0; i < n; i++)
        buf_put(&r.body, pieces[i].iov_base, pieces[i].iov_len);
    r.has_unflushed = true;
}

static void client_flush(void *client)
{
    r.writes += r.has_unflushed;
    r.has_unflushed = false;
}

static void client_end(void *client)
{
    ck_assert(!r.is_over);
    client_flush(client);
    r.is_over = true;
    r.exchange = NULL;
}

static size_t client_queued(void *client)
{
    return r.queued;
}

static void client_timer(void *client, uint64_t due_at)
{
    r.timer_at = due_at;
}

static const struct downstream client_ops = {client_head, client_body,   client_flush,
                                             client_end,  client_queued, client_timer};

/* ---- the world ----------------------------------------------------------------------------- */

static struct conf *make_conf(void)
{
    struct conf *conf = xcalloc(1, sizeof(*conf));
    conf->request_timeout_ms = 30000;
    conf->stream_idle_timeout_ms = 20000;
    conf->first_token_timeout_ms = 40000;
    conf->stream_end_grace_ms = 2000;
    conf->answer_timeout_ms = 30000;
    conf->answer_idle_timeout_ms = 20000;
    conf->max_event_bytes = conf->max_answer_bytes = 8 << 20;
    conf->stream_heartbeat_ms = 15000;
    conf->cooldown_default_ms = 60000;
    conf->max_rest_ms = 21600000;
    conf->max_held_bytes = 1 << 20;
    conf->queue_max_size = REPLAY_QUEUE_MAX;
    conf->n_providers = conf->n_pairs = REPLAY_PAIRS;
    conf->providers = xcalloc(REPLAY_PAIRS, sizeof(*conf->providers));
    conf->pairs = xcalloc(REPLAY_PAIRS, sizeof(*conf->pairs));
    conf->n_chains = 1;
    conf->chains = xcalloc(1, sizeof(*conf->chains));
    conf->chains[0].name = xstrdup("main");
    conf->chains[0].name_hash = chain_name_hash("main");
    conf->chains[0].n_pairs = REPLAY_PAIRS;
    conf->chains[0].pairs = xcalloc(REPLAY_PAIRS, sizeof(uint32_t));
    conf->models = xcalloc(REPLAY_PAIRS, sizeof(*conf->models));
    for (uint32_t i = 0; i < REPLAY_PAIRS; i++) {
        struct conf_provider *p = &conf->providers[i];
        p->id = xasprintf("%c", 'a' + (int)i);
        p->name = xstrdup(p->id);
        p->api_key = xasprintf("key-of-provider-%s", p->id);
        p->base_url = xasprintf("http://%s/v1", p->id);
        p->type = PROVIDER_GENERIC_OPENAI;
        p->stream_usage = true;
        conf->pairs[i] = (struct conf_pair){.provider = p,
                                            .model = xasprintf("m%u", i),
                                            .model_json = xasprintf("\"m%u\"", i),
                                            .key_hash = i + 1};
        conf->chains[0].pairs[i] = i;
        conf->models[conf->n_models++] = (struct conf_model){.chain = 0, .entry = i};
        conf_index_put(&conf->models_index, conf->pairs[i].model, strlen(conf->pairs[i].model), i);
    }
    return conf;
}

static void free_conf(struct conf *conf)
{
    for (uint32_t i = 0; i < REPLAY_PAIRS; i++) {
        struct conf_provider *p = &conf->providers[i];
        free(p->id);
        free(p->name);
        free(p->api_key);
        free(p->base_url);
        free((char *)conf->pairs[i].model);
        free((char *)conf->pairs[i].model_json);
    }
    free(conf->models);
    conf_index_free(&conf->models_index);
    free(conf->chains[0].name);
    free(conf->chains[0].pairs);
    free(conf->chains);
    free(conf->providers);
    free(conf->pairs);
    free(conf);
}

void replay_begin(void)
{
    memset(&r, 0, sizeof(r));
    log_set_level(LOGLV_ERROR + 1);
    clock_fake_set(BEGIN_AT, BEGIN_WALL_MS);
    r.conf = make_conf();
    r.credit = credit_new(r.conf, NULL, 0, NULL, NULL);
    r.claims = claims_new(r.conf, NULL, NULL, 0);
    r.queue = queue_new(1, REPLAY_QUEUE_MAX);
    r.recent = recent_writer_on(
        xcalloc(1, sizeof(struct recent_ring) + RECENT_MAX * sizeof(struct recent_record)),
        RECENT_MAX);
    r.recorder = recorder_new(
        &(struct recorder_setup){.conf = r.conf, .page = &r.slot, .recent = &r.recent});
    r.env = (struct exchange_env){.conf = r.conf,
                                  .credit = r.credit,
                                  .slot = &r.slot,
                                  .recorder = r.recorder,
                                  .queue = r.queue,
                                  .claims = r.claims};
}

void replay_end(void)
{
    if (r.exchange != NULL)
        replay_client_leaves();
    ck_assert_ptr_null(r.transfer);
    ck_assert_ptr_null(r.slice);
    ck_assert_uint_eq(pages_counter_get(&r.slot.active_streams), 0);
    queue_free(&r.queue);
    claims_free(&r.claims);
    if (r.ledger != NULL) {
        ledger_close(&r.ledger);
        pages_close(&r.pages);
    }
    recorder_free(&r.recorder);
    credit_free(&r.credit);
    free(r.recent.ring);
    free_conf(r.conf);
    buf_free(&r.headers);
    buf_free(&r.body);
    buf_free(&r.sent_body);
    clock_fake_set(0, 0);
}

struct conf *replay_conf(void)
{
    return r.conf;
}

static void forget_answer(void)
{
    r.is_over = false;
    r.status = 0;
    buf_clear(&r.headers);
    buf_clear(&r.body);
}

void replay_chat(const char *body)
{
    ck_assert_ptr_null(r.exchange); /* one at a time */
    forget_answer();
    struct exchange_order order = {
        .operation = &dialect_chat_completions,
        .request_id = "req-1",
        .body = xstrdup(body),
        .body_len = strlen(body),
        .received_at = clock_boot_ns(),
        .delivery = -1,
        .explain = r.explains,
        .is_probe = r.probes,
    };
    r.exchange = exchange_new(&r.env, &order, &client_ops, NULL);
    exchange_begin(r.exchange);
    end_turn();
}

void replay_explain(void)
{
    r.explains = true;
}

void replay_probe(void)
{
    r.probes = true;
}

void replay_chat_stream(void)
{
    replay_chat("{\"model\":\"main\",\"messages\":[],\"stream\":true}");
}

void replay_chat_plain(void)
{
    replay_chat("{\"model\":\"main\",\"messages\":[]}");
}

/* The next instant at which something may happen: the exchange's timer, or a look at the queue. */
static uint64_t next_instant(void)
{
    uint64_t at = r.exchange != NULL && r.timer_at != 0 ? r.timer_at : UINT64_MAX;
    uint64_t look_at = clock_boot_ns() + QUEUE_LOOK_MS * CLOCK_NS_PER_MS;
    return !queue_is_empty(r.queue) && look_at < at ? look_at : at;
}

static void advance_to(uint64_t at)
{
    uint64_t now_at = clock_boot_ns();
    if (at > now_at)
        clock_fake_advance_ms((at - now_at + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
}

void replay_pass_ms(uint64_t ms)
{
    uint64_t until_at = clock_boot_ns() + ms * CLOCK_NS_PER_MS;
    for (uint64_t at = next_instant(); at <= until_at; at = next_instant()) {
        advance_to(at);
        queue_run(r.queue, exchange_may_go, &r.env);
        if (r.exchange != NULL && r.timer_at != 0 && r.timer_at <= clock_boot_ns()) {
            r.timer_at = 0;
            exchange_on_timer(r.exchange);
        }
        end_turn();
    }
    advance_to(until_at);
}

static void ignore(void *arg)
{
}

void replay_queue_others(unsigned count)
{
    static struct queue_waiter others[REPLAY_QUEUE_MAX];
    memset(others, 0, sizeof(others));
    for (unsigned i = 0; i < count; i++) {
        others[i].wake = ignore;
        ck_assert(queue_join(r.queue, &others[i], false));
    }
}

void replay_drain(void)
{
    exchange_leave_queue(r.exchange);
    end_turn();
}

void replay_tick(void)
{
    credit_send_late_quotas(r.credit, clock_boot_ns());
}

/* ---- the provider -------------------------------------------------------------------------- */

bool replay_is_sending(void)
{
    return r.transfer != NULL;
}

uint32_t replay_pair(void)
{
    ck_assert_ptr_nonnull(r.transfer);
    return r.transfer->pair;
}

const char *replay_sent_body(void)
{
    return buf_cstr(&r.sent_body);
}

void replay_head(int status, const char *headers)
{
    ck_assert_ptr_nonnull(r.transfer);
    r.transfer->events->head(r.transfer->arg, status, (const struct transfer_headers *)headers);
    end_turn();
}

void replay_data(const char *text)
{
    replay_bytes(text, strlen(text));
}

void replay_bytes(const void *data, size_t len)
{
    ck_assert_ptr_nonnull(r.transfer);
    r.transfer->events->data(r.transfer->arg, data, len);
    if (r.transfer != NULL)
        r.transfer->events->fed(r.transfer->arg);
    end_turn();
}

bool replay_slice(void)
{
    void (*slice)(void *ptr) = r.slice;
    r.slice = NULL;
    if (slice != NULL)
        slice(r.slice_ptr);
    end_turn();
    return slice != NULL;
}

void replay_done(enum transfer_end end)
{
    struct transfer *t = r.transfer;
    ck_assert_ptr_nonnull(t);
    r.transfer = NULL;
    t->events->done(t->arg, end, "detail of the transfer");
    free(t);
    end_turn();
}

unsigned replay_transfers(void)
{
    return r.transfers;
}

unsigned replay_aborts(void)
{
    return r.aborts;
}

bool replay_is_paused(void)
{
    return r.is_paused;
}

/* ---- looking ------------------------------------------------------------------------------- */

int replay_status(void)
{
    return r.status;
}

const char *replay_headers(void)
{
    return buf_cstr(&r.headers);
}

const char *replay_body(void)
{
    return buf_cstr(&r.body);
}

unsigned replay_writes(void)
{
    return r.writes;
}

struct recent_request replay_remembered(void)
{
    struct recent_request request;
    uint32_t last = (r.recent.at + RECENT_MAX - 1) % RECENT_MAX;
    ck_assert(recent_get(&r.recent.ring->records[last], &request));
    return request;
}

bool replay_is_over(void)
{
    return r.is_over;
}

void replay_client_leaves(void)
{
    struct exchange *x = r.exchange;
    r.exchange = NULL;
    exchange_client_left(x);
    end_turn();
}

void replay_client_queues(size_t bytes)
{
    r.queued = bytes;
}

void replay_client_reads(void)
{
    r.queued = 0;
    exchange_client_drained(r.exchange);
    end_turn();
}

void replay_cooldown_ms(uint32_t pair, uint64_t ms)
{
    r.cooldown_began_at[pair] = clock_boot_ns();
    r.cooldown_until_at[pair] = clock_boot_ns() + ms * CLOCK_NS_PER_MS;
}

void replay_wants_reset(uint32_t pair)
{
    r.wants_reset[pair] = true;
}

void replay_hold_acks(void)
{
    r.acks_are_held = true;
}

static void open_gates(void)
{
    char name[64];
    if (r.ledger != NULL)
        return;
    snprintf(name, sizeof(name), "/weir-replay-%d", (int)getpid());
    r.pages = pages_create(name, 2, REPLAY_PAIRS, -1);
    ck_assert_ptr_nonnull(r.pages);
    r.ledger = ledger_create(name, REPLAY_PAIRS, -1);
    ck_assert_ptr_nonnull(r.ledger);
    /* nothing is left behind when a case fails */
    ledger_unlink(r.ledger);
    pages_unlink(r.pages);
    for (uint32_t i = 0; i < REPLAY_PAIRS; i++) {
        const struct conf_pair *pair = &r.conf->pairs[i];
        r.conf->pairs[i].key_hash = pair_key_hash(pair->provider->id, pair->model);
        pages_pair_add(r.pages, pair->provider->id, pair->model);
    }
    claims_free(&r.claims);
    r.claims = claims_new(r.conf, r.ledger, r.pages, ledger_owner(OUR_SLOT, 1));
    r.env.claims = r.claims;
}

void replay_recovering(uint32_t pair, bool recovers)
{
    open_gates();
    r.recovers[pair] = recovers;
}

void replay_other_tries(uint32_t pair)
{
    r.others[pair] =
        ledger_claim(r.ledger, (int)pair, LEDGER_RECOVERY, 1, ledger_owner(OTHER_SLOT, 1));
    ck_assert_int_ne(r.others[pair], LEDGER_REFUSED);
}

void replay_other_has_content(uint32_t pair)
{
    ledger_release(r.ledger, r.others[pair], ledger_owner(OTHER_SLOT, 1));
}

void replay_other_stops(void)
{
    pages_counter_set(&pages_slot(r.pages, OTHER_SLOT)->heartbeat_at, clock_boot_ns());
}

unsigned replay_at_gate(uint32_t pair)
{
    return ledger_in_use(r.ledger, (int)pair, LEDGER_RECOVERY);
}

unsigned replay_events(enum ev_kind kind, uint32_t pair)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r.n_events; i++)
        count += r.events[i].kind == kind && r.events[i].key_hash == pair + 1;
    return count;
}

unsigned replay_all_events(void)
{
    return r.n_events;
}

const struct evwire_event *replay_last_event(void)
{
    ck_assert_uint_gt(r.n_events, 0);
    return &r.events[r.n_events - 1];
}
