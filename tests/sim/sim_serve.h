/* SPDX-License-Identifier: MIT */
/* What a request is for: the provider's endpoints (here), the control endpoint (sim_control.c).
 * Called by sim_conn.c as its handler; looks up model and scenario, and hands over to sim_play.c.
 */
#ifndef WEIR_SIM_SERVE_H
#define WEIR_SIM_SERVE_H

#include "tests/sim/sim_conn.h"

/* The handler for conn_setup. `key` is what clients have to show; NULL: nothing. Borrowed. */
const struct conn_handler *serve_handler(const char *key);

#endif
