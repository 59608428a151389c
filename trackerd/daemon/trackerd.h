/* SPDX-License-Identifier: MIT */
/* The tracker daemon: what its parts share, and its life from start to stop (trackerd.c). One
 * process, one event loop, no threads. All parts are called from the loop. */
#ifndef WEIR_TRACKERD_DAEMON_TRACKERD_H
#define WEIR_TRACKERD_DAEMON_TRACKERD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "common/process/daemon.h"
#include "common/shm/pages.h"
#include "trackerd/table/cooldown.h"
#include "trackerd/table/publish.h"
#include "trackerd/table/segment.h"
#include "trackerd/table/senders.h"
#include "trackerd/table/table.h"

struct event_base;
struct intake;
struct snapshot;

struct trackerd {
    struct event_base *base;
    struct conf *conf;
    struct cooldown_rules rules;
    struct segment segment;
    struct publish publish;
    struct table *table;
    uint64_t published_moves; /* table->moves that readers know of */
    uint32_t next_repair;     /* row at which the next look for damage begins */
    struct senders senders;
    struct pages *pages; /* NULL: no weir is known */
    struct intake *intake;
    struct snapshot *snapshot;
    uint64_t started_at;
    uint32_t homeless; /* configured pairs without a row */
    int uid, gid;      /* of the settings; -1 = not configured */
};

/* Runs the daemon; returns the process's exit code. Takes conf over. */
int trackerd_run(const struct daemon_options *options, struct conf *conf);

/* Reads the configuration file again and goes over to it, keeping the state of every pair that
 * stays. On failure -1, the old one stays in force, and messages has the faults. */
int trackerd_reload(struct trackerd *td, struct buf *messages);

/* Looks for the workers' pages when there are none, or when a new master has made its own. */
void trackerd_find_pages(struct trackerd *td);

struct cooldown_now trackerd_now(void);

#endif
