/* SPDX-License-Identifier: MIT */
/* See choose.h. */
#include "common/routing/choose.h"

int choose_next(const struct conf_chain *chain, uint32_t from, choose_verdict_fn verdict, void *arg,
                struct trail *trail)
{
    for (uint32_t i = from; i < chain->n_pairs; i++) {
        uint64_t rest_ms = 0;
        enum outcome outcome = verdict(arg, chain->pairs[i], &rest_ms);
        if (outcome == OUTCOME_NONE)
            return (int)i;
        trail_add(trail, chain->pairs[i], outcome)->rest_ms = rest_ms;
    }
    return -1;
}
