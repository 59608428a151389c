/* SPDX-License-Identifier: MIT */
/* From events and commands to the table: finds the row, lets the state machine work on it,
 * publishes row and event number in one step, logs what happened and tells those who follow. */
#ifndef WEIR_TRACKERD_TABLE_APPLY_H
#define WEIR_TRACKERD_TABLE_APPLY_H

#include "common/wire/evwire.h"
#include "trackerd/daemon/trackerd.h"

/* Applies n checked events of the sender at that index, in order; none that was applied before. */
void apply_events(struct trackerd *td, int sender, const struct evwire_event *events, uint32_t n);

/* Commands of an operator. *rows: how many rows they concerned. */
enum ev_status apply_rest(struct trackerd *td, const char *provider, const char *model,
                          uint64_t duration_ms, const char *reason, bool *was_kept);
enum ev_status apply_clear(struct trackerd *td, const char *provider, const char *model);
uint32_t apply_clear_all(struct trackerd *td);

#endif
