/* SPDX-License-Identifier: MIT */
/* A request's way along its chain: which entry comes next, and what became of those before it.
 * exchange and weirctl route walk the chain with it; the error message, the access log,
 * X-Weir-Attempts, X-Weir-Trail and the record of the request (recent.h) are made from it. Pure. */
#ifndef WEIR_COMMON_ROUTING_TRAIL_H
#define WEIR_COMMON_ROUTING_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "common/terms/outcome.h"

struct trail_step {
    uint32_t pair; /* index into conf.pairs */
    enum outcome outcome;
    int status;          /* HTTP status of the provider; 0 = none */
    uint64_t rest_ms;    /* how long the pair rests from then on; 0 = not at all */
    uint64_t elapsed_ms; /* of the attempt, or of the wait at the gate; 0 = passed by */
    uint64_t ended_at;   /* of the attempt, boot clock ns; 0 = passed by */
};

struct trail {
    struct trail_step *steps;
    uint32_t n, cap;
    uint32_t pass; /* the first step of the pass along the chain that is under way */
};
#define TRAIL_INIT    \
    {                 \
        NULL, 0, 0, 0 \
    }

void trail_free(struct trail *trail);
/* A new last step; valid until the next call. */
struct trail_step *trail_add(struct trail *trail, uint32_t pair, enum outcome outcome);

/* The verdict on a pair. OUTCOME_NONE: it may be tried. Else the reason to pass it by, and in
 * *rest_ms how long that will last, where known. A worker's verdict takes what the pair's limits
 * demand (claims.h), that of weirctl route only looks. */
typedef enum outcome (*trail_verdict_fn)(void *arg, uint32_t pair, uint64_t *rest_ms);

/* The first entry of the chain from position `from` on that may be tried, or -1 at its end. Entries
 * that are passed by are added to the trail. */
WEIR_MUST_CHECK int trail_next_entry(struct trail *trail, const struct conf_chain *chain,
                                     uint32_t from, trail_verdict_fn verdict, void *arg);
/* The pair's latest step in the pass; NULL = none. */
struct trail_step *trail_last(const struct trail *trail, uint32_t pair);
/* The same as trail_next_entry for entries that were passed by for their gate
 * (OUTCOME_IN_RECOVERY): their step tells the new verdict then. With `again` the entry at `from`
 * counts, too. */
WEIR_MUST_CHECK int trail_next_at_gate(struct trail *trail, const struct conf_chain *chain,
                                       uint32_t from, bool again, trail_verdict_fn verdict,
                                       void *arg);
/* Begins another pass along the chain, after a wait: entries that were tried stay for the log,
 * those that were only passed by are forgotten. */
void trail_begin_pass(struct trail *trail);
/* "fake/m1=in_cooldown, fake/m2=rate_limited;12ms": for X-Weir-Trail and the access log. Words of
 * weir's own only, never a provider's. At most TRAIL_PUT_MAX bytes: of a longer one the middle is
 * left out and counted: "fake/m1=in_cooldown, 180 left out, fake/m200=no_quota". */
#define TRAIL_PUT_MAX 3584 /* X-Weir-Trail, with the attempt that runs, stays below 4 kB */
void trail_put(const struct trail *trail, const struct conf *conf, struct buf *out);
/* The pass under way: "fake/m1: in cooldown (12 s left); fake/m2: rate limited (HTTP 429)" */
void trail_describe(const struct trail *trail, const struct conf *conf, struct buf *out);

#endif
