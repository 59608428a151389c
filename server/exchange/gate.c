/* SPDX-License-Identifier: MIT */
/* See gate.h. */
#include "server/exchange/gate.h"

#include "common/base/clock.h"

#define LOOK_MS 20 /* how soon a request finds that a gate has opened */

bool exchange_is_past_gate(const struct exchange *x)
{
    return x->gate_since_at != 0 &&
           clock_boot_ns() >= x->gate_since_at + CLAIMS_GATE_WAIT_MS * CLOCK_NS_PER_MS;
}

/* Was the pair of this step passed by for its gate, and not tried since? */
static bool is_at_gate(const struct exchange *x, const struct trail_step *step)
{
    return step->outcome == OUTCOME_IN_RECOVERY && trail_last(&x->trail, step->pair) == step;
}

static void look_again_at(struct exchange *x, uint64_t now_at)
{
    uint64_t until_at = x->gate_since_at + CLAIMS_GATE_WAIT_MS * CLOCK_NS_PER_MS;
    uint64_t look_at = now_at + LOOK_MS * CLOCK_NS_PER_MS;
    x->gate_look_at = look_at < until_at ? look_at : until_at;
}

bool exchange_wait_at_gate(struct exchange *x)
{
    uint64_t now_at = clock_boot_ns();
    bool has_gate = false;
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++)
        has_gate |= is_at_gate(x, &x->trail.steps[i]);
    if (!has_gate || exchange_is_past_gate(x))
        return false;
    if (x->gate_since_at == 0)
        x->gate_since_at = now_at;
    look_again_at(x, now_at);
    exchange_set_state(x, EX_GATE);
    return true;
}

/* Is it worth choosing anew: is a pair usable, or has the last of them gone to rest? */
static bool has_changed(const struct exchange *x, uint64_t now_at)
{
    bool is_any_closed = false;
    for (uint32_t i = x->trail.pass; i < x->trail.n; i++) {
        const struct trail_step *step = &x->trail.steps[i];
        if (!is_at_gate(x, step))
            continue;
        enum outcome now = claims_look(x->env.claims, x->env.view, step->pair, now_at).outcome;
        if (now == OUTCOME_NONE)
            return true;
        is_any_closed |= now == OUTCOME_IN_RECOVERY;
    }
    return !is_any_closed;
}

enum exchange_step exchange_step_gate(struct exchange *x)
{
    uint64_t now_at = clock_boot_ns();
    if (now_at < x->gate_look_at)
        return EXCHANGE_WAIT;
    if (!exchange_is_past_gate(x) && !has_changed(x, now_at)) {
        look_again_at(x, now_at);
        return EXCHANGE_WAIT;
    }
    x->gate_look_at = 0;
    x->current_entry = x->retries = 0;
    exchange_set_state(x, EX_CHOOSE);
    return EXCHANGE_GO_ON;
}
