/* SPDX-License-Identifier: MIT */
/* A worker's end of the listening sockets: accepts connections and hands them to the room of
 * clients. It serves its own sockets, and while another worker leaves its connections waiting, that
 * one's as well. The sockets belong to the master; a worker closes its own copies only.
 * Weak: what connects between acceptor_empty and the close of the last copy is reset. */
#ifndef WEIR_SERVER_WORKER_ACCEPT_H
#define WEIR_SERVER_WORKER_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/worker/inherit.h"

struct acceptor;
struct clients;
struct event_base;

/* Accepts at once at the listeners that worker `index` serves. `listeners` is copied, `clients` is
 * borrowed. */
struct acceptor *acceptor_new(struct event_base *base, const struct inherit_listener *listeners,
                              size_t n, uint32_t index, struct clients *clients);
/* Looks at the others: from now on accepts for those of which is_stale is true, and for no other.
 */
void acceptor_stand_in(struct acceptor *acceptor, bool (*is_stale)(void *arg, uint32_t index),
                       void *arg);
/* Accepts whatever waits at any listener. What is still there when the last copy of a listener is
 * closed would be reset. */
void acceptor_empty(struct acceptor *acceptor);
/* Stops accepting and closes this process's copies. */
void acceptor_free(struct acceptor **acceptor);

#endif
