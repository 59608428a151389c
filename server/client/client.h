/* SPDX-License-Identifier: MIT */
/* A client's connection, in a worker: reads requests (http/request.h decides what is one), hands
 * them to their endpoint, writes answers with HTTP's framing, keeps alive, notices at once when the
 * client leaves, and bounds everything a client may make weir hold. Knows nothing of providers. */
#ifndef WEIR_SERVER_CLIENT_CLIENT_H
#define WEIR_SERVER_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/http/request.h"
#include "server/dialect/own_error.h"
#include "server/exchange/exchange.h"

#define CLIENT_REQUEST_ID_MAX 128
/* Input a client may send ahead while its answer runs; past it the connection is closed. */
#define CLIENT_AHEAD_MAX (64u << 10)

struct event_base;
struct client;
struct clients; /* all connections of a worker */

/* What an endpoint needs to know of a request. Strings live until the answer ends. */
struct client_request {
    const char *request_id; /* the client's when it is sane, else a new one */
    uint64_t received_at;
    bool has_key;     /* a valid API key came along */
    bool is_loopback; /* the peer is this machine (or a Unix socket) */
    char *body; /* NULL for a request without one; an endpoint that keeps it sets it to NULL */
    size_t body_len;
};

/* An endpoint answers with client_answer, or starts an exchange with client_exchange. */
typedef void (*client_endpoint_fn)(void *worker, struct client *client,
                                   struct client_request *request);

struct client_endpoint {
    const char *method, *path;
    bool needs_key;
    bool has_body; /* a request without a body is a 400 */
    client_endpoint_fn answer;
};

struct clients_setup {
    struct event_base *base;
    const struct conf *conf;
    struct pages_slot *slot;
    struct account *account;
    const struct client_endpoint *endpoints; /* ended by a NULL path */
    void *worker;                            /* handed to endpoints */
};
struct clients *clients_new(const struct clients_setup *setup);
/* Drops every connection. */
void clients_free(struct clients **clients);

/* Takes over an accepted, non-blocking socket. */
void client_accept(struct clients *clients, int fd, const struct sockaddr *peer);
unsigned clients_count(const struct clients *clients);
/* Answers 503 overloaded and closes. */
void client_refuse_overload(struct clients *clients, int fd);

/* The last requests: each connection is closed after its answer, an idle one after a short grace.
 */
void clients_drain(struct clients *clients);
/* Ends those exchanges that only wait in the queue. */
void clients_send_queue_away(struct clients *clients);
/* Ends the running exchanges with an error. */
void clients_shutdown(struct clients *clients);

/* A complete answer. `headers` as in struct downstream; may be NULL. */
void client_answer(struct client *client, int status, const char *content_type, const char *headers,
                   const void *body, size_t len);
void client_answer_error(struct client *client, enum own_error error, const char *message);
/* Gives the request to a new exchange: takes its body. */
void client_exchange(struct client *client, const struct exchange_env *env, enum chat_kind kind,
                     const char *endpoint, struct client_request *request);

#endif
