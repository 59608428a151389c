/* See endpoints.h. */
#include "server/endpoints.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "common/clock.h"
#include "common/ratelimits.h"
#include "config.h"
#include "server/metrics.h"
#include "server/worker.h"

static void answer_json(struct client *client, json_object *root)
{
    const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_NOSLASHESCAPE);
    client_answer(client, 200, "application/json", NULL, text, strlen(text));
    json_object_put(root);
}

static void chat_completions(void *worker, struct client *client, struct client_request *request)
{
    client_exchange(client, worker_env(worker), CHAT_MESSAGES, "/chat/completions", request);
}

static void completions(void *worker, struct client *client, struct client_request *request)
{
    client_exchange(client, worker_env(worker), CHAT_PROMPT, "/completions", request);
}

static void embeddings(void *worker, struct client *client, struct client_request *request)
{
    client_exchange(client, worker_env(worker), CHAT_INPUT, "/embeddings", request);
}

static void add_model(json_object *list, const char *id, const char *owner)
{
    json_object *model = json_object_new_object();
    json_object_object_add(model, "id", json_object_new_string(id));
    json_object_object_add(model, "object", json_object_new_string("model"));
    json_object_object_add(model, "created", json_object_new_int64(0));
    json_object_object_add(model, "owned_by", json_object_new_string(owner));
    json_object_array_add(list, model);
}

/* Two providers may offer the same model: it is listed once, under the first. */
static bool is_listed_before(const struct conf *conf, uint32_t pair)
{
    for (uint32_t i = 0; i < pair; i++)
        if (strcmp(conf->pairs[i].model, conf->pairs[pair].model) == 0)
            return true;
    return false;
}

static void models(void *worker, struct client *client, struct client_request *request)
{
    const struct conf *conf = worker_env(worker)->conf;
    json_object *root = json_object_new_object(), *list = json_object_new_array();
    for (uint32_t i = 0; i < conf->n_chains; i++)
        add_model(list, conf->chains[i].name, "weir");
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        if (!is_listed_before(conf, i))
            add_model(list, conf->pairs[i].model, conf->pairs[i].provider->id);
    json_object_object_add(root, "object", json_object_new_string("list"));
    json_object_object_add(root, "data", list);
    answer_json(client, root);
}

/* How many requests wait, over all workers, for each chain. */
static json_object *queue_json(const struct conf *conf, const struct wpages *pages)
{
    json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < conf->n_chains; i++) {
        json_object *row = json_object_new_object();
        uint64_t depth = pages != NULL ? wpages_queued(pages, conf->chains[i].name) : 0;
        json_object_object_add(row, "chain", json_object_new_string(conf->chains[i].name));
        json_object_object_add(row, "depth", json_object_new_int64((int64_t)depth));
        json_object_array_add(list, row);
    }
    return list;
}

static void ratelimits(void *worker, struct client *client, struct client_request *request)
{
    const struct exchange_env *env = worker_env(worker);
    json_object *root = json_object_new_object();
    json_object_object_add(root, "queue", queue_json(env->conf, worker_inherit(worker)->pages));
    json_object_object_add(
        root, "ratelimits",
        ratelimits_json(env->conf, tableview_table(env->view), worker_inherit(worker)->pages));
    answer_json(client, root);
}

static void health(void *worker, struct client *client, struct client_request *request)
{
    const struct conf *conf = worker_env(worker)->conf;
    bool has_tracker = worker_has_tracker(worker);
    uint64_t uptime_ms = (clock_boot_ns() - worker_inherit(worker)->started_at) / CLOCK_NS_PER_MS;
    json_object *root = json_object_new_object();
    json_object_object_add(root, "status", json_object_new_string(has_tracker ? "ok" : "degraded"));
    json_object_object_add(root, "version", json_object_new_string(PACKAGE_VERSION));
    json_object_object_add(root, "uptimeMs", json_object_new_int64((int64_t)uptime_ms));
    json_object_object_add(root, "providers", json_object_new_int64(conf->n_providers));
    json_object_object_add(root, "chains", json_object_new_int64(conf->n_chains));
    json_object_object_add(root, "tracker", json_object_new_string(has_tracker ? "up" : "down"));
    answer_json(client, root);
}

static void metrics(void *worker, struct client *client, struct client_request *request)
{
    if (!request->has_key && !request->is_loopback) {
        client_answer_error(client, ERROR_INVALID_API_KEY,
                            "From another machine, metrics need an API key.");
        return;
    }
    const struct exchange_env *env = worker_env(worker);
    struct buf text = BUF_INIT;
    metrics_print(env->conf, tableview_table(env->view), worker_inherit(worker)->pages,
                  worker_has_tracker(worker), &text);
    client_answer(client, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, text.data,
                  text.len);
    buf_free(&text);
}

const struct client_endpoint endpoints[] = {
    {"POST", "/v1/chat/completions", true, true, chat_completions},
    {"POST", "/v1/completions", true, true, completions},
    {"POST", "/v1/embeddings", true, true, embeddings},
    {"GET", "/v1/models", true, false, models},
    {"GET", "/v1/ratelimits", true, false, ratelimits},
    {"GET", "/health", false, false, health},
    {"GET", "/metrics", false, false, metrics},
    {NULL, NULL, false, false, NULL},
};
