/* SPDX-License-Identifier: MIT */
/* See status.h. */
#include "server/api/status.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/routing/pair_rows.h"
#include "common/shm/page_sums.h"
#include "common/terms/cause.h"
#include "config.h"
#include "server/api/health.h"

/* ---- small steps ----------------------------------------------------------------------------- */

static const struct shm_table *table_of(const struct status_view *view)
{
    return view->table != NULL ? tableview_table(view->table) : NULL;
}

static uint64_t ms_since(uint64_t at)
{
    uint64_t now_at = clock_boot_ns();
    return now_at > at ? (now_at - at) / CLOCK_NS_PER_MS : 0;
}

/* ---- weir as a whole ------------------------------------------------------------------------- */

static void add_health(json_object *o, const struct status_view *view, const struct pair_row *rows)
{
    const struct conf_chain *chain = &view->conf->chains[view->conf->default_chain];
    struct health_facts facts = {.has_tracker = view->has_tracker};
    health_note_answers(&facts, view->answers, clock_boot_ns(), page_sums_all(view->pages));
    for (uint32_t i = 0; i < chain->n_pairs; i++)
        health_note_pair(&facts, rows[chain->pairs[i]].cooldown_until_wall_ms);
    health_add_members(o, &facts);
}

static json_object *tracker_json(const struct status_view *view)
{
    const struct shm_table *table = table_of(view);
    struct shm_table_tracker seen =
        table != NULL ? shm_table_tracker(table) : (struct shm_table_tracker){0};
    json_object *o = json_object_new_object();
    json_out_text(o, "state", view->has_tracker ? "up" : "down");
    json_out_nonzero(o, "pid", (uint64_t)seen.pid);
    json_out_known(o, "uptimeMs", seen.pid != 0 && view->has_tracker,
                   (int64_t)ms_since(seen.started_at));
    json_out_known(o, "heartbeatAgeMs", seen.heartbeat_at != 0,
                   (int64_t)ms_since(seen.heartbeat_at));
    return o;
}

static void add_workers(json_object *o, const struct pages *pages)
{
    struct page_sums_workers sums = page_sums_workers(pages);
    json_object *workers = json_object_new_object();
    json_out_number(workers, "running", sums.workers);
    json_out_number(workers, "restarts", sums.restarts);
    json_object_object_add(o, "workers", workers);
    json_out_number(o, "activeStreams", sums.active_streams);
    json_out_number(o, "connections", sums.connections);
}

static json_object *first_token_json(const struct pages *pages)
{
    struct page_sums_histogram h;
    page_sums_histogram(pages, offsetof(struct pages_slot, ttft), &h);
    json_object *o = json_object_new_object(), *buckets = json_object_new_array();
    json_out_number(o, "count", h.count);
    json_out_ms(o, "meanMs", h.count > 0 ? (double)h.sum_us / (double)h.count : 0);
    json_out_ms(o, "p50Ms", page_sums_quantile_us(&h, 0.5));
    json_out_ms(o, "p95Ms", page_sums_quantile_us(&h, 0.95));
    for (unsigned b = 0; b < PAGES_HISTOGRAM_BUCKETS; b++)
        json_object_array_add(buckets, json_object_new_int64((int64_t)h.buckets[b]));
    json_object_object_add(o, "buckets", buckets);
    return o;
}

/* ---- chains ---------------------------------------------------------------------------------- */

/* {"200": N, ..., "other": N}: of the chains first..last of the pages' directory. */
static json_object *requests_json(const struct pages *pages, uint32_t first, uint32_t last)
{
    json_object *o = json_object_new_object();
    for (unsigned code = 0; code < PAGES_CODES; code++) {
        char status[16] = "other";
        uint64_t sum = 0;
        for (uint32_t chain = first; chain <= last; chain++)
            sum += page_sums_requests(pages, chain, code);
        if (pages_code_status(code) != 0)
            snprintf(status, sizeof(status), "%d", pages_code_status(code));
        if (sum > 0)
            json_out_number(o, status, sum);
    }
    return o;
}

/* The same by what the client got. */
static json_object *answers_json(const struct pages *pages, uint32_t first, uint32_t last)
{
    json_object *o = json_object_new_object();
    for (unsigned answer = 0; answer < PAGES_ANSWERS; answer++) {
        uint64_t sum = 0;
        for (uint32_t chain = first; chain <= last; chain++)
            sum += page_sums_answers(pages, chain, answer);
        json_out_number(o, pages_answer_word(answer), sum);
    }
    return o;
}

static json_object *chain_json(const struct status_view *view, uint32_t index, uint64_t *queued)
{
    const struct conf_chain *chain = &view->conf->chains[index];
    const struct pages *pages = view->pages;
    uint32_t place = pages != NULL ? pages_chain_find(pages, chain->name) : 0;
    uint64_t waiting = page_sums_queued(pages, chain->name);
    json_object *o = json_object_new_object(), *entries = json_object_new_array();
    json_out_text(o, "name", chain->name);
    json_out_bool(o, "isDefault", index == view->conf->default_chain);
    json_out_text(o, "delivery", delivery_word(chain->delivery));
    json_out_number(o, "queued", waiting);
    json_object_object_add(o, "requests", requests_json(pages, place, place));
    json_object_object_add(o, "answers", answers_json(pages, place, place));
    for (uint32_t i = 0; i < chain->n_pairs; i++)
        json_object_array_add(entries, json_object_new_int64(chain->pairs[i]));
    json_object_object_add(o, "entries", entries);
    *queued += waiting;
    return o;
}

static void add_chains(json_object *o, const struct status_view *view)
{
    json_object *chains = json_object_new_array();
    uint64_t queued = 0;
    for (uint32_t i = 0; i < view->conf->n_chains; i++)
        json_object_array_add(chains, chain_json(view, i, &queued));
    json_out_number(o, "queued", queued);
    json_object_object_add(o, "requests", requests_json(view->pages, 0, PAGES_CHAINS_MAX - 1));
    json_object_object_add(o, "answers", answers_json(view->pages, 0, PAGES_CHAINS_MAX - 1));
    json_object_object_add(o, "chains", chains);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static json_object *last_cooldown_json(const struct pair_cooldown *last)
{
    if (last->incident == 0)
        return NULL;
    json_object *o = json_object_new_object();
    json_out_number(o, "number", last->incident);
    json_out_text(o, "cause", cooldown_cause_word((enum cooldown_cause)last->cause));
    json_out_text(o, "reason", last->reason);
    json_out_number(o, "beganAt", last->began_wall_ms);
    json_out_nonzero(o, "endsAt", last->until_wall_ms);
    return o;
}

/* The outcome for a request that came to the pair now; NULL: it may try it. */
static json_object *passed_by_json(const struct status_view *view, uint32_t index)
{
    if (view->table == NULL || view->claims == NULL)
        return NULL;
    struct claims_look look = claims_look(view->claims, view->table, index, clock_boot_ns());
    return look.outcome != OUTCOME_NONE ? json_object_new_string(outcome_info(look.outcome)->word)
                                        : NULL;
}

static json_object *pair_json(const struct status_view *view, uint32_t index,
                              const struct pair_row *row)
{
    struct page_sums_pair sum;
    json_object *o = pair_row_json(row), *attempts = json_object_new_object();
    page_sums_pair(view->pages, view->conf->pairs[index].key_hash, &sum);
    for (unsigned outcome = 1; outcome < OUTCOME_COUNT; outcome++)
        if (sum.outcomes[outcome] > 0)
            json_out_number(attempts, outcome_info((enum outcome)outcome)->word,
                            sum.outcomes[outcome]);
    json_object_object_add(o, "passedBy", passed_by_json(view, index));
    json_object_object_add(o, "attempts", attempts);
    json_out_number(o, "midStreamFailuresTotal", sum.mid_failures);
    json_object_object_add(o, "lastCooldown", last_cooldown_json(&row->last));
    return o;
}

json_object *status_json(const struct status_view *view)
{
    const struct conf *conf = view->conf;
    struct pair_row *rows = xcalloc(conf->n_pairs, sizeof(*rows));
    json_object *o = json_object_new_object(), *pairs = json_object_new_array();
    pair_rows_read(conf, table_of(view), view->pages, rows);
    add_health(o, view, rows);
    json_out_text(o, "version", PACKAGE_VERSION);
    json_out_number(o, "time", clock_wall_ms());
    json_out_number(o, "uptimeMs", ms_since(view->started_at));
    add_workers(o, view->pages);
    json_object_object_add(o, "tracker", tracker_json(view));
    json_object_object_add(o, "timeToFirstToken", first_token_json(view->pages));
    json_out_number(o, "midStreamFailureThreshold", conf->mid_stream_failure_threshold);
    json_out_number(o, "recoveryConcurrency", conf->recovery_concurrency);
    add_chains(o, view);
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        json_object_array_add(pairs, pair_json(view, i, &rows[i]));
    json_object_object_add(o, "pairs", pairs);
    free(rows);
    return o;
}
