/* SPDX-License-Identifier: MIT */
/* See sim_serve.h. */
#include "tests/sim/sim_serve.h"

#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_body.h"
#include "tests/sim/sim_control.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_models.h"
#include "tests/sim/sim_play.h"

#define CONTROL_PREFIX "/control/"

/* A request on its way to its answer. */
struct call {
    struct conn *conn;
    struct sim_http_request *request;
    const char *data;
    size_t len;
    const char *path; /* without the query */
    size_t path_len;
    uint64_t number;
    const char *allow; /* what a 405 names */
};

static struct {
    const char *key;
    uint64_t number; /* of the last request */
} all;

static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static bool is_method(const struct call *k, const char *method)
{
    return is_word(k->data + k->request->method.at, k->request->method.len, method);
}

static void put_head(struct conn *c, int status, const struct buf *body, uint64_t number,
                     const char *allow)
{
    struct answer_head head = {.status = status,
                               .allow = allow,
                               .content_type = "application/json",
                               .length = (int64_t)body->len,
                               .is_keep_alive = conn_is_keep_alive(c),
                               .number = number,
                               .created = clock_wall_ms() / 1000};
    answer_put_head(conn_out(c), &head);
}

/* Answers without a scenario: errors of the request, the list of models. They count as requests
 * and are in the log like all others. */
static void answer_now(struct call *k, struct model *m, int status, struct buf *body)
{
    uint32_t epoch = models_epoch();
    struct journal_entry *entry =
        journal_add(k->request, k->data, k->len, m != NULL ? model_name(m) : NULL, false);
    put_head(k->conn, status, body, k->number, k->allow);
    if (!is_method(k, "HEAD"))
        buf_put(conn_out(k->conn), body->data, body->len);
    buf_free(body);
    journal_end(entry, ENDING_COMPLETED);
    if (m == NULL)
        models_count_request(NULL);
    models_count_ending(m, ENDING_COMPLETED, epoch);
    conn_finish(k->conn);
}

static void answer_error(struct call *k, struct model *m, int status, const char *message,
                         const char *code)
{
    struct buf body = BUF_INIT;
    answer_put_error(&body, status, message, NULL, code);
    log_fields(LOGLV_WARN, LOG_LIST(LOG_INT("status", status), LOG_STR("error", message)),
               "request refused");
    answer_now(k, m, status, &body);
}

static bool read_body(struct call *k, struct body *body)
{
    size_t len;
    const char *text = sim_http_body(k->request, k->data, k->len, &len);
    if (body_read(body, text, len) != BODY_GOOD)
        answer_error(k, NULL, 400, body->error, "invalid_json");
    else if (!body->has_model)
        answer_error(k, NULL, 400, "model is missing", "invalid_request");
    else
        return true;
    return false;
}

static bool is_too_big(const struct scenario *s, bool is_stream)
{
    return (!is_stream || s->is_json_for_stream) &&
           scenario_content_bytes(s) > SCENARIO_WHOLE_BYTES_MAX;
}

static void play(struct call *k, struct model *m, struct scenario *s,
                 const struct play_request *request)
{
    if (is_too_big(s, request->is_stream)) {
        scenario_unref(s);
        answer_error(k, m, 400, "so many tokens of such a size can only be streamed",
                     "bad_scenario");
        return;
    }
    struct journal_entry *entry =
        journal_add(k->request, k->data, k->len, model_name(m), request->is_stream);
    play_start(k->conn, m, s, entry, request);
}

static void answer_generation(struct call *k, enum play_kind kind)
{
    struct body body;
    if (!read_body(k, &body))
        return;
    struct model *m = model_find(body.model);
    if (m == NULL) {
        answer_error(k, NULL, 503, "too many models: POST /control/reset", "too_many_models");
        return;
    }
    struct play_request request = {.kind = kind, .number = k->number};
    request.is_stream = body.is_stream && kind != PLAY_EMBEDDINGS;
    request.is_usage_wanted = body.is_usage_wanted;
    size_t body_len;
    sim_http_body(k->request, k->data, k->len, &body_len);
    request.body_len = body_len;
    const char *error;
    models_count_request(m);
    struct scenario *s = model_next_scenario(m, &error);
    if (s == NULL)
        answer_error(k, m, 400, error, "bad_scenario");
    else
        play(k, m, s, &request);
}

static void answer_chat(struct call *k)
{
    answer_generation(k, PLAY_CHAT);
}

static void answer_completions(struct call *k)
{
    answer_generation(k, PLAY_COMPLETION);
}

static void answer_embeddings(struct call *k)
{
    answer_generation(k, PLAY_EMBEDDINGS);
}

static void put_model(const struct model *m, const struct counters *counters, void *arg)
{
    struct buf *b = arg;
    if (b->data[b->len - 1] != '[')
        buf_putc(b, ',');
    buf_puts(b, "{\"id\":");
    buf_put_json(b, model_name(m), strlen(model_name(m)));
    buf_puts(b, ",\"object\":\"model\",\"created\":0,\"owned_by\":\"weir-sim\"}");
}

static void answer_models(struct call *k)
{
    struct buf body = BUF_INIT;
    buf_puts(&body, "{\"object\":\"list\",\"data\":[");
    models_each(put_model, &body);
    buf_puts(&body, "]}");
    answer_now(k, NULL, 200, &body);
}

static const struct {
    const char *method;
    const char *path;
    void (*answer)(struct call *k);
} routes[] = {
    {"POST", "/v1/chat/completions", answer_chat}, {"POST", "/chat/completions", answer_chat},
    {"GET", "/v1/models", answer_models},          {"GET", "/models", answer_models},
    {"POST", "/v1/embeddings", answer_embeddings}, {"POST", "/v1/completions", answer_completions},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

/* Compares without leaving early: a habit that costs nothing. */
static bool is_key(const char *given, size_t len, const char *key)
{
    unsigned char differs = strlen(key) != len;
    for (size_t i = 0; i < len && !differs; i++)
        differs |= (unsigned char)(given[i] ^ key[i]);
    return !differs;
}

static bool is_allowed(const struct call *k)
{
    const char *at = k->data + k->request->fields.at, *name, *value;
    size_t left = k->request->fields.len, name_len, value_len;
    if (all.key == NULL)
        return true;
    while (sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len)) {
        if (name_len != 13 || strncasecmp(name, "authorization", 13) != 0)
            continue;
        return value_len > 7 && strncasecmp(value, "bearer ", 7) == 0 &&
               is_key(value + 7, value_len - 7, all.key);
    }
    return false;
}

static void answer_route(struct call *k)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!is_word(k->path, k->path_len, routes[i].path))
            continue;
        if (is_method(k, routes[i].method)) {
            routes[i].answer(k);
            return;
        }
        k->allow = routes[i].method;
    }
    if (k->allow != NULL)
        answer_error(k, NULL, 405, "this path does not know the method", NULL);
    else
        answer_error(k, NULL, 404, "unknown path", NULL);
}

static void on_request(struct conn *c, struct sim_http_request *r, const char *data, size_t len)
{
    const char *target = data + r->target.at;
    const char *question = memchr(target, '?', r->target.len);
    size_t path_len = question != NULL ? (size_t)(question - target) : r->target.len;
    size_t prefix = strlen(CONTROL_PREFIX);
    if (path_len > prefix && memcmp(target, CONTROL_PREFIX, prefix) == 0) {
        control_request(c, r, data, len);
        return;
    }
    struct call k = {c, r, data, len, target, path_len, ++all.number, NULL};
    if (is_allowed(&k))
        answer_route(&k);
    else
        answer_error(&k, NULL, 401, "the key is missing or wrong", NULL);
}

static void on_bad_request(struct conn *c, struct sim_http_request *r)
{
    struct buf body = BUF_INIT;
    log_fields(LOGLV_WARN, LOG_LIST(LOG_INT("status", r->error_status), LOG_STR("error", r->error)),
               "request that cannot be read");
    answer_put_error(&body, r->error_status, r->error, NULL, NULL);
    r->is_keep_alive = false;
    put_head(c, r->error_status, &body, ++all.number, NULL);
    buf_put(conn_out(c), body.data, body.len);
    buf_free(&body);
    conn_close(c);
}

static bool is_slow(const char *text, size_t len)
{
    struct body body;
    body_read(&body, text, len);
    struct model *m = body.has_model ? model_find(body.model) : NULL;
    return m != NULL && model_is_slow(m);
}

const struct conn_handler *serve_handler(const char *key)
{
    static const struct conn_handler handler = {
        .on_request = on_request,
        .on_bad_request = on_bad_request,
        .is_slow = is_slow,
        .on_open = models_count_open,
        .on_closed = models_count_closed,
    };
    all.key = key;
    return &handler;
}
