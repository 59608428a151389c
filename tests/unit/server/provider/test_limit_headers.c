/* SPDX-License-Identifier: MIT */
/* limits: what providers say of quotas and waits, in every dialect, and what makes no sense. */
#include "server/provider/limit_headers.h"

#include <stddef.h>
#include <string.h>

#include "common/terms/quota.h"
#include "tests/unit/unit.h"

#define NOW_MS     UINT64_C(1764000000000) /* Mon, 24 Nov 2025 16:00:00 GMT */
#define DEFAULT_MS UINT64_C(60000)
#define UNKNOWN    QUOTA_UNKNOWN

/* Headers as a list of name, value, ..., NULL. */
#define HEADERS_MAX 16
struct headers {
    const char *list[HEADERS_MAX];
};

static const char *lookup(const void *arg, const char *name)
{
    const struct headers *headers = arg;
    for (size_t i = 0; headers->list[i] != NULL; i += 2)
        if (strcmp(headers->list[i], name) == 0)
            return headers->list[i + 1];
    return NULL;
}

static const struct {
    const char *text;
    uint64_t ms;
} durations[] = {
    {"1m26.4s", 86400},
    {"7.66s", 7660},
    {"120ms", 120},
    {"1h2m3s", 3723000},
    {"6m0s", 360000},
    {"2m59.56s", 179560},
    {"1s", 1000},
    {"0s", 0},
    {"0", 0},
    {"500us", 1},
    {"500\xc2\xb5s", 1},
    {"500\xce\xbcs", 1},
    {"1500us", 2},
    {"1ns", 1},
    {"1.5ms", 2},
    {"24h", 86400000},
    {"1d", 86400000},
    {"1d2h", 93600000},
    {"100h0m0.5s", 360000500},
    {".5s", 500},
    {"5.s", 5000},
    {"12", 12000},
    {"33011.382867813", 33011383},
    {"0.001", 1},
    {" 7s ", 7000},
    {"1.0000000001s", 1000}, /* finer than a nanosecond */
    {"1.000000001s", 1001},
    {"99999999999999999999999999999999h", UINT64_MAX / 1000000 + 1},
    {"99999999999999999999", UINT64_MAX / 1000000 + 1},
};

START_TEST(reads_durations)
{
    for (size_t i = 0; i < UNIT_ROWS(durations); i++) {
        uint64_t ms = 1;
        ck_assert_msg(limit_headers_parse_duration(durations[i].text, &ms), "%s",
                      durations[i].text);
        ck_assert_msg(ms == durations[i].ms, "%s: %llu", durations[i].text, (unsigned long long)ms);
    }
}
END_TEST

START_TEST(refuses_what_is_no_duration)
{
    static const char *const rows[] = {
        "",      " ",  "s",  "ms",     "-1s",  "-5",       "+5",  "1x",    "1 s",  "1m 2s",
        "1m2",   ".",  ".s", "NaN",    "inf",  "Infinity", "1e3", "1e300", "0x10", "1,5s",
        "1s2s3", "5S", "5M", "1\xc2s", "soon", "1.2.3s",   "1h-", "null",  "1s\n", "1m2s x",
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        uint64_t ms;
        ck_assert_msg(!limit_headers_parse_duration(rows[i], &ms), "%s", rows[i]);
    }
}
END_TEST

static const struct {
    enum provider_type type;
    struct headers headers;
    struct quota quota;
} quotas[] = {
    {PROVIDER_OPENAI,
     {{"x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "59",
       "x-ratelimit-reset-requests", "1s", "x-ratelimit-limit-tokens", "150000",
       "x-ratelimit-remaining-tokens", "149984", "x-ratelimit-reset-tokens", "6m0s"}},
     {true, 59, 149984, 1000, 360000}},
    {PROVIDER_GROQ,
     {{"x-ratelimit-remaining-requests", "14370", "x-ratelimit-reset-requests", "2m59.56s",
       "x-ratelimit-remaining-tokens", "17997", "x-ratelimit-reset-tokens", "7.66s"}},
     {true, 14370, 17997, 179560, 7660}},
    {PROVIDER_GENERIC_OPENAI,
     {{"x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "12"}},
     {true, UNKNOWN, 0, 0, 12000}},
    {PROVIDER_GENERIC_OPENAI, {{NULL}}, {false, UNKNOWN, UNKNOWN, 0, 0}},
    {PROVIDER_GOOGLE_AI, {{NULL}}, {false, UNKNOWN, UNKNOWN, 0, 0}},
    {PROVIDER_CEREBRAS,
     {{"x-ratelimit-remaining-requests-day", "987", "x-ratelimit-reset-requests-day",
       "33011.382867813", "x-ratelimit-remaining-tokens-minute", "0",
       "x-ratelimit-reset-tokens-minute", "11.38"}},
     {true, 987, 0, 33011383, 11380}},
    /* another provider's names mean nothing */
    {PROVIDER_CEREBRAS, {{"x-ratelimit-remaining-requests", "0"}}, {false, UNKNOWN, UNKNOWN, 0, 0}},
    {PROVIDER_OPENROUTER,
     {{"x-ratelimit-limit", "20", "x-ratelimit-remaining", "0", "x-ratelimit-reset",
       "1764000060000"}},
     {true, 0, UNKNOWN, 60000, 0}},
    {PROVIDER_OPENROUTER,
     {{"x-ratelimit-remaining", "3", "x-ratelimit-reset", "1763999999999"}},
     {true, 3, UNKNOWN, 0, 0}},
    {PROVIDER_OPENROUTER,
     {{"x-ratelimit-remaining", "3", "x-ratelimit-reset", "60s"}},
     {true, 3, UNKNOWN, 0, 0}},
    /* odd values */
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "-1", "x-ratelimit-remaining-tokens", "NaN"}},
     {false, UNKNOWN, UNKNOWN, 0, 0}},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "", "x-ratelimit-remaining-tokens", "1e300"}},
     {false, UNKNOWN, UNKNOWN, 0, 0}},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "12.7", "x-ratelimit-remaining-tokens",
       "99999999999999999999999", "x-ratelimit-reset-tokens", "99999999h",
       "x-ratelimit-reset-requests", "-4s"}},
     {true, 12, INT64_MAX, 0, LIMIT_HEADERS_REST_MAX_MS}},
    /* at 0 without a reset: the default; with one that is past or makes no sense: none */
    {PROVIDER_GENERIC_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-remaining-tokens", "5"}},
     {true, 0, 5, DEFAULT_MS, 0}},
    {PROVIDER_GROQ,
     {{"x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-requests", "9s"}},
     {true, UNKNOWN, 0, 9000, DEFAULT_MS}},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "0s",
       "x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "soon"}},
     {true, 0, 0, 0, 0}},
    {PROVIDER_OPENROUTER,
     {{"x-ratelimit-remaining", "0", "x-ratelimit-reset", "99999999999999999999999"}},
     {true, 0, UNKNOWN, LIMIT_HEADERS_REST_MAX_MS, 0}},
};

START_TEST(reads_quotas_in_every_dialect)
{
    for (size_t i = 0; i < UNIT_ROWS(quotas); i++) {
        struct limits limits;
        bool was_clamped;
        const struct quota *expected = &quotas[i].quota;
        limit_headers_read(quotas[i].type, lookup, &quotas[i].headers, NOW_MS, DEFAULT_MS, &limits,
                           &was_clamped);
        const struct quota quota = limits.quota;
        ck_assert_msg(quota.is_known == expected->is_known, "row %zu", i);
        ck_assert_msg(quota.remaining_requests == expected->remaining_requests, "row %zu", i);
        ck_assert_msg(quota.remaining_tokens == expected->remaining_tokens, "row %zu", i);
        ck_assert_msg(quota.reset_requests_ms == expected->reset_requests_ms, "row %zu", i);
        ck_assert_msg(quota.reset_tokens_ms == expected->reset_tokens_ms, "row %zu", i);
    }
}
END_TEST

static const struct {
    struct headers headers;
    bool is_told;
    uint64_t ms;
    bool was_clamped;
} waits[] = {
    {{{NULL}}, false, 0, false},
    {{{"retry-after", "3"}}, true, 3000, false},
    {{{"retry-after", "8.12"}}, true, 8120, false},
    {{{"retry-after", "0"}}, true, 0, false},
    {{{"retry-after", " 5 "}}, true, 5000, false},
    {{{"retry-after-ms", "1500"}}, true, 1500, false},
    {{{"retry-after-ms", "1500.2"}}, true, 1501, false},
    {{{"retry-after", "60", "retry-after-ms", "20"}}, true, 20, false},
    {{{"retry-after", "60", "retry-after-ms", "soon"}}, true, 60000, false},
    {{{"retry-after", "60", "retry-after-ms", "-5"}}, true, 60000, false},
    {{{"retry-after", "60", "retry-after-ms", ""}}, true, 60000, false},
    {{{"retry-after", "Mon, 24 Nov 2025 16:01:30 GMT"}}, true, 90000, false},
    {{{"retry-after", " Mon, 24 Nov 2025 16:01:30 GMT"}}, true, 90000, false},
    {{{"retry-after", "Monday, 24-Nov-25 16:01:30 GMT"}}, true, 90000, false},
    {{{"retry-after", "Mon Nov 24 16:01:30 2025"}}, true, 90000, false},
    {{{"retry-after", "Mon, 24 Nov 2025 15:00:00 GMT"}}, true, 0, false},
    {{{"retry-after", "2678400"}}, true, LIMIT_HEADERS_REST_MAX_MS, false},
    {{{"retry-after", "2678401"}}, true, LIMIT_HEADERS_REST_MAX_MS, true},
    {{{"retry-after", "99999999999999999999999999"}}, true, LIMIT_HEADERS_REST_MAX_MS, true},
    {{{"retry-after-ms", "99999999999999999999999999"}}, true, LIMIT_HEADERS_REST_MAX_MS, true},
    {{{"retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"}}, true, LIMIT_HEADERS_REST_MAX_MS, true},
    {{{"retry-after", ""}}, false, 0, false},
    {{{"retry-after", "-1"}}, false, 0, false},
    {{{"retry-after", "NaN"}}, false, 0, false},
    {{{"retry-after", "inf"}}, false, 0, false},
    {{{"retry-after", "1e300"}}, false, 0, false},
    {{{"retry-after", "0x10"}}, false, 0, false},
    {{{"retry-after", "soon"}}, false, 0, false},
    {{{"retry-after", "5 minutes"}}, false, 0, false},
    {{{"retry-after", "tomorrow, 24 Nov 2025"}}, false, 0, false},
};

START_TEST(reads_what_is_to_wait)
{
    for (size_t i = 0; i < UNIT_ROWS(waits); i++) {
        uint64_t ms = 0;
        bool was_clamped = true;
        bool is_told =
            limit_headers_retry_after_ms(lookup, &waits[i].headers, NOW_MS, &ms, &was_clamped);
        ck_assert_msg(is_told == waits[i].is_told, "row %zu", i);
        ck_assert_msg(!is_told || ms == waits[i].ms, "row %zu: %llu", i, (unsigned long long)ms);
        ck_assert_msg(was_clamped == waits[i].was_clamped, "row %zu", i);
    }
}
END_TEST

static const struct {
    enum provider_type type;
    struct headers headers;
    uint64_t ms;
    bool was_clamped;
} rests[] = {
    {PROVIDER_OPENAI, {{NULL}}, DEFAULT_MS, false},
    {PROVIDER_OPENAI, {{"retry-after", "2"}}, 2000, false},
    {PROVIDER_OPENAI,
     {{"retry-after", "2", "x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests",
       "9s"}},
     2000,
     false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "9s"}},
     9000,
     false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "9s",
       "x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "11s"}},
     11000,
     false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "12s",
       "x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "11s"}},
     12000,
     false},
    /* the limit that is not at 0 says nothing */
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "9s",
       "x-ratelimit-remaining-tokens", "5", "x-ratelimit-reset-tokens", "11s"}},
     9000,
     false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "5", "x-ratelimit-reset-requests", "9s"}},
     DEFAULT_MS,
     false},
    {PROVIDER_OPENAI, {{"x-ratelimit-reset-requests", "9s"}}, DEFAULT_MS, false},
    {PROVIDER_OPENAI, {{"x-ratelimit-remaining-requests", "0"}}, DEFAULT_MS, false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "1e300"}},
     DEFAULT_MS,
     false},
    {PROVIDER_OPENAI, {{"retry-after", "-3"}}, DEFAULT_MS, false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "999999h"}},
     LIMIT_HEADERS_REST_MAX_MS,
     true},
    /* a limit a day: hours are not cut to minutes */
    {PROVIDER_CEREBRAS,
     {{"x-ratelimit-remaining-requests-day", "0", "x-ratelimit-reset-requests-day", "33011.4"}},
     33011400,
     false},
    {PROVIDER_OPENROUTER,
     {{"x-ratelimit-remaining", "0", "x-ratelimit-reset", "1764000005000"}},
     5000,
     false},
};

START_TEST(rests_as_long_as_told)
{
    for (size_t i = 0; i < UNIT_ROWS(rests); i++) {
        bool was_clamped = true;
        struct limits limits;
        limit_headers_read(rests[i].type, lookup, &rests[i].headers, NOW_MS, DEFAULT_MS, &limits,
                           &was_clamped);
        uint64_t ms = limit_headers_rest_ms(&limits, DEFAULT_MS);
        ck_assert_msg(ms == rests[i].ms, "row %zu: %llu", i, (unsigned long long)ms);
        ck_assert_msg(was_clamped == rests[i].was_clamped, "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("limits", reads_durations, refuses_what_is_no_duration, reads_quotas_in_every_dialect,
          reads_what_is_to_wait, rests_as_long_as_told)
