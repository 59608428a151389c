/* SPDX-License-Identifier: MIT */
/* See limit_headers.h. Numbers are read by hand: strtod knows NaN, hexadecimal and locales, and an
 * answer from the network may say any of it. */
#include "server/provider/limit_headers.h"

#include <string.h>

#include "common/http/date.h"

#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_SECOND (UINT64_C(1000) * NS_PER_MS)
#define NS_PER_DAY    (UINT64_C(86400) * NS_PER_SECOND)
/* Finer digits of a fraction are dropped. */
#define FRACTION_SCALE UINT64_C(1000000000)

/* A decimal number, not negative: whole + fraction / FRACTION_SCALE. Saturates. */
struct decimal {
    uint64_t whole, fraction;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t multiply_saturated(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Reads digits with a fraction at *p, and moves *p behind them. False when there is no digit. */
static bool read_decimal(const char **p, struct decimal *out)
{
    *out = (struct decimal){0};
    bool has_digits = false;
    for (; is_digit(**p); (*p)++, has_digits = true)
        out->whole = add_saturated(multiply_saturated(out->whole, 10), (uint64_t)(**p - '0'));
    if (**p != '.')
        return has_digits;
    (*p)++;
    uint64_t scale = FRACTION_SCALE / 10;
    for (; is_digit(**p); (*p)++, has_digits = true, scale /= 10)
        out->fraction += (uint64_t)(**p - '0') * scale;
    return has_digits;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* The text as one decimal number and nothing else. */
static bool parse_decimal(const char *text, struct decimal *out)
{
    const char *p = skip_spaces(text);
    return read_decimal(&p, out) && *skip_spaces(p) == '\0';
}

static uint64_t to_ns(struct decimal number, uint64_t unit_ns)
{
    uint64_t fraction_ns = unit_ns >= FRACTION_SCALE ? number.fraction * (unit_ns / FRACTION_SCALE)
                                                     : number.fraction / (FRACTION_SCALE / unit_ns);
    return add_saturated(multiply_saturated(number.whole, unit_ns), fraction_ns);
}

/* Rounded up: a wait of that length must not end too early. */
static uint64_t to_ms(uint64_t ns)
{
    return ns / NS_PER_MS + (ns % NS_PER_MS != 0);
}

/* Of two units that begin alike, the longer one comes first. */
static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* mu */
    {"ms", NS_PER_MS},
    {"s", NS_PER_SECOND},
    {"m", 60 * NS_PER_SECOND},
    {"h", 3600 * NS_PER_SECOND},
    {"d", NS_PER_DAY},
};

/* ns of the unit at *p, which is moved past it; 0 if there is none. */
static uint64_t read_unit(const char **p)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i].name);
        if (strncmp(*p, units[i].name, n) == 0) {
            *p += n;
            return units[i].ns;
        }
    }
    return 0;
}

bool limit_headers_parse_duration(const char *text, uint64_t *ms)
{
    struct decimal number;
    uint64_t total_ns = 0, unit_ns;
    if (parse_decimal(text, &number)) {
        *ms = to_ms(to_ns(number, NS_PER_SECOND));
        return true;
    }
    const char *p = skip_spaces(text);
    do {
        if (!read_decimal(&p, &number) || (unit_ns = read_unit(&p)) == 0)
            return false;
        total_ns = add_saturated(total_ns, to_ns(number, unit_ns));
    } while (is_digit(*p) || *p == '.');
    *ms = to_ms(total_ns);
    return *skip_spaces(p) == '\0';
}

/* How a provider writes the reset of a limit: ms from now, 0 if it cannot be read. */
typedef uint64_t (*reset_fn)(const char *text, uint64_t now_wall_ms);

static uint64_t reset_as_duration(const char *text, uint64_t now_wall_ms)
{
    uint64_t ms;
    return limit_headers_parse_duration(text, &ms) ? ms : 0;
}

static uint64_t reset_as_unix_ms(const char *text, uint64_t now_wall_ms)
{
    struct decimal at;
    if (!parse_decimal(text, &at) || at.whole <= now_wall_ms)
        return 0;
    return at.whole - now_wall_ms;
}

/* The limit headers of a type. */
struct limit_headers {
    const char *remaining_requests, *remaining_tokens; /* header names; NULL = has none */
    const char *reset_requests, *reset_tokens;
    reset_fn read_reset;
};

/* Plain seconds, as some compatible servers and Cerebras send them, are durations too. */
static const struct limit_headers of_openai = {
    "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens", reset_as_duration};
static const struct limit_headers of_cerebras = {
    "x-ratelimit-remaining-requests-day", "x-ratelimit-remaining-tokens-minute",
    "x-ratelimit-reset-requests-day", "x-ratelimit-reset-tokens-minute", reset_as_duration};
static const struct limit_headers of_openrouter = {"x-ratelimit-remaining", NULL,
                                                   "x-ratelimit-reset", NULL, reset_as_unix_ms};

/* A type without a row has OpenAI's headers, if it has any. */
static const struct limit_headers *const rows[PROVIDER_TYPES_COUNT] = {
    [PROVIDER_CEREBRAS] = &of_cerebras,
    [PROVIDER_OPENROUTER] = &of_openrouter,
};

static int64_t read_remaining(limit_headers_fn header, const void *arg, const char *name)
{
    struct decimal number;
    const char *text = name != NULL ? header(arg, name) : NULL;
    if (text == NULL || !parse_decimal(text, &number))
        return QUOTA_UNKNOWN;
    return number.whole < INT64_MAX ? (int64_t)number.whole : INT64_MAX;
}

/* A limit that is at 0 and names no reset rests for default_ms; a reset that is past or makes no
 * sense is none. */
static uint64_t read_reset(const struct limit_headers *names, limit_headers_fn header,
                           const void *arg, const char *name, int64_t remaining,
                           uint64_t now_wall_ms, uint64_t default_ms)
{
    const char *text = name != NULL ? header(arg, name) : NULL;
    if (text != NULL)
        return names->read_reset(text, now_wall_ms);
    return remaining == 0 ? default_ms : 0;
}

/* The quota with its resets as told, not yet clamped. */
static void read_quota(enum provider_type type, limit_headers_fn header, const void *arg,
                       uint64_t now_wall_ms, uint64_t default_ms, struct quota *out)
{
    const struct limit_headers *names = rows[type] != NULL ? rows[type] : &of_openai;
    out->remaining_requests = read_remaining(header, arg, names->remaining_requests);
    out->remaining_tokens = read_remaining(header, arg, names->remaining_tokens);
    out->reset_requests_ms = read_reset(names, header, arg, names->reset_requests,
                                        out->remaining_requests, now_wall_ms, default_ms);
    out->reset_tokens_ms = read_reset(names, header, arg, names->reset_tokens,
                                      out->remaining_tokens, now_wall_ms, default_ms);
    out->is_known =
        out->remaining_requests != QUOTA_UNKNOWN || out->remaining_tokens != QUOTA_UNKNOWN;
}

static uint64_t clamp(uint64_t ms, bool *was_clamped)
{
    *was_clamped = ms > LIMIT_HEADERS_REST_MAX_MS;
    return *was_clamped ? LIMIT_HEADERS_REST_MAX_MS : ms;
}

/* Retry-After: seconds, or a date; a date that is past means now. */
static bool parse_retry_after(const char *text, uint64_t now_wall_ms, uint64_t *ms)
{
    struct decimal seconds;
    uint64_t at_ms;
    if (parse_decimal(text, &seconds)) {
        *ms = to_ms(to_ns(seconds, NS_PER_SECOND));
        return true;
    }
    if (!http_date_parse(skip_spaces(text), now_wall_ms, &at_ms))
        return false;
    *ms = at_ms > now_wall_ms ? at_ms - now_wall_ms : 0;
    return true;
}

bool limit_headers_retry_after_ms(limit_headers_fn header, const void *arg, uint64_t now_wall_ms,
                                  uint64_t *ms, bool *was_clamped)
{
    struct decimal number;
    const char *text = header(arg, "retry-after-ms");
    *was_clamped = false;
    if (text != NULL && parse_decimal(text, &number)) {
        *ms = clamp(to_ms(to_ns(number, NS_PER_MS)), was_clamped);
        return true;
    }
    text = header(arg, "retry-after");
    if (text == NULL || !parse_retry_after(text, now_wall_ms, ms))
        return false;
    *ms = clamp(*ms, was_clamped);
    return true;
}

void limit_headers_read(enum provider_type type, limit_headers_fn header, const void *arg,
                        uint64_t now_wall_ms, uint64_t default_ms, struct limits *out,
                        bool *was_clamped)
{
    bool is_wait_clamped, is_requests_clamped, is_tokens_clamped;
    out->wait_ms = 0;
    out->has_wait =
        limit_headers_retry_after_ms(header, arg, now_wall_ms, &out->wait_ms, &is_wait_clamped);
    read_quota(type, header, arg, now_wall_ms, default_ms, &out->quota);
    out->quota.reset_requests_ms = clamp(out->quota.reset_requests_ms, &is_requests_clamped);
    out->quota.reset_tokens_ms = clamp(out->quota.reset_tokens_ms, &is_tokens_clamped);
    *was_clamped = is_wait_clamped || is_requests_clamped || is_tokens_clamped;
}

uint64_t limit_headers_rest_ms(const struct limits *limits, uint64_t default_ms)
{
    const struct quota *quota = &limits->quota;
    if (limits->has_wait)
        return limits->wait_ms;
    uint64_t ms = quota->remaining_requests == 0 ? quota->reset_requests_ms : 0;
    if (quota->remaining_tokens == 0 && quota->reset_tokens_ms > ms)
        ms = quota->reset_tokens_ms;
    return ms > 0 ? ms : default_ms;
}
