/* SPDX-License-Identifier: MIT */
/* A worker's connection to trackerd: posts events (common/wire/evwire.h), keeps what could not be
 * delivered or was not acknowledged (backlog.h) and sends it again on a new connection. Used by
 * credit and by an exchange that waits for its events. Never blocks. An event that makes no sense
 * is not posted; one that trackerd refuses all the same costs itself and no other. */
#ifndef WEIR_SERVER_TRACKER_LINK_H
#define WEIR_SERVER_TRACKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/wire/evwire.h"

struct tracker_link;
struct event_base;

struct tracker_link_setup {
    struct event_base *base;
    const char *socket_path;
    uint32_t slot; /* with incarnation: this worker in the workers' pages */
    uint64_t incarnation;
    bool is_quiet;                   /* another worker logs that trackerd is gone or back */
    void (*on_connected)(void *arg); /* whenever trackerd has answered on a new connection */
    void *arg;
};
struct tracker_link *tracker_link_new(const struct tracker_link_setup *setup);
void tracker_link_free(struct tracker_link **link);

/* Has trackerd answered on the present connection? */
bool tracker_link_is_connected(const struct tracker_link *link);
/* Is a failure of that pair not yet acknowledged? */
bool tracker_link_has_failure(const struct tracker_link *link, uint64_t key_hash);

/* Posts an event (its seq is filled in here) and returns its number; 0 for one that makes no sense,
 * which is logged and forgotten. */
uint64_t tracker_link_post(struct tracker_link *link, const struct evwire_event *event);

/* A wait until an event is in the table. Embedded in its owner; zeroed before use. */
struct tracker_link_waiter {
    uint64_t seq;
    void (*fn)(void *arg);
    void *arg;
    struct tracker_link_waiter *next;
};
/* Calls waiter->fn once all events up to waiter->seq are acknowledged. False, and no call, if they
 * already are, or if there is no trackerd to wait for. */
bool tracker_link_wait(struct tracker_link *link,
                       struct tracker_link_waiter *waiter) WEIR_MUST_CHECK;
/* Forgets a waiter; allowed if it was never added. */
void tracker_link_unwait(struct tracker_link *link, struct tracker_link_waiter *waiter);

#endif
