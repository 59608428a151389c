/* SPDX-License-Identifier: MIT */
/* Why a pair rests: one list for the whole project, as with outcomes. The `cause` label of the
 * metric, the number in rows and messages, and the beginning of a row's reason. Pure. */
#ifndef WEIR_COMMON_TERMS_CAUSE_H
#define WEIR_COMMON_TERMS_CAUSE_H

#include "common/terms/outcome.h"

/* In rows of the table and on the wire: append only. */
enum cooldown_cause {
    CAUSE_NONE,
    CAUSE_MID_STREAM,
    CAUSE_PRE_STREAM,
    CAUSE_RATE_LIMITED,
    CAUSE_PAYMENT_REQUIRED,
    CAUSE_AUTH_FAILED,
    CAUSE_OVERLOADED,
    CAUSE_QUOTA_REQUESTS, /* proactive: remaining requests = 0 */
    CAUSE_QUOTA_TOKENS,
    CAUSE_OPERATOR, /* weirctl cooldown */
    CAUSE_COUNT
};

/* Both never NULL; an unknown number gives those of CAUSE_NONE. */
const char *cooldown_cause_word(enum cooldown_cause cause);
/* The row's reason text: "mid-stream failures exceeded threshold", "429 rate limited", ... */
const char *cooldown_cause_reason(enum cooldown_cause cause);

/* The cause of the rest that follows from one attempt's outcome; CAUSE_NONE for outcomes that rest
 * no pair (their outcome_info says REST_NONE). */
enum cooldown_cause cooldown_cause_of(enum outcome outcome);

#endif
