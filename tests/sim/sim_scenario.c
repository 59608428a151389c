/* SPDX-License-Identifier: MIT */
/* See sim_scenario.h. The grammar is the table `faults`: one row a name. */
#include "tests/sim/sim_scenario.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/nearest.h"

#define MS_MAX      INT64_C(86400000)
#define EVENTS_MAX  INT64_C(1000000000)
#define BYTES_MAX   (INT64_C(1) << 30)
#define SPLIT_MAX   INT64_C(65536)
#define CHOICES_MAX INT64_C(128)
#define BROKEN_MAX  INT64_C(1000)
#define NEAR_ENOUGH 6 /* three wrong letters are a slip of the fingers, more another word */

enum kind {
    KIND_NOTHING,
    KIND_FLAG,
    KIND_NUMBER,
    KIND_TEXT,
    KIND_HEADER,
    KIND_RETRY_AFTER,
    KIND_CRLF,
    KIND_CR
};

struct fault {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t min, max;
};

#define FLAG(n, member)                                       \
    {                                                         \
        n, KIND_FLAG, offsetof(struct scenario, member), 0, 0 \
    }
#define NUMBER(n, member, min, max)                                 \
    {                                                               \
        n, KIND_NUMBER, offsetof(struct scenario, member), min, max \
    }
#define TEXT(n, member)                                       \
    {                                                         \
        n, KIND_TEXT, offsetof(struct scenario, member), 0, 0 \
    }
#define OTHER(n, kind)   \
    {                    \
        n, kind, 0, 0, 0 \
    }

static const struct fault faults[] = {
    OTHER("ok", KIND_NOTHING),
    NUMBER("status", status, 200, 599),
    TEXT("error-code", error_code),
    TEXT("error-type", error_type),
    TEXT("error-message", error_message),
    OTHER("header", KIND_HEADER),
    OTHER("retry-after", KIND_RETRY_AFTER),
    NUMBER("head-delay", head_delay_ms, 0, MS_MAX),
    FLAG("hang", is_hang),
    FLAG("reset", is_reset),
    FLAG("close", is_close),
    NUMBER("first-delay", first_delay_ms, 0, MS_MAX),
    NUMBER("delay", delay_ms, 0, MS_MAX),
    NUMBER("tokens", tokens, 0, EVENTS_MAX),
    NUMBER("size", size, 0, BYTES_MAX),
    TEXT("text", text),
    NUMBER("cut", cut_after, 0, EVENTS_MAX),
    NUMBER("eof", eof_after, 0, EVENTS_MAX),
    NUMBER("close-after", close_after, 0, EVENTS_MAX),
    NUMBER("stall", stall_after, 0, EVENTS_MAX),
    NUMBER("error-event", error_event_after, 0, EVENTS_MAX),
    NUMBER("error-name", error_name_after, 0, EVENTS_MAX),
    TEXT("finish", finish),
    FLAG("no-done", is_without_done),
    FLAG("done-bare", is_done_bare),
    FLAG("no-usage", is_without_usage),
    NUMBER("malformed", malformed, 0, BROKEN_MAX),
    NUMBER("comments", comment_ms, 1, MS_MAX),
    OTHER("crlf", KIND_CRLF),
    OTHER("cr", KIND_CR),
    FLAG("no-space", is_without_space),
    FLAG("multi-line", is_multi_line),
    FLAG("bom", has_bom),
    NUMBER("split", split, 1, SPLIT_MAX),
    NUMBER("big", big, 1, BYTES_MAX),
    FLAG("lump", is_lump),
    FLAG("reasoning", is_reasoning),
    FLAG("tool", is_tool),
    FLAG("refusal", is_refusal),
    NUMBER("n", choices, 1, CHOICES_MAX),
    NUMBER("role-only-delay", role_delay_ms, 0, MS_MAX),
    FLAG("close-delimited", is_close_delimited),
    NUMBER("truncated-json", truncate_json_at, 0, BYTES_MAX),
    FLAG("wrong-type", is_wrong_type),
    FLAG("json-for-stream", is_json_for_stream),
    FLAG("error-200", is_error_200),
    FLAG("slow-read", is_slow_read),
    NUMBER("first", first, 1, EVENTS_MAX),
    NUMBER("every", every, 1, EVENTS_MAX),
};
#define FAULT_COUNT (sizeof(faults) / sizeof(faults[0]))

/* A name and a value as they stand in the list; value.at is NULL where there is no `=`. */
struct part {
    const char *at;
    size_t len;
};

static struct scenario *scenario_new(void)
{
    struct scenario *s = xcalloc(1, sizeof(*s));
    s->refs = 1;
    s->status = 200;
    s->tokens = SCENARIO_TOKENS;
    s->choices = 1;
    s->size = s->big = s->truncate_json_at = SCENARIO_UNSET;
    s->cut_after = s->eof_after = s->close_after = s->stall_after = SCENARIO_UNSET;
    s->error_event_after = s->error_name_after = SCENARIO_UNSET;
    return s;
}

struct scenario *scenario_ref(struct scenario *s)
{
    s->refs++;
    return s;
}

void scenario_unref(struct scenario *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (faults[i].kind == KIND_TEXT)
            free(*(char **)((char *)s + faults[i].offset));
    for (size_t i = 0; i < s->header_count; i++) {
        free(s->headers[i].name);
        free(s->headers[i].value);
    }
    free(s->headers);
    scenario_unref(s->otherwise);
    free(s);
}

static const char *nearest_name(struct part name)
{
    struct nearest search = nearest_start(name.at, name.len);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        nearest_offer(&search, faults[i].name);
    return search.distance <= NEAR_ENOUGH && search.distance < 2 * name.len ? search.best : NULL;
}

static const struct fault *find_fault(struct part name)
{
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (strlen(faults[i].name) == name.len && memcmp(faults[i].name, name.at, name.len) == 0)
            return &faults[i];
    return NULL;
}

static int shown(size_t len)
{
    return len < 80 ? (int)len : 80;
}

static bool complain_unknown(struct part name, char *error)
{
    const char *near = nearest_name(name);
    if (name.len == 0)
        snprintf(error, SCENARIO_ERROR_MAX, "empty fault name");
    else if (near != NULL)
        snprintf(error, SCENARIO_ERROR_MAX, "unknown fault \"%.*s\": did you mean \"%s\"?",
                 shown(name.len), name.at, near);
    else
        snprintf(error, SCENARIO_ERROR_MAX, "unknown fault \"%.*s\"; weir-sim(1) lists them",
                 shown(name.len), name.at);
    return false;
}

static bool parse_number(const struct fault *f, struct part value, int64_t *out, char *error)
{
    int64_t n = 0;
    bool is_good = value.len > 0 && value.len <= 12;
    for (size_t i = 0; is_good && i < value.len; i++) {
        is_good = isdigit((unsigned char)value.at[i]) != 0;
        n = n * 10 + (value.at[i] - '0');
    }
    if (is_good && n >= f->min && n <= f->max) {
        *out = n;
        return true;
    }
    snprintf(error, SCENARIO_ERROR_MAX, "%s: \"%.*s\" is not a whole number from %lld to %lld",
             f->name, shown(value.len), value.at, (long long)f->min, (long long)f->max);
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy of a value with its %XX decoded; other percent signs stand for themselves. NULL: it has a
 * NUL, which no text of ours can carry. */
static char *decode_value(const struct fault *f, struct part value, char *error)
{
    char *out = xmalloc(value.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c == '%' && i + 2 < value.len && hex_digit(value.at[i + 1]) >= 0 &&
            hex_digit(value.at[i + 2]) >= 0) {
            c = (char)(hex_digit(value.at[i + 1]) * 16 + hex_digit(value.at[i + 2]));
            i += 2;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    if (memchr(out, '\0', n) == NULL)
        return out;
    free(out);
    snprintf(error, SCENARIO_ERROR_MAX, "%s: a value cannot hold a NUL", f->name);
    return NULL;
}

static bool is_token(const char *s)
{
    for (const char *p = s; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL)
            return false;
    return *s != '\0';
}

static bool is_header_value(const char *s)
{
    for (const char *p = s; *p != '\0'; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

/* Framing is the simulator's: a header that contradicts it would only make the simulator wrong. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool check_header(const struct scenario *s, const char *name, const char *value, char *error)
{
    if (!is_token(name))
        snprintf(error, SCENARIO_ERROR_MAX, "header: \"%.80s\" is not a header name", name);
    else if (!is_header_value(value))
        snprintf(error, SCENARIO_ERROR_MAX, "header: the value of %.80s has a control character",
                 name);
    else if (is_framing(name))
        snprintf(error, SCENARIO_ERROR_MAX,
                 "header: %.80s is the simulator's; see close-delimited, eof, truncated-json",
                 name);
    else if (s->header_count == SCENARIO_HEADERS_MAX)
        snprintf(error, SCENARIO_ERROR_MAX, "header: more than %d", SCENARIO_HEADERS_MAX);
    else
        return true;
    return false;
}

static bool add_header(struct scenario *s, const char *name, const char *value, char *error)
{
    if (!check_header(s, name, value, error))
        return false;
    s->headers = xreallocarray(s->headers, s->header_count + 1, sizeof(*s->headers));
    s->headers[s->header_count++] =
        (struct scenario_header){.name = xstrdup(name), .value = xstrdup(value)};
    return true;
}

static bool set_header(struct scenario *s, char *decoded, char *error)
{
    char *slash = strchr(decoded, '/');
    if (slash == NULL) {
        snprintf(error, SCENARIO_ERROR_MAX, "header: write header=NAME/VALUE, not \"%.80s\"",
                 decoded);
        return false;
    }
    *slash = '\0';
    return add_header(s, decoded, slash + 1, error);
}

static bool set_text(struct scenario *s, const struct fault *f, struct part value, char *error)
{
    char *decoded = decode_value(f, value, error);
    if (decoded == NULL)
        return false;
    if (f->kind == KIND_TEXT) {
        char **member = (char **)((char *)s + f->offset);
        free(*member);
        *member = decoded;
        return true;
    }
    bool is_good = f->kind == KIND_HEADER ? set_header(s, decoded, error)
                                          : add_header(s, "retry-after", decoded, error);
    free(decoded);
    return is_good;
}

static bool takes_value(enum kind kind)
{
    return kind == KIND_NUMBER || kind == KIND_TEXT || kind == KIND_HEADER ||
           kind == KIND_RETRY_AFTER;
}

static void set_flag(struct scenario *s, const struct fault *f)
{
    if (f->kind == KIND_FLAG)
        *(bool *)((char *)s + f->offset) = true;
    else if (f->kind == KIND_CRLF || f->kind == KIND_CR)
        s->eol = f->kind == KIND_CRLF ? SCENARIO_CRLF : SCENARIO_CR;
}

static bool set_fault(struct scenario *s, struct part name, struct part value, char *error)
{
    const struct fault *f = find_fault(name);
    if (f == NULL)
        return complain_unknown(name, error);
    if (takes_value(f->kind) != (value.at != NULL)) {
        snprintf(error, SCENARIO_ERROR_MAX, "%s %s", f->name,
                 value.at != NULL ? "takes no value" : "needs a value (NAME=VALUE)");
        return false;
    }
    if (f->kind == KIND_NUMBER)
        return parse_number(f, value, (int64_t *)((char *)s + f->offset), error);
    if (takes_value(f->kind))
        return set_text(s, f, value, error);
    set_flag(s, f);
    return true;
}

static bool parse_list(struct scenario *s, const char *list, size_t len, char *error)
{
    const char *end = list + len;
    for (const char *at = list;; at++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        struct part name = {at, (size_t)((equals != NULL ? equals : stop) - at)};
        struct part value = {NULL, 0};
        if (equals != NULL)
            value = (struct part){equals + 1, (size_t)(stop - equals - 1)};
        if (!set_fault(s, name, value, error))
            return false;
        if (comma == NULL)
            return true;
        at = comma;
    }
}

/* `first` and `every` leave the other requests a good answer with the same content. */
static void make_otherwise(struct scenario *s)
{
    if (s->first == 0 && s->every == 0)
        return;
    s->otherwise = scenario_new();
    s->otherwise->tokens = s->tokens;
    s->otherwise->size = s->size;
    s->otherwise->choices = s->choices;
    s->otherwise->text = s->text != NULL ? xstrdup(s->text) : NULL;
}

static bool check_whole(const struct scenario *s, char *error)
{
    if (!s->is_lump || scenario_content_bytes(s) <= SCENARIO_WHOLE_BYTES_MAX)
        return true;
    snprintf(error, SCENARIO_ERROR_MAX, "lump: the stream is over %d bytes",
             SCENARIO_WHOLE_BYTES_MAX);
    return false;
}

struct scenario *scenario_parse(const char *list, size_t len, char error[SCENARIO_ERROR_MAX])
{
    struct scenario *s = scenario_new();
    if (!parse_list(s, list, len, error) || !check_whole(s, error)) {
        scenario_unref(s);
        return NULL;
    }
    make_otherwise(s);
    return s;
}

struct scenario *scenario_parse_model(const char *model, char error[SCENARIO_ERROR_MAX])
{
    const char *colon = strchr(model, ':');
    if (colon == NULL)
        return scenario_parse("ok", 2, error);
    return scenario_parse(colon + 1, strlen(colon + 1), error);
}

struct scenario *scenario_for_request(struct scenario *s, uint64_t nth)
{
    if (s->otherwise == NULL)
        return s;
    bool is_first = s->first == 0 || nth <= (uint64_t)s->first;
    bool is_turn = s->every == 0 || nth % (uint64_t)s->every == 0;
    return is_first && is_turn ? s : s->otherwise;
}

int64_t scenario_content_events(const struct scenario *s)
{
    const int64_t wanted[] = {s->cut_after,   s->eof_after,         s->close_after,
                              s->stall_after, s->error_event_after, s->error_name_after};
    int64_t events = s->tokens * s->choices;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (wanted[i] > events)
            events = wanted[i];
    return events;
}

uint64_t scenario_content_bytes(const struct scenario *s)
{
    uint64_t each = s->size != SCENARIO_UNSET ? (uint64_t)s->size : 0;
    uint64_t natural = s->text != NULL ? strlen(s->text) : sizeof("t1000000000 ");
    if (natural > each)
        each = natural;
    uint64_t big = s->big != SCENARIO_UNSET ? (uint64_t)s->big : 0;
    uint64_t sum;
    if (__builtin_mul_overflow((uint64_t)scenario_content_events(s), each, &sum))
        return UINT64_MAX;
    return sum + big < sum ? UINT64_MAX : sum + big;
}

const char *scenario_header_value(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->header_count; i++)
        if (strcasecmp(s->headers[i].name, name) == 0)
            return s->headers[i].value;
    return NULL;
}
