/* SPDX-License-Identifier: MIT */
/* The bytes of answers: heads, JSON bodies, events. Pure: writes into bufs, knows no connection and
 * no clock. Called by sim_serve.c, sim_stream.c and sim_control.c. */
#ifndef WEIR_SIM_ANSWER_H
#define WEIR_SIM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/sim/sim_scenario.h"

/* How a body's end shows. */
#define ANSWER_CHUNKED   (-1)
#define ANSWER_TO_CLOSE  (-2)
#define ANSWER_NO_LENGTH (-3) /* no body at all: 204, 304 */

/* What an answer is about. */
struct answer {
    const struct scenario *scenario; /* its headers and its content */
    const char *model;
    uint64_t number;       /* of the request, from 1; part of the ids */
    uint64_t created;      /* seconds since 1970 */
    uint64_t prompt_bytes; /* of the request's body: what prompt_tokens are made from */
    bool is_completion;    /* text_completion: the content is `text`, there are no roles */
    bool is_usage_wanted;
};

struct answer_head {
    int status;
    const char *content_type;       /* NULL: none */
    int64_t length;                 /* or one of the three above */
    bool is_keep_alive;             /* else Connection: close */
    const struct scenario *headers; /* whose headers to add; NULL for none */
    const char *allow;              /* the method of a 405; NULL: none */
    uint64_t number;
    uint64_t created; /* for Date */
};

void answer_put_head(struct buf *b, const struct answer_head *h);

/* {"error":{...}}; NULL type and code are chosen by the status (code may then be null). */
void answer_put_error(struct buf *b, int status, const char *message, const char *type,
                      const char *code);

/* The error a scenario describes, as answered with its status. */
void answer_put_scenario_error(struct buf *b, const struct scenario *s, int status);

/* A whole chat.completion or text_completion; a list of one embedding. */
void answer_put_whole(struct buf *b, const struct answer *a);
void answer_put_embeddings(struct buf *b, const struct answer *a);

/* An object's beginning: id, object, created, model. */
void answer_put_intro(struct buf *b, const struct answer *a, const char *object);

/* The finish_reason as JSON. */
void answer_put_finish(struct buf *b, const struct answer *a);

/* The usage object of an answer. */
void answer_put_usage(struct buf *b, const struct answer *a);

/* Content number `token` (from 0) as it stands in a JSON string, without the padding to its size;
 * returns how many bytes of padding (`x`) are to follow. */
uint64_t answer_put_token(struct buf *b, const struct scenario *s, int64_t token, bool is_big);

void answer_put_number(struct buf *b, uint64_t n);
void answer_put_padding(struct buf *b, uint64_t n);

#endif
