/* SPDX-License-Identifier: MIT */
/* The steps from a request's body to an attempt: reads the body, finds the chain, chooses the
 * entry, starts its attempt. Called by the driver (exchange.c). Sends nothing to the client. */
#ifndef WEIR_SERVER_EXCHANGE_ROUTE_H
#define WEIR_SERVER_EXCHANGE_ROUTE_H

#include "server/exchange/state.h"

enum exchange_step exchange_step_read(struct exchange *x);
enum exchange_step exchange_step_route(struct exchange *x);
enum exchange_step exchange_step_choose(struct exchange *x);
enum exchange_step exchange_step_retry(struct exchange *x);
/* deadlineMs has passed without content. */
enum exchange_step exchange_end_by_deadline(struct exchange *x);

#endif
