/* SPDX-License-Identifier: MIT */
/* The connections of a worker's clients: an HTTP server, from accepted sockets to calls of
 * endpoints and from answers to bytes. It reads requests (common/http/request.h decides what is
 * one), hands them to their endpoint, writes answers with HTTP's framing, keeps connections alive,
 * notices at once when a client leaves, and bounds everything a client may make weir hold. Made and
 * driven by the worker. Knows no provider and no exchange; never blocks. Who bounds what:
 * input that waits, by no longer reading; output, by not serving the next request while much waits;
 * a client that takes nothing, by clientWriteTimeoutMs; one that sends after its last answer, in
 * input.c. Weak: a client that sends 64 KiB of a body per clientBodyTimeoutMs, or takes a byte of
 * its answer per clientWriteTimeoutMs, may take as long as it likes. */
#ifndef WEIR_SERVER_CLIENT_CLIENT_H
#define WEIR_SERVER_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/conf/conf.h"
#include "server/client/endpoint.h"

struct event_base;
struct pages_slot;
struct recorder;
struct clients; /* all connections of a worker */

/* Pointers are borrowed and outlive the clients. */
struct clients_setup {
    struct event_base *base;
    const struct conf *conf;
    struct pages_slot *slot;
    struct recorder *recorder;
    size_t queued_low; /* a job hears `drained` when fewer bytes wait for its client */
    const struct client_endpoint *endpoints; /* ended by a NULL path */
    void *endpoints_arg;
};
struct clients *clients_new(const struct clients_setup *setup);
/* Drops every connection. */
void clients_free(struct clients **clients);

/* Takes over an accepted, non-blocking socket. When there are server.maxConnections already, it
 * only gets a 503 overloaded. */
void client_accept(struct clients *clients, int fd, const struct sockaddr *peer);
unsigned clients_count(const struct clients *clients);

/* The last requests: each connection is closed after its answer, an idle one after a short grace.
 */
void clients_drain(struct clients *clients);
/* Sends those requests away that only wait in the queue. */
void clients_send_queue_away(struct clients *clients);
/* Ends the running answers with an error. */
void clients_shutdown(struct clients *clients);

#endif
