/* SPDX-License-Identifier: MIT */
/* limits and date: whatever a provider writes in its headers, the rest is bounded and the parts
 * agree with each other. The first byte picks the provider type; lines are the headers' values. */
#include "common/http/date.h"
#include "common/terms/quota.h"
#include "server/provider/limit_headers.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS     UINT64_C(1764000000000)
#define DEFAULT_MS UINT64_C(60000)
#define MAX_MS     UINT64_C(21600000)
#define SHOWN_MS   (UINT64_C(31) * 24 * 3600 * 1000) /* of a reset that is no rest */

static const char *const names[] = {
    "retry-after-ms",
    "retry-after",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-requests-day",
    "x-ratelimit-reset-requests-day",
    "x-ratelimit-remaining-tokens-minute",
    "x-ratelimit-reset-tokens-minute",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "date",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

struct headers {
    char *values[NAMES]; /* NULL = not sent */
};

static const char *lookup(const void *arg, const char *name)
{
    const struct headers *headers = arg;
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(names[i], name) == 0)
            return headers->values[i];
    FUZZ_CHECK(!"a header that this test does not know");
    return NULL;
}

/* Line i is the value of names[i]; an empty line leaves it out. */
static void split(const uint8_t *data, size_t size, struct headers *out)
{
    size_t at = 0;
    for (size_t i = 0; i < NAMES && at < size; i++) {
        const uint8_t *lf = memchr(data + at, '\n', size - at);
        size_t len = lf != NULL ? (size_t)(lf - data) - at : size - at;
        if (len > 0) {
            out->values[i] = fuzz_alloc(len + 1);
            memcpy(out->values[i], data + at, len);
        }
        at += len + 1;
    }
}

static void check_parts(const struct headers *headers)
{
    for (size_t i = 0; i < NAMES; i++) {
        uint64_t ms;
        if (headers->values[i] == NULL)
            continue;
        if (http_date_parse(headers->values[i], NOW_MS, &ms))
            FUZZ_CHECK(ms <= UINT64_C(253402300800000)); /* the year 9999, and a leap second */
        if (http_date_parse_rfc3339(headers->values[i], &ms))
            FUZZ_CHECK(ms <= UINT64_C(253402387200000)); /* the same, a day behind UTC */
    }
}

static void check_quota(const struct quota *quota)
{
    FUZZ_CHECK(quota->remaining_requests >= 0 || quota->remaining_requests == QUOTA_UNKNOWN);
    FUZZ_CHECK(quota->remaining_tokens >= 0 || quota->remaining_tokens == QUOTA_UNKNOWN);
    FUZZ_CHECK(quota->reset_requests_ms <= (quota->remaining_requests == 0 ? MAX_MS : SHOWN_MS));
    FUZZ_CHECK(quota->reset_tokens_ms <= (quota->remaining_tokens == 0 ? MAX_MS : SHOWN_MS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct headers headers = {{NULL}};
    struct limits limits;
    bool was_clamped;
    if (size == 0)
        return 0;
    enum provider_type type = (enum provider_type)(data[0] % PROVIDER_TYPES_COUNT);
    split(data + 1, size - 1, &headers);
    check_parts(&headers);
    const struct limit_terms terms = {NOW_MS, DEFAULT_MS, MAX_MS};
    limit_headers_read(type, lookup, &headers, &terms, &limits, &was_clamped);
    const struct quota *quota = &limits.quota;
    check_quota(quota);
    uint64_t rest = limit_headers_rest_ms(&limits, DEFAULT_MS);
    FUZZ_CHECK(rest <= MAX_MS);
    FUZZ_CHECK(rest == MAX_MS || !was_clamped || limits.has_wait ||
               quota->reset_requests_ms == MAX_MS || quota->reset_tokens_ms == MAX_MS);
    FUZZ_CHECK(limits.has_wait || limits.wait_ms == 0);
    if (limits.has_wait)
        FUZZ_CHECK(rest == limits.wait_ms);
    else
        FUZZ_CHECK(rest == DEFAULT_MS || rest == quota->reset_requests_ms ||
                   rest == quota->reset_tokens_ms);
    for (size_t i = 0; i < NAMES; i++)
        free(headers.values[i]);
    return 0;
}
