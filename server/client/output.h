/* SPDX-License-Identifier: MIT */
/* A client's output: what an answer puts is collected in the worker's one buffer until its flush,
 * which sends it in one system call; what the socket does not take then waits in an evbuffer. Knows
 * no HTTP but the chunks of a body. Called by answer.c and head.c, which decide
 * what is put. */
#ifndef WEIR_SERVER_CLIENT_OUTPUT_H
#define WEIR_SERVER_CLIENT_OUTPUT_H

#include <event2/util.h>
#include <stddef.h>
#include <sys/uio.h>

struct client;

#define CLIENT_LINGER_MS 2000u

/* Goes out with the next flush, at the latest when another client puts. */
void client_put(struct client *c, const void *data, size_t len);
/* The same as a chunk of the body; chunks that go out together become one. At most eight pieces. */
void client_put_chunk(struct client *c, const struct iovec *pieces, int n);
void client_flush(struct client *c);
/* Bytes put that the socket has not taken. */
size_t client_queued(const struct client *c);
/* Says that no more will come; then the peer has CLIENT_LINGER_MS to close, or to send some more.
 */
void client_half_close(struct client *c);
/* For the connection's write event: sends on, and reports to the job when little is left. */
void client_on_writable(evutil_socket_t fd, short what, void *client);

#endif
