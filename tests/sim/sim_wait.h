/* SPDX-License-Identifier: MIT */
/* GET /control/wait: an answer that comes when counters have reached what was asked for, told by
 * sim_models.c at each change. Called by sim_control.c. */
#ifndef WEIR_SIM_WAIT_H
#define WEIR_SIM_WAIT_H

#include <stddef.h>

#include "tests/sim/sim_conn.h"

#define WAIT_TIMEOUT_MS     10000 /* when none is given */
#define WAIT_TIMEOUT_MS_MAX 3600000

/* Answers 200 with the counters at once or later, 408 at the timeout, 400 to a bad query. */
void wait_start(struct conn *c, const char *query, size_t len);

#endif
