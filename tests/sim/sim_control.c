/* SPDX-License-Identifier: MIT */
/* See sim_control.h. */
#include "tests/sim/sim_control.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_models.h"
#include "tests/sim/sim_query.h"
#include "tests/sim/sim_wait.h"

#define MODELS_PREFIX "/control/models/"

struct control {
    struct conn *conn;
    const char *body;
    size_t body_len;
    const char *rest; /* of the path, behind the route's */
    size_t rest_len;
    const char *query;
    size_t query_len;
};

void control_answer(struct conn *c, int status, struct buf *body)
{
    struct answer_head head = {.status = status,
                               .content_type = "application/json",
                               .length = (int64_t)body->len,
                               .is_keep_alive = conn_is_keep_alive(c),
                               .created = clock_wall_ms() / 1000};
    answer_put_head(conn_out(c), &head);
    buf_put(conn_out(c), body->data, body->len);
    buf_free(body);
    conn_finish(c);
}

void control_answer_error(struct conn *c, int status, const char *message)
{
    struct buf body = BUF_INIT;
    answer_put_error(&body, status, message, NULL, NULL);
    control_answer(c, status, &body);
}

static void put_counters(struct buf *b, const struct counters *c)
{
    buf_printf(b,
               "\"requests\":%llu,\"active\":%llu,\"completed\":%llu,\"aborted\":%llu,"
               "\"faults\":%llu",
               (unsigned long long)c->requests, (unsigned long long)c->active,
               (unsigned long long)c->completed, (unsigned long long)c->aborted,
               (unsigned long long)c->faults);
}

static void put_model(const struct model *m, const struct counters *counters, void *arg)
{
    struct buf *b = arg;
    if (b->data[b->len - 1] != '{')
        buf_putc(b, ',');
    buf_put_json(b, model_name(m), strlen(model_name(m)));
    buf_puts(b, ":{");
    put_counters(b, counters);
    buf_putc(b, '}');
}

void control_put_stats(struct buf *b)
{
    const struct counters *total = models_total();
    buf_putc(b, '{');
    put_counters(b, total);
    buf_printf(b, ",\"connections\":%llu,\"open_connections\":%llu,\"models\":{",
               (unsigned long long)total->connections, (unsigned long long)total->open_connections);
    models_each(put_model, b);
    buf_puts(b, "}}");
}

static void get_stats(struct control *k)
{
    struct buf body = BUF_INIT;
    control_put_stats(&body);
    control_answer(k->conn, 200, &body);
}

static void post_reset(struct control *k)
{
    models_reset();
    journal_clear();
    log_info("reset");
    get_stats(k);
}

/* The members of GET /control/requests' query. */
struct filter {
    char *model;
    uint64_t last;
};

static bool read_filter(struct filter *f, const char *name, char **value)
{
    if (strcmp(name, "model") == 0) {
        free(f->model);
        f->model = *value;
        *value = NULL;
        return true;
    }
    return strcmp(name, "last") == 0 && query_number(*value, JOURNAL_ENTRIES, &f->last);
}

static void get_requests(struct control *k)
{
    struct filter filter = {NULL, JOURNAL_ENTRIES};
    char *name, *value;
    bool is_bad = false, is_good = true;
    while (is_good && query_next(&k->query, &k->query_len, &name, &value, &is_bad)) {
        is_good = read_filter(&filter, name, &value);
        free(name);
        free(value);
    }
    if (is_good && !is_bad) {
        struct buf body = BUF_INIT;
        journal_put_json(&body, filter.model, (size_t)filter.last);
        control_answer(k->conn, 200, &body);
    } else {
        control_answer_error(k->conn, 400, "the query may have model=NAME and last=N (up to 1000)");
    }
    free(filter.model);
}

static void get_wait(struct control *k)
{
    wait_start(k->conn, k->query, k->query_len);
}

/* A script as it was sent. */
struct draft {
    struct scenario **items;
    size_t count;
    bool is_loop;
    char error[SCENARIO_ERROR_MAX + 64];
};

static void free_draft(struct draft *d)
{
    for (size_t i = 0; i < d->count; i++)
        scenario_unref(d->items[i]);
    free(d->items);
}

static bool complain(struct draft *d, const char *message)
{
    snprintf(d->error, sizeof(d->error), "%s", message);
    return false;
}

static bool read_item(struct draft *d, struct json_object *item)
{
    char error[SCENARIO_ERROR_MAX];
    if (!json_object_is_type(item, json_type_string))
        return complain(d, "every item of script is a string: a fault list, or \"ok\"");
    const char *text = json_object_get_string(item);
    struct scenario *s = scenario_parse(text, strlen(text), error);
    if (s == NULL) {
        snprintf(d->error, sizeof(d->error), "script item %zu: %s", d->count + 1, error);
        return false;
    }
    d->items[d->count++] = s;
    return true;
}

static bool read_items(struct draft *d, struct json_object *script)
{
    if (!json_object_is_type(script, json_type_array))
        return complain(d, "script is missing, or not a list of fault lists");
    size_t count = json_object_array_length(script);
    if (count == 0 || count > SCRIPT_ITEMS_MAX)
        return complain(d, "script is empty or too long");
    d->items = xcalloc(count, sizeof(struct scenario *));
    for (size_t i = 0; i < count; i++)
        if (!read_item(d, json_object_array_get_idx(script, i)))
            return false;
    return true;
}

static bool read_repeat(struct draft *d, struct json_object *repeat)
{
    const char *word = repeat != NULL ? json_object_get_string(repeat) : "last";
    d->is_loop = word != NULL && strcmp(word, "loop") == 0;
    if (d->is_loop || (word != NULL && strcmp(word, "last") == 0))
        return true;
    return complain(d, "repeat is \"last\" or \"loop\"");
}

static bool read_draft(struct draft *d, struct json_object *root)
{
    struct json_object *script = NULL, *repeat = NULL;
    if (!json_object_is_type(root, json_type_object))
        return complain(d, "the body is not a JSON object");
    json_object_object_foreach(root, name, value)
    {
        if (strcmp(name, "script") == 0)
            script = value;
        else if (strcmp(name, "repeat") == 0)
            repeat = value;
        else
            return complain(d, "a script has the members script and repeat only");
    }
    return read_items(d, script) && read_repeat(d, repeat);
}

static struct json_object *parse_json(const struct control *k)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *root =
        k->body_len > 0 ? json_tokener_parse_ex(tokener, k->body, (int)k->body_len) : NULL;
    json_tokener_free(tokener);
    return root;
}

static void put_script(struct control *k, char *name)
{
    struct draft draft = {0};
    struct json_object *root = parse_json(k);
    struct model *m = read_draft(&draft, root) ? model_find(name) : NULL;
    json_object_put(root);
    if (m == NULL) {
        free_draft(&draft);
        control_answer_error(k->conn, draft.error[0] != '\0' ? 400 : 503,
                             draft.error[0] != '\0' ? draft.error : "too many models");
        return;
    }
    model_set_script(m, draft.items, draft.count, draft.is_loop);
    log_fields(LOGLV_INFO, LOG_LIST(LOG_STR("model", name), LOG_INT("items", draft.count)),
               "script set");
    struct buf body = BUF_INIT;
    buf_puts(&body, "{\"model\":");
    buf_put_json(&body, name, strlen(name));
    buf_printf(&body, ",\"items\":%zu,\"repeat\":\"%s\"}", draft.count,
               draft.is_loop ? "loop" : "last");
    control_answer(k->conn, 200, &body);
}

static void delete_script(struct control *k, char *name)
{
    struct model *m = model_peek(name);
    bool is_there = m != NULL && model_has_script(m);
    if (is_there) {
        model_delete_script(m);
        log_fields(LOGLV_INFO, LOG_LIST(LOG_STR("model", name)), "script deleted");
    }
    struct buf body = BUF_INIT;
    buf_printf(&body, "{\"deleted\":%s}", is_there ? "true" : "false");
    control_answer(k->conn, 200, &body);
}

static void with_name(struct control *k, void (*fn)(struct control *k, char *name))
{
    char *name = query_decode(k->rest, k->rest_len, false);
    if (name != NULL && name[0] != '\0')
        fn(k, name);
    else
        control_answer_error(k->conn, 400, "the model's name is empty or badly encoded");
    free(name);
}

static void put_model_script(struct control *k)
{
    with_name(k, put_script);
}

static void delete_model_script(struct control *k)
{
    with_name(k, delete_script);
}

static const struct {
    const char *method;
    const char *path; /* with a final slash: the beginning of paths */
    void (*answer)(struct control *k);
} routes[] = {
    {"PUT", MODELS_PREFIX, put_model_script},   {"DELETE", MODELS_PREFIX, delete_model_script},
    {"POST", "/control/reset", post_reset},     {"GET", "/control/stats", get_stats},
    {"GET", "/control/requests", get_requests}, {"GET", "/control/wait", get_wait},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static bool is_path(const char *path, size_t len, const char *route)
{
    size_t route_len = strlen(route);
    bool is_beginning = route[route_len - 1] == '/';
    return (len == route_len || (is_beginning && len > route_len)) &&
           memcmp(path, route, route_len) == 0;
}

static void answer_route(struct control *k, const char *method, size_t method_len, const char *path,
                         size_t path_len)
{
    bool is_known = false;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!is_path(path, path_len, routes[i].path))
            continue;
        is_known = true;
        if (strlen(routes[i].method) == method_len &&
            memcmp(routes[i].method, method, method_len) == 0) {
            k->rest = path + strlen(routes[i].path);
            k->rest_len = path_len - strlen(routes[i].path);
            routes[i].answer(k);
            return;
        }
    }
    control_answer_error(k->conn, is_known ? 405 : 404,
                         is_known ? "this path does not know the method" : "unknown path");
}

void control_request(struct conn *c, struct sim_http_request *r, const char *data, size_t len)
{
    struct control k = {.conn = c};
    const char *target = data + r->target.at;
    const char *question = memchr(target, '?', r->target.len);
    size_t path_len = question != NULL ? (size_t)(question - target) : r->target.len;
    if (question != NULL) {
        k.query = question + 1;
        k.query_len = r->target.len - path_len - 1;
    }
    k.body = sim_http_body(r, data, len, &k.body_len);
    if (!conn_is_quiet(c)) {
        conn_set_quiet(c);
        models_uncount_connection();
    }
    answer_route(&k, data + r->method.at, r->method.len, target, path_len);
}
