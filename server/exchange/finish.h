/* SPDX-License-Identifier: MIT */
/* How an exchange ends: the answer, a provider's or weir's own error, or the end of a stream goes
 * to the client, the request is recorded, and everything it holds is given back. Called by the
 * driver (exchange.c), for the step FINISH and when the client leaves. */
#ifndef WEIR_SERVER_EXCHANGE_FINISH_H
#define WEIR_SERVER_EXCHANGE_FINISH_H

#include "server/exchange/state.h"

enum exchange_step exchange_step_finish(struct exchange *x);
/* The one exit: records the request and gives back what it holds. The exchange is freed once the
 * running callback has returned to the event loop. */
void exchange_leave(struct exchange *x);

#endif
