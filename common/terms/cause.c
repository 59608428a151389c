/* SPDX-License-Identifier: MIT */
/* See cause.h. */
#include "common/terms/cause.h"

#include <stddef.h>

static const struct {
    const char *word, *reason;
} causes[] = {
    [CAUSE_NONE] = {"none", ""},
    [CAUSE_MID_STREAM] = {"mid_stream", "mid-stream failures exceeded threshold"},
    [CAUSE_PRE_STREAM] = {"pre_stream", "pre-stream failures exceeded threshold"},
    [CAUSE_RATE_LIMITED] = {"rate_limited", "429 rate limited"},
    [CAUSE_PAYMENT_REQUIRED] = {"payment_required", "402 payment required"},
    [CAUSE_AUTH_FAILED] = {"auth_failed", "authentication failed"},
    [CAUSE_OVERLOADED] = {"overloaded", "provider overloaded"},
    [CAUSE_QUOTA_REQUESTS] = {"quota_requests", "proactive: remaining requests = 0"},
    [CAUSE_QUOTA_TOKENS] = {"quota_tokens", "proactive: remaining tokens = 0"},
    [CAUSE_OPERATOR] = {"operator", "set by the operator"},
};
_Static_assert(sizeof(causes) / sizeof(causes[0]) == CAUSE_COUNT, "every cause has its words");

const char *cooldown_cause_word(enum cooldown_cause cause)
{
    return causes[(unsigned)cause < CAUSE_COUNT ? cause : CAUSE_NONE].word;
}

const char *cooldown_cause_reason(enum cooldown_cause cause)
{
    return causes[(unsigned)cause < CAUSE_COUNT ? cause : CAUSE_NONE].reason;
}

enum cooldown_cause cooldown_cause_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_RATE_LIMITED:
        return CAUSE_RATE_LIMITED;
    case OUTCOME_PAYMENT_REQUIRED:
        return CAUSE_PAYMENT_REQUIRED;
    case OUTCOME_AUTH_FAILED:
        return CAUSE_AUTH_FAILED;
    case OUTCOME_OVERLOADED:
        return CAUSE_OVERLOADED;
    default:
        return CAUSE_NONE;
    }
}
