/* SPDX-License-Identifier: MIT */
/* All that trackerd knows of pairs, as the files of this room share it: keeper.c makes and keeps
 * it, apply.c changes rows, changes.c reports what changed. Others see keeper.h. */
#ifndef WEIR_TRACKERD_TABLE_KEEPER_INSIDE_H
#define WEIR_TRACKERD_TABLE_KEEPER_INSIDE_H

#include <stdint.h>

#include "common/conf/conf.h"
#include "common/shm/pages.h"
#include "trackerd/table/changes.h"
#include "trackerd/table/cooldown.h"
#include "trackerd/table/keeper.h"
#include "trackerd/table/publish.h"
#include "trackerd/table/segment.h"
#include "trackerd/table/senders.h"
#include "trackerd/table/snapshot.h"
#include "trackerd/table/table.h"

struct keeper {
    struct conf *conf; /* owned; replaced by keeper_configure only */
    struct cooldown_rules rules;
    struct segment segment;
    struct publish publish;
    struct table *table;      /* the same object for the keeper's whole life */
    uint64_t published_moves; /* table->moves that readers know of */
    uint32_t next_repair;     /* row at which the next look for damage begins */
    uint32_t homeless;        /* configured pairs without a row */
    struct senders senders;
    struct pages *pages; /* of the workers; NULL: no weir is known */
    struct snapshot *snapshot;
    struct change_listeners listeners;
    uint64_t started_at;
};

#endif
