/* SPDX-License-Identifier: MIT */
/* Reports what happened to a pair: to the log, and to listeners, such as the tracker's socket,
 * where `weirctl events` follows. Called by apply.c after a change is published; changes nothing
 * itself.
 *
 * Known weakness: lines are written from the event loop, so a log on a slow disk holds the tracker
 * up. */
#ifndef WEIR_TRACKERD_TABLE_CHANGES_H
#define WEIR_TRACKERD_TABLE_CHANGES_H

#include <sys/queue.h>

#include "common/wire/evwire.h"
#include "trackerd/table/cooldown.h"

/* Owned by the listener, which fills on_change and arg. */
struct change_listener {
    LIST_ENTRY(change_listener) link;
    /* Called in the middle of the change's handling: must neither change rows nor register or
     * unregister listeners. change lives for the call. */
    void (*on_change)(void *arg, const struct evwire_change *change);
    void *arg;
};
LIST_HEAD(change_listeners, change_listener);

void changes_listen(struct change_listeners *listeners, struct change_listener *listener);
void changes_unlisten(struct change_listener *listener);

/* Logs each change of the row and hands it to every listener. */
void changes_report(const struct change_listeners *listeners, const struct shm_table_state *row,
                    const struct cooldown_changes *changes);
/* At debug: why an outcome did not count. */
void changes_log_late(const struct shm_table_state *row, const struct evwire_event *event,
                      const struct cooldown_changes *changes);
/* An event of a pair that is not in the table: weir and trackerd run with different files. */
void changes_log_unknown(const struct evwire_event *event);

#endif
