/* SPDX-License-Identifier: MIT */
/* See metrics.h. */
#include "server/api/metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/routing/pair_rows.h"
#include "common/shm/page_sums.h"
#include "common/terms/cause.h"
#include "common/terms/outcome.h"

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

static void put_attempts(const struct conf *conf, const struct pages *pages, struct buf *out)
{
    put_family(out, "weir_attempts_total", "counter", "Attempts at a pair, by how they ended.");
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        struct page_sums_pair sum;
        page_sums_pair(pages, conf->pairs[i].key_hash, &sum);
        for (unsigned o = 1; o < OUTCOME_COUNT; o++) {
            if (sum.outcomes[o] == 0)
                continue;
            put_pair(out, "weir_attempts_total", &conf->pairs[i]);
            buf_printf(out, ",outcome=\"%s\"} %" PRIu64 "\n", outcome_info((enum outcome)o)->word,
                       sum.outcomes[o]);
        }
    }
}

static void put_mid_failures(const struct conf *conf, const struct pages *pages, struct buf *out)
{
    put_family(out, "weir_mid_stream_failures_total", "counter", "Streams that failed.");
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        struct page_sums_pair sum;
        page_sums_pair(pages, conf->pairs[i].key_hash, &sum);
        put_pair(out, "weir_mid_stream_failures_total", &conf->pairs[i]);
        buf_printf(out, "} %" PRIu64 "\n", sum.mid_failures);
    }
}

/* Per pair and cause, as far as the table keeps them apart. */
static void put_cooldown_counts(const struct conf *conf, const struct shm_table *tab,
                                struct buf *out)
{
    put_family(out, "weir_cooldowns_total", "counter", "Cooldowns that began, by cause.");
    for (uint32_t i = 0; tab != NULL && i < conf->n_pairs; i++) {
        const struct conf_pair *pair = &conf->pairs[i];
        struct shm_table_state state;
        int row = shm_table_find(tab, pair->provider->id, pair->model);
        if (row < 0 || !shm_table_read(tab, row, &state))
            continue;
        for (unsigned cause = 1; cause < CAUSE_COUNT; cause++) {
            if (state.cooldowns_by_cause[cause] == 0)
                continue;
            put_pair(out, "weir_cooldowns_total", pair);
            buf_printf(out, ",cause=\"%s\"} %" PRIu64 "\n",
                       cooldown_cause_word((enum cooldown_cause)cause),
                       (uint64_t)state.cooldowns_by_cause[cause]);
        }
    }
}

static void put_cooldowns(const struct conf *conf, const struct shm_table *tab, struct buf *out)
{
    put_family(out, "weir_cooldown_remaining_seconds", "gauge",
               "Until the pair's cooldown ends; 0 = not in cooldown.");
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        struct pair_row row;
        pair_row_read(conf, i, tab, NULL, &row);
        put_pair(out, "weir_cooldown_remaining_seconds", &conf->pairs[i]);
        buf_printf(out, "} %.3f\n", (double)row.cooldown_remaining_ms / 1000);
    }
}

static void put_queue(const struct conf *conf, const struct pages *pages, struct buf *out)
{
    put_family(out, "weir_queue_depth", "gauge", "Requests that wait for a pair of their chain.");
    for (uint32_t i = 0; pages != NULL && i < conf->n_chains; i++) {
        buf_puts(out, "weir_queue_depth{chain=\"");
        put_label(out, conf->chains[i].name);
        buf_printf(out, "\"} %" PRIu64 "\n", page_sums_queued(pages, conf->chains[i].name));
    }
}

static void put_requests(const struct pages *pages, struct buf *out)
{
    put_family(out, "weir_requests_total", "counter",
               "Requests by chain and status; chain \"\": refused before they had one; code 0: any "
               "other.");
    for (uint32_t c = 0; pages != NULL && c < PAGES_CHAINS_MAX; c++) {
        for (unsigned code = 0; code < PAGES_CODES; code++) {
            uint64_t sum = page_sums_requests(pages, c, code);
            if (sum == 0 || pages_chain_name(pages, c) == NULL)
                continue;
            buf_puts(out, "weir_requests_total{chain=\"");
            put_label(out, pages_chain_name(pages, c));
            buf_printf(out, "\",code=\"%d\"} %" PRIu64 "\n", pages_code_status(code), sum);
        }
    }
}

static void put_answers(const struct pages *pages, struct buf *out)
{
    put_family(out, "weir_answers_total", "counter",
               "Answers by chain and what reached the client: complete, an error in its place, "
               "broken, or it left before.");
    for (uint32_t c = 0; pages != NULL && c < PAGES_CHAINS_MAX; c++) {
        for (unsigned answer = 0; answer < PAGES_ANSWERS; answer++) {
            uint64_t sum = page_sums_answers(pages, c, answer);
            if (sum == 0 || pages_chain_name(pages, c) == NULL)
                continue;
            buf_puts(out, "weir_answers_total{chain=\"");
            put_label(out, pages_chain_name(pages, c));
            buf_printf(out, "\",result=\"%s\"} %" PRIu64 "\n", pages_answer_word(answer), sum);
        }
    }
}

/* Of each bucket's counts over all slots; `offset` is the histogram's place in a slot. */
static void put_histogram(const struct pages *pages, size_t offset, const char *name,
                          const char *help, struct buf *out)
{
    struct page_sums_histogram sums;
    uint64_t count = 0;
    page_sums_histogram(pages, offset, &sums);
    put_family(out, name, "histogram", help);
    for (unsigned b = 0; b < PAGES_HISTOGRAM_BUCKETS - 1; b++) {
        count += sums.buckets[b];
        buf_printf(out, "%s_bucket{le=\"%.6f\"} %" PRIu64 "\n", name,
                   (double)(UINT64_C(1) << b) / 1e6, count);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name,
               sums.count, name, (double)sums.sum_us / 1e6, name, sums.count);
}

static void put_workers(const struct pages *pages, struct buf *out)
{
    struct page_sums_workers sums = page_sums_workers(pages);
    put_family(out, "weir_workers", "gauge", "Worker processes.");
    buf_printf(out, "weir_workers %" PRIu64 "\n", sums.workers);
    put_family(out, "weir_worker_restarts_total", "counter",
               "Workers that died and were replaced.");
    buf_printf(out, "weir_worker_restarts_total %" PRIu64 "\n", sums.restarts);
    put_family(out, "weir_active_streams", "gauge", "Streaming requests under way.");
    buf_printf(out, "weir_active_streams %" PRIu64 "\n", sums.active_streams);
}

void metrics_print(const struct conf *conf, const struct shm_table *tab, const struct pages *pages,
                   bool has_tracker, struct buf *out)
{
    put_requests(pages, out);
    put_answers(pages, out);
    put_attempts(conf, pages, out);
    put_mid_failures(conf, pages, out);
    put_cooldown_counts(conf, tab, out);
    put_cooldowns(conf, tab, out);
    put_histogram(pages, offsetof(struct pages_slot, ttft), "weir_time_to_first_token_seconds",
                  "From a request's head to its first content.", out);
    put_histogram(
        pages, offsetof(struct pages_slot, overhead), "weir_gateway_overhead_seconds",
        "What weir itself took: before the first attempt began, and after the last ended.", out);
    put_queue(conf, pages, out);
    put_workers(pages, out);
    put_family(out, "weir_tracker_up", "gauge", "1 when this worker is connected to trackerd.");
    buf_printf(out, "weir_tracker_up %d\n", has_tracker ? 1 : 0);
}
