/* SPDX-License-Identifier: MIT */
/* What a request needs before it may try a pair, counted over all workers in the ledger: a place at
 * the gate of a recovering pair (recoveryConcurrency), a concurrent place and a share of the manual
 * limits (rateLimits). exchange takes a claim when it chooses a pair, gives the place at the gate
 * back at the first content, and all of it when the attempt is over; the master releases the claims
 * of a worker that died, and who finds a gate closed those of a worker that has stopped. weirctl
 * and /v1/status only look. Never waits, never logs. Weak spot: a claim says nothing of its pair,
 * so a caller that mixes up two pairs' claims would book tokens at the wrong one. */
#ifndef WEIR_COMMON_ROUTING_CLAIMS_H
#define WEIR_COMMON_ROUTING_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/conf/conf.h"
#include "common/shm/ledger.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "common/terms/outcome.h"

/* How long a request that finds nothing else usable waits for a gate, and then tries the pair. */
#define CLAIMS_GATE_WAIT_MS 5000
/* A worker whose heartbeat is older has stopped: its places at gates are anybody's. */
#define CLAIMS_STOPPED_MS 1000

struct claims;

/* ledger may be NULL: nothing is limited then. pages give each pair its index in the ledger.
 * Read-only callers pass a ledger from ledger_open_reader; `owner` is then ignored. All are
 * borrowed for as long as the claims live. */
struct claims *claims_new(const struct conf *conf, struct ledger *ledger, const struct pages *pages,
                          uint64_t owner);
void claims_free(struct claims **claims);

/* What one attempt holds. */
struct claim {
    int32_t recovery, concurrent; /* places */
    bool holds_tokens;            /* one token was taken ahead */
};

/* The manual limits that are used up, and when their windows end (boot clock ns). */
struct claims_used_up {
    bool requests, tokens;
    uint64_t requests_reset_at, tokens_reset_at;
    const char *setting; /* the name of the one that ends last; NULL = none is used up */
};

/* OUTCOME_NONE: the claim is held. OUTCOME_IN_RECOVERY or OUTCOME_NO_QUOTA: nothing is held. In
 * both cases *used_up says which limits have nothing left now. */
WEIR_MUST_CHECK enum outcome claims_take(struct claims *claims, uint32_t pair,
                                         const struct pair_seen *seen, uint64_t now_at,
                                         struct claim *out, struct claims_used_up *used_up);
/* For a request that no limit stops (a probe): holds the places that are free, and books its share
 * even where nothing is left. */
void claims_take_anyway(struct claims *claims, uint32_t pair, const struct pair_seen *seen,
                        uint64_t now_at, struct claim *out, struct claims_used_up *used_up);
/* The first content came: the place at the gate is given back, others may try the pair. */
void claims_open_gate(struct claims *claims, struct claim *claim);
/* Gives the places back; a second call is harmless. */
void claims_release(struct claims *claims, struct claim *claim);
/* Books the tokens that an attempt used. *used_up as above. */
void claims_spend_tokens(struct claims *claims, uint32_t pair, const struct claim *claim,
                         uint64_t tokens, uint64_t now_at, struct claims_used_up *used_up);
/* A look without taking: the verdict that a request would get on the pair now, first by the table
 * and then by the limits. */
struct claims_look {
    enum outcome outcome; /* OUTCOME_NONE: it may try the pair */
    uint64_t rest_ms;     /* how long that lasts, where known; 0 = unknown */
    const char *setting;  /* whose limit is reached, by its name; NULL = none's */
};
struct claims_look claims_look(const struct claims *claims, struct tableview *view, uint32_t pair,
                               uint64_t now_at);
/* How long the pair rests until the limits in used_up are reset, in ms; 0 = none is used up. */
uint64_t claims_rest_ms(const struct claims_used_up *used_up, uint64_t now_at);

#endif
