/* SPDX-License-Identifier: MIT */
/* Deferred calls, in a worker: what a callback must not do while frames above it on the stack may
 * still use the object, mostly freeing it, is done once the callback has returned to the event
 * loop; and work that would hold the loop for long is done in slices, one a turn. One list of each
 * for each process: they serve a single event loop. */
#ifndef WEIR_SERVER_LOOP_DEFER_H
#define WEIR_SERVER_LOOP_DEFER_H

struct event_base;

/* Before any other call here. */
void defer_init(struct event_base *base);
/* Makes the calls that are still due. */
void defer_deinit(void);
/* Calls fn(ptr) once the running callback has returned to the loop, in the order of these calls.
 * What fn defers itself is called in the same pass. */
void defer_call(void (*fn)(void *ptr), void *ptr);

/* Calls fn(ptr) in the next turn of the loop, which looks at all sockets first. */
void defer_slice(void (*fn)(void *ptr), void *ptr);
/* Forgets the slice of this ptr, if one is due. */
void defer_cancel_slice(void *ptr);

#endif
