/* SPDX-License-Identifier: MIT */
/* See sim_wait.h. */
#include "tests/sim/sim_wait.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "tests/sim/sim_control.h"
#include "tests/sim/sim_models.h"
#include "tests/sim/sim_query.h"

#define COUNTER_MAX UINT64_C(1000000000000000)

/* What can be waited for. Counters that only grow are reached, the others are met exactly. */
static const struct {
    const char *name;
    size_t offset;
    bool is_exact;
    bool is_of_all; /* not counted by model */
} conditions[] = {
    {"requests", offsetof(struct counters, requests), false, false},
    {"active", offsetof(struct counters, active), true, false},
    {"completed", offsetof(struct counters, completed), false, false},
    {"aborted", offsetof(struct counters, aborted), false, false},
    {"faults", offsetof(struct counters, faults), false, false},
    {"connections", offsetof(struct counters, connections), false, true},
    {"open_connections", offsetof(struct counters, open_connections), true, true},
};
#define CONDITION_COUNT (sizeof(conditions) / sizeof(conditions[0]))

struct waiter {
    LIST_ENTRY(waiter) link;
    struct conn *conn;
    char *model; /* NULL: all */
    bool is_asked[CONDITION_COUNT];
    uint64_t wanted[CONDITION_COUNT];
    uint64_t timeout_ms;
};

static LIST_HEAD(, waiter) waiters = LIST_HEAD_INITIALIZER(waiters);

static bool is_met(const struct waiter *w)
{
    struct counters of_model = w->model != NULL ? models_counters(w->model) : *models_total();
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        const void *from = conditions[i].is_of_all ? models_total() : &of_model;
        uint64_t now = *(const uint64_t *)((const char *)from + conditions[i].offset);
        bool is_reached = conditions[i].is_exact ? now == w->wanted[i] : now >= w->wanted[i];
        if (w->is_asked[i] && !is_reached)
            return false;
    }
    return true;
}

static void free_waiter(struct waiter *w)
{
    free(w->model);
    free(w);
}

static void answer(struct waiter *w, int status)
{
    struct conn *c = w->conn;
    struct buf body = BUF_INIT;
    LIST_REMOVE(w, link);
    free_waiter(w);
    control_put_stats(&body);
    control_answer(c, status, &body);
}

/* An answer may lead to changes and to other waiters: begin anew after each. */
static void on_change(void)
{
    struct waiter *w;
    do {
        LIST_FOREACH(w, &waiters, link)
        if (is_met(w))
            break;
        if (w != NULL)
            answer(w, 200);
    } while (w != NULL);
}

static void on_timer(void *arg)
{
    answer(arg, 408);
}

static void on_gone(void *arg)
{
    struct waiter *w = arg;
    LIST_REMOVE(w, link);
    free_waiter(w);
}

static void on_writable(void *arg)
{
}

static bool read_member(struct waiter *w, const char *name, char **value)
{
    if (strcmp(name, "model") == 0) {
        free(w->model);
        w->model = *value;
        *value = NULL;
        return true;
    }
    if (strcmp(name, "timeout") == 0)
        return query_number(*value, WAIT_TIMEOUT_MS_MAX, &w->timeout_ms);
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        if (strcmp(name, conditions[i].name) != 0)
            continue;
        w->is_asked[i] = true;
        return query_number(*value, COUNTER_MAX, &w->wanted[i]);
    }
    return false;
}

static bool read_query(struct waiter *w, const char *query, size_t len)
{
    char *name, *value;
    bool is_bad = false, is_good = true;
    while (is_good && query_next(&query, &len, &name, &value, &is_bad)) {
        is_good = read_member(w, name, &value);
        free(name);
        free(value);
    }
    return is_good && !is_bad;
}

void wait_start(struct conn *c, const char *query, size_t len)
{
    static const struct conn_answerer answerer = {on_writable, on_timer, on_gone};
    struct waiter *w = xcalloc(1, sizeof(*w));
    w->conn = c;
    w->timeout_ms = WAIT_TIMEOUT_MS;
    if (!read_query(w, query, len)) {
        free_waiter(w);
        control_answer_error(c, 400,
                             "wait takes model=NAME, timeout=MS, and numbers for requests, active, "
                             "completed, aborted, faults, connections, open_connections");
        return;
    }
    models_on_change(on_change);
    LIST_INSERT_HEAD(&waiters, w, link);
    if (is_met(w)) {
        answer(w, 200);
        return;
    }
    conn_answer_with(c, &answerer, w);
    conn_set_timer(c, clock_boot_ns() + w->timeout_ms * CLOCK_NS_PER_MS);
}
