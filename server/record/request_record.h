/* SPDX-License-Identifier: MIT */
/* What outlives a request: one record of it, built once by the part that answered it (an exchange,
 * or the client's connection for answers of its own), handed to record_request, which counts it in
 * the worker's page, writes its line into the access log and keeps it for weirctl explain. Never
 * holds prompts or answers, never waits. */
#ifndef WEIR_SERVER_RECORD_REQUEST_RECORD_H
#define WEIR_SERVER_RECORD_REQUEST_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/routing/trail.h"
#include "common/shm/pages.h"
#include "common/shm/recent_ring.h"
#include "common/tableview/tableview.h"

/* Pointers are borrowed for the call. */
struct request_record {
    const char *request_id;
    const char *method, *path;      /* NULL = of an endpoint that does not exist */
    const struct conf_chain *chain; /* NULL = it was refused before it had one */
    const struct conf_pair *pair;   /* whose answer the client got; NULL = weir's own */
    const struct trail *trail;      /* NULL = no entry was looked at */
    uint32_t n_entries;             /* of the chain, tried or passed by */
    bool is_stream;
    enum delivery delivery;
    int status;                               /* of the answer; 499: the client left */
    enum pages_answer answer;                 /* what the client got of it */
    const char *outcome;                      /* outcome's word, or a code of weir's own errors */
    uint64_t received_at, ended_at;           /* boot clock ns; both 0 = was not timed */
    uint64_t first_token_us;                  /* since received_at; 0 = never */
    uint64_t overhead_us;                     /* the time that weir itself took */
    uint64_t bytes;                           /* of the answer's body */
    int64_t prompt_tokens, completion_tokens; /* -1 = unknown */
    bool is_counted;                          /* in the worker's page */
    bool is_kept;                             /* among the recent requests; it has a trail then */
};

/* Where a worker records its requests. */
struct recorder;

struct recorder_setup {
    const struct conf *conf;
    struct tableview *view;
    struct pages *pages;          /* NULL: `page` is a stand-in */
    struct pages_slot *page;      /* the worker's own */
    struct recent_writer *recent; /* NULL: no request is kept */
};

/* Nothing in the setup is owned; all of it must outlive the recorder. */
struct recorder *recorder_new(const struct recorder_setup *setup);
void recorder_free(struct recorder **recorder);

/* Once for each request, when its answer is complete. */
void record_request(struct recorder *recorder, const struct request_record *record);

/* Where this worker shows how many requests wait for a chain (one of the configuration's). */
pages_counter *recorder_queue_gauge(struct recorder *recorder, const struct conf_chain *chain);
/* How many wait for it in all workers. Two workers that ask at the same instant may get the same
 * number. 0 without pages, and for a chain that shares its place in them. */
uint64_t recorder_queued(const struct recorder *recorder, const struct conf_chain *chain);

#endif
