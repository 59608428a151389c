/* SPDX-License-Identifier: MIT */
/* The log of the last requests, for GET /control/requests: head and body as they came, and how the
 * answer ended. Called by sim_serve.c and sim_play.c, read by sim_control.c. It holds keys and
 * prompts: it stays in memory and goes to the control endpoint only. */
#ifndef WEIR_SIM_JOURNAL_H
#define WEIR_SIM_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/sim/sim_http.h"
#include "tests/sim/sim_models.h"

#define JOURNAL_ENTRIES  1000
#define JOURNAL_BODY_MAX (64 * 1024) /* bytes kept of a body */

struct journal_entry;

/* Notes a complete request; `model` may be NULL. The entry carries a reference for the caller. */
struct journal_entry *journal_add(struct sim_http_request *r, const char *data, size_t len,
                                  const char *model, int is_stream);
/* Tells how it ended and gives the reference back. */
void journal_end(struct journal_entry *e, enum ending ending);

/* Appends a JSON array, oldest first: the last `max` requests of `model`, or of all (NULL). */
void journal_put_json(struct buf *b, const char *model, size_t max);

void journal_clear(void);

#endif
