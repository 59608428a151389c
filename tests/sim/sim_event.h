/* SPDX-License-Identifier: MIT */
/* The events of one stream, laid out as its scenario says (line ends, space, data split over
 * lines). What all events of a stream share is built once. Pure. Called by sim_stream.c. */
#ifndef WEIR_SIM_EVENT_H
#define WEIR_SIM_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/sim/sim_answer.h"

struct event_shape {
    const struct answer *answer; /* borrowed for as long as the shape lives */
    const char *eol;
    int64_t contents; /* content events in all */
    struct buf open;  /* a chunk up to its choices */
    struct buf close; /* from behind its choices to the blank line */
};

void event_shape_init(struct event_shape *e, const struct answer *a);
void event_shape_free(struct event_shape *e);

void event_put_role(struct buf *b, const struct event_shape *e, int64_t choice);

/* Content event `i` (from 0, choices in turn): open it, put as much padding as it returned, close
 * it. So a huge content need not be in memory at once. */
uint64_t event_open_content(struct buf *b, const struct event_shape *e, int64_t i);
void event_close_content(struct buf *b, const struct event_shape *e, int64_t i);

void event_put_finish(struct buf *b, const struct event_shape *e, int64_t choice);
void event_put_usage(struct buf *b, const struct event_shape *e);
void event_put_done(struct buf *b, const struct event_shape *e);
void event_put_malformed(struct buf *b, const struct event_shape *e);
void event_put_error(struct buf *b, const struct event_shape *e, bool is_named);
void event_put_comment(struct buf *b, const struct event_shape *e);

#endif
