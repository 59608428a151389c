/* SPDX-License-Identifier: MIT */
/* See link.h. */
#include "common/conf/link.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/nearest.h"
#include "common/conf/index.h"
#include "common/conf/listen.h"
#include "common/terms/pair_key.h"

/* The texts by which pairs are found: id, a NUL, model. Owned by this struct. */
struct pair_names {
    struct conf_index index;
    char **names;
};

#define SAMPLE_KEY        "change-this-key" /* etc/weir.yaml */
#define ANSWER_TIMEOUT_MS 300000            /* where the file says nothing of times */

/* The place of a value; if the file does not have it, of the nearest thing around it. */
static struct conf_place value_place(const struct conf_reader *reader, const char *section,
                                     const char *key)
{
    const struct conf_node *map = conf_node_get(reader->root, section, NULL);
    if (map == NULL)
        return reader->root->place;
    const struct conf_node *value =
        map->kind == CONF_NODE_MAP ? conf_node_get(map, key, NULL) : NULL;
    return value != NULL ? value->place : map->place;
}

static struct conf_place item_place(const struct conf_reader *reader, const char *list, size_t i,
                                    const char *key)
{
    const struct conf_node *item = conf_node_get(reader->root, list, NULL)->items[i];
    return conf_node_get(item, key, NULL)->place;
}

static void link_times(struct conf_reader *reader)
{
    struct conf *conf = reader->conf;
    const struct conf_node *settings = conf_node_get(reader->root, "settings", NULL);
    bool has_request_timeout = settings != NULL && settings->kind == CONF_NODE_MAP &&
                               conf_node_get(settings, "requestTimeoutMs", NULL) != NULL;
    conf->has_answer_timeout = conf->answer_timeout_ms != 0;
    if (!conf->has_answer_timeout)
        conf->answer_timeout_ms =
            has_request_timeout ? conf->request_timeout_ms : ANSWER_TIMEOUT_MS;
    conf->has_first_token_timeout = conf->first_token_timeout_ms != 0;
    if (!conf->has_first_token_timeout) {
        uint32_t sum = conf->request_timeout_ms + conf->stream_idle_timeout_ms;
        conf->first_token_timeout_ms = sum < CONF_INT_MAX ? sum : CONF_INT_MAX;
    }
    if (conf->mid_stream_cooldown_max_ms == 0)
        conf->mid_stream_cooldown_max_ms = conf->mid_stream_cooldown_ms;
    else if (conf->mid_stream_cooldown_max_ms < conf->mid_stream_cooldown_ms)
        conf_faults_add(reader->faults, value_place(reader, "settings", "midStreamCooldownMaxMs"),
                        "settings.midStreamCooldownMaxMs must be at least midStreamCooldownMs "
                        "(%u), not %u",
                        conf->mid_stream_cooldown_ms, conf->mid_stream_cooldown_max_ms);
}

/* Notes a name that another element of its list has already. */
static void index_name(struct conf_reader *reader, struct conf_index *index, const char *list,
                       const char *key, const char *name, uint32_t i)
{
    uint32_t first = name != NULL ? conf_index_put(index, name, strlen(name), i) : CONF_INDEX_NONE;
    if (first != CONF_INDEX_NONE)
        conf_faults_add(reader->faults, item_place(reader, list, i, key),
                        "%s[%u].%s \"%s\" is the same as that of %s[%u]", list, i, key, name, list,
                        first);
}

static void index_providers(struct conf_reader *reader, struct conf_index *index)
{
    for (uint32_t i = 0; i < reader->conf->n_providers; i++)
        index_name(reader, index, "providers", "id", reader->conf->providers[i].id, i);
}

static void index_chains(struct conf_reader *reader, struct conf_index *index)
{
    for (uint32_t i = 0; i < reader->conf->n_chains; i++) {
        struct conf_chain *chain = &reader->conf->chains[i];
        index_name(reader, index, "chains", "name", chain->name, i);
        chain->name_hash = chain->name != NULL ? chain_name_hash(chain->name) : 0;
    }
}

/* How many names may be compared to suggest one: bounds the work on a file of nothing but unknown
 * names to a second or two. No file written by hand comes near it. */
#define COMPARISONS_MAX 100000

/* A kind of name that one value uses and another place defines. */
struct known_names {
    const char *complaint;
    uint32_t n;
    const char *(*name_at)(const struct conf *conf, uint32_t i); /* NULL where a fault was noted */
};

static const char *nearest_name(struct conf_reader *reader, const struct known_names *known,
                                const char *name)
{
    struct nearest nearest = nearest_start(name, strlen(name));
    for (uint32_t i = 0; i < known->n && reader->n_comparisons++ < COMPARISONS_MAX; i++)
        if (known->name_at(reader->conf, i) != NULL)
            nearest_offer(&nearest, known->name_at(reader->conf, i));
    return nearest.best;
}

/* Notes `WHAT: "NAME" COMPLAINT; the nearest is "..."` */
static void refuse_unknown_name(struct conf_reader *reader, struct conf_place place,
                                const char *what, const char *name, const struct known_names *known)
{
    struct buf text = BUF_INIT;
    const char *nearest = nearest_name(reader, known, name);
    conf_put_shown(&text, name, strlen(name));
    buf_printf(&text, " %s", known->complaint);
    if (nearest != NULL) {
        buf_puts(&text, "; the nearest is ");
        conf_put_shown(&text, nearest, strlen(nearest));
    }
    conf_faults_add(reader->faults, place, "%s: %s", what, buf_cstr(&text));
    buf_free(&text);
}

static const char *provider_id_at(const struct conf *conf, uint32_t i)
{
    return conf->providers[i].id;
}

static const char *chain_name_at(const struct conf *conf, uint32_t i)
{
    return conf->chains[i].name;
}

static void refuse_unknown_provider(struct conf_reader *reader, const struct conf_draft *draft)
{
    struct known_names known = {"is the id of no provider", reader->conf->n_providers,
                                provider_id_at};
    char *what = xasprintf("%sprovider", draft->where);
    refuse_unknown_name(reader, conf_node_get(draft->node, "provider", NULL)->place, what,
                        draft->entry.provider, &known);
    free(what);
}

static char *to_json(const char *text)
{
    struct buf json = BUF_INIT;
    buf_put_json(&json, text, strlen(text));
    buf_cstr(&json);
    return buf_take(&json);
}

/* The index of the pair, which is made when it is new. */
static uint32_t find_or_add_pair(struct conf *conf, struct pair_names *names,
                                 const struct conf_provider *provider, const char *model)
{
    struct buf name = BUF_INIT;
    buf_put(&name, provider->id, strlen(provider->id) + 1);
    buf_puts(&name, model);
    size_t len = name.len;
    char *text = buf_take(&name);
    uint32_t found = conf_index_put(&names->index, text, len, conf->n_pairs);
    if (found != CONF_INDEX_NONE) {
        free(text);
        return found;
    }
    names->names[conf->n_pairs] = text;
    conf->pairs[conf->n_pairs] = (struct conf_pair){provider, xstrdup(model), to_json(model),
                                                    pair_key_hash(provider->id, model)};
    return conf->n_pairs++;
}

static void link_drafts(struct conf_reader *reader, const struct conf_index *providers,
                        struct pair_names *names)
{
    struct conf *conf = reader->conf;
    for (size_t i = 0; i < reader->n_drafts; i++) {
        const struct conf_draft *draft = &reader->drafts[i];
        const char *id = draft->entry.provider;
        if (id == NULL)
            continue;
        uint32_t found = conf_index_get(providers, id, strlen(id));
        if (found == CONF_INDEX_NONE) {
            refuse_unknown_provider(reader, draft);
        } else if (draft->entry.model != NULL) {
            struct conf_chain *chain = &conf->chains[draft->chain];
            chain->pairs = xreallocarray(chain->pairs, chain->n_pairs + 1, sizeof(*chain->pairs));
            chain->pairs[chain->n_pairs++] =
                find_or_add_pair(conf, names, &conf->providers[found], draft->entry.model);
        }
    }
}

static void link_pairs(struct conf_reader *reader, const struct conf_index *providers)
{
    struct conf *conf = reader->conf;
    struct pair_names names = {CONF_INDEX_INIT, xcalloc(reader->n_drafts, sizeof(*names.names))};
    conf->pairs = xcalloc(reader->n_drafts, sizeof(*conf->pairs));
    link_drafts(reader, providers, &names);
    if (conf->tracker_capacity != 0 && conf->n_pairs > conf->tracker_capacity)
        conf_faults_add(reader->faults, value_place(reader, "tracker", "capacity"),
                        "tracker.capacity is %u, but the chains name %u pairs",
                        conf->tracker_capacity, conf->n_pairs);
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        free(names.names[i]);
    free(names.names);
    conf_index_free(&names.index);
}

static void index_models(struct conf *conf)
{
    conf->models = xcalloc(conf->n_pairs, sizeof(*conf->models));
    for (uint32_t chain = 0; chain < conf->n_chains; chain++)
        for (uint32_t i = 0; i < conf->chains[chain].n_pairs; i++) {
            const char *model = conf->pairs[conf->chains[chain].pairs[i]].model;
            uint32_t known =
                conf_index_put(&conf->models_index, model, strlen(model), conf->n_models);
            if (known == CONF_INDEX_NONE)
                conf->models[conf->n_models++] = (struct conf_model){chain, i};
        }
}

static void link_default_chain(struct conf_reader *reader, const struct conf_index *chains)
{
    struct known_names known = {"is the name of no chain", reader->conf->n_chains, chain_name_at};
    const char *name = reader->default_chain;
    if (name == NULL || reader->conf->n_chains == 0)
        return;
    uint32_t found = conf_index_get(chains, name, strlen(name));
    if (found != CONF_INDEX_NONE)
        reader->conf->default_chain = found;
    else
        refuse_unknown_name(reader, value_place(reader, "settings", "defaultChain"),
                            "settings.defaultChain", name, &known);
}

/* The key of etc/weir.yaml, which everybody knows, where others than this machine may come. */
static void warn_of_sample_key(struct conf_reader *reader)
{
    const struct conf *conf = reader->conf;
    bool is_open = false, has_sample_key = false;
    for (uint32_t i = 0; i < conf->n_listen; i++)
        is_open |= conf->listen[i].address != NULL && !conf_listen_is_loopback(&conf->listen[i]);
    for (uint32_t i = 0; i < conf->n_api_keys; i++)
        has_sample_key |= conf->api_keys[i] != NULL && strcmp(conf->api_keys[i], SAMPLE_KEY) == 0;
    if (is_open && has_sample_key)
        conf_faults_warn(reader->faults, value_place(reader, "settings", "apiKeys"),
                         "settings.apiKeys has the sample file's key, and server.listen an address "
                         "that is not this machine's alone: anybody may use it");
}

void conf_link(struct conf_reader *reader)
{
    struct conf_index providers = CONF_INDEX_INIT, chains = CONF_INDEX_INIT;
    link_times(reader);
    index_providers(reader, &providers);
    index_chains(reader, &chains);
    link_pairs(reader, &providers);
    index_models(reader->conf);
    link_default_chain(reader, &chains);
    warn_of_sample_key(reader);
    conf_index_free(&providers);
    conf_index_free(&chains);
}
