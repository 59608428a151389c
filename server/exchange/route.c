/* SPDX-License-Identifier: MIT */
/* See route.h. */
#include "server/exchange/route.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "server/exchange/gate.h"
#include "server/exchange/queueing.h"
#include "server/loop/crumb.h"

/* One byte longer than any chain's or pair's name, so that a name that is cut matches none. */
#define ROUTE_NAME_BYTES (CONF_PROVIDER_ID_MAX + 1 + CONF_MODEL_MAX + 2)

enum exchange_step exchange_step_read(struct exchange *x)
{
    char why[160];
    const struct dialect_operation *operation = x->order.operation;
    if (!operation->dialect->read_request(operation->kind, x->order.body, x->order.body_len,
                                          &x->asked, why, sizeof(why)))
        return exchange_refuse(x, OWN_ERROR_INVALID_REQUEST, why);
    exchange_set_state(x, EX_ROUTE);
    return EXCHANGE_GO_ON;
}

/* The entry first, the others behind it as they stand in the chain. */
static void begin_with(struct exchange *x, uint32_t entry)
{
    const struct conf_chain *chain = x->chain;
    if (entry == 0)
        return;
    x->own_order = xcalloc(chain->n_pairs, sizeof(*x->own_order));
    x->own_order[0] = chain->pairs[entry];
    memcpy(x->own_order + 1, chain->pairs, entry * sizeof(*x->own_order));
    memcpy(x->own_order + 1 + entry, chain->pairs + entry + 1,
           (chain->n_pairs - entry - 1) * sizeof(*x->own_order));
    x->walked.pairs = x->own_order;
}

/* False: the model is the name of nothing, and must not be. */
static bool find_chain(struct exchange *x, const char *name, size_t len)
{
    const struct conf *conf = x->env.conf;
    const struct conf_model *model = NULL;
    int chain = conf_find_chain(conf, name, len);
    if (chain < 0 && conf->model_names == CONF_MODEL_NAMES_PREFER)
        model = conf_find_model(conf, name, len);
    if (model != NULL)
        chain = (int)model->chain;
    else if (chain < 0 && len > 0 && conf->unknown_model == CONF_UNKNOWN_MODEL_REJECT)
        return false;
    x->chain = &conf->chains[chain >= 0 ? (uint32_t)chain : conf->default_chain];
    x->walked = *x->chain;
    if (model != NULL)
        begin_with(x, model->entry);
    return true;
}

/* False: the model is not the name of a pair. */
static bool find_probed(struct exchange *x, const char *name)
{
    const struct conf *conf = x->env.conf;
    int pair = conf_find_pair_by_name(conf, name);
    if (pair < 0)
        return false;
    x->probed_pair = (uint32_t)pair;
    x->walked =
        (struct conf_chain){.pairs = &x->probed_pair, .n_pairs = 1, .delivery = conf->delivery};
    x->chain = &x->walked;
    return true;
}

enum exchange_step exchange_step_route(struct exchange *x)
{
    const struct conf *conf = x->env.conf;
    char name[ROUTE_NAME_BYTES] = "";
    size_t len = x->asked.has_model ? jsonscan_unescape(x->asked.model, name, sizeof(name)) : 0;
    if (x->order.is_probe && !find_probed(x, name))
        return exchange_refuse(x, OWN_ERROR_INVALID_REQUEST,
                               "X-Weir-Probe: model must be the PROVIDER/MODEL of a pair.");
    if (!x->order.is_probe && !find_chain(x, name, len))
        return exchange_refuse(x, OWN_ERROR_MODEL_NOT_FOUND,
                               "No chain and no model of a chain has the name that is asked for.");
    x->delivery = x->order.delivery >= 0 ? (enum delivery)x->order.delivery : x->chain->delivery;
    if (conf->deadline_ms != 0)
        x->deadline_at = x->order.received_at + conf->deadline_ms * CLOCK_NS_PER_MS;
    if (x->asked.is_stream && conf->stream_heartbeat_ms != 0) {
        x->silent_since_at = clock_boot_ns();
        x->heartbeat_at = x->silent_since_at + conf->stream_heartbeat_ms * CLOCK_NS_PER_MS;
    }
    x->is_counted = x->asked.is_stream;
    if (x->is_counted)
        pages_counter_add(&x->env.slot->active_streams, 1);
    exchange_set_state(x, EX_CHOOSE);
    return EXCHANGE_GO_ON;
}

static enum outcome verdict(void *arg, uint32_t pair, uint64_t *rest_ms)
{
    struct exchange *x = arg;
    struct claims_used_up used_up;
    uint64_t now_at = clock_boot_ns();
    enum outcome outcome = tableview_verdict(x->env.view, pair, now_at, &x->seen, rest_ms);
    if (outcome != OUTCOME_NONE)
        return outcome;
    outcome = claims_take(x->env.claims, pair, &x->seen, now_at, &x->claim, &used_up);
    if (outcome == OUTCOME_IN_RECOVERY && exchange_is_past_gate(x)) {
        struct pair_seen without_gate = x->seen;
        without_gate.recovery_concurrency = 0;
        outcome = claims_take(x->env.claims, pair, &without_gate, now_at, &x->claim, &used_up);
    }
    *rest_ms = credit_used_up(x->env.credit, pair, &x->seen, &used_up, now_at);
    return outcome;
}

/* Neither cooldown nor limit keeps a probe from its pair. Apart from that it counts like any
 * request.
 */
static enum outcome verdict_of_probe(void *arg, uint32_t pair, uint64_t *rest_ms)
{
    struct exchange *x = arg;
    struct claims_used_up used_up;
    uint64_t now_at = clock_boot_ns();
    tableview_verdict(x->env.view, pair, now_at, &x->seen, rest_ms);
    claims_take_anyway(x->env.claims, pair, &x->seen, now_at, &x->claim, &used_up);
    credit_used_up(x->env.credit, pair, &x->seen, &used_up, now_at);
    return OUTCOME_NONE;
}

/* -1: none is left. */
static int next_entry(struct exchange *x)
{
    uint64_t since_at = x->gate_since_at;
    if (since_at == 0)
        return trail_next_entry(&x->trail, &x->walked, x->current_entry,
                                x->order.is_probe ? verdict_of_probe : verdict, x);
    int entry =
        trail_next_at_gate(&x->trail, &x->walked, x->current_entry, x->retries > 0, verdict, x);
    struct trail_step *last = entry >= 0 ? trail_last(&x->trail, x->walked.pairs[entry]) : NULL;
    if (last != NULL && last->outcome == OUTCOME_IN_RECOVERY)
        last->elapsed_ms = (clock_boot_ns() - since_at) / CLOCK_NS_PER_MS;
    return entry;
}

static void start_attempt(struct exchange *x, uint32_t pair)
{
    struct attempt_spec spec = {
        .conf = x->env.conf,
        .transfers = x->env.transfers,
        .pair = pair,
        .operation = x->order.operation,
        .query = x->order.query,
        .request_id = x->request_id,
        .request = &x->asked,
        .may_ask_usage = credit_may_ask_usage(x->env.credit, pair),
        .shows_usage = x->order.is_probe,
        .body = x->order.body,
        .body_len = x->order.body_len,
    };
    crumb_leave(CRUMB_ATTEMPT);
    credit_started(x->env.credit, pair);
    if (x->trail.n == 0)
        x->own_ns = clock_boot_ns() - x->begun_at;
    x->attempt = attempt_start(&spec, x->attempt_events, x);
}

enum exchange_step exchange_end_by_deadline(struct exchange *x)
{
    buf_printf(&x->message,
               "No content within deadlineMs (%" PRIu32 " ms): ", x->env.conf->deadline_ms);
    trail_describe(&x->trail, x->env.conf, &x->message);
    x->refusal = OWN_ERROR_DEADLINE;
    return exchange_end_with(x, ENDING_REFUSED);
}

enum exchange_step exchange_step_choose(struct exchange *x)
{
    crumb_leave(CRUMB_ROUTE);
    if (exchange_is_past_deadline(x))
        return exchange_end_by_deadline(x);
    if (exchange_is_behind_queue(x))
        return exchange_enqueue(x, false);
    int entry = next_entry(x);
    if (entry < 0)
        return exchange_chain_ended(x);
    if ((uint32_t)entry != x->current_entry)
        x->retries = 0;
    x->current_entry = (uint32_t)entry;
    if (x->n_entries < x->current_entry + 1)
        x->n_entries = x->current_entry + 1;
    start_attempt(x, x->walked.pairs[entry]);
    exchange_set_state(x, EX_ATTEMPT);
    return EXCHANGE_WAIT;
}

/* The pair may be in cooldown for another reason by the time the wait is over: then it is passed
 * by. */
enum exchange_step exchange_step_retry(struct exchange *x)
{
    if (clock_boot_ns() < x->retry_at)
        return EXCHANGE_WAIT;
    x->retry_at = 0;
    exchange_set_state(x, EX_CHOOSE);
    return EXCHANGE_GO_ON;
}
