/* See weirctl_print.h. */
#include "trackerd/weirctl_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

#define JSON_STYLE (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* ---- small texts ----------------------------------------------------------------------------- */

const char *print_duration(char out[PRINT_DURATION_BYTES], uint64_t ms)
{
    uint64_t s = ms / 1000;
    if (ms < 1000)
        snprintf(out, PRINT_DURATION_BYTES, "%" PRIu64 "ms", ms);
    else if (s < 60)
        snprintf(out, PRINT_DURATION_BYTES, "%" PRIu64 ".%" PRIu64 "s", s, ms % 1000 / 100);
    else if (s < 3600)
        snprintf(out, PRINT_DURATION_BYTES, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, PRINT_DURATION_BYTES, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s % 3600 / 60);
    else
        snprintf(out, PRINT_DURATION_BYTES, "%" PRIu64 "d%02" PRIu64 "h", s / 86400,
                 s % 86400 / 3600);
    return out;
}

void print_clean(const char *text, int width)
{
    int n = 0;
    for (; *text != '\0'; text++, n++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    for (; n < width; n++)
        putchar(' ');
}

static int longest(const struct ratelimit_row *rows, size_t n, bool is_model, int at_least)
{
    for (size_t i = 0; i < n; i++) {
        int len = (int)strlen(is_model ? rows[i].model : rows[i].provider);
        at_least = len > at_least ? len : at_least;
    }
    return at_least;
}

/* ---- status ---------------------------------------------------------------------------------- */

void print_tracker_text(const struct print_tracker *t)
{
    char text[PRINT_DURATION_BYTES];
    if (t->is_running)
        printf("weir-trackerd: running, pid %" PRId32 ", up %s\n", t->pid,
               print_duration(text, t->uptime_ms));
    else if (t->is_unresponsive)
        printf("weir-trackerd: not responding, pid %" PRId32 ", last sign of life %s ago\n", t->pid,
               print_duration(text, t->silent_ms));
    else
        printf("weir-trackerd: not running, last sign of life %s ago\n",
               print_duration(text, t->silent_ms));
}

static void print_row_text(const struct ratelimit_row *row, int provider_width, int model_width)
{
    char rest[PRINT_DURATION_BYTES] = "-";
    if (row->cooldown_remaining_ms > 0)
        print_duration(rest, row->cooldown_remaining_ms);
    print_clean(row->provider, provider_width + 2);
    print_clean(row->model, model_width + 2);
    printf("%-11s %8s %6" PRIu32 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "  ",
           pair_status_word(row->status), rest, row->mid_failures, row->cooldowns, row->requests,
           row->successes, row->failures);
    print_clean(row->reason, 0);
    putchar('\n');
}

void print_status_text(const struct print_tracker *tracker, const struct ratelimit_row *rows,
                       size_t n)
{
    int provider_width = longest(rows, n, false, (int)strlen("PROVIDER"));
    int model_width = longest(rows, n, true, (int)strlen("MODEL"));
    print_tracker_text(tracker);
    print_clean("PROVIDER", provider_width + 2);
    print_clean("MODEL", model_width + 2);
    printf("%-11s %8s %6s %9s %9s %9s %9s  %s\n", "STATUS", "REST", "FAILS", "COOLDOWNS",
           "REQUESTS", "SUCCEEDED", "FAILED", "REASON");
    for (size_t i = 0; i < n; i++)
        print_row_text(&rows[i], provider_width, model_width);
}

void print_json(json_object *o)
{
    puts(json_object_to_json_string_ext(o, JSON_STYLE));
    json_object_put(o);
}

json_object *print_tracker_json(const struct print_tracker *t)
{
    json_object *o = json_object_new_object();
    json_object_object_add(o, "pid", t->pid != 0 ? json_object_new_int(t->pid) : NULL);
    json_object_object_add(o, "running", json_object_new_boolean(t->is_running));
    json_object_object_add(o, "uptimeMs", json_object_new_int64((int64_t)t->uptime_ms));
    return o;
}

void print_status_json(const struct print_tracker *t, const struct ratelimit_row *rows, size_t n)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < n; i++)
        json_object_array_add(list, ratelimits_row_json(&rows[i]));
    json_object *o = json_object_new_object();
    json_object_object_add(o, "tracker", print_tracker_json(t));
    json_object_object_add(o, "ratelimits", list);
    print_json(o);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void print_time(uint64_t wall_ms)
{
    char text[32];
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;
    localtime_r(&s, &tm);
    strftime(text, sizeof(text), "%H:%M:%S", &tm);
    printf("%s.%03u ", text, (unsigned)(wall_ms % 1000));
}

void print_change_text(const struct evwire_change *c)
{
    char text[PRINT_DURATION_BYTES];
    print_time(c->at_wall_ms);
    printf("%-9s ", ev_change_word(c->kind));
    print_clean(c->state.provider, 0);
    putchar('/');
    print_clean(c->state.model, 0);
    if (c->kind == EVCH_COOLDOWN) {
        printf(" for %s: ", print_duration(text, c->duration_ms));
        print_clean(c->state.reason, 0);
    } else if (c->kind == EVCH_FAILURE) {
        printf(" %s %" PRIu32, cooldown_cause_word(c->cause), c->failures);
        if (c->threshold != 0)
            printf("/%" PRIu32, c->threshold);
    }
    putchar('\n');
}

void print_change_json(const struct evwire_change *c)
{
    uint64_t now_at = clock_boot_ns();
    uint64_t rest_ns = shmtab_rest_ns(&c->state.hot, now_at);
    json_object *o = json_object_new_object();
    json_object_object_add(o, "time", json_object_new_int64((int64_t)c->at_wall_ms));
    json_object_object_add(o, "event", json_object_new_string(ev_change_word(c->kind)));
    json_object_object_add(o, "provider", json_object_new_string(c->state.provider));
    json_object_object_add(o, "model", json_object_new_string(c->state.model));
    json_object_object_add(
        o, "status",
        json_object_new_string(pair_status_word(shmtab_status(&c->state.hot, now_at))));
    json_object_object_add(o, "cause", json_object_new_string(cooldown_cause_word(c->cause)));
    json_object_object_add(o, "reason",
                           rest_ns > 0 ? json_object_new_string(c->state.reason) : NULL);
    json_object_object_add(o, "cooldownMs", json_object_new_int64((int64_t)c->duration_ms));
    json_object_object_add(o, "failures", json_object_new_int64(c->failures));
    json_object_object_add(o, "threshold", json_object_new_int64(c->threshold));
    json_object_object_add(o, "midStreamFailures",
                           json_object_new_int64(c->state.hot.mid_failures));
    print_json(o);
}
