/* SPDX-License-Identifier: MIT */
/* What a provider's response, or the lack of one, means. Pure. attempt asks; the answer is an
 * outcome (common/terms/outcome.h) and the cooldown that the pair must have. */
#ifndef WEIR_SERVER_ATTEMPT_CLASSIFY_H
#define WEIR_SERVER_ATTEMPT_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/terms/outcome.h"
#include "server/dialect/dialect.h"
#include "server/provider/limit_headers.h"
#include "server/upstream/end.h"

/* The outcome of a transfer that ended before the response's head was complete. */
enum outcome classify_no_head(enum transfer_end end);

/* Of a response that is not 2xx, by its status, its headers and its body (as far as it came). */
enum outcome classify_status(int status, bool has_retry_after, const struct dialect_reply *reply);

/* Is this the Content-Type of an event stream? NULL (none was sent) is none. */
bool classify_is_event_stream(const char *content_type);

/* The cooldown of a pair after an outcome, in ms; 0 = none. *was_clamped: the provider asked for an
 * absurd one. */
uint64_t classify_rest_ms(enum outcome outcome, const struct conf *conf, enum provider_type type,
                          limit_headers_fn header, const void *arg, uint64_t now_wall_ms,
                          bool *was_clamped);

/* Is this one of the statuses that are relayed when every entry that was tried answered so? */
bool classify_is_relayable_4xx(int status);

#endif
