/* See claims.h. */
#include "server/claims.h"

#include <stdlib.h>

#include "common/alloc.h"

struct claims {
    const struct conf *conf;
    struct ledger *ledger;
    uint64_t owner;
    int *pairs; /* index in the ledger of each configured pair; -1 = none */
};

struct claims *claims_new(const struct conf *conf, struct ledger *ledger,
                          const struct wpages *pages, uint64_t owner)
{
    struct claims *c = xcalloc(1, sizeof(*c));
    c->conf = conf;
    c->ledger = pages != NULL ? ledger : NULL;
    c->owner = owner;
    c->pairs = xcalloc(conf->n_pairs, sizeof(*c->pairs));
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        c->pairs[i] = pages != NULL ? wpages_pair_find(pages, conf->pairs[i].key_hash) : -1;
    return c;
}

void claims_free(struct claims **claims)
{
    free((*claims)->pairs);
    free(*claims);
    *claims = NULL;
}

static uint32_t recovery_limit(const struct tableview_pick *pick)
{
    return pick->is_recovering ? pick->recovery_concurrency : 0;
}

/* Manual limits are for providers that tell nothing of theirs. */
static bool has_manual_limits(const struct tableview_pick *pick)
{
    return !pick->has_quota;
}

static bool take_places(struct claims *c, uint32_t pair, const struct tableview_pick *pick,
                        struct claim *out, enum outcome *refusal)
{
    const struct conf_provider *p = c->conf->pairs[pair].provider;
    out->recovery =
        ledger_claim(c->ledger, c->pairs[pair], LEDGER_RECOVERY, recovery_limit(pick), c->owner);
    *refusal = OUTCOME_IN_RECOVERY;
    if (out->recovery == LEDGER_REFUSED)
        return false;
    out->concurrent = ledger_claim(c->ledger, c->pairs[pair], LEDGER_CONCURRENT,
                                   p->concurrent_requests, c->owner);
    *refusal = OUTCOME_NO_QUOTA;
    return out->concurrent != LEDGER_REFUSED;
}

/* Notes a limit of which nothing is left: booking nothing tells. */
static void look(struct claims *c, uint32_t pair, enum ledger_budget budget, uint32_t limit,
                 uint64_t now_at, bool *used_up, uint64_t *latest_reset_at)
{
    uint64_t reset_at = 0;
    if (ledger_spend(c->ledger, c->pairs[pair], budget, limit, 0, now_at, &reset_at))
        return;
    *used_up = true;
    if (reset_at > *latest_reset_at)
        *latest_reset_at = reset_at;
}

/* Looks at all first, so that one that is refused costs the others nothing. */
static void look_at_budgets(struct claims *c, uint32_t pair, uint64_t now_at,
                            struct claims_used_up *out)
{
    const struct conf_provider *p = c->conf->pairs[pair].provider;
    *out = (struct claims_used_up){0};
    look(c, pair, LEDGER_REQUESTS_MINUTE, p->requests_per_minute, now_at, &out->requests,
         &out->requests_reset_at);
    look(c, pair, LEDGER_REQUESTS_DAY, p->requests_per_day, now_at, &out->requests,
         &out->requests_reset_at);
    look(c, pair, LEDGER_TOKENS_MINUTE, p->tokens_per_minute, now_at, &out->tokens,
         &out->tokens_reset_at);
}

/* Two workers may see the last request left; one of them gets it. */
static bool take_budgets(struct claims *c, uint32_t pair, uint64_t now_at, struct claim *out)
{
    const struct conf_provider *p = c->conf->pairs[pair].provider;
    int index = c->pairs[pair];
    uint64_t at;
    out->holds_tokens = p->tokens_per_minute != 0;
    return ledger_take(c->ledger, index, LEDGER_REQUESTS_MINUTE, p->requests_per_minute, 1, now_at,
                       &at) &&
           ledger_take(c->ledger, index, LEDGER_REQUESTS_DAY, p->requests_per_day, 1, now_at,
                       &at) &&
           ledger_take(c->ledger, index, LEDGER_TOKENS_MINUTE, p->tokens_per_minute, 1, now_at,
                       &at);
}

static enum outcome refuse(struct claims *c, struct claim *claim, enum outcome outcome)
{
    claims_release(c, claim);
    return outcome;
}

enum outcome claims_take(struct claims *c, uint32_t pair, const struct tableview_pick *pick,
                         uint64_t now_at, struct claim *out, struct claims_used_up *used_up)
{
    enum outcome refusal;
    *out = (struct claim){.recovery = LEDGER_REFUSED, .concurrent = LEDGER_REFUSED};
    *used_up = (struct claims_used_up){0};
    if (c->ledger == NULL)
        return OUTCOME_NONE;
    if (!take_places(c, pair, pick, out, &refusal))
        return refuse(c, out, refusal);
    if (!has_manual_limits(pick))
        return OUTCOME_NONE;
    look_at_budgets(c, pair, now_at, used_up);
    if (used_up->requests || used_up->tokens || !take_budgets(c, pair, now_at, out))
        return refuse(c, out, OUTCOME_NO_QUOTA);
    look_at_budgets(c, pair, now_at, used_up);
    return OUTCOME_NONE;
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

bool claims_may_take(const struct claims *c, uint32_t pair, const struct tableview_pick *pick)
{
    const struct conf_provider *p = c->conf->pairs[pair].provider;
    int index = c->pairs[pair];
    if (c->ledger == NULL || index < 0)
        return true;
    uint32_t recovery = recovery_limit(pick);
    return (recovery == 0 || ledger_in_use(c->ledger, index, LEDGER_RECOVERY) < recovery) &&
           (p->concurrent_requests == 0 ||
            ledger_in_use(c->ledger, index, LEDGER_CONCURRENT) < p->concurrent_requests);
}
