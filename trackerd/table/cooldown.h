/* SPDX-License-Identifier: MIT */
/* What an outcome does to a pair: THE state machine of the tracker (CONTRACT 5.2). Pure: a row, the
 * rules, an event and the time go in; the row changes, and what happened comes out as a list that
 * the caller (apply.c) logs and publishes. Its reference model is in
 * tests/unit/trackerd/table/test_cooldown_model.c.
 *
 * Consecutive means: the counter is the number of failures that ended after the latest completed
 * stream ended, since the latest cooldown of their own cause began. Order is by the instants in
 * the events, not by their arrival: a failure that arrives after a success which ended later is not
 * counted, and a success that arrives late leaves the failures that ended after it.
 *
 * History: an attempt that began before the pair's latest cooldown began changes no counter, ends
 * no recovery and begins no cooldown by counting. A cooldown that the provider itself asks for is
 * obeyed whenever the attempt began.
 *
 * Known weakness: of a streak only the latest SHM_TABLE_RECENT_MID (or _PRE) instants are kept, so
 * a late success that resets any failure leaves at most that many of the later ones. */
#ifndef WEIR_TRACKERD_TABLE_COOLDOWN_H
#define WEIR_TRACKERD_TABLE_COOLDOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm/table.h"
#include "common/terms/cause.h"
#include "common/wire/evwire.h"

struct cooldown_rules {
    uint32_t mid_threshold;
    uint32_t mid_cooldown_ms, mid_cooldown_max_ms;
    uint32_t pre_threshold; /* 0 = never */
    uint32_t recovery_concurrency;
};

struct cooldown_now {
    uint64_t at; /* boot clock ns */
    uint64_t wall_ms;
};

/* One thing that happened to a row. */
struct cooldown_change {
    enum ev_change_kind kind;
    enum cooldown_cause cause;
    bool is_extension;    /* EVCH_COOLDOWN: a running one now ends later */
    uint64_t duration_ms; /* EVCH_COOLDOWN */
    uint32_t failures, threshold;
};

#define COOLDOWN_CHANGES_MAX 8 /* more than one event and all stamps can bring about */
struct cooldown_changes {
    struct cooldown_change items[COOLDOWN_CHANGES_MAX];
    unsigned n;
    bool was_history;   /* the attempt began before the latest cooldown */
    bool was_overtaken; /* a success that ended later is known already */
};

/* A fresh row of a pair. */
void cooldown_init(struct shm_table_state *row, const char *provider, const char *model,
                   uint64_t key_hash, const struct cooldown_rules *rules);

/* Applies an event of a worker. Instants in the future are cut to now. Overwrites out. */
void cooldown_apply(struct shm_table_state *row, const struct cooldown_rules *rules,
                    const struct evwire_event *event, struct cooldown_now now,
                    struct cooldown_changes *out);

/* Credits a success that only a stamp in a worker's page shows. Called for each worker before a
 * failure is applied. Appends changes to out. */
void cooldown_note_stream(struct shm_table_state *row, uint64_t started_at, uint64_t ended_at,
                          struct cooldown_now now, struct cooldown_changes *out);
void cooldown_note_answer(struct shm_table_state *row, uint64_t started_at, uint64_t ended_at,
                          struct cooldown_now now, struct cooldown_changes *out);

/* Starts a cooldown until until_at, at most SHM_TABLE_REST_MAX_NS from now, or extends the running
 * one to then. reason NULL: the cause's own. False, and no change, when until_at is past or the
 * running one ends no earlier. */
bool cooldown_start(struct shm_table_state *row, enum cooldown_cause cause, const char *reason,
                    uint64_t until_at, struct cooldown_now now, struct cooldown_changes *out);

/* Forgets everything that keeps requests away: cooldown, counters, recovery, escalation. */
void cooldown_clear(struct shm_table_state *row, struct cooldown_changes *out);

/* The length of the next mid-stream cooldown: doubled for each one since the last success. */
uint64_t cooldown_mid_length_ms(const struct cooldown_rules *rules, uint32_t escalation);

#endif
