/* SPDX-License-Identifier: MIT */
/* How an attempt at a pair ended: one list for the whole project. The classifier (server/attempt)
 * produces an outcome; event, table, log, metrics, weirctl and the man page all use its word. In
 * pages and on the wire: append only. Pure. */
#ifndef WEIR_COMMON_TERMS_OUTCOME_H
#define WEIR_COMMON_TERMS_OUTCOME_H

#include <stdbool.h>

enum outcome {
    OUTCOME_NONE, /* still under way */
    /* verified ends */
    OUTCOME_STREAM_COMPLETED,
    OUTCOME_ANSWER_COMPLETED, /* without streaming: proves nothing about streams */
    OUTCOME_CLIENT_LEFT,
    /* passed by, nothing was sent */
    OUTCOME_IN_COOLDOWN,
    OUTCOME_IN_RECOVERY, /* all places of a recovering pair are taken */
    OUTCOME_NO_QUOTA,    /* a manual limit is used up */
    /* failures before a stream or an answer began */
    OUTCOME_DNS_ERROR,
    OUTCOME_CONNECT_ERROR,
    OUTCOME_TLS_ERROR,
    OUTCOME_CONNECTION_LOST, /* after the request went out, before the response's headers */
    OUTCOME_HEADER_TIMEOUT,
    OUTCOME_SERVER_ERROR, /* 5xx, 408 */
    OUTCOME_OVERLOADED,   /* 503 or 529 with Retry-After */
    OUTCOME_RATE_LIMITED, /* 429 */
    OUTCOME_PAYMENT_REQUIRED,
    OUTCOME_AUTH_FAILED,  /* 401, 403: weir's key, not the client's */
    OUTCOME_CLIENT_ERROR, /* another 4xx: the request itself */
    OUTCOME_CONTENT_FILTERED,
    OUTCOME_BAD_ANSWER, /* a redirect, or a 2xx that is not a stream or JSON of the right kind */
    OUTCOME_ANSWER_CUT, /* an answer without streaming that ended early */
    /* a stream that began and failed: mid-stream failures */
    OUTCOME_STREAM_LOST,      /* the connection broke */
    OUTCOME_STREAM_ERROR,     /* an error event, or finish_reason "error" */
    OUTCOME_STREAM_IDLE,      /* silence for streamIdleTimeoutMs */
    OUTCOME_STREAM_NO_TOKEN,  /* no content within firstTokenTimeoutMs */
    OUTCOME_STREAM_TRUNCATED, /* ended while a part of the answer was still open */
    OUTCOME_STREAM_MALFORMED, /* events that are torn: too many, or one within a tool call */
    /* weir's own */
    OUTCOME_DEADLINE, /* deadlineMs ran out while the attempt was waiting */
    OUTCOME_SHUTDOWN, /* the worker's drain time ran out */
    /* later additions: numbers are on the wire and in pages, so none ever moves */
    OUTCOME_STREAM_EMPTY,    /* a mid-stream failure: the end's mark after nothing at all */
    OUTCOME_STREAM_UNPROVED, /* ended, but nothing proves that it is whole */
    OUTCOME_EVENT_TOO_LARGE, /* a limit of weir's own */
    OUTCOME_COUNT
};

/* What an outcome means for the pair's counters. */
enum outcome_credit {
    CREDIT_NOTHING,
    CREDIT_STREAM_SUCCESS, /* both counters to 0, recovery over */
    CREDIT_ANSWER_SUCCESS, /* pre-stream counter to 0, recovery over */
    CREDIT_PRE_FAILURE,
    CREDIT_MID_FAILURE,
};

/* How long the pair rests for it. */
enum outcome_rest {
    REST_NONE,
    REST_AS_TOLD, /* as the response says (provider/limit_headers.h), else not at all */
    REST_LIMIT,   /* as the response says, else cooldownDefaultMs */
    REST_DEFAULT, /* cooldownDefaultMs */
    REST_PAYMENT, /* OUTCOME_PAYMENT_REST_MS */
};

#define OUTCOME_PAYMENT_REST_MS 300000

struct outcome_info {
    const char *word; /* stable: logs, metrics, weirctl, man page */
    const char *text; /* for a person, in error messages: "connection lost" */
    enum outcome_credit credit;
    enum outcome_rest rest;
    bool may_move_on; /* may another entry be tried (before commit)? */
    const char
        *error_code; /* of the error event when it happens after commit; NULL where it cannot */
};

/* The row for an outcome; never NULL. An unknown number gives the row of OUTCOME_NONE. */
const struct outcome_info *outcome_info(enum outcome outcome);

/* Was the request sent to the provider (counted as a request of the pair)? */
bool outcome_was_attempted(enum outcome outcome);

/* Does it say nothing about the provider: the client left, or a limit of weir's own was met? Then
 * it changes nothing of the pair, and neither does what the provider's answer said up to there. */
bool outcome_is_not_the_providers(enum outcome outcome);

#endif
