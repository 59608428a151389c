/* SPDX-License-Identifier: MIT */
/* See trail.h. */
#include "common/routing/trail.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/alloc.h"

#define TRAIL_NOTE_MAX 32 /* ", 4294967295 left out, " */

void trail_free(struct trail *trail)
{
    free(trail->steps);
    *trail = (struct trail)TRAIL_INIT;
}

struct trail_step *trail_add(struct trail *trail, uint32_t pair, enum outcome outcome)
{
    if (trail->n == trail->cap) {
        trail->cap = trail->cap != 0 ? trail->cap * 2 : 4;
        trail->steps = xreallocarray(trail->steps, trail->cap, sizeof(*trail->steps));
    }
    struct trail_step *step = &trail->steps[trail->n++];
    *step = (struct trail_step){.pair = pair, .outcome = outcome};
    return step;
}

int trail_next_entry(struct trail *trail, const struct conf_chain *chain, uint32_t from,
                     trail_verdict_fn verdict, void *arg)
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

struct trail_step *trail_last(const struct trail *trail, uint32_t pair)
{
    for (uint32_t i = trail->n; i > trail->pass; i--)
        if (trail->steps[i - 1].pair == pair)
            return &trail->steps[i - 1];
    return NULL;
}

int trail_next_at_gate(struct trail *trail, const struct conf_chain *chain, uint32_t from,
                       bool again, trail_verdict_fn verdict, void *arg)
{
    for (uint32_t i = from; i < chain->n_pairs; i++) {
        struct trail_step *last = trail_last(trail, chain->pairs[i]);
        bool is_at_gate = last != NULL && last->outcome == OUTCOME_IN_RECOVERY;
        uint64_t rest_ms = 0;
        if (!is_at_gate && !(again && i == from))
            continue;
        enum outcome outcome = verdict(arg, chain->pairs[i], &rest_ms);
        if (outcome == OUTCOME_NONE)
            return (int)i;
        struct trail_step *step = is_at_gate ? last : trail_add(trail, chain->pairs[i], outcome);
        step->outcome = outcome;
        step->rest_ms = rest_ms;
    }
    return -1;
}

void trail_begin_pass(struct trail *trail)
{
    uint32_t n = trail->pass;
    for (uint32_t i = trail->pass; i < trail->n; i++)
        if (outcome_was_attempted(trail->steps[i].outcome))
            trail->steps[n++] = trail->steps[i];
    trail->pass = trail->n = n;
}

static void describe_step(const struct trail_step *step, const struct conf *conf, struct buf *out)
{
    const struct conf_pair *pair = &conf->pairs[step->pair];
    buf_printf(out, "%s/%s: %s", pair->provider->id, pair->model,
               outcome_info(step->outcome)->text);
    if (step->outcome == OUTCOME_IN_COOLDOWN)
        buf_printf(out, " (%" PRIu64 " s left)", (step->rest_ms + 999) / 1000);
    else if (step->status != 0)
        buf_printf(out, " (HTTP %d)", step->status);
}

void trail_describe(const struct trail *trail, const struct conf *conf, struct buf *out)
{
    for (uint32_t i = trail->pass; i < trail->n; i++) {
        if (i > trail->pass)
            buf_puts(out, "; ");
        describe_step(&trail->steps[i], conf, out);
    }
}

static void put_step(const struct trail_step *step, const struct conf *conf, struct buf *out)
{
    const struct conf_pair *pair = &conf->pairs[step->pair];
    buf_puts(out, pair->provider->id);
    buf_putc(out, '/');
    buf_puts(out, pair->model);
    buf_putc(out, '=');
    buf_puts(out, outcome_info(step->outcome)->word);
    if (!outcome_was_attempted(step->outcome))
        return;
    buf_putc(out, ';');
    buf_put_u64(out, step->elapsed_ms);
    buf_puts(out, "ms");
}

static void put_steps(const struct trail *trail, uint32_t from, uint32_t to,
                      const struct conf *conf, struct buf *out)
{
    for (uint32_t i = from; i < to; i++) {
        buf_puts(out, i > from ? ", " : "");
        put_step(&trail->steps[i], conf, out);
    }
}

/* How many steps fit in half of the room, counted from one end of the trail? */
static uint32_t count_fitting(const struct trail *trail, bool from_its_end, const struct conf *conf)
{
    struct buf text = BUF_INIT;
    uint32_t n = 0;
    while (n < trail->n) {
        put_step(&trail->steps[from_its_end ? trail->n - 1 - n : n], conf, &text);
        buf_puts(&text, ", ");
        if (text.len > (TRAIL_PUT_MAX - TRAIL_NOTE_MAX) / 2)
            break;
        n++;
    }
    buf_free(&text);
    return n;
}

void trail_put(const struct trail *trail, const struct conf *conf, struct buf *out)
{
    size_t begin = out->len;
    put_steps(trail, 0, trail->n, conf, out);
    if (out->len - begin <= TRAIL_PUT_MAX)
        return;
    uint32_t first = count_fitting(trail, false, conf), last = count_fitting(trail, true, conf);
    out->len = begin;
    put_steps(trail, 0, first, conf, out);
    buf_printf(out, ", %" PRIu32 " left out, ", trail->n - first - last);
    put_steps(trail, trail->n - last, trail->n, conf, out);
}
