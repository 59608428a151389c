/* SPDX-License-Identifier: MIT */
/* What a response means: CONTRACT 5.1, row by row. */
#include <string.h>

#include "server/attempt/classify.h"
#include "tests/unit/unit.h"

START_TEST(ends_without_a_head)
{
    static const struct {
        enum transfer_end end;
        enum outcome outcome;
    } rows[] = {
        {TRANSFER_DNS, OUTCOME_DNS_ERROR},
        {TRANSFER_CONNECT, OUTCOME_CONNECT_ERROR},
        {TRANSFER_TLS, OUTCOME_TLS_ERROR},
        {TRANSFER_LOST, OUTCOME_CONNECTION_LOST},
        {TRANSFER_BAD_HEAD, OUTCOME_BAD_ANSWER},
        {TRANSFER_CUT, OUTCOME_CONNECTION_LOST},
        {TRANSFER_COMPLETE, OUTCOME_CONNECTION_LOST},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        ck_assert_int_eq(classify_no_head(rows[i].end), rows[i].outcome);
}
END_TEST

/* As an attempt judges an answer that is not 2xx. */
static enum outcome outcome_of(int status, bool has_wait, const char *code, const char *type)
{
    const struct judge_error error = {.status = status,
                                      .has_retry_after = has_wait,
                                      .code = {code, strlen(code)},
                                      .type = {type, strlen(type)}};
    return classify_verdict(judge(&error), classify_status(status));
}

START_TEST(statuses)
{
    static const struct {
        int status;
        bool has_wait;
        enum outcome outcome;
    } rows[] = {
        {429, false, OUTCOME_RATE_LIMITED},     {429, true, OUTCOME_RATE_LIMITED},
        {402, false, OUTCOME_PAYMENT_REQUIRED}, {401, false, OUTCOME_AUTH_FAILED},
        {403, false, OUTCOME_AUTH_FAILED},      {408, false, OUTCOME_SERVER_ERROR},
        {500, true, OUTCOME_SERVER_ERROR},      {502, false, OUTCOME_SERVER_ERROR},
        {503, false, OUTCOME_SERVER_ERROR},     {503, true, OUTCOME_OVERLOADED},
        {529, true, OUTCOME_OVERLOADED},        {529, false, OUTCOME_SERVER_ERROR},
        {599, false, OUTCOME_SERVER_ERROR},     {400, false, OUTCOME_CLIENT_ERROR},
        {404, false, OUTCOME_CLIENT_ERROR},     {413, false, OUTCOME_CLIENT_ERROR},
        {418, false, OUTCOME_CLIENT_ERROR},     {498, false, OUTCOME_CLIENT_ERROR},
        {301, false, OUTCOME_BAD_ANSWER},       {307, false, OUTCOME_BAD_ANSWER},
        {304, false, OUTCOME_BAD_ANSWER},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        ck_assert_msg(outcome_of(rows[i].status, rows[i].has_wait, "", "") == rows[i].outcome, "%d",
                      rows[i].status);
}
END_TEST

START_TEST(content_filters)
{
    static const struct {
        int status;
        const char *code, *type;
        enum outcome outcome;
    } rows[] = {
        {400, "content_policy_violation", "", OUTCOME_CONTENT_FILTERED},
        {400, "content_filter", "", OUTCOME_CONTENT_FILTERED},
        {400, "", "content_filter", OUTCOME_CONTENT_FILTERED},
        {400, "ResponsibleAIPolicyViolation", "x", OUTCOME_CONTENT_FILTERED},
        {400, "content\\u005ffilter", "", OUTCOME_CONTENT_FILTERED},
        {400, "context_length_exceeded", "invalid_request_error", OUTCOME_CLIENT_ERROR},
        {400, "content_filters", "", OUTCOME_CLIENT_ERROR},
        {403, "content_filter", "", OUTCOME_CONTENT_FILTERED},
        {500, "content_filter", "", OUTCOME_CONTENT_FILTERED},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        ck_assert_msg(outcome_of(rows[i].status, false, rows[i].code, rows[i].type) ==
                          rows[i].outcome,
                      "%d %s %s", rows[i].status, rows[i].code, rows[i].type);
    }
}
END_TEST

START_TEST(content_types)
{
    static const struct {
        const char *type;
        bool is_stream;
    } rows[] = {
        {"text/event-stream", true},
        {"text/event-stream; charset=utf-8", true},
        {"Text/Event-Stream;charset=UTF-8", true},
        {"text/event-stream ", true},
        {"text/event-streams", false},
        {"application/json", false},
        {"text/plain", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        ck_assert_int_eq(classify_is_event_stream(rows[i].type), rows[i].is_stream);
}
END_TEST

START_TEST(bodies)
{
    static const struct {
        const char *first;
        enum classify_body kind;
    } rows[] = {
        {"{", CLASSIFY_JSON},
        {"[", CLASSIFY_JSON},
        {"\xef\xbb\xbf{", CLASSIFY_JSON},
        {":", CLASSIFY_STREAM},
        {"data:", CLASSIFY_STREAM},
        {"data\n", CLASSIFY_STREAM},
        {"event:", CLASSIFY_STREAM},
        {"event\r", CLASSIFY_STREAM},
        {"id:", CLASSIFY_STREAM},
        {"retry:1", CLASSIFY_STREAM},
        {"\xef\xbb\xbfretry:", CLASSIFY_STREAM},
        {"", CLASSIFY_UNSAID},
        {"\xef", CLASSIFY_UNSAID},
        {"\xef\xbb\xbf", CLASSIFY_UNSAID},
        {"d", CLASSIFY_UNSAID},
        {"data", CLASSIFY_UNSAID},
        {"\xef\xbb\xbf"
         "event",
         CLASSIFY_UNSAID},
        {"datum:", CLASSIFY_OTHER},
        {"data :", CLASSIFY_OTHER},
        {"database", CLASSIFY_OTHER},
        {"idea", CLASSIFY_OTHER},
        {"Data:", CLASSIFY_OTHER},
        {"<html>", CLASSIFY_OTHER},
        {"\"", CLASSIFY_OTHER},
        {"\xef\xbb<", CLASSIFY_OTHER},
        {"ping", CLASSIFY_OTHER},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        ck_assert_msg(classify_body(rows[i].first, strlen(rows[i].first)) == rows[i].kind, "%s",
                      rows[i].first);
}
END_TEST

static const char *find(const void *arg, const char *name)
{
    return strcmp(name, "retry-after") == 0 ? arg : NULL;
}

START_TEST(rests)
{
    static const struct {
        enum outcome outcome;
        const char *retry_after;
        uint64_t rest_ms;
    } rows[] = {
        {OUTCOME_RATE_LIMITED, "7", 7000},       {OUTCOME_RATE_LIMITED, NULL, 60000},
        {OUTCOME_OVERLOADED, "2", 2000},         {OUTCOME_OVERLOADED, "soon", 0},
        {OUTCOME_PAYMENT_REQUIRED, "2", 300000}, {OUTCOME_AUTH_FAILED, "2", 60000},
        {OUTCOME_SERVER_ERROR, "2", 0},          {OUTCOME_CLIENT_ERROR, "2", 0},
        {OUTCOME_STREAM_LOST, "2", 0},           {OUTCOME_CONTENT_FILTERED, "2", 0},
    };
    struct conf conf = {.cooldown_default_ms = 60000};
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        bool was_clamped;
        struct limits limits;
        const struct limit_terms terms = {0, conf.cooldown_default_ms, 600000};
        limit_headers_read(PROVIDER_OPENAI, find, rows[i].retry_after, &terms, &limits,
                           &was_clamped);
        uint64_t ms = classify_rest_ms(rows[i].outcome, &conf, &limits);
        ck_assert_msg(ms == rows[i].rest_ms, "%s: %lu", outcome_info(rows[i].outcome)->word,
                      (unsigned long)ms);
        ck_assert(!was_clamped);
    }
}
END_TEST

UNIT_MAIN("classify", ends_without_a_head, statuses, content_filters, content_types, bodies, rests)
