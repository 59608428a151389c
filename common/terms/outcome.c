/* SPDX-License-Identifier: MIT */
/* See outcome.h. */
#include "common/terms/outcome.h"

#include <stddef.h>

#define MID(w, t, code)                                 \
    {                                                   \
        w, t, CREDIT_MID_FAILURE, REST_NONE, true, code \
    }
#define PRE(w, t)                                       \
    {                                                   \
        w, t, CREDIT_PRE_FAILURE, REST_NONE, true, NULL \
    }

static const struct outcome_info infos[OUTCOME_COUNT] = {
    [OUTCOME_NONE] = {"none", "still under way", CREDIT_NOTHING, REST_NONE, false, NULL},
    [OUTCOME_STREAM_COMPLETED] = {"stream_completed", "the stream completed", CREDIT_STREAM_SUCCESS,
                                  REST_NONE, false, NULL},
    [OUTCOME_ANSWER_COMPLETED] = {"answer_completed", "the answer completed", CREDIT_ANSWER_SUCCESS,
                                  REST_NONE, false, NULL},
    [OUTCOME_CLIENT_LEFT] = {"client_left", "the client left", CREDIT_NOTHING, REST_NONE, false,
                             NULL},
    [OUTCOME_IN_COOLDOWN] = {"in_cooldown", "in cooldown", CREDIT_NOTHING, REST_NONE, true, NULL},
    [OUTCOME_IN_RECOVERY] = {"in_recovery", "recovering, all places taken", CREDIT_NOTHING,
                             REST_NONE, true, NULL},
    [OUTCOME_NO_QUOTA] = {"no_quota", "a configured limit is used up", CREDIT_NOTHING, REST_NONE,
                          true, NULL},
    [OUTCOME_DNS_ERROR] = PRE("dns_error", "its name could not be resolved"),
    [OUTCOME_CONNECT_ERROR] = PRE("connect_error", "no connection"),
    [OUTCOME_TLS_ERROR] = PRE("tls_error", "TLS failed"),
    [OUTCOME_CONNECTION_LOST] = PRE("connection_lost", "connection lost before the response"),
    [OUTCOME_HEADER_TIMEOUT] = PRE("header_timeout", "timed out before the response"),
    [OUTCOME_SERVER_ERROR] = PRE("server_error", "server error"),
    [OUTCOME_OVERLOADED] = {"overloaded", "overloaded", CREDIT_PRE_FAILURE, REST_AS_TOLD, true,
                            "stream_error"},
    [OUTCOME_RATE_LIMITED] = {"rate_limited", "rate limited", CREDIT_NOTHING, REST_LIMIT, true,
                              "stream_error"},
    [OUTCOME_PAYMENT_REQUIRED] = {"payment_required", "payment required", CREDIT_NOTHING,
                                  REST_PAYMENT, true, "stream_error"},
    [OUTCOME_AUTH_FAILED] = {"auth_failed", "weir's key was refused", CREDIT_NOTHING, REST_DEFAULT,
                             true, "stream_error"},
    [OUTCOME_CLIENT_ERROR] = {"client_error", "the request was refused", CREDIT_NOTHING, REST_NONE,
                              true, "stream_error"},
    [OUTCOME_CONTENT_FILTERED] = {"content_filtered", "the content filter refused the request",
                                  CREDIT_NOTHING, REST_NONE, false, "stream_error"},
    [OUTCOME_BAD_ANSWER] = PRE("bad_answer", "the answer was not of the right kind"),
    [OUTCOME_ANSWER_CUT] = PRE("answer_cut", "the answer was cut short"),
    [OUTCOME_STREAM_LOST] = MID("stream_lost", "connection lost", "stream_error"),
    [OUTCOME_STREAM_ERROR] = MID("stream_error", "the provider reported an error", "stream_error"),
    [OUTCOME_STREAM_IDLE] = MID("stream_idle_timeout", "timed out", "stream_idle_timeout"),
    [OUTCOME_STREAM_NO_TOKEN] =
        MID("first_token_timeout", "timed out before the first content", "stream_idle_timeout"),
    [OUTCOME_STREAM_TRUNCATED] =
        MID("stream_truncated", "ended without a finish", "stream_truncated"),
    [OUTCOME_STREAM_MALFORMED] =
        MID("stream_malformed", "the stream was malformed", "stream_error"),
    [OUTCOME_DEADLINE] = {"deadline_exceeded", "the request's time was used up", CREDIT_NOTHING,
                          REST_NONE, false, NULL},
    [OUTCOME_STREAM_EMPTY] =
        MID("stream_empty", "ended without a finish or any content", "stream_truncated"),
    [OUTCOME_STREAM_UNPROVED] = {"stream_unproved",
                                 "the stream ended without proof that it is whole", CREDIT_NOTHING,
                                 REST_NONE, false, NULL},
    [OUTCOME_EVENT_TOO_LARGE] = {"event_too_large", "an event or answer larger than weir takes",
                                 CREDIT_NOTHING, REST_NONE, true, "stream_error"},
    [OUTCOME_SHUTDOWN] = {"shutdown", "weir is shutting down", CREDIT_NOTHING, REST_NONE, false,
                          "stream_error"},
};

const struct outcome_info *outcome_info(enum outcome outcome)
{
    return &infos[(unsigned)outcome < OUTCOME_COUNT ? outcome : OUTCOME_NONE];
}

bool outcome_was_attempted(enum outcome outcome)
{
    return outcome != OUTCOME_NONE && outcome != OUTCOME_IN_COOLDOWN &&
           outcome != OUTCOME_IN_RECOVERY && outcome != OUTCOME_NO_QUOTA;
}

bool outcome_is_not_the_providers(enum outcome outcome)
{
    return outcome == OUTCOME_NONE || outcome == OUTCOME_CLIENT_LEFT ||
           outcome == OUTCOME_DEADLINE || outcome == OUTCOME_SHUTDOWN ||
           outcome == OUTCOME_EVENT_TOO_LARGE;
}
