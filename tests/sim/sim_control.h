/* SPDX-License-Identifier: MIT */
/* The control endpoint, /control/...: scripts, counters, the request log, waiting. Called by
 * sim_serve.c. Its requests and connections are not counted, and need no key: it is for all who
 * can reach the port, which is why the port is on loopback unless asked otherwise. */
#ifndef WEIR_SIM_CONTROL_H
#define WEIR_SIM_CONTROL_H

#include "tests/sim/sim_conn.h"

/* Answers; may do so later (wait). */
void control_request(struct conn *c, struct sim_http_request *r, const char *data, size_t len);

/* Sends a JSON answer and ends it; frees the body. Also for sim_wait.c. */
void control_answer(struct conn *c, int status, struct buf *body);
void control_answer_error(struct conn *c, int status, const char *message);
void control_put_stats(struct buf *b);

#endif
