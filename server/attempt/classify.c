/* SPDX-License-Identifier: MIT */
/* See classify.h. */
#include "server/attempt/classify.h"

#include <string.h>
#include <strings.h>

enum outcome classify_no_head(enum transfer_end end)
{
    switch (end) {
    case TRANSFER_DNS:
        return OUTCOME_DNS_ERROR;
    case TRANSFER_CONNECT:
        return OUTCOME_CONNECT_ERROR;
    case TRANSFER_TLS:
        return OUTCOME_TLS_ERROR;
    case TRANSFER_BAD_HEAD:
        return OUTCOME_BAD_ANSWER;
    default:
        return OUTCOME_CONNECTION_LOST;
    }
}

static bool is_content_filter(struct jsonscan_span word)
{
    static const char *const words[] = {"content_policy_violation", "content_filter",
                                        "ResponsibleAIPolicyViolation"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (word.len > 0 && jsonscan_equals(word, words[i]))
            return true;
    return false;
}

enum outcome classify_status(int status, bool has_retry_after, const struct dialect_reply *reply)
{
    static const struct {
        int status;
        enum outcome outcome;
    } rows[] = {
        {429, OUTCOME_RATE_LIMITED}, {402, OUTCOME_PAYMENT_REQUIRED}, {401, OUTCOME_AUTH_FAILED},
        {403, OUTCOME_AUTH_FAILED},  {408, OUTCOME_SERVER_ERROR},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].outcome;
    if ((status == 503 || status == 529) && has_retry_after)
        return OUTCOME_OVERLOADED;
    if (status >= 500)
        return OUTCOME_SERVER_ERROR;
    if (status == 400 &&
        (is_content_filter(reply->error_code) || is_content_filter(reply->error_type)))
        return OUTCOME_CONTENT_FILTERED;
    if (status >= 400)
        return OUTCOME_CLIENT_ERROR;
    return OUTCOME_BAD_ANSWER;
}

bool classify_is_event_stream(const char *content_type)
{
    static const char word[] = "text/event-stream";
    const size_t len = sizeof(word) - 1;
    return content_type != NULL && strncasecmp(content_type, word, len) == 0 &&
           strchr("; \t", content_type[len]) != NULL;
}

uint64_t classify_rest_ms(enum outcome outcome, const struct conf *conf, enum provider_type type,
                          limit_headers_fn header, const void *arg, uint64_t now_wall_ms,
                          bool *was_clamped)
{
    uint64_t ms = 0;
    *was_clamped = false;
    switch (outcome_info(outcome)->rest) {
    case REST_LIMIT:
        return limit_headers_rest_ms(type, header, arg, now_wall_ms, conf->cooldown_default_ms,
                                     was_clamped);
    case REST_AS_TOLD:
        return limit_headers_retry_after_ms(header, arg, now_wall_ms, &ms, was_clamped) ? ms : 0;
    case REST_DEFAULT:
        return conf->cooldown_default_ms;
    case REST_PAYMENT:
        return OUTCOME_PAYMENT_REST_MS;
    case REST_NONE:
        break;
    }
    return 0;
}

bool classify_is_relayable_4xx(int status)
{
    return status == 400 || status == 404 || status == 413 || status == 422;
}
