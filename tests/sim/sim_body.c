/* SPDX-License-Identifier: MIT */
/* See sim_body.h. */
#include "tests/sim/sim_body.h"

#include <ctype.h>
#include <string.h>

#define KEY_MAX 64 /* longer keys are none of ours */

struct cursor {
    const char *at;
    const char *end;
    struct body *body;
};

typedef enum body_result (*member_fn)(struct cursor *c, const char *key);

static enum body_result fail(struct cursor *c, const char *why)
{
    if (c->at >= c->end)
        return BODY_CUT;
    c->body->error = why;
    return BODY_BAD;
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && strchr(" \t\r\n", *c->at) != NULL && *c->at != '\0')
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_space(c);
    if (c->at >= c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* The cursor stands behind the opening quote and goes behind the closing one. */
static enum body_result skip_string(struct cursor *c, const char **text, size_t *len)
{
    *text = c->at;
    for (;;) {
        const char *quote = memchr(c->at, '"', (size_t)(c->end - c->at));
        if (quote == NULL) {
            c->at = c->end;
            return BODY_CUT;
        }
        const char *back = quote;
        while (back > *text && back[-1] == '\\')
            back--;
        c->at = quote + 1;
        if ((quote - back) % 2 == 0) {
            *len = (size_t)(quote - *text);
            return BODY_GOOD;
        }
    }
}

static enum body_result skip_nested(struct cursor *c)
{
    size_t depth = 0;
    while (c->at < c->end) {
        char ch = *c->at++;
        const char *text;
        size_t len;
        if (ch == '"' && skip_string(c, &text, &len) != BODY_GOOD)
            return BODY_CUT;
        if (ch == '{' || ch == '[')
            depth++;
        else if ((ch == '}' || ch == ']') && --depth == 0)
            return BODY_GOOD;
    }
    return BODY_CUT;
}

static enum body_result skip_scalar(struct cursor *c)
{
    const char *start = c->at;
    while (c->at < c->end && (isalnum((unsigned char)*c->at) || strchr("+-.", *c->at) != NULL) &&
           *c->at != '\0')
        c->at++;
    return c->at == start || c->at == c->end ? fail(c, "malformed JSON value") : BODY_GOOD;
}

static enum body_result skip_value(struct cursor *c)
{
    const char *text;
    size_t len;
    skip_space(c);
    if (c->at < c->end && (*c->at == '{' || *c->at == '['))
        return skip_nested(c);
    if (take(c, '"'))
        return skip_string(c, &text, &len);
    return skip_scalar(c);
}

static unsigned hex4(const char *s)
{
    unsigned n = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)s[i];
        if (!isxdigit(c))
            return 0xfffd;
        n = n * 16 + (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return n;
}

static size_t put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* A \uXXXX, with its other half when it is a pair; returns how many characters after the u it took,
 * 0 when they are not there. */
static size_t read_unicode(const char *s, size_t len, unsigned *out)
{
    if (len < 4)
        return 0;
    unsigned high = hex4(s);
    *out = high;
    if (high >= 0xd800 && high < 0xdc00 && len >= 10 && s[4] == '\\' && s[5] == 'u') {
        unsigned low = hex4(s + 6);
        if (low >= 0xdc00 && low < 0xe000) {
            *out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return 10;
        }
    }
    if (high >= 0xd800 && high < 0xe000)
        *out = 0xfffd;
    return 4;
}

/* Unescapes into out, which has room for max bytes and a NUL. False: too long, or a bad escape. */
static bool unescape(const char *s, size_t len, char *out, size_t max)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        if (n + 4 > max)
            return false;
        if (s[i] != '\\') {
            out[n++] = s[i++];
            continue;
        }
        unsigned c;
        size_t taken = s[i + 1] == 'u' ? read_unicode(s + i + 2, len - i - 2, &c) : 0;
        const char *name = s[i + 1] != '\0' ? strchr(names, s[i + 1]) : NULL;
        if (taken > 0)
            n += put_utf8(out + n, c);
        else if (name != NULL)
            out[n++] = values[name - names];
        else
            return false;
        i += 2 + taken;
    }
    out[n] = '\0';
    return true;
}

static enum body_result read_key(struct cursor *c, char key[KEY_MAX + 1])
{
    const char *text;
    size_t len;
    if (!take(c, '"'))
        return fail(c, "a member's name is missing");
    if (skip_string(c, &text, &len) != BODY_GOOD)
        return BODY_CUT;
    if (!unescape(text, len, key, KEY_MAX))
        key[0] = '\0';
    return take(c, ':') ? BODY_GOOD : fail(c, "a colon is missing");
}

static enum body_result read_members(struct cursor *c, member_fn member)
{
    char key[KEY_MAX + 1];
    if (!take(c, '{'))
        return fail(c, "the body is not a JSON object");
    if (take(c, '}'))
        return BODY_GOOD;
    do {
        enum body_result result = read_key(c, key);
        if (result == BODY_GOOD)
            result = member(c, key);
        if (result != BODY_GOOD)
            return result;
    } while (take(c, ','));
    return take(c, '}') ? BODY_GOOD : fail(c, "a comma or closing brace is missing");
}

static enum body_result read_bool(struct cursor *c, bool *out, const char *error)
{
    skip_space(c);
    const char *start = c->at;
    if (skip_scalar(c) != BODY_GOOD)
        return fail(c, error);
    size_t len = (size_t)(c->at - start);
    *out = len == 4 && memcmp(start, "true", 4) == 0;
    bool is_known = *out || (len == 5 && memcmp(start, "false", 5) == 0) ||
                    (len == 4 && memcmp(start, "null", 4) == 0);
    if (is_known)
        return BODY_GOOD;
    c->body->error = error;
    return BODY_BAD;
}

static enum body_result read_model(struct cursor *c)
{
    const char *text;
    size_t len;
    if (c->body->has_model) {
        c->body->error = "model occurs twice";
        return BODY_BAD;
    }
    if (!take(c, '"'))
        return fail(c, "model is not a string");
    if (skip_string(c, &text, &len) != BODY_GOOD)
        return BODY_CUT;
    c->body->has_model = unescape(text, len, c->body->model, BODY_MODEL_MAX) && len > 0;
    if (c->body->has_model)
        return BODY_GOOD;
    c->body->error = "model is empty, too long or badly escaped";
    return BODY_BAD;
}

static enum body_result read_option(struct cursor *c, const char *key)
{
    if (strcmp(key, "include_usage") == 0)
        return read_bool(c, &c->body->is_usage_wanted, "include_usage is not a boolean");
    return skip_value(c);
}

static enum body_result read_options(struct cursor *c)
{
    skip_space(c);
    if (c->at < c->end && *c->at == '{')
        return read_members(c, read_option);
    return skip_value(c);
}

static enum body_result read_member(struct cursor *c, const char *key)
{
    if (strcmp(key, "model") == 0)
        return read_model(c);
    if (strcmp(key, "stream") == 0)
        return read_bool(c, &c->body->is_stream, "stream is not a boolean");
    if (strcmp(key, "stream_options") == 0)
        return read_options(c);
    return skip_value(c);
}

enum body_result body_read(struct body *b, const char *data, size_t len)
{
    b->has_model = b->is_stream = b->is_usage_wanted = false;
    b->model[0] = '\0';
    b->error = "the body ends too early";
    struct cursor c = {data, data + len, b};
    enum body_result result = read_members(&c, read_member);
    if (result != BODY_GOOD)
        return result;
    skip_space(&c);
    if (c.at == c.end)
        return BODY_GOOD;
    b->error = "there is something after the JSON object";
    return BODY_BAD;
}
