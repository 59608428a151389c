/* SPDX-License-Identifier: MIT */
/* A worker's listeners: accepts connections and hands them to their client. The sockets belong to
 * the master; a worker closes its copies only. */
#ifndef WEIR_SERVER_WORKER_ACCEPT_H
#define WEIR_SERVER_WORKER_ACCEPT_H

#include <stddef.h>
#include <stdint.h>

#include "server/client/client.h"

struct listeners;
struct event_base;

struct listeners *listeners_new(struct event_base *base, const int *fds, size_t n,
                                struct clients *clients, uint32_t max_connections);
/* Stops accepting and closes this process's copies. */
void listeners_free(struct listeners **listeners);

#endif
