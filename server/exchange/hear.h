/* SPDX-License-Identifier: MIT */
/* What an attempt brings: events to hold or to relay, and its end, which is credited, logged, and
 * leads to the same entry once more, to the next one, or to the end of the exchange. The driver
 * calls these from the attempt's callbacks; they change the state and run nothing. */
#ifndef WEIR_SERVER_EXCHANGE_HEAR_H
#define WEIR_SERVER_EXCHANGE_HEAR_H

#include "server/exchange/state.h"

/* An event of the stream. May end the attempt, whose `done` is then called from here. */
void exchange_hear_event(struct exchange *x, const struct sse_event *event);
/* All events that came in one read were heard. */
void exchange_hear_fed(struct exchange *x);
/* The attempt is over; decides what follows. */
void exchange_hear_end(struct exchange *x);

/* Ends an attempt that still runs, if there is one, because of what happened elsewhere. */
void exchange_end_attempt(struct exchange *x, enum outcome outcome);

/* Must its stream finish with a reason before the end's mark? By the provider's finishReason, else
 * by what the pair has been seen to send. */
bool exchange_expects_finish(const struct exchange *x);

#endif
