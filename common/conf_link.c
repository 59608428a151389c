/* The last step of reading a configuration: what one value says about another. Chain entries become
 * pairs, names are looked up, times that depend on others get their values. Called by conf_check.c
 * once. Pure. */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/conf_index.h"
#include "common/conf_nearest.h"
#include "common/conf_reader.h"
#include "common/fnv.h"

/* Texts by which pairs are found: id, a NUL, model. Owned here. */
struct pair_names {
    struct conf_index index;
    char **names;
};

uint64_t pair_key_hash(const char *provider_id, const char *model)
{
    uint64_t hash = fnv1a(FNV1A_BASIS, provider_id, strlen(provider_id) + 1);
    hash = fnv1a(hash, model, strlen(model));
    return hash != 0 ? hash : 1;
}

/* The value at a key of a section at the top, NULL where the file does not have it. */
static const struct conf_node *top_value(const struct conf_reader *reader, const char *section,
                                         const char *key)
{
    const struct conf_node *map = conf_node_get(reader->root, section, NULL);
    if (map == NULL || map->kind != CONF_NODE_MAP)
        return map;
    const struct conf_node *value = key != NULL ? conf_node_get(map, key, NULL) : NULL;
    return value != NULL ? value : map;
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
    if (conf->first_token_timeout_ms == 0) {
        uint32_t sum = conf->request_timeout_ms + conf->stream_idle_timeout_ms;
        conf->first_token_timeout_ms = sum < CONF_INT_MAX ? sum : CONF_INT_MAX;
    }
    if (conf->mid_stream_cooldown_max_ms == 0)
        conf->mid_stream_cooldown_max_ms = conf->mid_stream_cooldown_ms;
    else if (conf->mid_stream_cooldown_max_ms < conf->mid_stream_cooldown_ms)
        conf_faults_add(reader->faults,
                        top_value(reader, "settings", "midStreamCooldownMaxMs")->place,
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
                        "%s[%u].%s is the same as that of %s[%u]", list, i, key, list, first);
}

static void index_providers(struct conf_reader *reader, struct conf_index *index)
{
    for (uint32_t i = 0; i < reader->conf->n_providers; i++)
        index_name(reader, index, "providers", "id", reader->conf->providers[i].id, i);
}

static void index_chains(struct conf_reader *reader, struct conf_index *index)
{
    for (uint32_t i = 0; i < reader->conf->n_chains; i++)
        index_name(reader, index, "chains", "name", reader->conf->chains[i].name, i);
}

static void refuse_unknown_provider(struct conf_reader *reader, const struct conf_draft *draft)
{
    const char *id = draft->entry.provider;
    struct buf shown = BUF_INIT;
    struct conf_nearest nearest = conf_nearest_start(id, strlen(id));
    for (uint32_t i = 0; i < reader->conf->n_providers; i++)
        if (reader->conf->providers[i].id != NULL)
            conf_nearest_offer(&nearest, reader->conf->providers[i].id);
    conf_put_shown(&shown, id, strlen(id));
    buf_puts(&shown, " is the id of no provider");
    if (nearest.best != NULL) {
        buf_puts(&shown, "; the nearest is ");
        conf_put_shown(&shown, nearest.best, strlen(nearest.best));
    }
    conf_faults_add(reader->faults, conf_node_get(draft->node, "provider", NULL)->place,
                    "%sprovider: %s", draft->where, buf_cstr(&shown));
    buf_free(&shown);
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
    conf->pairs[conf->n_pairs] =
        (struct conf_pair){provider, xstrdup(model), pair_key_hash(provider->id, model)};
    return conf->n_pairs++;
}

static void add_to_chain(struct conf_chain *chain, uint32_t pair)
{
    chain->pairs = xreallocarray(chain->pairs, chain->n_pairs + 1, sizeof(*chain->pairs));
    chain->pairs[chain->n_pairs++] = pair;
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
        if (found == CONF_INDEX_NONE)
            refuse_unknown_provider(reader, draft);
        else if (draft->entry.model != NULL)
            add_to_chain(
                &conf->chains[draft->chain],
                find_or_add_pair(conf, names, &conf->providers[found], draft->entry.model));
    }
}

static void link_pairs(struct conf_reader *reader, const struct conf_index *providers)
{
    struct conf *conf = reader->conf;
    struct pair_names names = {CONF_INDEX_INIT, xcalloc(reader->n_drafts, sizeof(*names.names))};
    conf->pairs = xcalloc(reader->n_drafts, sizeof(*conf->pairs));
    link_drafts(reader, providers, &names);
    if (conf->tracker_capacity != 0 && conf->n_pairs > conf->tracker_capacity)
        conf_faults_add(
            reader->faults,
            top_value(reader,
                      conf_node_get(reader->root, "tracker", NULL) != NULL ? "tracker" : "chains",
                      "capacity")
                ->place,
            "tracker.capacity is %u, but the chains name %u pairs", conf->tracker_capacity,
            conf->n_pairs);
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        free(names.names[i]);
    free(names.names);
    conf_index_free(&names.index);
}

static void link_default_chain(struct conf_reader *reader, const struct conf_index *chains)
{
    const char *name = reader->default_chain;
    if (name == NULL || reader->conf->n_chains == 0)
        return;
    uint32_t found = conf_index_get(chains, name, strlen(name));
    if (found != CONF_INDEX_NONE) {
        reader->conf->default_chain = found;
        return;
    }
    struct conf_nearest nearest = conf_nearest_start(name, strlen(name));
    for (uint32_t i = 0; i < reader->conf->n_chains; i++)
        if (reader->conf->chains[i].name != NULL)
            conf_nearest_offer(&nearest, reader->conf->chains[i].name);
    struct buf text = BUF_INIT;
    conf_put_shown(&text, name, strlen(name));
    buf_puts(&text, " is the name of no chain");
    if (nearest.best != NULL) {
        buf_puts(&text, "; the nearest is ");
        conf_put_shown(&text, nearest.best, strlen(nearest.best));
    }
    conf_faults_add(reader->faults, top_value(reader, "settings", "defaultChain")->place,
                    "settings.defaultChain: %s", buf_cstr(&text));
    buf_free(&text);
}

void conf_link(struct conf_reader *reader)
{
    struct conf_index providers = CONF_INDEX_INIT, chains = CONF_INDEX_INIT;
    link_times(reader);
    index_providers(reader, &providers);
    index_chains(reader, &chains);
    link_pairs(reader, &providers);
    link_default_chain(reader, &chains);
    conf_index_free(&providers);
    conf_index_free(&chains);
}
