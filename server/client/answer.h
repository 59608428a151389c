/* SPDX-License-Identifier: MIT */
/* Answers with HTTP's framing: whole ones, errors, and those that a job makes piece by piece.
 * Called by endpoints, by what joins a job to its client (server/api/start.c), and by this room
 * where a request is refused. Knows no job's inside and no provider. */
#ifndef WEIR_SERVER_CLIENT_ANSWER_H
#define WEIR_SERVER_CLIENT_ANSWER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "server/dialect/own_error.h"

struct client;

/* A complete answer. `headers`: "Name: value\r\n"..., without framing; may be NULL. */
void client_answer(struct client *client, int status, const char *content_type, const char *headers,
                   const void *body, size_t len);
/* One of weir's own errors; `headers` as above. */
void client_answer_error(struct client *client, enum own_error error, const char *headers,
                         const char *message);
/* The same for a request whose body is not read: the connection ends after it. For an error after
 * which nothing more of the connection can be understood or trusted. */
void client_refuse(struct client *client, enum own_error error, const char *message);

/* What a job, which makes an answer that takes its time, hears of its client. */
struct client_job {
    void (*left)(void *job);        /* the client hung up; the job is over and answers no more */
    void (*drained)(void *job);     /* fewer than `queued_low` bytes wait for the client */
    void (*on_timer)(void *job);    /* the instant of client_set_job_timer has come */
    void (*leave_queue)(void *job); /* weir stops: a job that only waits in the queue ends */
    void (*shutdown)(void *job);    /* the drain time is over: the job ends with an error */
};
/* From now on, until client_answer_end, the client reports to the job. */
void client_set_job(struct client *client, const struct client_job *ops, void *job);
void client_set_job_timer(struct client *client, uint64_t at); /* boot clock ns; 0 = never */

/* `length` of the body; -1 for a stream of unknown length. */
void client_answer_head(struct client *client, int status, const char *headers, size_t headers_len,
                        int64_t length);
/* A piece of the body: at most eight pieces of memory, copied or sent before this returns. */
void client_answer_body(struct client *client, const struct iovec *pieces, int n);
/* Sends what was given since the last flush, in one write; client_answer_end does the same. */
void client_answer_flush(struct client *client);
/* The answer is complete: the client forgets the job, and is ready for the next request. */
void client_answer_end(struct client *client);
/* Bytes that wait for the client to read. */
size_t client_answer_queued(const struct client *client);

#endif
