/* SPDX-License-Identifier: MIT */
/* See claims.h. */
#include "common/routing/claims.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"

/* The manual limits that are budgets. */
static const struct limit {
    const char *setting;
    enum ledger_budget budget;
    size_t offset; /* in struct conf_provider */
    bool is_of_tokens;
} limits[] = {
    {"requestsPerMinute", LEDGER_REQUESTS_MINUTE,
     offsetof(struct conf_provider, requests_per_minute), false},
    {"requestsPerDay", LEDGER_REQUESTS_DAY, offsetof(struct conf_provider, requests_per_day),
     false},
    {"tokensPerMinute", LEDGER_TOKENS_MINUTE, offsetof(struct conf_provider, tokens_per_minute),
     true},
};
#define N_LIMITS (sizeof(limits) / sizeof(limits[0]))

struct claims {
    const struct conf *conf;
    struct ledger *ledger;
    const struct pages *pages;
    uint64_t owner;
    int *pairs; /* index in the ledger of each configured pair; -1 = none */
};

struct claims *claims_new(const struct conf *conf, struct ledger *ledger, const struct pages *pages,
                          uint64_t owner)
{
    struct claims *c = xcalloc(1, sizeof(*c));
    c->conf = conf;
    c->ledger = pages != NULL ? ledger : NULL;
    c->pages = pages;
    c->owner = owner;
    c->pairs = xcalloc(conf->n_pairs, sizeof(*c->pairs));
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        c->pairs[i] = pages != NULL ? pages_pair_find(pages, conf->pairs[i].key_hash) : -1;
    return c;
}

void claims_free(struct claims **claims)
{
    free((*claims)->pairs);
    free(*claims);
    *claims = NULL;
}

static uint32_t recovery_limit(const struct pair_seen *seen)
{
    return seen->is_recovering ? seen->recovery_concurrency : 0;
}

/* Manual limits are for providers whose responses carry no limit headers. */
static bool has_manual_limits(const struct pair_seen *seen)
{
    return !seen->has_quota;
}

static bool has_stopped(const struct claims *c, uint64_t owner, uint64_t now_at)
{
    uint32_t slot = ledger_slot_of(owner);
    if (slot >= pages_slots(c->pages))
        return false;
    uint64_t heartbeat_at = pages_counter_get(&pages_slot(c->pages, slot)->heartbeat_at);
    return heartbeat_at != 0 && now_at > heartbeat_at + CLAIMS_STOPPED_MS * CLOCK_NS_PER_MS;
}

/* A place at the gate that a worker holds which has stopped, and its owner; 0 = there is none. */
static uint64_t find_stopped(const struct claims *c, uint32_t pair, uint32_t limit, uint64_t now_at,
                             int32_t *place)
{
    for (uint32_t i = 0; i < limit && i < LEDGER_RECOVERY_MAX; i++) {
        uint64_t owner = ledger_owner_of(c->ledger, c->pairs[pair], LEDGER_RECOVERY, i, place);
        if (owner != 0 && has_stopped(c, owner, now_at))
            return owner;
    }
    return 0;
}

static void take_recovery_place(struct claims *c, uint32_t pair, const struct pair_seen *seen,
                                uint64_t now_at, struct claim *out)
{
    uint32_t limit = recovery_limit(seen);
    int32_t place;
    out->recovery = ledger_claim(c->ledger, c->pairs[pair], LEDGER_RECOVERY, limit, c->owner);
    if (out->recovery != LEDGER_REFUSED)
        return;
    uint64_t stopped = find_stopped(c, pair, limit, now_at, &place);
    if (stopped == 0)
        return;
    ledger_release(c->ledger, place, stopped);
    out->recovery = ledger_claim(c->ledger, c->pairs[pair], LEDGER_RECOVERY, limit, c->owner);
}

static bool is_gate_open(const struct claims *c, uint32_t pair, const struct pair_seen *seen,
                         uint64_t now_at)
{
    uint32_t limit = recovery_limit(seen);
    int32_t place;
    return ledger_has_place(c->ledger, c->pairs[pair], LEDGER_RECOVERY, limit) ||
           find_stopped(c, pair, limit, now_at, &place) != 0;
}

static void take_concurrent_place(struct claims *c, uint32_t pair, struct claim *out)
{
    out->concurrent = ledger_claim(c->ledger, c->pairs[pair], LEDGER_CONCURRENT,
                                   c->conf->pairs[pair].provider->concurrent_requests, c->owner);
}

static uint32_t amount_of(const struct claims *c, uint32_t pair, const struct limit *limit)
{
    const char *provider = (const char *)c->conf->pairs[pair].provider;
    return *(const uint32_t *)(provider + limit->offset);
}

/* Notes the limits of which nothing is left. */
static void look_at_budgets(const struct claims *c, uint32_t pair, uint64_t now_at,
                            struct claims_used_up *out)
{
    uint64_t last_at = 0;
    *out = (struct claims_used_up){0};
    for (const struct limit *l = limits; l < limits + N_LIMITS; l++) {
        uint64_t reset_at = 0;
        if (ledger_has_left(c->ledger, c->pairs[pair], l->budget, amount_of(c, pair, l), now_at,
                            &reset_at))
            continue;
        uint64_t *latest = l->is_of_tokens ? &out->tokens_reset_at : &out->requests_reset_at;
        *(l->is_of_tokens ? &out->tokens : &out->requests) = true;
        *latest = reset_at > *latest ? reset_at : *latest;
        out->setting = reset_at > last_at ? l->setting : out->setting;
        last_at = reset_at > last_at ? reset_at : last_at;
    }
}

/* Two workers may see the last request left; one of them gets it. */
static bool take_budgets(struct claims *c, uint32_t pair, uint64_t now_at, struct claim *out)
{
    uint64_t at;
    out->holds_tokens = c->conf->pairs[pair].provider->tokens_per_minute != 0;
    for (const struct limit *l = limits; l < limits + N_LIMITS; l++)
        if (!ledger_take(c->ledger, c->pairs[pair], l->budget, amount_of(c, pair, l), 1, now_at,
                         &at))
            return false;
    return true;
}

/* Gives back the places that were taken before a limit stood in the way. */
static enum outcome refuse(struct claims *c, struct claim *claim)
{
    claims_release(c, claim);
    return OUTCOME_NO_QUOTA;
}

enum outcome claims_take(struct claims *c, uint32_t pair, const struct pair_seen *seen,
                         uint64_t now_at, struct claim *out, struct claims_used_up *used_up)
{
    *out = (struct claim){.recovery = LEDGER_REFUSED, .concurrent = LEDGER_REFUSED};
    *used_up = (struct claims_used_up){0};
    if (c->ledger == NULL)
        return OUTCOME_NONE;
    take_recovery_place(c, pair, seen, now_at, out);
    if (out->recovery == LEDGER_REFUSED)
        return OUTCOME_IN_RECOVERY;
    take_concurrent_place(c, pair, out);
    if (out->concurrent == LEDGER_REFUSED)
        return refuse(c, out);
    if (!has_manual_limits(seen))
        return OUTCOME_NONE;
    look_at_budgets(c, pair, now_at, used_up);
    if (used_up->requests || used_up->tokens || !take_budgets(c, pair, now_at, out))
        return refuse(c, out);
    look_at_budgets(c, pair, now_at, used_up);
    return OUTCOME_NONE;
}

void claims_take_anyway(struct claims *c, uint32_t pair, const struct pair_seen *seen,
                        uint64_t now_at, struct claim *out, struct claims_used_up *used_up)
{
    *out = (struct claim){.recovery = LEDGER_REFUSED, .concurrent = LEDGER_REFUSED};
    *used_up = (struct claims_used_up){0};
    if (c->ledger == NULL)
        return;
    take_recovery_place(c, pair, seen, now_at, out);
    take_concurrent_place(c, pair, out);
    if (!has_manual_limits(seen))
        return;
    out->holds_tokens = c->conf->pairs[pair].provider->tokens_per_minute != 0;
    for (const struct limit *l = limits; l < limits + N_LIMITS; l++) {
        uint64_t reset_at;
        ledger_spend(c->ledger, c->pairs[pair], l->budget, amount_of(c, pair, l), 1, now_at,
                     &reset_at);
    }
    look_at_budgets(c, pair, now_at, used_up);
}

void claims_open_gate(struct claims *c, struct claim *claim)
{
    if (claim->recovery == LEDGER_REFUSED || c->ledger == NULL)
        return;
    ledger_release(c->ledger, claim->recovery, c->owner);
    claim->recovery = LEDGER_REFUSED;
}

void claims_release(struct claims *c, struct claim *claim)
{
    if (c->ledger == NULL)
        return;
    ledger_release(c->ledger, claim->recovery, c->owner);
    ledger_release(c->ledger, claim->concurrent, c->owner);
    claim->recovery = claim->concurrent = LEDGER_REFUSED;
}

void claims_spend_tokens(struct claims *c, uint32_t pair, const struct claim *claim,
                         uint64_t tokens, uint64_t now_at, struct claims_used_up *used_up)
{
    *used_up = (struct claims_used_up){0};
    if (c->ledger == NULL || !claim->holds_tokens)
        return;
    uint64_t more = tokens > 0 ? tokens - 1 : 0;
    used_up->tokens = !ledger_spend(c->ledger, c->pairs[pair], LEDGER_TOKENS_MINUTE,
                                    c->conf->pairs[pair].provider->tokens_per_minute,
                                    more < UINT32_MAX ? (uint32_t)more : UINT32_MAX, now_at,
                                    &used_up->tokens_reset_at);
}

uint64_t claims_rest_ms(const struct claims_used_up *u, uint64_t now_at)
{
    uint64_t until_at = u->requests ? u->requests_reset_at : 0;
    if (u->tokens && u->tokens_reset_at > until_at)
        until_at = u->tokens_reset_at;
    return until_at > now_at ? (until_at - now_at) / CLOCK_NS_PER_MS : 0;
}

/* In claims_take's order. */
static struct claims_look look_at_limits(const struct claims *c, uint32_t pair,
                                         const struct pair_seen *seen, uint64_t now_at)
{
    if (!is_gate_open(c, pair, seen, now_at))
        return (struct claims_look){OUTCOME_IN_RECOVERY, 0, "recoveryConcurrency"};
    if (!ledger_has_place(c->ledger, c->pairs[pair], LEDGER_CONCURRENT,
                          c->conf->pairs[pair].provider->concurrent_requests))
        return (struct claims_look){OUTCOME_NO_QUOTA, 0, "concurrentRequests"};
    struct claims_used_up used_up = {0};
    if (has_manual_limits(seen))
        look_at_budgets(c, pair, now_at, &used_up);
    return (struct claims_look){used_up.setting != NULL ? OUTCOME_NO_QUOTA : OUTCOME_NONE,
                                claims_rest_ms(&used_up, now_at), used_up.setting};
}

struct claims_look claims_look(const struct claims *c, struct tableview *view, uint32_t pair,
                               uint64_t now_at)
{
    struct pair_seen seen;
    struct claims_look look = {.outcome = OUTCOME_NONE};
    look.outcome = tableview_verdict(view, pair, now_at, &seen, &look.rest_ms);
    if (look.outcome != OUTCOME_NONE || c->ledger == NULL)
        return look;
    return look_at_limits(c, pair, &seen, now_at);
}
