/* SPDX-License-Identifier: MIT */
/* See probe_command.h. */
#include "trackerd/weirctl/probe_command.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/conf/load.h"
#include "common/routing/pair_rows.h"
#include "common/terms/outcome.h"
#include "common/terms/pair_key.h"
#include "trackerd/weirctl/door.h"
#include "trackerd/weirctl/print.h"
#include "trackerd/weirctl/probe.h"

#define READ_BYTES 16384

struct report { /* on one probe */
    const struct probe_result *result;
    uint64_t began_at, ended_at;
    bool has_table;
    struct pair_row row; /* how the pair stands afterwards */
};

/* ---- the exchange ---------------------------------------------------------------------------- */

/* False with errno if weir fell silent or the connection was lost. */
static bool receive_all(int fd, struct probe *probe)
{
    char data[READ_BYTES];
    for (;;) {
        ssize_t n = recv(fd, data, sizeof(data), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0) {
            probe_finish(probe, clock_boot_ns());
            return true;
        }
        if (!probe_feed(probe, data, (size_t)n, clock_boot_ns()))
            return true;
    }
}

/* Longer than any wait of weir's own. */
static unsigned patience_s(const struct conf *conf, const struct conf_provider *provider)
{
    uint64_t header_ms =
        provider->timeout_ms != 0 ? provider->timeout_ms : conf->request_timeout_ms;
    uint64_t ms = header_ms + conf->first_token_timeout_ms + conf->stream_idle_timeout_ms;
    return (unsigned)(ms / 1000) + DOOR_CONNECT_S;
}

static uint64_t ms_between(uint64_t from_at, uint64_t to_at)
{
    return (to_at - from_at) / CLOCK_NS_PER_MS;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_field(const char *name, const char *text)
{
    printf("  %-12s ", name);
    print_clean(text, 0);
    putchar('\n');
}

static void print_length(const char *name, uint64_t from_at, uint64_t to_at)
{
    char text[PRINT_DURATION_BYTES];
    print_field(name, print_duration(text, ms_between(from_at, to_at)));
}

static void print_rest(const struct pair_row *row)
{
    char text[PRINT_DURATION_BYTES];
    if (row->cooldown_remaining_ms == 0) {
        print_field("status", pair_status_word(row->status));
        return;
    }
    printf("  %-12s %s for another %s: ", "status", pair_status_word(row->status),
           print_duration(text, row->cooldown_remaining_ms));
    print_clean(row->reason, 0);
    printf("; to end it: weirctl clear ");
    print_clean(row->provider, 0);
    putchar(' ');
    print_clean(row->model, 0);
    putchar('\n');
}

/* "groq/llama-3.3-70b: rate_limited (HTTP 429)" */
static void print_outcome(const struct report *report)
{
    print_clean(report->row.provider, 0);
    putchar('/');
    print_clean(report->row.model, 0);
    printf(": %s", report->result->outcome);
    if (report->result->status != 0)
        printf(" (HTTP %d)", report->result->status);
}

static void print_text(const struct report *report)
{
    const struct probe_result *r = report->result;
    print_outcome(report);
    putchar('\n');
    if (r->message[0] != '\0')
        print_field("message", r->message);
    if (r->first_token_at != 0)
        print_length("first token", report->began_at, r->first_token_at);
    print_length("total", report->began_at, report->ended_at);
    if (r->answer[0] != '\0')
        print_field("answer", r->answer);
    if (r->model[0] != '\0')
        print_field("model", r->model);
    if (r->prompt_tokens >= 0 && r->completion_tokens >= 0)
        printf("  %-12s %" PRId64 " prompt tokens, %" PRId64 " completion tokens\n", "usage",
               r->prompt_tokens, r->completion_tokens);
    if (report->has_table)
        print_rest(&report->row);
}

/* "groq/llama-3.3-70b: rate_limited (HTTP 429), 120ms: Rate limit reached" */
static void print_line(const struct report *report)
{
    const struct probe_result *r = report->result;
    char text[PRINT_DURATION_BYTES];
    print_outcome(report);
    printf(", %s", print_duration(text, ms_between(report->began_at, report->ended_at)));
    if (r->message[0] != '\0') {
        printf(": ");
        print_clean(r->message, 0);
    }
    putchar('\n');
    fflush(stdout); /* the next one may take its time */
}

/* ---- for programs ---------------------------------------------------------------------------- */

/* "" becomes null. */
static void add_told(json_object *o, const char *key, const char *text)
{
    json_out_text(o, key, text[0] != '\0' ? text : NULL);
}

static json_object *usage_json(const struct probe_result *r)
{
    if (r->prompt_tokens < 0 && r->completion_tokens < 0)
        return NULL;
    json_object *o = json_object_new_object();
    json_out_known(o, "promptTokens", r->prompt_tokens >= 0, r->prompt_tokens);
    json_out_known(o, "completionTokens", r->completion_tokens >= 0, r->completion_tokens);
    return o;
}

static json_object *report_json(const struct report *report)
{
    const struct probe_result *r = report->result;
    json_object *o = json_object_new_object();
    json_out_text(o, "provider", report->row.provider);
    json_out_text(o, "model", report->row.model);
    json_out_text(o, "outcome", r->outcome);
    json_out_nonzero(o, "status", (uint64_t)r->status);
    add_told(o, "message", r->message);
    if (r->first_token_at != 0)
        json_out_number(o, "firstTokenMs", ms_between(report->began_at, r->first_token_at));
    else
        json_object_object_add(o, "firstTokenMs", NULL);
    json_out_number(o, "durationMs", ms_between(report->began_at, report->ended_at));
    add_told(o, "answer", r->answer);
    add_told(o, "reportedModel", r->model);
    json_object_object_add(o, "usage", usage_json(r));
    json_object_object_add(o, "ratelimit", report->has_table ? pair_row_json(&report->row) : NULL);
    return o;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void look_at_pair(struct report *report, const struct conf *conf, uint32_t pair)
{
    struct shm_table *tab = NULL;
    report->has_table = shm_table_open_reader(conf->tracker_shm, &tab) == SHM_TABLE_OK;
    struct pages *pages = pages_open_reader(conf->tracker_shm);
    pair_row_read(conf, pair, tab, pages, &report->row);
    pages_close(&pages);
    shm_table_close(&tab);
}

/* WEIRCTL_DONE: the report says how the pair did. Else why there is none was told. */
static int check_report(struct report *report, const struct conf *conf, uint32_t pair)
{
    const struct probe_result *r = report->result;
    switch (r->end) {
    case PROBE_COMPLETED:
    case PROBE_FAILED:
        break;
    case PROBE_REFUSED:
        return weirctl_fail(WEIRCTL_REFUSED, "weir refused it: %s: %s", r->outcome, r->message);
    case PROBE_UNFINISHED:
        return weirctl_fail(EX_UNAVAILABLE, "weir broke off its answer");
    case PROBE_NOT_WEIR:
        return weirctl_fail(EX_UNAVAILABLE, "what answers there is not weir");
    }
    look_at_pair(report, conf, pair);
    return WEIRCTL_DONE;
}

/* Probes the pair; the same result. */
static int probe_pair(const struct weirctl *ctl, const char *api_key, uint32_t pair,
                      struct probe *probe, struct report *report)
{
    int fd = door_open(ctl->conf, patience_s(ctl->conf, ctl->conf->pairs[pair].provider));
    if (fd < 0)
        return weirctl_fail(EX_UNAVAILABLE, "weir at %s: %s",
                            ctl->conf->listen[ctl->conf->n_listen - 1].text, strerror(errno));
    struct buf request = BUF_INIT;
    int code;
    *report = (struct report){.result = probe_result(probe), .began_at = clock_boot_ns()};
    probe_put_request(&request, &ctl->conf->pairs[pair], api_key);
    bool is_whole = door_send(fd, request.data, request.len) && receive_all(fd, probe);
    report->ended_at = clock_boot_ns();
    if (is_whole)
        code = check_report(report, ctl->conf, pair);
    else
        code = weirctl_fail(EX_UNAVAILABLE, "weir: %s",
                            errno == EAGAIN ? "no answer in time" : strerror(errno));
    close(fd);
    buf_free(&request);
    return code;
}

static int verdict_of(const struct report *report)
{
    return report->result->end == PROBE_COMPLETED ? WEIRCTL_DONE : WEIRCTL_REFUSED;
}

static int run_pair(const struct weirctl *ctl, const char *api_key, uint32_t pair)
{
    struct probe *probe = probe_new();
    struct report report;
    int code = probe_pair(ctl, api_key, pair, probe, &report);
    if (code == WEIRCTL_DONE) {
        if (ctl->as_json)
            print_json(report_json(&report));
        else
            print_text(&report);
        code = verdict_of(&report);
    }
    probe_free(&probe);
    return code;
}

/* Each entry, though some fail. Stops where weir itself is the trouble. */
static int run_chain(const struct weirctl *ctl, const char *api_key, const struct conf_chain *chain)
{
    json_object *list = ctl->as_json ? json_object_new_array() : NULL;
    int worst = WEIRCTL_DONE, code = WEIRCTL_DONE;
    for (uint32_t i = 0; i < chain->n_pairs && code == WEIRCTL_DONE; i++) {
        struct probe *probe = probe_new();
        struct report report;
        code = probe_pair(ctl, api_key, chain->pairs[i], probe, &report);
        if (code == WEIRCTL_DONE) {
            if (ctl->as_json)
                json_object_array_add(list, report_json(&report));
            else
                print_line(&report);
            if (verdict_of(&report) != WEIRCTL_DONE)
                worst = WEIRCTL_REFUSED;
        }
        probe_free(&probe);
    }
    if (code == WEIRCTL_DONE && ctl->as_json)
        print_json(list);
    else
        json_object_put(list);
    return code != WEIRCTL_DONE ? code : worst;
}

/* A pair or, with --chain, a chain; -1: there is none of that name, which was told. */
static int find_target(const struct weirctl *ctl)
{
    int found;
    if (ctl->chain != NULL) {
        found = conf_find_chain(ctl->conf, ctl->chain, strlen(ctl->chain));
        if (found < 0)
            weirctl_fail(WEIRCTL_REFUSED, "no chain is called %s", ctl->chain);
        return found;
    }
    const char *provider = ctl->argv[0], *model = ctl->argv[1];
    found = conf_find_pair(ctl->conf, pair_key_hash(provider, model));
    if (found < 0)
        weirctl_fail(WEIRCTL_REFUSED, "no pair is called %s/%s%s", provider, model,
                     weirctl_hint_pair(ctl->conf, provider, model));
    return found;
}

/* The only command that needs a client's key: the file is read once more for it. */
int probe_command_run(const struct weirctl *ctl)
{
    struct buf messages = BUF_INIT;
    struct conf *with_keys = NULL;
    int target = find_target(ctl), code = EX_CONFIG;
    if (target < 0)
        return WEIRCTL_REFUSED;
    if (!conf_load_with_client_keys(ctl->conf_path, &with_keys, &messages))
        fputs(buf_cstr(&messages), stderr);
    else if (ctl->chain != NULL)
        code = run_chain(ctl, with_keys->api_keys[0], &ctl->conf->chains[target]);
    else
        code = run_pair(ctl, with_keys->api_keys[0], (uint32_t)target);
    conf_free(&with_keys);
    buf_free(&messages);
    return code;
}
