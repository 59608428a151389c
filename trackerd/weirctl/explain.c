/* SPDX-License-Identifier: MIT */
/* See explain.h. */
#include "trackerd/weirctl/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/shm/pages.h"
#include "common/shm/recent.h"
#include "common/shm/table.h"
#include "common/terms/delivery.h"
#include "common/terms/outcome.h"
#include "common/terms/pair_key.h"
#include "trackerd/weirctl/print.h"

#define LATEST         20 /* requests in a list */
#define NAME_BYTES     (CONF_PROVIDER_ID_MAX + CONF_MODEL_MAX + 2)
#define UNKNOWN        "?"
#define US_PER_MS      1000
#define NS_PER_US      (CLOCK_NS_PER_MS / US_PER_MS)
#define OUTCOME_COLUMN 24

/* Where names are looked up: records have hashes of pairs and chains. What is gone from the
 * configuration may still be in the workers' pages. */
struct names {
    const struct conf *conf;
    struct pages *pages; /* NULL: only the configuration is searched */
};

/* ---- names ----------------------------------------------------------------------------------- */

static bool find_pair(const struct names *names, uint64_t key_hash, const char **provider,
                      const char **model)
{
    int i = conf_find_pair(names->conf, key_hash);
    if (i >= 0) {
        *provider = names->conf->pairs[i].provider->id;
        *model = names->conf->pairs[i].model;
        return true;
    }
    i = names->pages != NULL ? pages_pair_find(names->pages, key_hash) : -1;
    if (i >= 0)
        pages_pair_names(names->pages, i, provider, model);
    return i >= 0;
}

/* NULL: the request had no chain, or its name is known nowhere any more. */
static const char *find_chain(const struct names *names, uint64_t hash)
{
    int chain = conf_find_chain_by_hash(names->conf, hash);
    if (chain >= 0)
        return names->conf->chains[chain].name;
    for (uint32_t i = 0; names->pages != NULL && i < PAGES_CHAINS_MAX; i++) {
        const char *name = pages_chain_name(names->pages, i);
        if (name != NULL && *name != '\0' && chain_name_hash(name) == hash)
            return name;
    }
    return NULL;
}

static const char *entry_name(char out[NAME_BYTES], const struct names *names,
                              const struct recent_step *step)
{
    const char *provider, *model;
    if (find_pair(names, step->key_hash, &provider, &model))
        snprintf(out, NAME_BYTES, "%s/%s", provider, model);
    else
        strcpy(out, UNKNOWN);
    return out;
}

/* A try, or the wait at a gate before one. */
static bool took_time(const struct recent_step *step)
{
    return outcome_was_attempted(step->outcome) || step->elapsed_ms != 0;
}

/* ---- for people ------------------------------------------------------------------------------ */

static const char *when_text(char out[PRINT_TIME_BYTES], const struct recent_request *r)
{
    return print_time(out, clock_wall_ms_of(r->head.received_at), "%Y-%m-%d %H:%M:%S");
}

/* 0 when a worker wrote nonsense. */
static uint64_t duration_us(const struct recent_request *r)
{
    uint64_t ns = r->head.ended_at - r->head.received_at;
    return r->head.ended_at > r->head.received_at ? ns / NS_PER_US : 0;
}

static void print_tokens(const char *what, int32_t n)
{
    if (n >= 0)
        printf("%" PRId32 " %s", n, what);
    else
        printf("%s unknown", what);
}

static void print_head_text(const struct names *names, const struct recent_request *r)
{
    char when[PRINT_TIME_BYTES], text[PRINT_DURATION_BYTES];
    const char *chain = find_chain(names, r->head.chain_hash);
    printf("request   %s\nreceived  %s\nchain     ", r->id, when_text(when, r));
    print_clean(chain != NULL ? chain : "-", 0);
    printf("\nanswer    %u %s, %" PRIu64 " bytes after %s\n", r->head.status, r->head.outcome,
           r->head.bytes, print_duration(text, duration_us(r) / US_PER_MS));
    if (r->head.first_token_us != 0)
        printf("content   after %s\n", print_duration(text, r->head.first_token_us / US_PER_MS));
    printf("delivery  %s\ntokens    ",
           r->head.is_stream ? delivery_word(r->head.delivery) : "not streamed");
    print_tokens("prompt", r->head.prompt_tokens);
    printf(", ");
    print_tokens("completion", r->head.completion_tokens);
    putchar('\n');
}

static void print_number(unsigned number, int width)
{
    if (number != 0)
        printf("%*u", width, number);
    else
        printf("%*s", width, "-");
}

static void print_step_text(const struct names *names, const struct recent_step *step,
                            uint32_t number, int width)
{
    char name[NAME_BYTES], time[PRINT_DURATION_BYTES] = "-", rest[PRINT_DURATION_BYTES] = "-";
    if (took_time(step))
        print_duration(time, step->elapsed_ms);
    if (step->rest_ms != 0)
        print_duration(rest, step->rest_ms);
    printf("%3" PRIu32 "  ", number);
    print_clean(entry_name(name, names, step), width + 2);
    printf("%-*s", OUTCOME_COLUMN, outcome_info(step->outcome)->word);
    print_number(step->status, 4);
    printf(" %8s %8s\n", time, rest);
}

static void print_request_text(const struct names *names, const struct recent_request *r)
{
    uint32_t n = recent_kept(r->head.n_steps), left_out = r->head.n_steps - n;
    int width = (int)strlen("ENTRY");
    print_head_text(names, r);
    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        char name[NAME_BYTES];
        int len = (int)strlen(entry_name(name, names, &r->steps[i]));
        width = len > width ? len : width;
    }
    printf("\n  #  %-*s%-*s%4s %8s %8s\n", width + 2, "ENTRY", OUTCOME_COLUMN, "OUTCOME", "HTTP",
           "TIME", "REST");
    for (uint32_t i = 0; i < n; i++) {
        bool is_behind_gap = left_out > 0 && i == n - 1;
        if (is_behind_gap)
            printf("     (%" PRIu32 " more)\n", left_out);
        print_step_text(names, &r->steps[i], i + 1 + (is_behind_gap ? left_out : 0), width);
    }
}

static void print_line(const struct names *names, const struct recent_request *r)
{
    char when[PRINT_TIME_BYTES], time[PRINT_DURATION_BYTES], name[NAME_BYTES] = "-";
    uint32_t n = recent_kept(r->head.n_steps);
    if (n > 0)
        entry_name(name, names, &r->steps[n - 1]);
    printf("%-23s %6u  %-*s%8s %5u  %s  ", when_text(when, r), r->head.status, OUTCOME_COLUMN,
           r->head.outcome, print_duration(time, duration_us(r) / US_PER_MS), r->head.n_steps,
           r->id);
    print_clean(name, 0);
    putchar('\n');
}

/* ---- for programs ---------------------------------------------------------------------------- */

static json_object *step_json(const struct names *names, const struct recent_step *step)
{
    const char *provider = NULL, *model = NULL;
    json_object *o = json_object_new_object();
    find_pair(names, step->key_hash, &provider, &model);
    json_out_text(o, "provider", provider);
    json_out_text(o, "model", model);
    json_out_text(o, "outcome", outcome_info(step->outcome)->word);
    json_out_nonzero(o, "status", step->status);
    json_out_known(o, "elapsedMs", took_time(step), step->elapsed_ms);
    json_out_number(o, "restMs", step->rest_ms);
    return o;
}

static void print_request_json(const struct names *names, const struct recent_request *r)
{
    uint32_t n = recent_kept(r->head.n_steps);
    json_object *o = json_object_new_object(), *trail = json_object_new_array();
    for (uint32_t i = 0; i < n; i++)
        json_object_array_add(trail, step_json(names, &r->steps[i]));
    json_out_text(o, "requestId", r->id);
    json_out_number(o, "time", clock_wall_ms_of(r->head.received_at));
    json_out_text(o, "chain", find_chain(names, r->head.chain_hash));
    json_out_number(o, "status", r->head.status);
    json_out_text(o, "outcome", r->head.outcome);
    json_out_ms(o, "durationMs", (double)duration_us(r));
    if (r->head.first_token_us != 0)
        json_out_ms(o, "firstTokenMs", (double)r->head.first_token_us);
    else
        json_object_object_add(o, "firstTokenMs", NULL);
    json_out_number(o, "bytes", r->head.bytes);
    json_out_bool(o, "stream", r->head.is_stream);
    json_out_text(o, "delivery", r->head.is_stream ? delivery_word(r->head.delivery) : NULL);
    json_out_known(o, "promptTokens", r->head.prompt_tokens >= 0, r->head.prompt_tokens);
    json_out_known(o, "completionTokens", r->head.completion_tokens >= 0,
                   r->head.completion_tokens);
    json_object_object_add(o, "trail", trail);
    json_out_number(o, "trailLeftOut", r->head.n_steps - n);
    print_json(o);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void list_latest(const struct weirctl *ctl, const struct names *names,
                        const struct recent_request *requests, size_t n)
{
    size_t first = n > LATEST ? n - LATEST : 0;
    if (!ctl->as_json)
        printf("%-23s %6s  %-*s%8s %5s  %s\n", "RECEIVED", "STATUS", OUTCOME_COLUMN, "OUTCOME",
               "TIME", "STEPS", "REQUEST, LAST ENTRY");
    for (size_t i = first; i < n; i++) {
        if (ctl->as_json)
            print_request_json(names, &requests[i]);
        else
            print_line(names, &requests[i]);
    }
}

/* A client may give several requests the same id: all are printed, the latest last. */
static int explain_id(const struct weirctl *ctl, const struct names *names,
                      const struct recent_request *requests, size_t n)
{
    const char *id = ctl->argv[0];
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(requests[i].id, id) != 0)
            continue;
        if (ctl->as_json)
            print_request_json(names, &requests[i]);
        else if (found > 0)
            putchar('\n');
        if (!ctl->as_json)
            print_request_text(names, &requests[i]);
        found++;
    }
    if (found > 0)
        return WEIRCTL_DONE;
    return weirctl_fail(WEIRCTL_REFUSED,
                        "%s is none of the last %zu requests: it is still under way, was "
                        "refused before it was read, or others came after it",
                        id, n);
}

int explain_run(const struct weirctl *ctl)
{
    size_t n;
    int code = WEIRCTL_DONE;
    struct recent *recent = recent_open_reader(ctl->conf->tracker_shm);
    if (recent == NULL && errno == ENOENT)
        return weirctl_fail(EX_UNAVAILABLE, "no weir runs with table %s", ctl->conf->tracker_shm);
    if (recent == NULL)
        return weirctl_fail(EX_UNAVAILABLE, "weir's recent requests, %s.recent: %s",
                            ctl->conf->tracker_shm,
                            shm_table_error_text(shm_table_error_of(errno)));
    struct names names = {ctl->conf, pages_open_reader(ctl->conf->tracker_shm)};
    struct recent_request *requests = recent_read(recent, &n);
    if (ctl->argc > 0)
        code = explain_id(ctl, &names, requests, n);
    else
        list_latest(ctl, &names, requests, n);
    free(requests);
    pages_close(&names.pages);
    recent_close(&recent);
    return code;
}
