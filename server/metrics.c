/* See metrics.h. */
#include "server/metrics.h"

#include <inttypes.h>

#include "common/outcome.h"
#include "common/ratelimits.h"

static void put_label(struct buf *out, const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\\' || *p == '"')
            buf_putc(out, '\\');
        buf_putc(out, *p);
    }
}

static void put_family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* NAME{provider="...",model="..."  without the closing brace. */
static void put_pair(struct buf *out, const char *name, const struct conf_pair *pair)
{
    buf_printf(out, "%s{provider=\"", name);
    put_label(out, pair->provider->id);
    buf_puts(out, "\",model=\"");
    put_label(out, pair->model);
    buf_putc(out, '"');
}

static void sum_pair(const struct wpages *pages, const struct conf_pair *pair,
                     struct wpages_sum *sum)
{
    *sum = (struct wpages_sum){0};
    if (pages != NULL)
        wpages_sum(pages, wpages_pair_find(pages, pair->key_hash), sum);
}

static void put_attempts(const struct conf *conf, const struct wpages *pages, struct buf *out)
{
    put_family(out, "weir_attempts_total", "counter", "Attempts at a pair, by how they ended.");
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        struct wpages_sum sum;
        sum_pair(pages, &conf->pairs[i], &sum);
        for (unsigned o = 1; o < OUTCOME_COUNT; o++) {
            if (sum.outcomes[o] == 0)
                continue;
            put_pair(out, "weir_attempts_total", &conf->pairs[i]);
            buf_printf(out, ",outcome=\"%s\"} %" PRIu64 "\n", outcome_info((enum outcome)o)->word,
                       sum.outcomes[o]);
        }
    }
}

static void put_mid_failures(const struct conf *conf, const struct wpages *pages, struct buf *out)
{
    put_family(out, "weir_mid_stream_failures_total", "counter", "Streams that failed.");
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        struct wpages_sum sum;
        sum_pair(pages, &conf->pairs[i], &sum);
        put_pair(out, "weir_mid_stream_failures_total", &conf->pairs[i]);
        buf_printf(out, "} %" PRIu64 "\n", sum.mid_failures);
    }
}

static void put_cooldowns(const struct conf *conf, const struct shmtab *tab, struct buf *out)
{
    put_family(out, "weir_cooldown_remaining_seconds", "gauge",
               "Until the pair's cooldown ends; 0 = not in cooldown.");
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        struct ratelimit_row row;
        ratelimits_row(conf, i, tab, NULL, &row);
        put_pair(out, "weir_cooldown_remaining_seconds", &conf->pairs[i]);
        buf_printf(out, "} %.3f\n", (double)row.cooldown_remaining_ms / 1000);
    }
}

static void put_workers(const struct wpages *pages, struct buf *out)
{
    uint64_t workers = 0, restarts = 0, streams = 0;
    for (uint32_t i = 0; pages != NULL && i < wpages_slots(pages); i++) {
        const struct wpages_slot *slot = wpages_slot(pages, i);
        restarts += wcounter_get(&slot->restarts);
        if (atomic_load(&slot->pid) == 0)
            continue;
        workers++;
        streams += wcounter_get(&slot->active_streams);
    }
    put_family(out, "weir_workers", "gauge", "Worker processes.");
    buf_printf(out, "weir_workers %" PRIu64 "\n", workers);
    put_family(out, "weir_worker_restarts_total", "counter",
               "Workers that died and were replaced.");
    buf_printf(out, "weir_worker_restarts_total %" PRIu64 "\n", restarts);
    put_family(out, "weir_active_streams", "gauge", "Streaming requests under way.");
    buf_printf(out, "weir_active_streams %" PRIu64 "\n", streams);
}

void metrics_print(const struct conf *conf, const struct shmtab *tab, const struct wpages *pages,
                   bool has_tracker, struct buf *out)
{
    put_attempts(conf, pages, out);
    put_mid_failures(conf, pages, out);
    put_cooldowns(conf, tab, out);
    put_workers(pages, out);
    put_family(out, "weir_tracker_up", "gauge", "1 when this worker is connected to trackerd.");
    buf_printf(out, "weir_tracker_up %d\n", has_tracker ? 1 : 0);
}
