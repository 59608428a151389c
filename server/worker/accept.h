/* SPDX-License-Identifier: MIT */
/* A worker's end of the listening sockets: accepts connections, hands them to the room of clients,
 * and refuses those beyond server.maxConnections. The sockets belong to the master; a worker closes
 * its own copies only. */
#ifndef WEIR_SERVER_WORKER_ACCEPT_H
#define WEIR_SERVER_WORKER_ACCEPT_H

#include <stddef.h>
#include <stdint.h>

struct acceptor;
struct clients;
struct event_base;

/* Accepts at once. `fds` is copied, `clients` is borrowed. */
struct acceptor *acceptor_new(struct event_base *base, const int *fds, size_t n,
                              struct clients *clients);
/* Stops accepting and closes this process's copies. */
void acceptor_free(struct acceptor **acceptor);

#endif
