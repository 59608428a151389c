/* SPDX-License-Identifier: MIT */
/* libcurl's multi handles on libevent's loop, in a worker: which handle a transfer is added to, the
 * watching of sockets and clocks, and the word that a transfer has ended. backend_curl.c and
 * conn_curl.c are the users.
 *
 * libcurl walks lists of connections, so that a handle is kept to some busy transfers, and another
 * one is opened beyond. Providers that different certificates vouch for share neither handles nor
 * TLS sessions: else one could ride on another's connection. */
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

/* `busy_max`: transfers that one handle is to have at most. */
struct transfer_multis *transfer_multis_new(struct event_base *base, unsigned busy_max,
                                            const struct transfer_multis_events *events, void *arg);
/* No transfer may be left in it. */
void transfer_multis_free(struct transfer_multis **multis);

/* Reads the certificates of this file, NULL for the system's, unless they are known already. */
void transfer_multis_prepare(struct transfer_multis *multis, const char *ca_file);

/* Adds a transfer to the handle that has room for it, and sets what of its options belongs to
 * connections in common: TLS sessions and trust. Takes it out again. Not while is_inside. */
struct transfer_multi *transfer_multis_add(struct transfer_multis *multis, CURL *easy,
                                           const char *ca_file);
void transfer_multi_remove(struct transfer_multi *multi, CURL *easy);

/* What it says of a transfer that no answer came of. */
enum transfer_end transfer_multi_early_end(CURLcode code);

/* Are we in a callback of libcurl, where most of its functions must not be called? Whoever makes it
 * call back otherwise says so. */
bool transfer_multis_is_inside(const struct transfer_multis *multis);
void transfer_multis_set_inside(struct transfer_multis *multis, bool is_inside);

#endif
