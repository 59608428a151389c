/* SPDX-License-Identifier: MIT */
/* What an exchange does when its chain has no usable pair: with queueMode it waits in the worker's
 * queue (queue.h), else it ends. */
#ifndef WEIR_SERVER_EXCHANGE_QUEUEING_H
#define WEIR_SERVER_EXCHANGE_QUEUEING_H

#include "server/exchange/state.h"

/* No entry is left: waits at a gate or in the queue where that can help, or ends. */
enum exchange_step exchange_chain_ended(struct exchange *x);
/* May this request not choose yet, because others of its chain wait already? */
bool exchange_is_behind_queue(const struct exchange *x);
/* Joins at the tail, or (it was woken but found no pair) keeps its place at the head. */
enum exchange_step exchange_enqueue(struct exchange *x, bool at_head);
/* Allowed when it does not wait. */
void exchange_dequeue(struct exchange *x);
/* It was woken, and has left the queue: chooses anew. */
void exchange_woken(struct exchange *x);
enum exchange_step exchange_queue_timed_out(struct exchange *x);
/* In how many ms the first cooldown among the chain's pairs ends; 0 = none is in cooldown. */
uint64_t exchange_soonest_ms(struct exchange *x);

#endif
