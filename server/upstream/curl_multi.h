/* SPDX-License-Identifier: MIT */
/* libcurl's multi handles on libevent's loop, in a worker: picks the handle that a transfer is
 * added to, watches sockets and timers, and reports that a transfer has ended. backend_curl.c and
 * conn_curl.c are the callers.
 *
 * libcurl walks lists of connections, so a handle gets a limited number of busy transfers, and
 * beyond that another one is made. Providers with different CA certificates share neither handles
 * nor TLS sessions: otherwise one could ride on another's connection. */
#ifndef WEIR_SERVER_UPSTREAM_CURL_MULTI_H
#define WEIR_SERVER_UPSTREAM_CURL_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

#include "server/upstream/end.h"

struct event_base;
struct transfer_multi;  /* one handle */
struct transfer_multis; /* all of them */

struct transfer_multis_events {
    /* A transfer has ended; its easy handle may be removed, freed, and added again. */
    void (*ended)(CURL *easy, CURLcode code);
    /* libcurl has returned: its functions may be called again. May be NULL. */
    void (*returned)(void *arg);
};

/* `busy_max`: how many transfers one handle gets at most. */
struct transfer_multis *transfer_multis_new(struct event_base *base, unsigned busy_max,
                                            const struct transfer_multis_events *events, void *arg);
/* No transfer may be left in it. */
void transfer_multis_free(struct transfer_multis **multis);

/* Reads the certificates of this file, NULL for the system's, unless they are known already. */
void transfer_multis_prepare(struct transfer_multis *multis, const char *ca_file);

/* Adds a transfer to a handle that has room for it, and sets those of its options that connections
 * share: TLS sessions and trust. Takes it out again. Neither while is_inside. */
struct transfer_multi *transfer_multis_add(struct transfer_multis *multis, CURL *easy,
                                           const char *ca_file);
void transfer_multi_remove(struct transfer_multi *multi, CURL *easy);

/* How a transfer has ended, by libcurl's code, if no answer came. */
enum transfer_end transfer_multi_early_end(CURLcode code);

/* Are we in a callback of libcurl, where most of its functions must not be called? A caller of one
 * that calls back (curl_easy_pause) sets it meanwhile. */
bool transfer_multis_is_inside(const struct transfer_multis *multis);
void transfer_multis_set_inside(struct transfer_multis *multis, bool is_inside);

#endif
