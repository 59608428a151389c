/* SPDX-License-Identifier: MIT */
/* What an attempt's outcome changes outside the request: the worker's own page (statistics, stamps
 * of success) and, where the table must change, an event to trackerd. The one place where credit is
 * given or taken; exchange calls it once when an attempt starts and once when it ends. Never
 * waits. */
#ifndef WEIR_SERVER_RECORD_CREDIT_H
#define WEIR_SERVER_RECORD_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/routing/claims.h"
#include "common/shm/pages.h"
#include "common/tableview/tableview.h"
#include "common/terms/cause.h"
#include "common/terms/outcome.h"
#include "common/terms/quota.h"
#include "server/tracker/link.h"

/* At most how often a worker reports a pair's remaining quota while none of it is used up. */
#define CREDIT_QUOTA_EVERY_MS 100

struct credit;

/* pages may be NULL: no statistics then. Nothing is owned. */
struct credit *credit_new(const struct conf *conf, struct pages *pages, uint32_t slot,
                          struct tableview *view, struct tracker_link *tracker_link);
void credit_free(struct credit **credit);

struct credit_result {
    uint32_t pair;
    enum outcome outcome;
    struct pair_seen seen;
    uint64_t started_at, ended_at; /* boot clock ns */
    uint64_t rest_ms;              /* cooldown asked for; 0 = none */
    struct quota quota;
    int64_t tokens;  /* -1 = unknown */
    bool has_finish; /* a part of the stream was finished by a reason */
    bool has_content;
};

void credit_started(struct credit *credit, uint32_t pair);
/* Returns the number of the last event posted for it that the request's end should wait for; 0 if
 * there is none. */
uint64_t credit_ended(struct credit *credit, const struct credit_result *result);
/* Has the pair been seen, by any worker, to finish its streams with a reason? */
bool credit_expects_finish(const struct credit *credit, uint32_t pair);
/* The pair does not want to be asked for the usage of a stream: this worker remembers it until it
 * ends. */
void credit_usage_was_refused(struct credit *credit, uint32_t pair);
bool credit_may_ask_usage(const struct credit *credit, uint32_t pair);
/* Sends quota updates that were held back by CREDIT_QUOTA_EVERY_MS; call it periodically. */
void credit_send_late_quotas(struct credit *credit, uint64_t now_at);

/* Puts a pair whose manual limits are used up into cooldown until their windows end, for all
 * workers. Returns for how many ms; 0 = none is used up. */
uint64_t credit_used_up(struct credit *credit, uint32_t pair, const struct pair_seen *seen,
                        const struct claims_used_up *used_up, uint64_t now_at);

#endif
