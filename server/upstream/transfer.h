/* SPDX-License-Identifier: MIT */
/* One HTTP request to a provider, in a worker. attempt starts transfers and gets their events.
 * Behind this header a request goes to one of two backends: backend_http1.c, our own, or
 * backend_curl.c, libcurl, where a provider may use HTTP/2. If libcurl is needed, the master has
 * loaded it (module.h).
 *
 * Promises: no event is raised from inside transfer_start, _pause or _abort; none after `done` or
 * after an abort; every call here may be made from inside an event. A request is sent once, with
 * one exception: one that a pooled connection lost within TRANSFER_REPLAY_MS of sending, without a
 * byte of answer, is sent once more on a fresh connection (the connection was dead, not the
 * provider). */
#ifndef WEIR_SERVER_UPSTREAM_TRANSFER_H
#define WEIR_SERVER_UPSTREAM_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "server/upstream/end.h"

#define TRANSFER_REPLAY_MS    200
#define TRANSFER_HEAD_MAX     65536 /* bytes of a response's head */
#define TRANSFER_HEADERS_MAX  256
#define TRANSFER_FINISH_MS    1000 /* how long an answered transfer may take to end on its own */
#define TRANSFER_FINISH_BYTES 65536

struct transfers; /* a worker's connections */
struct transfer;
struct event_base;

struct transfers *transfers_new(struct event_base *base);
/* Aborts what still runs. */
void transfers_free(struct transfers **transfers);

/* Loads what requests to this URL need, so that none waits for it; called for each provider when a
 * worker starts. */
void transfers_prepare(struct transfers *transfers, const char *url, bool http2,
                       const char *ca_file);

/* The response's headers; valid during the head event only. */
struct transfer_headers;
/* Value by lower-case name, NUL-terminated; NULL when absent. The signature fits
 * provider/limit_headers.h. */
const char *transfer_header(const void *headers, const char *name);

struct transfer_events {
    void (*head)(void *arg, int status, const struct transfer_headers *headers);
    void (*data)(void *arg, const char *data, size_t len);
    /* All data of one read has been passed on. */
    void (*fed)(void *arg);
    /* The transfer is over, and freed after this. `detail`: why, in words; valid for the call. */
    void (*done)(void *arg, enum transfer_end end, const char *detail);
};

struct transfer_request {
    const char *url;     /* this and the headers are borrowed for the call */
    const char *headers; /* "Name: value\r\n"... */
    size_t headers_len;
    const struct iovec *body; /* of the POST, in pieces; none empty. They and what they point at are
                                 borrowed while transfer_needs_body, at most until `done`, an abort
                                 or transfer_finish */
    size_t n_body;
    bool http2;          /* over TLS, when the provider offers it */
    const char *ca_file; /* the CA certificates to trust for this provider; NULL = the
                            system's. Must outlive the connection */
};

struct transfer *transfer_start(struct transfers *transfers, struct transfer_request *request,
                                const struct transfer_events *events, void *arg);
/* Stops or resumes reading, which holds the provider back through TCP. */
void transfer_pause(struct transfer *transfer, bool paused);
/* False once the request's body is no longer needed: an answer has begun, and all was sent. */
bool transfer_needs_body(const struct transfer *transfer);
/* Closes the connection at once. The pointer is invalid afterwards. */
void transfer_abort(struct transfer *transfer);
/* Everything needed has come: no more events. The transfer may still end on its own, so that its
 * connection can be used again; it is aborted after TRANSFER_FINISH_MS. The pointer is invalid
 * afterwards. */
void transfer_finish(struct transfer *transfer);

#endif
