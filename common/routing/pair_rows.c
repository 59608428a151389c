/* SPDX-License-Identifier: MIT */
/* See pair_rows.h. */
#include "common/routing/pair_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/shm/page_sums.h"
#include "common/terms/quota.h"

static void put_last_cooldown(struct pair_cooldown *out, const struct shm_table_state *state)
{
    const struct shm_table_hot *hot = &state->hot;
    if (hot->cooldown_began_at == 0)
        return;
    out->incident = hot->incident;
    out->cause = state->cause;
    out->began_wall_ms = clock_wall_ms_of(hot->cooldown_began_at);
    if (hot->cooldown_until_at >= hot->cooldown_began_at)
        out->until_wall_ms = clock_wall_ms_of(hot->cooldown_until_at);
    memcpy(out->reason, state->reason, sizeof(out->reason));
}

static void put_table(struct pair_row *out, const struct shm_table_state *state)
{
    uint64_t now_at = clock_boot_ns();
    uint64_t rest_ns = shm_table_rest_ns(&state->hot, now_at);
    out->status = shm_table_status(&state->hot, now_at);
    if (rest_ns > 0) {
        out->cooldown_remaining_ms = (rest_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
        out->cooldown_until_wall_ms = clock_wall_ms_of(state->hot.cooldown_until_at);
        memcpy(out->reason, state->reason, sizeof(out->reason));
    }
    put_last_cooldown(&out->last, state);
    out->mid_failures = state->hot.mid_failures;
    out->cooldowns = state->cooldowns;
    out->has_quota = (state->hot.flags & SHM_TABLE_QUOTA) != 0;
    out->quota_remaining_requests = state->quota_remaining_requests;
    out->quota_remaining_tokens = state->quota_remaining_tokens;
    out->quota_reset_requests_wall_ms = state->quota_reset_requests_wall_ms;
    out->quota_reset_tokens_wall_ms = state->quota_reset_tokens_wall_ms;
    out->quota_updated_wall_ms = state->quota_updated_wall_ms;
}

static void put_pages(struct pair_row *out, const struct pages *pages, uint64_t key_hash)
{
    struct page_sums_pair sum;
    page_sums_pair(pages, key_hash, &sum);
    out->requests = sum.requests;
    out->successes = sum.successes;
    out->failures = sum.failures;
}

static void put_row(const struct conf_pair *pair, const struct shm_table_state *state,
                    const struct pages *pages, struct pair_row *out)
{
    *out = (struct pair_row){.provider = pair->provider->id, .model = pair->model};
    if (state != NULL)
        put_table(out, state);
    if (pages != NULL)
        put_pages(out, pages, pair->key_hash);
}

void pair_row_read(const struct conf *conf, uint32_t pair, const struct shm_table *tab,
                   const struct pages *pages, struct pair_row *out)
{
    const struct conf_pair *p = &conf->pairs[pair];
    struct shm_table_state state;
    bool is_there =
        tab != NULL && shm_table_read(tab, shm_table_find(tab, p->provider->id, p->model), &state);
    put_row(p, is_there ? &state : NULL, pages, out);
}

/* trackerd lays rows out in the configuration's order, so the pair's own index is a good guess. */
static const struct shm_table_state *find_state(const struct shm_table_state *states, uint32_t n,
                                                uint32_t guess, uint64_t key_hash)
{
    if (guess < n && states[guess].hot.key_hash == key_hash)
        return &states[guess];
    for (uint32_t i = 0; i < n; i++)
        if (states[i].hot.key_hash == key_hash)
            return &states[i];
    return NULL;
}

void pair_rows_read(const struct conf *conf, const struct shm_table *tab, const struct pages *pages,
                    struct pair_row *out)
{
    uint32_t n = tab != NULL ? shm_table_capacity(tab) : 0;
    struct shm_table_state *states = xcalloc(n, sizeof(*states)); /* before the lock is taken */
    if (tab != NULL)
        shm_table_read_all(tab, states, n);
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        put_row(&conf->pairs[i], find_state(states, n, i, conf->pairs[i].key_hash), pages, &out[i]);
    free(states);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* A reset as the provider sent it: ms from the moment of the update. */
static void add_reset(json_object *o, const char *key, uint64_t reset_wall_ms, uint64_t updated_ms)
{
    uint64_t ms = reset_wall_ms > updated_ms ? reset_wall_ms - updated_ms : 0;
    json_out_known(o, key, reset_wall_ms != 0, (int64_t)ms);
}

static json_object *quota_json(const struct pair_row *row)
{
    if (!row->has_quota)
        return NULL;
    json_object *o = json_object_new_object();
    json_out_known(o, "remainingRequests", row->quota_remaining_requests != QUOTA_UNKNOWN,
                   row->quota_remaining_requests);
    json_out_known(o, "remainingTokens", row->quota_remaining_tokens != QUOTA_UNKNOWN,
                   row->quota_remaining_tokens);
    add_reset(o, "resetRequestsMs", row->quota_reset_requests_wall_ms, row->quota_updated_wall_ms);
    add_reset(o, "resetTokensMs", row->quota_reset_tokens_wall_ms, row->quota_updated_wall_ms);
    json_out_number(o, "lastUpdated", row->quota_updated_wall_ms);
    return o;
}

json_object *pair_row_json(const struct pair_row *row)
{
    json_object *o = json_object_new_object();
    bool rests = row->cooldown_remaining_ms > 0;
    json_out_text(o, "provider", row->provider);
    json_out_text(o, "model", row->model);
    json_out_text(o, "status", pair_status_word(row->status));
    json_out_known(o, "cooldownUntil", rests, (int64_t)row->cooldown_until_wall_ms);
    json_out_number(o, "cooldownRemainingMs", row->cooldown_remaining_ms);
    json_out_text(o, "reason", rests ? row->reason : NULL);
    json_out_number(o, "midStreamFailures", row->mid_failures);
    json_out_number(o, "cooldowns", row->cooldowns);
    json_out_number(o, "requests", row->requests);
    json_out_number(o, "successes", row->successes);
    json_out_number(o, "failures", row->failures);
    json_object_object_add(o, "quota", quota_json(row));
    return o;
}

json_object *pair_rows_json(const struct conf *conf, const struct shm_table *tab,
                            const struct pages *pages)
{
    struct pair_row *rows = xcalloc(conf->n_pairs, sizeof(*rows));
    json_object *list = json_object_new_array();
    pair_rows_read(conf, tab, pages, rows);
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        json_object_array_add(list, pair_row_json(&rows[i]));
    free(rows);
    return list;
}
