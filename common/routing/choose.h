/* SPDX-License-Identifier: MIT */
/* Which entry of a chain a request takes next. Pure. The verdict on a pair comes from a function: a
 * worker's takes what the pair's limits want (claims.h), weirctl route's only looks. */
#ifndef WEIR_COMMON_ROUTING_CHOOSE_H
#define WEIR_COMMON_ROUTING_CHOOSE_H

#include <stdint.h>

#include "common/conf/conf.h"
#include "common/routing/trail.h"

/* OUTCOME_NONE: the pair may be tried. Else the outcome that passes it by, and in *rest_ms how long
 * that will last, where known. */
typedef enum outcome (*choose_verdict_fn)(void *arg, uint32_t pair, uint64_t *rest_ms);

/* The first entry from position `from` on that may be tried, or -1 at the chain's end. Entries that
 * are passed by are added to the trail. */
int choose_next(const struct conf_chain *chain, uint32_t from, choose_verdict_fn verdict, void *arg,
                struct trail *trail);

#endif
