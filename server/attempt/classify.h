/* SPDX-License-Identifier: MIT */
/* What a provider's response, or the lack of one, means. Pure. attempt asks; the answer is an
 * outcome (common/terms/outcome.h) and the cooldown that the pair must have. */
#ifndef WEIR_SERVER_ATTEMPT_CLASSIFY_H
#define WEIR_SERVER_ATTEMPT_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/terms/outcome.h"
#include "server/judge/judge.h"
#include "server/provider/limit_headers.h"
#include "server/upstream/end.h"

/* The outcome of a transfer that ended before the response's head was complete. */
enum outcome classify_no_head(enum transfer_end end);

/* Of an error that a provider told; `own_fault` when it is its own. */
enum outcome classify_verdict(enum judge_verdict verdict, enum outcome own_fault);

/* The provider's own fault in a response that is not 2xx. */
enum outcome classify_status(int status);

/* Is this the Content-Type of an event stream? NULL (none was sent) is none. */
bool classify_is_event_stream(const char *content_type);

/* What a body is by its first bytes, blanks not among them. */
enum classify_body {
    CLASSIFY_UNSAID, /* too few to tell; it is not JSON */
    CLASSIFY_JSON,   /* an object or a list */
    CLASSIFY_STREAM, /* a field or a comment of an event stream */
    CLASSIFY_OTHER,
};
#define CLASSIFY_FIRST_BYTES 9 /* that is always enough: a byte order mark and `event:` */
enum classify_body classify_body(const char *first, size_t n);

/* The cooldown of a pair after an outcome, in ms, by what the response's head said; 0 = none. */
uint64_t classify_rest_ms(enum outcome outcome, const struct conf *conf,
                          const struct limits *limits);

#endif
