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

enum outcome classify_verdict(enum judge_verdict verdict, enum outcome own_fault)
{
    static const enum outcome outcomes[JUDGE_VERDICTS] = {
        [JUDGE_REQUEST] = OUTCOME_CLIENT_ERROR,     [JUDGE_REFUSED] = OUTCOME_CONTENT_FILTERED,
        [JUDGE_PAYMENT] = OUTCOME_PAYMENT_REQUIRED, [JUDGE_KEY] = OUTCOME_AUTH_FAILED,
        [JUDGE_LIMIT] = OUTCOME_RATE_LIMITED,       [JUDGE_OVERLOAD] = OUTCOME_OVERLOADED,
    };
    return verdict == JUDGE_PROVIDER ? own_fault : outcomes[verdict];
}

enum outcome classify_status(int status)
{
    return status >= 500 || status == 408 ? OUTCOME_SERVER_ERROR : OUTCOME_BAD_ANSWER;
}

bool classify_is_event_stream(const char *content_type)
{
    static const char word[] = "text/event-stream";
    const size_t len = sizeof(word) - 1;
    return content_type != NULL && strncasecmp(content_type, word, len) == 0 &&
           strchr("; \t", content_type[len]) != NULL;
}

enum classify_body classify_body(const char *first, size_t n)
{
    static const char mark[] = "\xef\xbb\xbf", *const fields[] = {"data", "event", "id", "retry"};
    size_t in_mark = n < 3 ? n : 3;
    if (memcmp(first, mark, in_mark) == 0) {
        first += in_mark;
        n -= in_mark;
    }
    if (n == 0)
        return CLASSIFY_UNSAID;
    if (first[0] == '{' || first[0] == '[')
        return CLASSIFY_JSON;
    if (first[0] == ':')
        return CLASSIFY_STREAM;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t len = strlen(fields[i]);
        if (memcmp(first, fields[i], n < len ? n : len) != 0)
            continue;
        if (n <= len)
            return CLASSIFY_UNSAID;
        return memchr(":\r\n", first[len], 3) != NULL ? CLASSIFY_STREAM : CLASSIFY_OTHER;
    }
    return CLASSIFY_OTHER;
}

uint64_t classify_rest_ms(enum outcome outcome, const struct conf *conf,
                          const struct limits *limits)
{
    switch (outcome_info(outcome)->rest) {
    case REST_LIMIT:
        return limit_headers_rest_ms(limits, conf->cooldown_default_ms);
    case REST_AS_TOLD:
        return limits->has_wait ? limits->wait_ms : 0;
    case REST_DEFAULT:
        return conf->cooldown_default_ms;
    case REST_PAYMENT:
        return OUTCOME_PAYMENT_REST_MS;
    case REST_NONE:
        break;
    }
    return 0;
}
