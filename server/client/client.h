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

#include "common/conf/conf.h"
#include "common/http/request.h"
#include "common/shm/pages.h"
#include "server/dialect/own_error.h"
#include "server/record/credit.h"

#define CLIENT_REQUEST_ID_MAX 128
/* Input a client may send ahead while its answer runs; past it the connection is closed. */
#define CLIENT_AHEAD_MAX (64u << 10)

struct event_base;
struct client;
struct clients; /* all connections of a worker */

/* What an endpoint needs to know of a request. Strings live until the answer ends. */
struct client_call {
    const char *path;       /* of the endpoint; static */
    const char *request_id; /* the client's when it is sane, else a new one */
    uint64_t received_at;
    bool has_key;     /* a valid API key came along */
    bool is_loopback; /* the peer is this machine (or a Unix socket) */
    char *body; /* NULL for a request without one; an endpoint that keeps it sets it to NULL */
    size_t body_len;
    int delivery; /* asked for by X-Weir-Delivery: enum delivery; -1 = not */
    bool explain, is_probe;
};

/* An endpoint answers with client_answer, or gives the request to a job (client_set_job) that
 * answers with client_answer_head, _body, _flush and _end. */
typedef void (*client_endpoint_fn)(void *arg, struct client *client, struct client_call *call);

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
    struct recorder *recorder;
    size_t queued_low; /* a job hears `drained` when fewer bytes wait for its client */
    const struct client_endpoint *endpoints; /* ended by a NULL path */
    void *endpoints_arg;
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
/* Sends those requests away that only wait in the queue. */
void clients_send_queue_away(struct clients *clients);
/* Ends the running answers with an error. */
void clients_shutdown(struct clients *clients);

/* A complete answer. `headers`: "Name: value\r\n"..., without framing; may be NULL. */
void client_answer(struct client *client, int status, const char *content_type, const char *headers,
                   const void *body, size_t len);
void client_answer_error(struct client *client, enum own_error error, const char *message);

/* What makes an answer that takes its time hears of its client. */
struct client_job {
    void (*left)(void *job);        /* the client hung up; the job is over and never answers */
    void (*drained)(void *job);     /* fewer than `queued_low` bytes wait for the client */
    void (*on_timer)(void *job);    /* the instant of client_set_job_timer */
    void (*leave_queue)(void *job); /* weir stops: if it only waits in the queue, it ends */
    void (*shutdown)(void *job);    /* the drain time is over: ends with an error */
};
/* From now on, until client_answer_end, the client tells the job. */
void client_set_job(struct client *client, const struct client_job *ops, void *job);
void client_set_job_timer(struct client *client, uint64_t at); /* boot clock ns; 0 = never */

/* An answer piece by piece. Length of the body, or -1 for a stream of unknown length. */
void client_answer_head(struct client *client, int status, const char *headers, size_t headers_len,
                        int64_t length);
void client_answer_body(struct client *client, const struct iovec *pieces, int n);
/* Sends what was given since the last flush, in one write; client_answer_end does the same. */
void client_answer_flush(struct client *client);
/* The answer is complete: the client forgets the job. */
void client_answer_end(struct client *client);
/* Bytes that wait for the client to read. */
size_t client_answer_queued(const struct client *client);

#endif
