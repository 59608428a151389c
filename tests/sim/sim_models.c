/* SPDX-License-Identifier: MIT */
/* See sim_models.h. */
#include "tests/sim/sim_models.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/fnv.h"

#define BUCKETS 1024

struct script {
    struct scenario **items;
    size_t count;
    size_t next;
    bool is_loop;
};

struct model {
    char *name;
    struct model *in_bucket; /* next of its hash bucket */
    struct model *after;     /* next of all, in order of making */
    struct counters counters;
    struct scenario *named; /* what the name says; made when first needed */
    char *error;            /* or why it says nothing */
    struct script script;
};

static struct {
    struct model *buckets[BUCKETS];
    struct model *first, **end;
    size_t count;
    struct counters total;
    uint32_t epoch;
    void (*on_change)(void);
} all = {.end = &all.first};

static size_t bucket_of(const char *name, size_t len)
{
    return fnv1a(FNV1A_BASIS, name, len) % BUCKETS;
}

static struct model *look_up(const char *name, size_t len)
{
    struct model *m = all.buckets[bucket_of(name, len)];
    while (m != NULL && (strncmp(m->name, name, len) != 0 || m->name[len] != '\0'))
        m = m->in_bucket;
    return m;
}

struct model *model_peek(const char *name)
{
    return look_up(name, strlen(name));
}

struct model *model_find(const char *name)
{
    struct model *m = model_peek(name);
    if (m != NULL || all.count == MODELS_MAX)
        return m;
    struct model **bucket = &all.buckets[bucket_of(name, strlen(name))];
    m = xcalloc(1, sizeof(*m));
    m->name = xstrdup(name);
    m->in_bucket = *bucket;
    *bucket = m;
    *all.end = m;
    all.end = &m->after;
    all.count++;
    return m;
}

const char *model_name(const struct model *m)
{
    return m->name;
}

static struct scenario *named_scenario(struct model *m)
{
    char error[SCENARIO_ERROR_MAX];
    if (m->named == NULL && m->error == NULL) {
        m->named = scenario_parse_model(m->name, error);
        if (m->named == NULL)
            m->error = xasprintf("model \"%.200s\": %s", m->name, error);
    }
    return m->named;
}

/* A script of the exact name wins over one of its BASE. */
static struct script *script_of(struct model *m)
{
    if (m->script.count > 0)
        return &m->script;
    const char *colon = strchr(m->name, ':');
    struct model *base = colon != NULL ? look_up(m->name, (size_t)(colon - m->name)) : NULL;
    return base != NULL && base->script.count > 0 ? &base->script : NULL;
}

static struct scenario *script_item(const struct script *s)
{
    size_t last = s->count - 1;
    size_t turn = s->is_loop ? s->next % s->count : s->next;
    return s->items[turn < last ? turn : last];
}

struct scenario *model_next_scenario(struct model *m, const char **error)
{
    struct script *script = script_of(m);
    struct scenario *s = script != NULL ? script_item(script) : named_scenario(m);
    *error = m->error;
    if (script != NULL)
        script->next++;
    return s != NULL ? scenario_ref(scenario_for_request(s, m->counters.requests)) : NULL;
}

bool model_is_slow(struct model *m)
{
    struct script *script = script_of(m);
    struct scenario *s = script != NULL ? script_item(script) : named_scenario(m);
    return s != NULL && scenario_for_request(s, m->counters.requests + 1)->is_slow_read;
}

void model_delete_script(struct model *m)
{
    for (size_t i = 0; i < m->script.count; i++)
        scenario_unref(m->script.items[i]);
    free(m->script.items);
    m->script = (struct script){0};
}

void model_set_script(struct model *m, struct scenario **items, size_t count, bool is_loop)
{
    model_delete_script(m);
    m->script = (struct script){.items = items, .count = count, .is_loop = is_loop};
}

bool model_has_script(const struct model *m)
{
    return m->script.count > 0;
}

static void changed(void)
{
    if (all.on_change != NULL)
        all.on_change();
}

uint32_t models_epoch(void)
{
    return all.epoch;
}

void models_count_request(struct model *m)
{
    all.total.requests++;
    all.total.active++;
    if (m != NULL) {
        m->counters.requests++;
        m->counters.active++;
    }
    changed();
}

static void add_ending(struct counters *c, enum ending ending, bool is_counted)
{
    c->active--;
    if (!is_counted)
        return;
    c->completed += ending == ENDING_COMPLETED;
    c->aborted += ending == ENDING_ABORTED;
    c->faults += ending == ENDING_FAULT;
}

void models_count_ending(struct model *m, enum ending ending, uint32_t epoch)
{
    add_ending(&all.total, ending, epoch == all.epoch);
    if (m != NULL)
        add_ending(&m->counters, ending, epoch == all.epoch);
    changed();
}

void models_count_open(void)
{
    all.total.connections++;
    all.total.open_connections++;
    changed();
}

void models_count_closed(bool is_quiet)
{
    if (is_quiet)
        return;
    all.total.open_connections--;
    changed();
}

void models_uncount_connection(void)
{
    if (all.total.connections > 0)
        all.total.connections--;
    all.total.open_connections--;
}

const struct counters *models_total(void)
{
    return &all.total;
}

struct counters models_counters(const char *name)
{
    const struct model *m = model_peek(name);
    return m != NULL ? m->counters : (struct counters){0};
}

void models_each(void (*fn)(const struct model *m, const struct counters *counters, void *arg),
                 void *arg)
{
    for (const struct model *m = all.first; m != NULL; m = m->after)
        fn(m, &m->counters, arg);
}

void models_on_change(void (*fn)(void))
{
    all.on_change = fn;
}

static void free_model(struct model *m)
{
    model_delete_script(m);
    scenario_unref(m->named);
    free(m->error);
    free(m->name);
    free(m);
}

static void unlink_from_bucket(struct model *m)
{
    struct model **at = &all.buckets[bucket_of(m->name, strlen(m->name))];
    while (*at != m)
        at = &(*at)->in_bucket;
    *at = m->in_bucket;
}

static void clear_counters(struct counters *c)
{
    *c = (struct counters){.active = c->active, .open_connections = c->open_connections};
}

static void forget(bool is_active_kept)
{
    struct model **at = &all.first;
    while (*at != NULL) {
        struct model *m = *at;
        if (is_active_kept && m->counters.active > 0) {
            model_delete_script(m);
            clear_counters(&m->counters);
            at = &m->after;
            continue;
        }
        *at = m->after;
        unlink_from_bucket(m);
        free_model(m);
        all.count--;
    }
    all.end = at;
}

void models_reset(void)
{
    all.epoch++;
    forget(true);
    clear_counters(&all.total);
    changed();
}

void models_free(void)
{
    all.on_change = NULL;
    forget(false);
}
