/* SPDX-License-Identifier: MIT */
/* The inside of a client's connection, for the files that make it up and for nobody else:
 * client.c (its life and clock), input.c (bytes to requests), head.c (what a
 * head asks for), answer.c (answers), output.c (their bytes). */
#ifndef WEIR_SERVER_CLIENT_STATE_H
#define WEIR_SERVER_CLIENT_STATE_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "common/base/buf.h"
#include "server/client/client.h"

#define CLIENT_READ_BYTES (64u << 10) /* of a recv: the worker's shared buffer */
#define CLIENT_OUT_BYTES  (64u << 10) /* collected for a send; a chunk's size has four digits */

enum client_state {
    CLIENT_HEAD,   /* waits for a request's head */
    CLIENT_BODY,   /* reads its body */
    CLIENT_BUSY,   /* its answer is being made */
    CLIENT_LINGER, /* answered for the last time, waits for the peer to close */
    CLIENT_DEAD,
};

struct client {
    struct clients *owner;
    int fd;
    enum client_state state;
    struct event on_read, on_write, on_time;
    struct evbuffer *out; /* NULL while nothing waits */
    struct buf in;        /* input not used yet */
    size_t head_looked;   /* how much of `in` holds no end of a head */

    const struct client_endpoint *endpoint;
    char request_id[CLIENT_REQUEST_ID_MAX + 1];
    uint64_t received_at;
    bool has_key, is_loopback, is_http10, keep_alive, is_head_request;
    int delivery; /* asked for by X-Weir-Delivery; -1 = not */
    bool explain, is_probe;
    bool is_chunked_answer, answer_started, is_broken;
    enum http_request_framing framing;
    struct http_chunked chunked;
    uint64_t body_expected;
    struct buf body;
    size_t body_at_timer; /* body.len when its timer was set */
    size_t lingered;

    const struct client_job *job_ops;
    void *job;         /* NULL: none */
    uint64_t timer_at; /* what on_time is set to, 0 = off */
    LIST_ENTRY(client) link;
};

/* Output that is being collected, of one client at a time. */
struct client_outbox {
    struct client *client; /* NULL: empty */
    size_t len;
    bool is_in_chunk; /* one that began at chunk_at is still open */
    size_t chunk_at;
    char data[CLIENT_OUT_BYTES];
};

struct clients {
    struct clients_setup setup;
    LIST_HEAD(, client) all;
    unsigned count;
    bool is_draining;
    uint64_t id_seed[2];
    char date[64]; /* of the Date header, for date_second */
    time_t date_second;
    struct client_outbox outbox;
    char buffer[CLIENT_READ_BYTES];
};

/* client.c: the one timer of a connection (boot clock ns, 0 = off; ms from now). */
void client_set_timer_at(struct client *c, uint64_t at);
void client_set_timer_ms(struct client *c, uint32_t ms);
/* Ends the connection at once, and its job with it. Freed at the end of the turn. */
void client_drop(struct client *c);
/* Is the peer this machine: loopback, a Unix socket, or an address that is ours? */
bool client_is_local(const struct client *c);
/* Ready for the next request. */
void client_await_request(struct client *c);
/* The peer shall read our answer before it meets a reset: ends our side and waits for its end. */
void client_linger(struct client *c);

/* input.c: bytes that came. */
void client_on_input(struct client *c, const char *data, size_t len);
/* Goes on with what came ahead; for defer_call. */
void client_go_on(void *client);

/* head.c: takes a head from the input, finds its endpoint and checks what it may ask.
 * Returns how many bytes were used; 0 = more are needed. */
size_t client_take_head(struct client *c, const char *data, size_t len);
/* Hands the complete request to its endpoint. */
void client_serve(struct client *c);
/* The request's own id (req may be NULL), or a new one. */
void client_take_request_id(struct client *c, const struct http_request *req);

/* output.c: what is put goes out with the next flush, at the latest when another client puts.
 */
void client_put(struct client *c, const void *data, size_t len);
/* The same as a chunk of the body; chunks that go out together become one. At most eight pieces. */
void client_put_chunk(struct client *c, const struct iovec *pieces, int n);
void client_discard(struct client *c);
void client_on_writable(evutil_socket_t fd, short what, void *client);

/* answer.c: answers. */
/* An error with extra headers; NULL = none. */
void client_answer_error_with(struct client *c, enum own_error error, const char *headers,
                              const char *message);
/* An error after which nothing more of this connection can be understood or trusted. */
void client_refuse(struct client *c, enum own_error error, const char *message);

#endif
