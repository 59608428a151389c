/* SPDX-License-Identifier: MIT */
/* See limit_headers.h. Numbers are read by hand: strtod knows NaN, hexadecimal and locales, and an
 * answer from the network may say any of it. */
#include "server/provider/limit_headers.h"

#include <string.h>

#include "common/http/date.h"

#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_SECOND (UINT64_C(1000) * NS_PER_MS)
#define NS_PER_DAY    (UINT64_C(86400) * NS_PER_SECOND)
/* Bare numbers above these are points in time: no length is that long, 10^9 s are 31 years. */
#define UNIX_SECONDS_MIN UINT64_C(1000000000)
#define UNIX_MS_MIN      UINT64_C(1000000000000)
/* A reset that is only shown need not be longer. */
#define SHOWN_MAX_MS   (31 * (NS_PER_DAY / NS_PER_MS))
#define DATE_BYTES_MAX 64
/* A clock is this much ahead of a Date of that clock, at most: its seconds, and the way here. */
#define DATE_AGREES_MS 2000
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

/* "1m26.4s"; what has no unit is none. */
static bool parse_duration(const char *text, uint64_t *ms)
{
    const char *p = skip_spaces(text);
    struct decimal number;
    uint64_t total_ns = 0, unit_ns;
    do {
        if (!read_decimal(&p, &number) || (unit_ns = read_unit(&p)) == 0)
            return false;
        total_ns = add_saturated(total_ns, to_ns(number, unit_ns));
    } while (is_digit(*p) || *p == '.');
    *ms = to_ms(total_ns);
    return *skip_spaces(p) == '\0';
}

static bool is_above(struct decimal number, uint64_t whole)
{
    return number.whole > whole || (number.whole == whole && number.fraction > 0);
}

/* Of a point in time as a bare number. */
static uint64_t unix_ms(struct decimal number)
{
    return is_above(number, UNIX_MS_MIN) ? add_saturated(number.whole, number.fraction != 0)
                                         : to_ms(to_ns(number, NS_PER_SECOND));
}

/* Without the blanks around it. False when it is too long to be a date. */
static bool trim(const char *text, char out[DATE_BYTES_MAX])
{
    text = skip_spaces(text);
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len >= DATE_BYTES_MAX)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static bool parse_date(const char *text, uint64_t now_wall_ms, uint64_t *at_ms)
{
    char date[DATE_BYTES_MAX];
    return trim(text, date) &&
           (http_date_parse(date, now_wall_ms, at_ms) || http_date_parse_rfc3339(date, at_ms));
}

/* What a text says, in ms: a length, or a point in time. */
enum reading {
    READ_NOTHING,
    READ_LENGTH,
    READ_INSTANT
};

static enum reading read_text(const char *text, uint64_t unit_ns, uint64_t now_wall_ms,
                              uint64_t *ms)
{
    struct decimal number;
    if (parse_decimal(text, &number)) {
        bool is_instant = is_above(number, UNIX_SECONDS_MIN);
        *ms = is_instant ? unix_ms(number) : to_ms(to_ns(number, unit_ns));
        return is_instant ? READ_INSTANT : READ_LENGTH;
    }
    if (parse_duration(text, ms))
        return READ_LENGTH;
    return parse_date(text, now_wall_ms, ms) ? READ_INSTANT : READ_NOTHING;
}

/* The limit headers of a type. */
struct limit_headers {
    const char *remaining_requests, *remaining_tokens; /* header names; NULL = has none */
    const char *reset_requests, *reset_tokens;
};

static const struct limit_headers of_openai = {
    "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens"};
static const struct limit_headers of_cerebras = {
    "x-ratelimit-remaining-requests-day", "x-ratelimit-remaining-tokens-minute",
    "x-ratelimit-reset-requests-day", "x-ratelimit-reset-tokens-minute"};
static const struct limit_headers of_openrouter = {"x-ratelimit-remaining", NULL,
                                                   "x-ratelimit-reset", NULL};

/* A type without a row has OpenAI's headers, if it has any. */
static const struct limit_headers *const rows[PROVIDER_TYPES_COUNT] = {
    [PROVIDER_CEREBRAS] = &of_cerebras,
    [PROVIDER_OPENROUTER] = &of_openrouter,
};

/* A response's head as it is read. */
struct head {
    limit_headers_fn header;
    const void *arg;
    const struct limit_terms *terms;
    bool *was_clamped;
};

static const char *header_of(const struct head *head, const char *name)
{
    return name != NULL ? head->header(head->arg, name) : NULL;
}

/* How far away an instant is, by the answer's own Date: the provider's clock may differ from ours.
 * For an instant that is finer than the whole seconds of a Date, our clock is better where both
 * agree. */
static uint64_t until(const struct head *head, uint64_t at_ms)
{
    uint64_t origin_ms = head->terms->now_wall_ms, date_ms;
    const char *date = header_of(head, "date");
    if (date != NULL && parse_date(date, origin_ms, &date_ms)) {
        bool agree = origin_ms >= date_ms && origin_ms < date_ms + DATE_AGREES_MS;
        origin_ms = agree && at_ms % 1000 != 0 ? origin_ms : date_ms;
    }
    return at_ms > origin_ms ? at_ms - origin_ms : 0;
}

/* A length in ms from the answer on; false when there is none that can be read. */
static bool read_length(const struct head *head, const char *name, uint64_t unit_ns, uint64_t *ms)
{
    const char *text = header_of(head, name);
    enum reading reading =
        text != NULL ? read_text(text, unit_ns, head->terms->now_wall_ms, ms) : READ_NOTHING;
    if (reading == READ_INSTANT)
        *ms = until(head, *ms);
    return reading != READ_NOTHING;
}

static uint64_t clamp(const struct head *head, uint64_t ms)
{
    if (ms <= head->terms->max_ms)
        return ms;
    *head->was_clamped = true;
    return head->terms->max_ms;
}

static int64_t read_remaining(const struct head *head, const char *name)
{
    struct decimal number;
    const char *text = header_of(head, name);
    if (text == NULL || !parse_decimal(text, &number))
        return QUOTA_UNKNOWN;
    return number.whole < INT64_MAX ? (int64_t)number.whole : INT64_MAX;
}

/* The reset of a limit that is at 0 is a rest; of any other it is only shown. */
static uint64_t read_reset(const struct head *head, const char *name, int64_t remaining)
{
    uint64_t ms;
    bool is_told = read_length(head, name, NS_PER_SECOND, &ms);
    if (remaining == 0)
        return is_told ? clamp(head, ms) : head->terms->default_ms;
    if (!is_told)
        return 0;
    return ms < SHOWN_MAX_MS ? ms : SHOWN_MAX_MS;
}

static void read_quota(const struct head *head, enum provider_type type, struct quota *out)
{
    const struct limit_headers *names = rows[type] != NULL ? rows[type] : &of_openai;
    out->remaining_requests = read_remaining(head, names->remaining_requests);
    out->remaining_tokens = read_remaining(head, names->remaining_tokens);
    out->reset_requests_ms = read_reset(head, names->reset_requests, out->remaining_requests);
    out->reset_tokens_ms = read_reset(head, names->reset_tokens, out->remaining_tokens);
    out->is_known =
        out->remaining_requests != QUOTA_UNKNOWN || out->remaining_tokens != QUOTA_UNKNOWN;
}

void limit_headers_read(enum provider_type type, limit_headers_fn header, const void *arg,
                        const struct limit_terms *terms, struct limits *out, bool *was_clamped)
{
    const struct head head = {header, arg, terms, was_clamped};
    uint64_t wait_ms = 0;
    *was_clamped = false;
    out->has_wait = read_length(&head, "retry-after-ms", NS_PER_MS, &wait_ms) ||
                    read_length(&head, "retry-after", NS_PER_SECOND, &wait_ms);
    out->wait_ms = out->has_wait ? clamp(&head, wait_ms) : 0;
    read_quota(&head, type, &out->quota);
}

uint64_t limit_headers_rest_ms(const struct limits *limits, uint64_t default_ms)
{
    const struct quota *quota = &limits->quota;
    bool is_out_of_requests = quota->remaining_requests == 0;
    bool is_out_of_tokens = quota->remaining_tokens == 0;
    if (limits->has_wait)
        return limits->wait_ms;
    if (!is_out_of_requests && !is_out_of_tokens)
        return default_ms;
    uint64_t ms = is_out_of_requests ? quota->reset_requests_ms : 0;
    return is_out_of_tokens && quota->reset_tokens_ms > ms ? quota->reset_tokens_ms : ms;
}
