/* SPDX-License-Identifier: MIT */
/* A client's connection and all connections of a worker, for the files of this room: what they
 * hold, how a connection changes its state, its one timer, its end. The other files stand on it in
 * this order, each calling only those before it: output, answer, head, unpack, input,
 * client. */
#ifndef WEIR_SERVER_CLIENT_STATE_H
#define WEIR_SERVER_CLIENT_STATE_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/http/chunked.h"
#include "common/http/date.h"
#include "common/http/request.h"
#include "server/client/client.h"
#include "server/coding/coding.h"

#define CLIENT_REQUEST_ID_MAX 128
#define CLIENT_READ_BYTES     (64u << 10) /* of a recv: the worker's shared buffer */
#define CLIENT_OUT_BYTES      (64u << 10) /* collected for a send; a chunk's size has four digits */
#define CLIENT_LOOK_MS        1000        /* how soon one that leaves is noticed without reading */
/* No input is read while more than this waits: */
#define CLIENT_OUT_HIGH                                                                           \
    (64u << 10)                      /* for the client to take, before its next request is served \
                                      */
#define CLIENT_AHEAD_MAX (64u << 10) /* that it sent ahead while its answer is being made */

enum client_state {
    CLIENT_HEAD,   /* waits for a request's head */
    CLIENT_BODY,   /* reads its body */
    CLIENT_BUSY,   /* its answer is being made */
    CLIENT_LINGER, /* answered for the last time, waits for the peer to close */
    CLIENT_DEAD,   /* closed; its memory lives until the callback has returned to the loop */
};

/* A coded body on its way to a plain one. */
struct client_unpacking {
    struct coding_decoder *decoder; /* NULL: there is none */
    size_t at;                      /* how much of the body was used */
    struct buf out;
    bool is_slice_due;
};

struct client {
    struct clients *owner;
    int fd;
    enum client_state state;
    struct event on_read, on_write, on_time;
    bool is_reading;
    bool goes_on;         /* on_time is set to use more of `in` */
    bool is_surplus;      /* one connection too many: it only gets its refusal */
    struct evbuffer *out; /* NULL while nothing waits */
    struct buf in;        /* input not used yet */
    size_t head_looked;   /* how much of `in` holds no end of a head */

    const struct client_endpoint *endpoint; /* NULL: not known yet, or there is none */
    const struct dialect *dialect;          /* of errors: the path's, as soon as that is known */
    char request_id[CLIENT_REQUEST_ID_MAX + 1];
    uint64_t received_at; /* the head, boot clock ns */
    bool is_loopback, is_http10, keep_alive, is_head_request;
    int delivery; /* asked for by X-Weir-Delivery: enum delivery; -1 = not */
    bool explain, is_probe;
    struct buf cors;                   /* header lines of the answer for web pages; empty: none */
    struct buf name, query;            /* of the path and for the provider; empty: there is none */
    bool is_chunked_answer, is_broken; /* broken: the socket takes nothing any more */
    enum http_request_framing framing;
    struct http_chunked chunked;
    uint64_t body_expected;
    enum coding coding; /* of the body */
    struct buf body;
    struct client_unpacking unpacking;
    size_t body_at_timer; /* body.len when its timer was set */
    size_t lingered;      /* bytes that came since the last answer */
    uint64_t linger_until_at;

    const struct client_job *job_ops;
    void *job; /* NULL: none */
    /* Boot clock ns; 0 = none: */
    uint64_t due_at;       /* what the state, or the job, waits for at most */
    uint64_t write_due_at; /* by then the client has taken some of what waits for it */
    uint64_t look_at;      /* whether the peer has left; while nothing is read */
    uint64_t timer_at;     /* what on_time is set to; never later than these */
    LIST_ENTRY(client) link;
};

struct keys;

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
    struct keys *keys;
    LIST_HEAD(, client) all;
    unsigned count, n_surplus; /* the latter are among the former */
    bool is_draining;
    void (*go_on)(void *client); /* input.c's, for answer.c: uses what came ahead */
    uint64_t id_seed[2];
    char date[HTTP_DATE_BYTES]; /* of the Date header, for date_second */
    uint64_t date_second;       /* since 1970 */
    struct client_outbox outbox;
    char buffer[CLIENT_READ_BYTES];
};

/* The one way to change c->state. */
void client_set_state(struct client *c, enum client_state state);

/* The time of a connection's state: boot clock ns, 0 = none; ms from now. */
void client_set_timer_at(struct client *c, uint64_t at);
void client_set_timer_ms(struct client *c, uint32_t ms);
/* The same for one that waits for a request. The clock runs once the client has what it is owed. */
void client_set_wait_timer(struct client *c);
/* From now the client has clientWriteTimeoutMs to take some more; nothing waits any more. */
void client_begin_write_timer(struct client *c);
void client_end_write_timer(struct client *c);
/* Sets on_time, if that is not set to an instant as early: one that comes too early is set again.
 */
void client_arm_timer(struct client *c);

/* Reads on or stops reading, by what is kept and what waits. */
void client_update_reading(struct client *c);

/* Nothing more is decoded. */
void client_end_unpacking(struct client *c);

/* Ready for the next request. */
void client_await_request(struct client *c);

/* The end: closes the connection at once, drops output that was not sent, and reports to its job.
 * Frees it once the callback has returned to the loop. */
void client_drop(struct client *c);

#endif
