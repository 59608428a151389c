/* SPDX-License-Identifier: MIT */
/* The events a worker keeps until trackerd has acknowledged them. Pure. Numbers them; bounded.
 * While little waits, each event stands for itself. When much waits, because trackerd is away,
 * equal events are coalesced; when the queue is full, the least important are dropped first:
 * quotas, then successes (the latest is in the worker's page, too), then failures before a stream,
 * and only then whatever is oldest.
 *
 * An event that was sent once is never changed: trackerd may have applied it under its number. */
#ifndef WEIR_SERVER_TRACKER_BACKLOG_H
#define WEIR_SERVER_TRACKER_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/evwire.h"

#define BACKLOG_MAX   1024
#define BACKLOG_MERGE 256 /* from this many on, events are merged */

struct backlog {
    struct evwire_event items[BACKLOG_MAX]; /* in the order of their numbers, which may have gaps */
    uint32_t n;
    uint32_t n_sent;   /* of these, the first ones went over the present connection */
    uint64_t last_seq; /* of the latest event ever posted */
    uint64_t sent_seq; /* of the latest event ever sent, over any connection */
    uint64_t dropped;  /* events for which there was no room */
};

/* Adds an event (its seq is filled in here). Returns the number of the record that stands for it.
 */
uint64_t backlog_post(struct backlog *backlog, const struct evwire_event *event);

/* What to send next over this connection: a run of at most `max` events; NULL if there are none.
 * The pointer is valid until the backlog changes. */
const struct evwire_event *backlog_unsent(const struct backlog *backlog, uint32_t max, uint32_t *n);
/* The next n of them were sent. */
void backlog_sent(struct backlog *backlog, uint32_t n);
/* The connection is gone: everything must be sent again. */
void backlog_rewind(struct backlog *backlog);
/* Everything up to seq is in the table. */
void backlog_acknowledge(struct backlog *backlog, uint64_t seq);

/* Is a failure of that pair waiting? Then its success must be posted, whatever its row says. */
bool backlog_has_failure(const struct backlog *backlog, uint64_t key_hash);

#endif
