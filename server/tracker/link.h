/* SPDX-License-Identifier: MIT */
/* A worker's line to trackerd: posts events (common/wire/evwire.h), never blocks, keeps what could
 * not be delivered or was not acknowledged (backlog.h) and sends it again on a new connection. */
#ifndef WEIR_SERVER_TRACKER_LINK_H
#define WEIR_SERVER_TRACKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/evwire.h"

struct report;
struct event_base;

struct report_setup {
    struct event_base *base;
    const char *socket_path;
    uint32_t slot; /* with incarnation: this worker in the workers' pages */
    uint64_t incarnation;
    bool is_quiet; /* another worker tells the log that trackerd is gone or back */
    void (*on_connected)(void *arg); /* whenever trackerd has answered on a new connection */
    void *arg;
};
struct report *report_new(const struct report_setup *setup);
void report_free(struct report **report);

/* Has trackerd answered on the present connection? */
bool report_is_connected(const struct report *report);
/* Does a failure of that pair wait to be delivered or acknowledged? */
bool report_has_failure(const struct report *report, uint64_t key_hash);

/* Posts an event (its seq is filled in here) and returns its number. */
uint64_t report_post(struct report *report, const struct evwire_event *event);

/* Somebody who waits until an event is in the table. Embedded in its owner; zeroed before use. */
struct report_waiter {
    uint64_t seq;
    void (*fn)(void *arg);
    void *arg;
    struct report_waiter *next;
};
/* Calls waiter->fn once all events up to waiter->seq were acknowledged; false, and no call, when
 * they are already, or when there is no trackerd to wait for. */
bool report_wait(struct report *report, struct report_waiter *waiter);
/* Forgets a waiter; allowed when it was never added. */
void report_unwait(struct report *report, struct report_waiter *waiter);

#endif
