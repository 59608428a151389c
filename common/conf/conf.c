/* SPDX-License-Identifier: MIT */
/* See conf.h. */
#include "common/conf/conf.h"

#include <stdlib.h>
#include <string.h>

int conf_find_chain(const struct conf *conf, const char *name, size_t len)
{
    for (uint32_t i = 0; i < conf->n_chains; i++)
        if (strlen(conf->chains[i].name) == len && memcmp(conf->chains[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

int conf_find_chain_by_hash(const struct conf *conf, uint64_t name_hash)
{
    for (uint32_t i = 0; i < conf->n_chains; i++)
        if (conf->chains[i].name_hash == name_hash)
            return (int)i;
    return -1;
}

int conf_find_pair(const struct conf *conf, uint64_t key_hash)
{
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        if (conf->pairs[i].key_hash == key_hash)
            return (int)i;
    return -1;
}

/* Not by the hash of its halves: ids and models may have slashes of their own. */
int conf_find_pair_by_name(const struct conf *conf, const char *name)
{
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        const char *id = conf->pairs[i].provider->id;
        size_t len = strlen(id);
        if (strncmp(name, id, len) == 0 && name[len] == '/' &&
            strcmp(name + len + 1, conf->pairs[i].model) == 0)
            return (int)i;
    }
    return -1;
}

const struct conf_model *conf_find_model(const struct conf *conf, const char *name, size_t len)
{
    uint32_t found = conf_index_get(&conf->models_index, name, len);
    return found != CONF_INDEX_NONE ? &conf->models[found] : NULL;
}

static void free_providers(struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_providers; i++) {
        struct conf_provider *provider = &conf->providers[i];
        free(provider->id);
        free(provider->name);
        free(provider->api_key);
        free(provider->base_url);
        free(provider->ca_file);
    }
    free(conf->providers);
}

static void free_chains(struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_chains; i++) {
        free(conf->chains[i].name);
        free(conf->chains[i].pairs);
    }
    free(conf->chains);
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        free((char *)conf->pairs[i].model);
        free((char *)conf->pairs[i].model_json);
    }
    free(conf->pairs);
    free(conf->models);
    conf_index_free(&conf->models_index);
}

static void free_lists(struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_api_keys; i++)
        free(conf->api_keys[i]);
    free(conf->api_keys);
    for (uint32_t i = 0; i < conf->n_listen; i++) {
        free(conf->listen[i].text);
        free(conf->listen[i].address);
        free(conf->listen[i].unix_path);
    }
    free(conf->listen);
    for (uint32_t i = 0; i < conf->n_cors_origins; i++)
        free(conf->cors_origins[i]);
    free(conf->cors_origins);
}

void conf_free(struct conf **conf)
{
    if (*conf == NULL)
        return;
    struct conf *c = *conf;
    free_providers(c);
    free_chains(c);
    free_lists(c);
    free(c->path);
    free(c->pid_file);
    free(c->user);
    free(c->group);
    free(c->access_log);
    free(c->error_log);
    free(c->tracker_socket);
    free(c->tracker_shm);
    free(c->tracker_state_file);
    free(c->tracker_user);
    free(c->tracker_pid_file);
    free(c);
    *conf = NULL;
}
