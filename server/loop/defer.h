/* SPDX-License-Identifier: MIT */
/* The end of the event loop's turn, in a worker: objects that are given up inside a callback die
 * here, when no frame of the stack can meet them any more. */
#ifndef WEIR_SERVER_LOOP_DEFER_H
#define WEIR_SERVER_LOOP_DEFER_H

struct event_base;

void turn_init(struct event_base *base);
/* Runs what is still deferred. */
void turn_deinit(void);
/* Calls fn(ptr) once the running callback has returned to the loop. */
void turn_defer(void (*fn)(void *ptr), void *ptr);

#endif
