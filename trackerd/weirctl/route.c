/* SPDX-License-Identifier: MIT */
/* See route.h. */
#include "trackerd/weirctl/route.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/nearest.h"
#include "common/routing/claims.h"
#include "common/routing/pair_rows.h"
#include "common/routing/trail.h"
#include "common/shm/ledger.h"
#include "common/shm/page_sums.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "common/terms/cause.h"
#include "trackerd/weirctl/print.h"
#include "trackerd/weirctl/tracker.h"

/* What routing looks at. pages and ledger may be NULL; nothing is limited then. */
struct sources {
    const struct conf *conf;
    struct tableview *view;
    struct pages *pages;
    struct ledger *ledger;
    struct claims *claims;
    int32_t weir_pid; /* 0 = no weir runs */
};

struct entry {
    struct claims_look look;
    struct pair_row row;
};

struct route {
    const struct conf_chain *chain;
    struct entry *entries;
    uint32_t n;           /* how many were looked at */
    int taken;            /* index of the entry a request takes; -1 = none is usable */
    int gate;             /* of the first that is passed by for its gate only; -1 = none */
    uint64_t soonest_ms;  /* until the first resting pair comes back; 0 = unknown */
    uint64_t n_queued;    /* requests that already wait */
    struct sources *from; /* for the verdicts */
};

/* ---- looking --------------------------------------------------------------------------------- */

/* The ledger is read only while weir runs: claims that a dead weir left behind count for nothing.
 */
static void open_sources(struct sources *s, const struct conf *conf)
{
    *s = (struct sources){.conf = conf, .view = tableview_new(conf)};
    s->pages = pages_open_reader(conf->tracker_shm);
    s->weir_pid = s->pages != NULL ? pages_live_master(s->pages) : 0;
    if (s->weir_pid != 0)
        s->ledger = ledger_open_reader(conf->tracker_shm);
    s->claims = claims_new(conf, s->ledger, s->pages, 0);
}

static void close_sources(struct sources *s)
{
    claims_free(&s->claims);
    ledger_close(&s->ledger);
    pages_close(&s->pages);
    tableview_free(&s->view);
}

static enum outcome verdict(void *arg, uint32_t pair, uint64_t *rest_ms)
{
    struct route *route = arg;
    const struct sources *s = route->from;
    struct entry *entry = &route->entries[route->n++];
    entry->look = claims_look(s->claims, s->view, pair, clock_boot_ns());
    pair_row_read(s->conf, pair, tableview_table(s->view), s->pages, &entry->row);
    *rest_ms = entry->look.rest_ms;
    return entry->look.outcome;
}

/* Goes on after the entry that would be taken, so that every entry has its verdict. */
static void find_route(struct route *route)
{
    struct trail trail = TRAIL_INIT;
    int entry = -1;
    route->taken = route->gate = -1;
    do {
        entry = trail_next_entry(&trail, route->chain, (uint32_t)(entry + 1), verdict, route);
        route->taken = route->taken < 0 ? entry : route->taken;
    } while (entry >= 0);
    for (uint32_t i = route->n; i > 0; i--)
        if (route->entries[i - 1].look.outcome == OUTCOME_IN_RECOVERY)
            route->gate = (int)i - 1;
    for (uint32_t i = 0; i < trail.n; i++) {
        uint64_t rest_ms = trail.steps[i].rest_ms;
        if (rest_ms != 0 && (route->soonest_ms == 0 || rest_ms < route->soonest_ms))
            route->soonest_ms = rest_ms;
    }
    trail_free(&trail);
}

/* ---- words ----------------------------------------------------------------------------------- */

static const char *verdict_word(const struct route *route, uint32_t i)
{
    if (route->entries[i].look.outcome != OUTCOME_NONE)
        return outcome_info(route->entries[i].look.outcome)->word;
    return (int)i == route->taken ? "taken" : "usable";
}

/* The cooldown that runs, or that the pair recovers from; NULL = neither. */
static const struct pair_cooldown *cooldown_of(const struct entry *entry)
{
    bool is_its = entry->look.outcome == OUTCOME_IN_COOLDOWN ||
                  entry->look.outcome == OUTCOME_IN_RECOVERY ||
                  entry->row.status == PAIR_RECOVERING;
    return is_its && entry->row.last.incident != 0 ? &entry->row.last : NULL;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_reason(const struct entry *entry)
{
    const struct pair_cooldown *cooldown = cooldown_of(entry);
    if (entry->look.setting != NULL)
        printf("%s is reached", entry->look.setting);
    if (entry->look.setting != NULL && cooldown != NULL)
        printf("; ");
    if (cooldown != NULL && entry->look.outcome != OUTCOME_IN_COOLDOWN)
        printf("recovering from: ");
    if (cooldown != NULL)
        print_clean(cooldown->reason, 0);
}

static void print_entry(const struct route *route, uint32_t i, int width)
{
    const struct entry *entry = &route->entries[i];
    char name[CONF_PROVIDER_ID_MAX + CONF_MODEL_MAX + 2];
    char rest[PRINT_DURATION_BYTES] = "-";
    if (entry->look.rest_ms != 0)
        print_duration(rest, entry->look.rest_ms);
    snprintf(name, sizeof(name), "%s/%s", entry->row.provider, entry->row.model);
    printf("%3" PRIu32 "  ", i + 1);
    print_clean(name, width + 2);
    printf("%-11s %8s  ", verdict_word(route, i), rest);
    print_reason(entry);
    putchar('\n');
}

static void print_position(const struct route *route, int i)
{
    print_clean(route->entries[i].row.provider, 0);
    putchar('/');
    print_clean(route->entries[i].row.model, 0);
    printf(", entry %d of %" PRIu32, i + 1, route->n);
}

static void print_headline(const struct route *route, const struct conf *conf)
{
    char text[PRINT_DURATION_BYTES];
    printf("A request for chain ");
    print_clean(route->chain->name, 0);
    if (route->taken >= 0) {
        printf(" would take ");
        print_position(route, route->taken);
    } else if (route->gate >= 0) {
        printf(" would wait until somebody who tries it has content, at most %s, and take ",
               print_duration(text, CLAIMS_GATE_WAIT_MS));
        print_position(route, route->gate);
    } else if (conf->queue_mode) {
        printf(" would wait in the queue, at most %s",
               print_duration(text, conf->queue_max_wait_ms));
    } else {
        printf(" would get 503 all_providers_exhausted");
        if (route->soonest_ms != 0)
            printf(", Retry-After: %" PRIu64, (route->soonest_ms + 999) / 1000);
    }
    puts(".");
}

static void print_text(const struct route *route, const struct sources *s)
{
    int width = (int)strlen("ENTRY");
    const struct shm_table *tab = tableview_table(s->view);
    if (tab != NULL) {
        struct tracker tracker = tracker_look(tab, s->conf);
        print_tracker_text(&tracker);
    }
    if (s->weir_pid == 0)
        puts("weir: not running; this is what it would do");
    if (route->n_queued != 0)
        printf("%" PRIu64 " of its requests wait%s in the queue.\n", route->n_queued,
               route->n_queued == 1 ? "s" : "");
    print_headline(route, s->conf);
    for (uint32_t i = 0; i < route->n; i++) {
        const struct pair_row *row = &route->entries[i].row;
        int len = (int)(strlen(row->provider) + 1 + strlen(row->model));
        width = len > width ? len : width;
    }
    printf("  #  ");
    print_clean("ENTRY", width + 2);
    printf("%-11s %8s  %s\n", "VERDICT", "REST", "REASON");
    for (uint32_t i = 0; i < route->n; i++)
        print_entry(route, i, width);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static json_object *entry_json(const struct route *route, uint32_t i)
{
    const struct entry *entry = &route->entries[i];
    const struct pair_cooldown *cooldown = cooldown_of(entry);
    json_object *o = json_object_new_object();
    json_out_number(o, "position", i + 1);
    json_out_text(o, "provider", entry->row.provider);
    json_out_text(o, "model", entry->row.model);
    json_out_text(o, "verdict", verdict_word(route, i));
    json_out_nonzero(o, "restMs", entry->look.rest_ms);
    json_out_text(o, "setting", entry->look.setting);
    json_out_text(o, "cause", cooldown != NULL ? cooldown_cause_word(cooldown->cause) : NULL);
    json_out_text(o, "reason", cooldown != NULL ? cooldown->reason : NULL);
    return o;
}

/* What a request gets if no entry takes it. */
static json_object *answer_json(const struct route *route, const struct conf *conf)
{
    json_object *o = json_object_new_object();
    if (route->taken >= 0 || route->gate >= 0 || conf->queue_mode) {
        json_object_put(o);
        return NULL;
    }
    json_out_number(o, "status", 503);
    json_out_text(o, "code", "all_providers_exhausted");
    json_out_nonzero(o, "retryAfterMs", route->soonest_ms);
    return o;
}

/* What it waits for when nothing else is usable. */
static json_object *gate_json(const struct route *route)
{
    json_object *o = json_object_new_object();
    json_out_number(o, "position", (uint64_t)(route->gate + 1));
    json_out_number(o, "maxWaitMs", CLAIMS_GATE_WAIT_MS);
    return o;
}

static json_object *queue_json(const struct route *route, const struct conf *conf)
{
    if (!conf->queue_mode)
        return NULL;
    json_object *o = json_object_new_object();
    json_out_number(o, "depth", route->n_queued);
    json_out_number(o, "maxWaitMs", conf->queue_max_wait_ms);
    return o;
}

static void print_as_json(const struct route *route, const struct sources *s)
{
    const struct shm_table *tab = tableview_table(s->view);
    struct tracker tracker = {0};
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    if (tab != NULL)
        tracker = tracker_look(tab, s->conf);
    for (uint32_t i = 0; i < route->n; i++)
        json_object_array_add(list, entry_json(route, i));
    json_object_object_add(o, "tracker", print_tracker_json(&tracker));
    json_out_bool(o, "table", tab != NULL);
    json_out_bool(o, "weir", s->weir_pid != 0);
    json_out_text(o, "chain", route->chain->name);
    json_out_nonzero(o, "taken", (uint64_t)(route->taken + 1));
    if (route->taken < 0 && route->gate >= 0)
        json_object_object_add(o, "gate", gate_json(route));
    json_object_object_add(o, "answer", answer_json(route, s->conf));
    json_object_object_add(o, "queue", queue_json(route, s->conf));
    json_object_object_add(o, "entries", list);
    print_json(o);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int fail_chain(const struct conf *conf, const char *name)
{
    struct nearest nearest = nearest_start(name, strlen(name));
    for (uint32_t i = 0; i < conf->n_chains; i++)
        nearest_offer(&nearest, conf->chains[i].name);
    return weirctl_fail(WEIRCTL_REFUSED, "no chain is called %s%s", name,
                        weirctl_hint(nearest_if_close(&nearest)));
}

int route_run(const struct weirctl *ctl)
{
    const struct conf *conf = ctl->conf;
    struct sources s;
    int chain = (int)conf->default_chain, code = WEIRCTL_DONE;
    if (ctl->argc > 0)
        chain = conf_find_chain(conf, ctl->argv[0], strlen(ctl->argv[0]));
    if (chain < 0)
        return fail_chain(conf, ctl->argv[0]);
    open_sources(&s, conf);
    struct route route = {.chain = &conf->chains[chain], .from = &s};
    route.entries = xcalloc(route.chain->n_pairs, sizeof(*route.entries));
    route.n_queued = s.weir_pid != 0 ? page_sums_queued(s.pages, route.chain->name) : 0;
    find_route(&route);
    if (ctl->as_json)
        print_as_json(&route, &s);
    else
        print_text(&route, &s);
    if (tableview_table(s.view) == NULL)
        code = weirctl_fail(EX_UNAVAILABLE, "table %s: %s; every pair counts as available",
                            conf->tracker_shm, shm_table_error_text(tableview_error(s.view)));
    free(route.entries);
    close_sources(&s);
    return code;
}
