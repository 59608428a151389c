/* SPDX-License-Identifier: MIT */
/* One HTTP request to a provider, in a worker. The header says nothing of the client behind it:
 * backend_http1.c, our own, or backend_curl.c, libcurl, where a provider may use HTTP/2. What of
 * libcurl is needed, the master has loaded (module.h). attempt starts transfers and is
 * told what comes.
 *
 * Promises: no event is raised from inside transfer_start, _pause or _abort; none after `done` or
 * after an abort; every call here may be made from inside an event. A request is never sent twice,
 * save that one which a pooled connection lost within TRANSFER_REPLAY_MS of sending, without a byte
 * of answer, goes once more on a fresh connection (the pool was dead, not the provider). */
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

/* Loads what requests to this URL need, so that none waits for it: for each provider, when a worker
 * starts. */
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
    /* The data that came in one read was told. */
    void (*fed)(void *arg);
    /* The transfer is over and freed after this. `detail`: the client library's words. */
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
    const char *ca_file; /* whose certificates vouch for the provider's, instead of the system's;
                            NULL = those. Must outlive the connection */
};

struct transfer *transfer_start(struct transfers *transfers, struct transfer_request *request,
                                const struct transfer_events *events, void *arg);
/* Stops or resumes reading: the provider feels it through TCP. */
void transfer_pause(struct transfer *transfer, bool paused);
/* False once the request's body is not looked at any more: an answer has begun, and all was sent.
 */
bool transfer_needs_body(const struct transfer *transfer);
/* Closes the connection at once. The pointer is dead afterwards. */
void transfer_abort(struct transfer *transfer);
/* Everything needed has come: no more events; the transfer ends on its own, so that its connection
 * can be used again, or is aborted after TRANSFER_FINISH_MS. The pointer is dead afterwards. */
void transfer_finish(struct transfer *transfer);

#endif
