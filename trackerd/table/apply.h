/* SPDX-License-Identifier: MIT */
/* The one door by which rows change: from events and commands to the table. Finds the row, lets the
 * state machine (cooldown.c) work on it, publishes row and event number in one step, and reports
 * what happened (changes.c). Called by trackerd/daemon/ with messages that are already checked,
 * from users who may send them; this file decides nothing about who may.
 *
 * Known weakness: an event with a wrong hint costs a search through the whole table. */
#ifndef WEIR_TRACKERD_TABLE_APPLY_H
#define WEIR_TRACKERD_TABLE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/wire/evwire.h"

struct keeper;

/* A worker process has connected: the index by which it is known until apply_leave, or -1 when too
 * many are connected. apply_leave takes -1, too. */
WEIR_MUST_CHECK int apply_join(struct keeper *keeper, uint32_t slot, uint64_t incarnation);
void apply_leave(struct keeper *keeper, int sender);
/* Number of the sender's last event that is in the table. */
uint64_t apply_last_seq(const struct keeper *keeper, int sender);

/* Applies n events of the sender at that index, in order, and skips those it has applied before.
 * One that is not sound is counted as refused and changes nothing, but its number is taken as done:
 * it must not come again. Returns how many were refused. */
uint32_t apply_events(struct keeper *keeper, int sender, const struct evwire_event *events,
                      uint32_t n);
/* Counts a message that changed nothing, because it was malformed or not allowed. */
void apply_count_refused(struct keeper *keeper);

/* Commands of an operator. EVST_DONE or EVST_UNKNOWN_PAIR. *was_kept: a longer cooldown is running
 * and stays. reason may be empty. */
WEIR_MUST_CHECK enum ev_status apply_cooldown(struct keeper *keeper, const char *provider,
                                              const char *model, uint64_t duration_ms,
                                              const char *reason, bool *was_kept);
WEIR_MUST_CHECK enum ev_status apply_clear(struct keeper *keeper, const char *provider,
                                           const char *model);
/* Returns how many rows it cleared. */
uint32_t apply_clear_all(struct keeper *keeper);

#endif
