/* SPDX-License-Identifier: MIT */
/* Tells the world what happened to a pair: the log, and those who follow with `weirctl events`. */
#ifndef WEIR_TRACKERD_TABLE_CHANGES_H
#define WEIR_TRACKERD_TABLE_CHANGES_H

#include "common/wire/evwire.h"
#include "trackerd/daemon/trackerd.h"

/* Logs each change and sends it to the followers. */
void changes_tell(struct trackerd *td, const struct shm_table_state *row,
                  const struct cooldown_changes *changes);
/* At debug: why an outcome did not count. */
void changes_note_late(const struct shm_table_state *row, const struct evwire_event *event,
                       const struct cooldown_changes *changes);
/* An event of a pair that is not in the table: weir and trackerd run with different files. */
void changes_note_unknown(const struct evwire_event *event);

#endif
