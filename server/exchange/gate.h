/* SPDX-License-Identifier: MIT */
/* The last resort of a request that finds nothing usable: an entry that it passed by only because
 * as many requests as recoveryConcurrency allows try that recovering pair and have no content yet.
 * It waits until one of them has, or the pair has recovered, at most CLAIMS_GATE_WAIT_MS, and then
 * tries it all the same. Known weakness: those who wait are not in a queue; who looks first, goes
 * first. */
#ifndef WEIR_SERVER_EXCHANGE_GATE_H
#define WEIR_SERVER_EXCHANGE_GATE_H

#include "server/exchange/state.h"

/* No entry is left: was one passed by only for its gate? Then the request waits there. */
bool exchange_wait_at_gate(struct exchange *x);
/* Looks at the gates again. */
enum exchange_step exchange_step_gate(struct exchange *x);
/* It has waited as long as it may: no gate keeps it out any more. */
bool exchange_is_past_gate(const struct exchange *x);

#endif
