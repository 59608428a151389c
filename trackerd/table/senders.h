/* SPDX-License-Identifier: MIT */
/* Which event of each worker process was applied last. Pure. A worker numbers its events and
 * repeats those that were not acknowledged; all up to the number here have been applied. Kept per
 * process, not per slot, so that a slot's new worker and the one it replaces do not disturb each
 * other. Published with the rows, so that the next trackerd knows it, too.
 *
 * Known weakness: when all places are taken, the process not heard from for the longest time is
 * forgotten. Should it come back, events that it repeats are applied twice. */
#ifndef WEIR_TRACKERD_TABLE_SENDERS_H
#define WEIR_TRACKERD_TABLE_SENDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/shm/table_layout.h"

struct sender {
    uint64_t who;         /* slot + 1; 0 = free */
    uint64_t incarnation; /* of the process */
    uint64_t seq;         /* last applied */
    uint64_t used_at;
};
_Static_assert(sizeof(struct sender) == SHM_TABLE_SENDER_WORDS * sizeof(uint64_t), "as published");

struct senders {
    struct sender items[SHM_TABLE_SENDERS];
    uint16_t users[SHM_TABLE_SENDERS]; /* connections that it has now */
};

/* The place of a worker process until senders_leave: its own if it was here before, else a free
 * one, else that of the process not heard from for the longest time. -1: all are connected. */
WEIR_MUST_CHECK int senders_join(struct senders *senders, uint32_t slot, uint64_t incarnation,
                                 uint64_t now_at);
void senders_leave(struct senders *senders, int index);

#endif
