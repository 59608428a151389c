/* SPDX-License-Identifier: MIT */
/* limits: what providers say of quotas and waits, in every way they write it, and what makes no
 * sense. */
#include "server/provider/limit_headers.h"

#include <stddef.h>
#include <string.h>

#include "common/terms/quota.h"
#include "tests/unit/unit.h"

#define NOW_MS     UINT64_C(1764000000000) /* Mon, 24 Nov 2025 16:00:00 GMT */
#define DEFAULT_MS UINT64_C(60000)
#define MAX_MS     (UINT64_C(6) * 3600 * 1000)
#define SHOWN_MS   (UINT64_C(31) * 24 * 3600 * 1000)
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

static struct limits read(enum provider_type type, const struct headers *headers, bool *was_clamped)
{
    const struct limit_terms terms = {NOW_MS, DEFAULT_MS, MAX_MS};
    struct limits limits;
    limit_headers_read(type, lookup, headers, &terms, &limits, was_clamped);
    return limits;
}

/* One length as every header may write it. */
static const struct {
    const char *text;
    uint64_t ms;
} lengths[] = {
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
    {"6h", MAX_MS},
    {"0.25d", MAX_MS},
    {"0d2h", 7200000},
    {"2h0m0.5s", 7200500},
    {".5s", 500},
    {"5.s", 5000},
    {"12", 12000},
    {"12.5", 12500},
    {"0.001", 1},
    {"0.0000001", 1},
    {" 7s ", 7000},
    {"\t7 ", 7000},
    {"1.0000000001s", 1000}, /* finer than a nanosecond */
    {"1.000000001s", 1001},
    {"24h", MAX_MS},
    {"33011.382867813", MAX_MS},
    {"99999999999999999999999999999999h", MAX_MS},
    {"999999999", MAX_MS}, /* the longest that is a length */
    {"1000000000", MAX_MS},
    /* points in time: Unix seconds, ms */
    {"1000000000.5", 0},
    {"1000000001", 0},
    {"1764000060", 60000},
    {"1764000060.25", 60250},
    {"1764000060.0001", 60001},
    {"1764000000", 0},
    {"1764000000.001", 1},
    {"1763999999.999", 0},
    {"1763999990", 0},
    {"1764003600", 3600000},
    {"2764000000", MAX_MS},
    {"999999999999", MAX_MS},
    {"1000000000000", MAX_MS}, /* the last that is of seconds */
    {"1000000000001", 0},
    {"1764000060000", 60000},
    {"1764000060000.5", 60001},
    {" 1764000060000 ", 60000},
    {"1764000000000", 0},
    {"1764000000001", 1},
    {"1763999999999", 0},
    {"1764086400000", MAX_MS},
    {"99999999999999999999", MAX_MS},
    /* RFC 3339 */
    {"2025-11-24T16:01:30Z", 90000},
    {"2025-11-24T16:01:30.5Z", 90500},
    {"2025-11-24T16:01:30.0000001Z", 90001},
    {"2025-11-24T17:01:30+01:00", 90000},
    {"2025-11-24T08:31:30-07:30", 90000},
    {"2025-11-24 16:01:30z", 90000},
    {"2025-11-24T16:01:30", 90000},
    {" 2025-11-24T16:01:30Z ", 90000},
    {"2025-11-24T16:00:00Z", 0},
    {"2025-11-24T15:59:59.9Z", 0},
    {"2025-12-24T16:00:00Z", MAX_MS},
    {"9999-12-31T23:59:59Z", MAX_MS},
    /* dates of HTTP */
    {"Mon, 24 Nov 2025 16:01:30 GMT", 90000},
    {" Mon, 24 Nov 2025 16:01:30 GMT", 90000},
    {"Monday, 24-Nov-25 16:01:30 GMT", 90000},
    {"Mon Nov 24 16:01:30 2025", 90000},
    {"Mon, 24 Nov 2025 15:00:00 GMT", 0},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Fri, 31 Dec 9999 23:59:59 GMT", MAX_MS},
};

START_TEST(reads_lengths_in_every_header)
{
    for (size_t i = 0; i < UNIT_ROWS(lengths); i++) {
        const char *text = lengths[i].text;
        const struct headers wait = {{"retry-after", text}};
        const struct headers openai = {
            {"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", text}};
        const struct headers openrouter = {
            {"x-ratelimit-remaining", "0", "x-ratelimit-reset", text}};
        const struct headers cerebras = {
            {"x-ratelimit-remaining-tokens-minute", "0", "x-ratelimit-reset-tokens-minute", text}};
        const struct limits all[] = {
            read(PROVIDER_OPENAI, &wait, &(bool){0}),
            read(PROVIDER_GENERIC_OPENAI, &openai, &(bool){0}),
            read(PROVIDER_OPENROUTER, &openrouter, &(bool){0}),
            read(PROVIDER_CEREBRAS, &cerebras, &(bool){0}),
        };
        for (size_t k = 0; k < UNIT_ROWS(all); k++) {
            uint64_t ms = limit_headers_rest_ms(&all[k], DEFAULT_MS);
            ck_assert_msg(ms == lengths[i].ms, "\"%s\", %zu: %llu", text, k,
                          (unsigned long long)ms);
        }
    }
}
END_TEST

START_TEST(rests_the_default_for_what_cannot_be_read)
{
    static const char *const rows[] = {
        "",
        " ",
        "s",
        "ms",
        "-1s",
        "-5",
        "+5",
        "1x",
        "1 s",
        "1m 2s",
        "1m2",
        ".",
        ".s",
        "NaN",
        "inf",
        "Infinity",
        "1e3",
        "1e300",
        "0x10",
        "1,5s",
        "1s2s3",
        "5S",
        "5M",
        "1\xc2s",
        "soon",
        "1.2.3s",
        "1h-",
        "null",
        "1s\n",
        "1m2s x",
        "-1764000060",
        "1764000060,1764000060",
        "5 minutes",
        "tomorrow, 24 Nov 2025",
        "24 Nov 2025 16:01:30 GMT",
        "2025-11-24",
        "2025-11-24T16:01Z",
        "2025-13-24T16:01:30Z",
        "2025-11-24T16:01:30+25:00",
        "Mon, 24 Nov 2025 16:01:30 GMT and some more words, until it is longer than any date",
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const struct headers wait = {{"retry-after", rows[i]}};
        const struct headers reset = {
            {"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", rows[i]}};
        struct limits limits = read(PROVIDER_OPENAI, &wait, &(bool){0});
        ck_assert_msg(!limits.has_wait, "%s", rows[i]);
        ck_assert_uint_eq(limit_headers_rest_ms(&limits, DEFAULT_MS), DEFAULT_MS);
        limits = read(PROVIDER_OPENAI, &reset, &(bool){0});
        ck_assert_msg(limits.quota.reset_requests_ms == DEFAULT_MS, "%s", rows[i]);
        ck_assert_uint_eq(limit_headers_rest_ms(&limits, DEFAULT_MS), DEFAULT_MS);
    }
}
END_TEST

/* Of the provider's clock only what its own Date shows. */
START_TEST(reads_instants_against_the_answers_date)
{
    static const struct {
        const char *date, *text;
        uint64_t ms;
    } rows[] = {
        {"Mon, 24 Nov 2025 14:00:00 GMT", "Mon, 24 Nov 2025 14:00:03 GMT", 3000},
        {"Mon, 24 Nov 2025 18:00:00 GMT", "Mon, 24 Nov 2025 18:00:03 GMT", 3000},
        {" Mon, 24 Nov 2025 18:00:00 GMT ", "Mon, 24 Nov 2025 18:00:03 GMT", 3000},
        {"Mon, 24 Nov 2025 18:00:00 GMT", "Mon, 24 Nov 2025 17:59:59 GMT", 0},
        {"Mon, 24 Nov 2025 15:59:00 GMT", "1764000000", 60000},
        {"Mon, 24 Nov 2025 15:59:00 GMT", "1764000000250", 60250},
        {"Mon, 24 Nov 2025 15:59:00 GMT", "2025-11-24T16:00:00.5Z", 60500},
        {"Mon, 24 Nov 2025 16:01:00 GMT", "1764000060", 0},
        /* the clocks agree: whole seconds by the Date, finer ones by our clock */
        {"Mon, 24 Nov 2025 15:59:59 GMT", "Mon, 24 Nov 2025 16:00:03 GMT", 4000},
        {"Mon, 24 Nov 2025 15:59:59 GMT", "1764000003", 4000},
        {"Mon, 24 Nov 2025 15:59:59 GMT", "1764000003250", 3250},
        {"Mon, 24 Nov 2025 15:59:58 GMT", "1764000003250", 5250},
        {"Mon, 24 Nov 2025 16:00:01 GMT", "1764000003250", 2250},
        /* a length is one, whatever the time */
        {"Mon, 24 Nov 2025 14:00:00 GMT", "3", 3000},
        {"Mon, 24 Nov 2025 14:00:00 GMT", "1m3s", 63000},
        /* our clock where theirs says nothing */
        {"", "1764000060", 60000},
        {"today", "Mon, 24 Nov 2025 16:01:30 GMT", 90000},
        {"0", "2025-11-24T16:01:30Z", 90000},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const struct headers headers = {{"date", rows[i].date, "retry-after", rows[i].text}};
        struct limits limits = read(PROVIDER_OPENAI, &headers, &(bool){0});
        ck_assert_msg(limits.has_wait && limits.wait_ms == rows[i].ms, "row %zu: %llu", i,
                      (unsigned long long)limits.wait_ms);
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
     {true, 3, UNKNOWN, 60000, 0}},
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
     {true, 12, INT64_MAX, 0, SHOWN_MS}},
    /* what is not at 0 is only shown, and not cut */
    {PROVIDER_CEREBRAS,
     {{"x-ratelimit-remaining-requests-day", "1", "x-ratelimit-reset-requests-day", "86400"}},
     {true, 1, UNKNOWN, 86400000, 0}},
    /* at 0 without a reset that can be read: the default; with one that is past: none */
    {PROVIDER_GENERIC_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-remaining-tokens", "5"}},
     {true, 0, 5, DEFAULT_MS, 0}},
    {PROVIDER_GROQ,
     {{"x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-requests", "9s"}},
     {true, UNKNOWN, 0, 9000, DEFAULT_MS}},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "0s",
       "x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "soon"}},
     {true, 0, 0, 0, DEFAULT_MS}},
    {PROVIDER_OPENROUTER,
     {{"x-ratelimit-remaining", "0", "x-ratelimit-reset", "99999999999999999999999"}},
     {true, 0, UNKNOWN, MAX_MS, 0}},
};

START_TEST(reads_quotas_in_every_dialect)
{
    for (size_t i = 0; i < UNIT_ROWS(quotas); i++) {
        const struct quota *expected = &quotas[i].quota;
        const struct quota quota = read(quotas[i].type, &quotas[i].headers, &(bool){0}).quota;
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
    {{{"retry-after-ms", "1764000060000"}}, true, 60000, false},
    {{{"retry-after-ms", "1764000060"}}, true, 60000, false},
    {{{"retry-after-ms", "2s"}}, true, 2000, false},
    {{{"retry-after", "21600"}}, true, MAX_MS, false},
    {{{"retry-after", "21601"}}, true, MAX_MS, true},
    {{{"retry-after", "99999999999999999999999999"}}, true, MAX_MS, true},
    {{{"retry-after-ms", "99999999999999999999999999"}}, true, MAX_MS, true},
    {{{"retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"}}, true, MAX_MS, true},
    {{{"retry-after", ""}}, false, 0, false},
    {{{"retry-after", "soon"}}, false, 0, false},
};

START_TEST(reads_what_is_to_wait)
{
    for (size_t i = 0; i < UNIT_ROWS(waits); i++) {
        bool was_clamped = true;
        struct limits limits = read(PROVIDER_OPENAI, &waits[i].headers, &was_clamped);
        ck_assert_msg(limits.has_wait == waits[i].is_told, "row %zu", i);
        ck_assert_msg(limits.wait_ms == waits[i].ms, "row %zu: %llu", i,
                      (unsigned long long)limits.wait_ms);
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
     MAX_MS,
     true},
    {PROVIDER_CEREBRAS,
     {{"x-ratelimit-remaining-requests-day", "0", "x-ratelimit-reset-requests-day", "11011.4"}},
     11011400,
     false},
    /* a reset that is past is no rest, but that of another limit is one */
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "1763999990"}},
     0,
     false},
    {PROVIDER_OPENAI,
     {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "1763999990",
       "x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "11s"}},
     11000,
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
        struct limits limits = read(rests[i].type, &rests[i].headers, &was_clamped);
        uint64_t ms = limit_headers_rest_ms(&limits, DEFAULT_MS);
        ck_assert_msg(ms == rests[i].ms, "row %zu: %llu", i, (unsigned long long)ms);
        ck_assert_msg(was_clamped == rests[i].was_clamped, "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("limits", reads_lengths_in_every_header, rests_the_default_for_what_cannot_be_read,
          reads_instants_against_the_answers_date, reads_quotas_in_every_dialect,
          reads_what_is_to_wait, rests_as_long_as_told)
