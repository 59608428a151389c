/* SPDX-License-Identifier: MIT */
/* See endpoints.h. */
#include "server/api/endpoints.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/routing/pair_rows.h"
#include "common/shm/page_sums.h"
#include "config.h"
#include "server/api/api.h"
#include "server/api/health.h"
#include "server/api/metrics.h"
#include "server/api/start.h"
#include "server/api/status.h"
#include "server/api/status_page.h"
#include "server/client/answer.h"

#define STATUS_HEADERS "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

/* Frees root. headers may be NULL. */
static void answer_json(struct client *client, const char *headers, json_object *root)
{
    const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_NOSLASHESCAPE);
    client_answer(client, 200, "application/json", headers, text, strlen(text));
    json_object_put(root);
}

/* Every path that asks a provider: what it asks is its row's operation. */
static void ask_provider(void *arg, struct client *client, struct client_call *call)
{
    const struct api *api = arg;
    api_start(api->env, client, call);
}

static json_object *model_json(const char *id, const char *owner)
{
    json_object *model = json_object_new_object();
    json_out_text(model, "id", id);
    json_out_text(model, "object", "model");
    json_out_number(model, "created", 0);
    json_out_text(model, "owned_by", owner);
    return model;
}

/* Two providers may offer the same model: it is listed once, under the first. */
static const struct conf_pair *first_pair(const struct conf *conf, const struct conf_model *model)
{
    return &conf->pairs[conf->chains[model->chain].pairs[model->entry]];
}

static void models(void *arg, struct client *client, struct client_call *call)
{
    const struct conf *conf = ((const struct api *)arg)->env->conf;
    json_object *root = json_object_new_object(), *list = json_object_new_array();
    for (uint32_t i = 0; i < conf->n_chains; i++)
        json_object_array_add(list, model_json(conf->chains[i].name, "weir"));
    for (uint32_t i = 0; i < conf->n_models; i++) {
        const struct conf_pair *first = first_pair(conf, &conf->models[i]);
        json_object_array_add(list, model_json(first->model, first->provider->id));
    }
    json_out_text(root, "object", "list");
    json_object_object_add(root, "data", list);
    answer_json(client, NULL, root);
}

static void model(void *arg, struct client *client, struct client_call *call)
{
    const struct conf *conf = ((const struct api *)arg)->env->conf;
    size_t len = strlen(call->name);
    const struct conf_model *model = conf_find_model(conf, call->name, len);
    if (conf_find_chain(conf, call->name, len) >= 0)
        answer_json(client, NULL, model_json(call->name, "weir"));
    else if (model != NULL)
        answer_json(client, NULL, model_json(call->name, first_pair(conf, model)->provider->id));
    else
        client_answer_error(client, OWN_ERROR_MODEL_NOT_FOUND, NULL,
                            "No chain and no model of a chain has that name.");
}

/* How many requests wait, over all workers, for each chain. */
static json_object *queue_json(const struct conf *conf, const struct pages *pages)
{
    json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < conf->n_chains; i++) {
        json_object *row = json_object_new_object();
        uint64_t depth = page_sums_queued(pages, conf->chains[i].name);
        json_out_text(row, "chain", conf->chains[i].name);
        json_out_number(row, "depth", depth);
        json_object_array_add(list, row);
    }
    return list;
}

static void ratelimits(void *arg, struct client *client, struct client_call *call)
{
    const struct api *api = arg;
    const struct exchange_env *env = api->env;
    json_object *root = json_object_new_object();
    json_object_object_add(root, "queue", queue_json(env->conf, api->pages));
    json_object_object_add(root, "ratelimits",
                           pair_rows_json(env->conf, tableview_table(env->view), api->pages));
    answer_json(client, NULL, root);
}

static void health(void *arg, struct client *client, struct client_call *call)
{
    const struct api *api = arg;
    const struct conf *conf = api->env->conf;
    struct health_facts facts = {.has_tracker = api_has_tracker(api)};
    const struct conf_chain *chain = &conf->chains[conf->default_chain];
    uint64_t now_at = clock_boot_ns();
    json_object *root = json_object_new_object();
    /* From the worker's own view, as a request would see it: cheap, and /health is asked often. */
    for (uint32_t i = 0; i < chain->n_pairs; i++) {
        struct pair_seen seen;
        uint64_t rest_ms = 0;
        bool rests = tableview_verdict(api->env->view, chain->pairs[i], now_at, &seen, &rest_ms) ==
                     OUTCOME_IN_COOLDOWN;
        health_note_pair(&facts, rests ? clock_wall_ms() + rest_ms : 0);
    }
    health_note_answers(&facts, &api->answers, now_at, page_sums_all(api->pages));
    health_add_members(root, &facts);
    json_out_text(root, "version", PACKAGE_VERSION);
    json_out_number(root, "uptimeMs", (now_at - api->started_at) / CLOCK_NS_PER_MS);
    json_out_number(root, "providers", conf->n_providers);
    json_out_number(root, "chains", conf->n_chains);
    json_out_text(root, "tracker", facts.has_tracker ? "up" : "down");
    answer_json(client, NULL, root);
}

/* ---- for operators --------------------------------------------------------------------------- */

static void metrics(void *arg, struct client *client, struct client_call *call)
{
    const struct api *api = arg;
    struct buf text = BUF_INIT;
    metrics_print(api->env->conf, tableview_table(api->env->view), api->pages, api_has_tracker(api),
                  &text);
    client_answer(client, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, text.data,
                  text.len);
    buf_free(&text);
}

static void status_document(void *arg, struct client *client, struct client_call *call)
{
    const struct api *api = arg;
    answer_json(client, STATUS_HEADERS,
                status_json(&(struct status_view){
                    .conf = api->env->conf,
                    .table = api->env->view,
                    .claims = api->env->claims,
                    .pages = api->pages,
                    .answers = &api->answers,
                    .has_tracker = api_has_tracker(api),
                    .started_at = api->started_at,
                }));
}

static void status_page(void *arg, struct client *client, struct client_call *call)
{
    struct buf headers = BUF_INIT, page = BUF_INIT;
    buf_puts(&headers, STATUS_HEADERS);
    status_page_put(&headers, &page);
    client_answer(client, 200, "text/html; charset=utf-8", buf_cstr(&headers), page.data, page.len);
    buf_free(&headers);
    buf_free(&page);
}

/* What agents ask to see whether anybody is there. */
static void nothing(void *arg, struct client *client, struct client_call *call)
{
    client_answer(client, 200, "text/plain", NULL, "", 0);
}

static void lead_to_status(void *arg, struct client *client, struct client_call *call)
{
    client_answer(client, 302, "text/plain", "Location: /status\r\n", "", 0);
}

/* What clients of providers ask for, and what people and programs watch weir with. */
#define V1(verb, name) .method = (verb), .path = "/v1" name, .dialect = &dialect_chat
#define OPEN(verb, name) \
    .method = (verb), .path = (name), .dialect = DIALECT_DEFAULT, .access = CLIENT_ACCESS_ALL
#define WATCH(name)                                              \
    .method = "GET", .path = (name), .dialect = DIALECT_DEFAULT, \
    .access = CLIENT_ACCESS_THIS_MACHINE
#define ASKS(what) .has_body = true, .answer = ask_provider, .operation = &(what)

const struct client_endpoint api_endpoints[] = {
    {V1("POST", "/chat/completions"), ASKS(dialect_chat_completions)},
    {V1("POST", "/completions"), ASKS(dialect_completions)},
    {V1("POST", "/embeddings"), ASKS(dialect_embeddings)},
    {V1("GET", "/models"), .answer = models},
    {V1("GET", "/models"), .takes_name = true, .answer = model},
    {V1("GET", "/ratelimits"), .answer = ratelimits},
    {OPEN("GET", "/health"), .answer = health},
    {OPEN("HEAD", "/api/hello"), .answer = nothing},
    {OPEN("GET", "/"), .answer = lead_to_status},
    {OPEN("HEAD", "/"), .answer = nothing},
    {WATCH("/metrics"), .answer = metrics},
    {WATCH("/status"), .answer = status_page},
    {WATCH("/status.json"), .answer = status_document},
    {.path = NULL},
};
