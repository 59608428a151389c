/* SPDX-License-Identifier: MIT */
/* See check.h. */
#include "common/conf/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/nearest.h"
#include "common/conf/link.h"
#include "common/conf/lists.h"
#include "common/conf/secret.h"
#include "common/conf/value.h"
#include "common/conf/yaml.h"

/* What a section is read from and into. */
struct scope {
    const struct conf_section *section;
    const char *where;           /* "", "settings.", "providers[0]." */
    const struct conf_node *map; /* NULL: the file does not have it */
    struct conf_place place;
    void *base;
};

static void read_section(struct conf_reader *reader, const struct scope *scope);
static conf_read_fn read_mapping, read_providers, read_chains, read_entries;

static conf_read_fn *const read_kind[] = {
    [CONF_INT] = conf_read_int,         [CONF_BOOL] = conf_read_bool,
    [CONF_WORD] = conf_read_word,       [CONF_TEXT] = conf_read_text,
    [CONF_SECRET] = conf_read_secret,   [CONF_URL] = conf_read_url,
    [CONF_PATH] = conf_read_path,       [CONF_LOG] = conf_read_log,
    [CONF_FILE] = conf_read_file,       [CONF_SHM] = conf_read_shm,
    [CONF_WORKERS] = conf_read_workers, [CONF_VERSION] = conf_read_version,
    [CONF_IGNORED] = conf_read_ignored, [CONF_CHAIN_REF] = conf_read_chain_ref,
    [CONF_SECRETS] = conf_read_secrets, [CONF_LISTEN] = conf_read_listen,
    [CONF_ORIGINS] = conf_read_origins, [CONF_SECTION] = read_mapping,
    [CONF_PROVIDERS] = read_providers,  [CONF_CHAINS] = read_chains,
    [CONF_ENTRIES] = read_entries,
};

/* Reads the default as though it stood in the file. */
static void read_preset(struct conf_reader *reader, const struct scope *scope,
                        const struct conf_key *key)
{
    char *text = xstrdup(key->preset);
    struct conf_node scalar = {CONF_NODE_SCALAR, scope->place, text, strlen(text), true, 0, 0, 0};
    struct conf_node *items[] = {&scalar};
    struct conf_node list = {CONF_NODE_LIST, scope->place, NULL, 0, false, items, 1, 1};
    struct conf_field field = {key, scope->where, key->kind == CONF_LISTEN ? &list : &scalar,
                               scope->base};
    read_kind[key->kind](reader, &field);
    free(text);
}

static void read_absent(struct conf_reader *reader, const struct scope *scope,
                        const struct conf_key *key)
{
    if (key->is_required) {
        conf_faults_add(reader->faults, scope->place, "%s%s is missing: %s", scope->where,
                        key->name, key->help);
    } else if (key->preset != NULL) {
        read_preset(reader, scope, key);
    } else if (key->kind == CONF_SECTION) {
        char *where = xasprintf("%s%s.", scope->where, key->name);
        read_section(reader, &(struct scope){key->section, where, NULL, scope->place, scope->base});
        free(where);
    }
}

static void read_key(struct conf_reader *reader, const struct scope *scope,
                     const struct conf_key *key)
{
    const struct conf_node *name = NULL, *value = NULL;
    if (scope->map != NULL)
        value = conf_node_get(scope->map, key->name, &name);
    if (value == NULL) {
        read_absent(reader, scope, key);
    } else if (value->kind == CONF_NODE_BAD) {
        return;
    } else if (conf_node_type(value) == CONF_TYPE_NOTHING && key->kind != CONF_IGNORED) {
        conf_faults_add(reader->faults, name->place, "%s%s needs a value: %s", scope->where,
                        key->name, key->help);
    } else {
        struct conf_field field = {key, scope->where, value, scope->base};
        read_kind[key->kind](reader, &field);
    }
}

/* How much of an unknown key may be shown: without its space, `apiKey:SECRET` is one key. */
static size_t key_shown_length(const struct conf_node *name)
{
    size_t len = 0;
    while (len < name->len &&
           (name->text[len] == '_' || name->text[len] == '-' ||
            (name->text[len] >= '0' && name->text[len] <= '9') ||
            ((name->text[len] | 0x20) >= 'a' && (name->text[len] | 0x20) <= 'z')))
        len++;
    return len;
}

static void refuse_unknown_key(struct conf_reader *reader, const struct scope *scope,
                               const struct conf_node *name)
{
    size_t len = key_shown_length(name);
    struct nearest nearest = nearest_start(name->text, len);
    for (size_t i = 0; i < scope->section->n_keys; i++)
        nearest_offer(&nearest, scope->section->keys[i].name);
    struct buf shown = BUF_INIT;
    conf_put_shown(&shown, name->text, len);
    if (len < name->len)
        buf_puts(&shown, "...");
    conf_faults_add(reader->faults, name->place, "unknown key %s; the nearest known key is %s%s",
                    buf_cstr(&shown), scope->where, nearest.best);
    buf_free(&shown);
}

static bool is_known_key(const struct conf_section *section, const struct conf_node *name)
{
    for (size_t i = 0; i < section->n_keys; i++)
        if (strlen(section->keys[i].name) == name->len &&
            memcmp(section->keys[i].name, name->text, name->len) == 0)
            return true;
    return false;
}

static void read_section(struct conf_reader *reader, const struct scope *scope)
{
    for (size_t i = 0; i < scope->section->n_keys; i++)
        read_key(reader, scope, &scope->section->keys[i]);
    for (size_t i = 0; scope->map != NULL && i < scope->map->n_items; i += 2) {
        const struct conf_node *name = scope->map->items[i];
        if (name->kind == CONF_NODE_SCALAR && !is_known_key(scope->section, name))
            refuse_unknown_key(reader, scope, name);
    }
}

/* A mapping whose members lie in the same struct as those around it. */
static void read_mapping(struct conf_reader *reader, const struct conf_field *field)
{
    if (field->node->kind != CONF_NODE_MAP) {
        conf_complain_type(reader, field, "a mapping");
        return;
    }
    char *where = xasprintf("%s%s.", field->where, field->key->name);
    read_section(reader, &(struct scope){field->key->section, where, field->node,
                                         field->node->place, field->base});
    free(where);
}

/* Reads element i of a list of mappings into base. False when it is not a mapping. */
static bool read_item(struct conf_reader *reader, const struct conf_field *list, size_t i,
                      const char *where, void *base)
{
    const struct conf_node *node = list->node->items[i];
    if (node->kind == CONF_NODE_MAP)
        read_section(reader, &(struct scope){list->key->section, where, node, node->place, base});
    else if (node->kind != CONF_NODE_BAD)
        conf_faults_add(reader->faults, node->place, "%s%s[%zu] must be a mapping, not %s",
                        list->where, list->key->name, i, conf_type_name(conf_node_type(node)));
    return node->kind == CONF_NODE_MAP;
}

static char *item_where(const struct conf_field *list, size_t i)
{
    return xasprintf("%s%s[%zu].", list->where, list->key->name, i);
}

static void settle_base_url(struct conf_reader *reader, const char *where,
                            const struct conf_node *node, struct conf_provider *provider)
{
    if (conf_node_get(node, "baseUrl", NULL) != NULL)
        return;
    const char *own = provider_type_base_url(provider->type);
    if (own != NULL)
        provider->base_url = xstrdup(own);
    else
        conf_faults_add(reader->faults, node->place,
                        "%sbaseUrl is missing: the type %s has no address of its own", where,
                        provider_type_name(provider->type));
}

static void read_providers(struct conf_reader *reader, const struct conf_field *field)
{
    if (!conf_is_filled_list(reader, field))
        return;
    struct conf *conf = reader->conf;
    conf->n_providers = (uint32_t)field->node->n_items;
    conf->providers = xcalloc(conf->n_providers, sizeof(*conf->providers));
    for (size_t i = 0; i < conf->n_providers; i++) {
        char *where = item_where(field, i);
        if (read_item(reader, field, i, where, &conf->providers[i]))
            settle_base_url(reader, where, field->node->items[i], &conf->providers[i]);
        free(where);
    }
}

static void read_chains(struct conf_reader *reader, const struct conf_field *field)
{
    if (!conf_is_filled_list(reader, field))
        return;
    struct conf *conf = reader->conf;
    conf->n_chains = (uint32_t)field->node->n_items;
    conf->chains = xcalloc(conf->n_chains, sizeof(*conf->chains));
    for (size_t i = 0; i < conf->n_chains; i++) {
        const struct conf_node *node = field->node->items[i];
        char *where = item_where(field, i);
        if (read_item(reader, field, i, where, &conf->chains[i]) &&
            conf_node_get(node, "delivery", NULL) == NULL)
            conf->chains[i].delivery = conf->delivery;
        free(where);
    }
}

static struct conf_draft *new_draft(struct conf_reader *reader)
{
    if (reader->n_drafts == reader->cap_drafts) {
        reader->cap_drafts = reader->cap_drafts != 0 ? reader->cap_drafts * 2 : 16;
        reader->drafts = xreallocarray(reader->drafts, reader->cap_drafts, sizeof(*reader->drafts));
    }
    struct conf_draft *draft = &reader->drafts[reader->n_drafts++];
    *draft = (struct conf_draft){0};
    return draft;
}

static void read_entries(struct conf_reader *reader, const struct conf_field *field)
{
    if (!conf_is_filled_list(reader, field))
        return;
    if (reader->n_drafts + field->node->n_items > CONF_ENTRIES_MAX) {
        conf_complain(reader, field, "makes more than %d entries in all chains together",
                      CONF_ENTRIES_MAX);
        return;
    }
    const struct conf_chain *chain = field->base;
    for (size_t i = 0; i < field->node->n_items; i++) {
        struct conf_draft *draft = new_draft(reader);
        draft->chain = (uint32_t)(chain - reader->conf->chains);
        draft->node = field->node->items[i];
        draft->where = item_where(field, i);
        read_item(reader, field, i, draft->where, &draft->entry);
    }
}

static void read_root(struct conf_reader *reader)
{
    const struct conf_node *root = reader->root;
    struct conf_place start = {1, 1};
    if (root == NULL || (conf_node_type(root) == CONF_TYPE_NOTHING && root->kind != CONF_NODE_BAD))
        conf_faults_add(reader->faults, start, "the file is empty");
    else if (root->kind == CONF_NODE_MAP)
        read_section(reader, &(struct scope){&conf_schema, "", root, root->place, reader->conf});
    else if (root->kind != CONF_NODE_BAD)
        conf_faults_add(reader->faults, root->place, "the file must be a mapping, not %s",
                        conf_type_name(conf_node_type(root)));
    if (root != NULL && root->kind == CONF_NODE_MAP)
        conf_link(reader);
}

static void free_reader(struct conf_reader *reader)
{
    for (size_t i = 0; i < reader->n_drafts; i++) {
        free(reader->drafts[i].entry.provider);
        free(reader->drafts[i].entry.model);
        free(reader->drafts[i].where);
    }
    free(reader->drafts);
    free(reader->default_chain);
}

bool conf_parse(const struct conf_source *source, struct conf **out, struct buf *messages)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf_tree tree = CONF_TREE_INIT;
    struct conf *conf = xcalloc(1, sizeof(*conf));
    conf->path = xstrdup(source->path);
    struct conf_reader reader = {.source = source, .faults = &faults, .conf = conf};
    if (conf_tree_parse(&tree, source->text, source->len, &faults)) {
        reader.root = tree.root;
        read_root(&reader);
    }
    bool is_good = faults.n_errors == 0;
    conf_faults_print(&faults, source->path, messages);
    free_reader(&reader);
    conf_tree_free(&tree);
    conf_faults_free(&faults);
    if (!is_good)
        conf_free(&conf);
    *out = conf;
    return is_good;
}
