/* SPDX-License-Identifier: MIT */
/* What a request must have before it may try a pair, agreed upon by all workers at once through the
 * ledger: a place at a recovering pair (recoveryConcurrency), a concurrent place and a share of the
 * manual limits (rateLimits). exchange takes a claim when it chooses and gives it back when the
 * attempt is over; a worker that dies gives back by its master. weirctl only looks. */
#ifndef WEIR_COMMON_ROUTING_CLAIMS_H
#define WEIR_COMMON_ROUTING_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/shm/ledger.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "common/terms/outcome.h"

struct claims;

/* ledger may be NULL: nothing is limited then. pages give each pair its index in the ledger. Who
 * only looks has a ledger of ledger_open_reader, and any owner. */
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

/* OUTCOME_NONE: the claim is held. OUTCOME_IN_RECOVERY or OUTCOME_NO_QUOTA: nothing is. In both
 * cases *used_up tells which limits have nothing left now. */
enum outcome claims_take(struct claims *claims, uint32_t pair, const struct pair_seen *seen,
                         uint64_t now_at, struct claim *out, struct claims_used_up *used_up);
/* The same for a request that no limit stops: holds the places that are free, books its share past
 * what is left. */
void claims_take_anyway(struct claims *claims, uint32_t pair, const struct pair_seen *seen,
                        uint64_t now_at, struct claim *out, struct claims_used_up *used_up);
/* Gives the places back; a second call is harmless. */
void claims_release(struct claims *claims, struct claim *claim);
/* Books the tokens an attempt used. */
void claims_spend_tokens(struct claims *claims, uint32_t pair, const struct claim *claim,
                         uint64_t tokens, uint64_t now_at, struct claims_used_up *used_up);
/* A look without taking: what a request would be told that comes to the pair now, by the table
 * first and then by the limits. */
struct claims_look {
    enum outcome outcome; /* OUTCOME_NONE: it may try the pair */
    uint64_t rest_ms;     /* how long that lasts, where known; 0 = unknown */
    const char *setting;  /* whose limit is reached, by its name; NULL = none's */
};
struct claims_look claims_look(const struct claims *claims, struct tableview *view, uint32_t pair,
                               uint64_t now_at);
/* How long a pair rests whose limits are used up; 0 = none is. */
uint64_t claims_rest_ms(const struct claims_used_up *used_up, uint64_t now_at);

#endif
