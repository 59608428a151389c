/* SPDX-License-Identifier: MIT */
/* See jsonscan.h. */
#include "common/json/jsonscan.h"

#include <string.h>

#include "common/base/bytescan.h"
#include "common/base/hex.h"
#include "common/base/utf8.h"

#define REPLACEMENT_CHARACTER 0xfffd

const char *jsonscan_error_text(enum jsonscan_error error)
{
    static const char *const texts[] = {
        [JSONSCAN_OK] = "no error",
        [JSONSCAN_SYNTAX] = "unexpected character",
        [JSONSCAN_TOO_DEEP] = "nested too deeply",
        [JSONSCAN_BAD_STRING] = "bad escape, control character or UTF-8 in a string",
        [JSONSCAN_CUT] = "unexpected end",
        [JSONSCAN_TRAILING] = "unexpected text behind the document",
    };
    return texts[(unsigned)error < sizeof(texts) / sizeof(texts[0]) ? error : JSONSCAN_OK];
}

/* The type of a value by its first byte. */
static const uint8_t types[256] = {
    ['{'] = JSONSCAN_OBJECT, ['['] = JSONSCAN_ARRAY,  ['"'] = JSONSCAN_STRING,
    ['-'] = JSONSCAN_NUMBER, ['0'] = JSONSCAN_NUMBER, ['1'] = JSONSCAN_NUMBER,
    ['2'] = JSONSCAN_NUMBER, ['3'] = JSONSCAN_NUMBER, ['4'] = JSONSCAN_NUMBER,
    ['5'] = JSONSCAN_NUMBER, ['6'] = JSONSCAN_NUMBER, ['7'] = JSONSCAN_NUMBER,
    ['8'] = JSONSCAN_NUMBER, ['9'] = JSONSCAN_NUMBER, ['t'] = JSONSCAN_TRUE,
    ['f'] = JSONSCAN_FALSE,  ['n'] = JSONSCAN_NULL,   ['N'] = JSONSCAN_NUMBER,
    ['I'] = JSONSCAN_NUMBER,
};

void jsonscan_init(struct jsonscan *s, const char *text, size_t len)
{
    *s = (struct jsonscan){.start = text, .at = text, .end = text + len};
}

/* The first error stands, and s->at at its place. */
static bool fail(struct jsonscan *s, const char *at, enum jsonscan_error error)
{
    s->error = error;
    s->at = at;
    return false;
}

/* The byte at `at` cannot stand there; or it is not there. */
static bool fail_at(struct jsonscan *s, const char *at)
{
    return fail(s, at, at >= s->end ? JSONSCAN_CUT : JSONSCAN_SYNTAX);
}

static inline void skip_space(struct jsonscan *s)
{
    const char *p = s->at;
    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    s->at = p;
}

static inline enum jsonscan_type type_ahead(struct jsonscan *s)
{
    skip_space(s);
    enum jsonscan_type type =
        s->at < s->end ? (enum jsonscan_type)types[(unsigned char)*s->at] : JSONSCAN_NONE;
    if (type == JSONSCAN_NONE)
        fail_at(s, s->at);
    return type;
}

enum jsonscan_type jsonscan_peek(struct jsonscan *s)
{
    return s->error == JSONSCAN_OK ? type_ahead(s) : JSONSCAN_NONE;
}

static inline bool in_object(const struct jsonscan *s)
{
    uint32_t level = s->depth - 1;
    return (s->is_object[level / 64] >> (level % 64) & 1) != 0;
}

static inline bool enter(struct jsonscan *s, bool is_object)
{
    if (s->depth == JSONSCAN_DEPTH_MAX)
        return fail(s, s->at, JSONSCAN_TOO_DEEP);
    uint64_t bit = UINT64_C(1) << (s->depth % 64);
    uint64_t *word = &s->is_object[s->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    s->depth++;
    s->is_first = true;
    s->at++;
    return true;
}

bool jsonscan_enter(struct jsonscan *s)
{
    enum jsonscan_type type = jsonscan_peek(s);
    if (type == JSONSCAN_OBJECT || type == JSONSCAN_ARRAY)
        return enter(s, type == JSONSCAN_OBJECT);
    return type != JSONSCAN_NONE ? fail_at(s, s->at) : false;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Four hex digits at p, or -1. */
static int32_t read_hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value((unsigned char)p[i]);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* What may follow a backslash, except for `u`. */
static const bool is_short_escape[256] = {
    ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
    ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true,
};

/* p stands at a backslash. Where the run of escapes ends, or NULL (the error stands). */
static const char *skip_escapes(struct jsonscan *s, const char *p)
{
    do {
        if (s->end - p < 2) {
            fail(s, s->end, JSONSCAN_CUT);
            return NULL;
        }
        if (is_short_escape[(unsigned char)p[1]]) {
            p += 2;
        } else if (p[1] == 'u' && read_hex4(p + 2, s->end) >= 0) {
            p += 6;
        } else {
            fail(s, p, JSONSCAN_BAD_STRING);
            return NULL;
        }
    } while (p < s->end && *p == '\\');
    return p;
}

/* p stands at a byte above 0x7f. Where the run of such characters ends, or NULL. */
static const char *skip_utf8(struct jsonscan *s, const char *p)
{
    do {
        size_t n = utf8_length((const unsigned char *)p, (size_t)(s->end - p));
        if (n == 0) {
            fail(s, p, JSONSCAN_BAD_STRING);
            return NULL;
        }
        p += n;
    } while (p < s->end && (unsigned char)*p >= 0x80);
    return p;
}

/* Past the characters at p that are not plain; NULL when they may not stand there. */
static const char *skip_special(struct jsonscan *s, const char *p)
{
    if (*p == '\\')
        return skip_escapes(s, p);
    if ((unsigned char)*p >= 0x80)
        return skip_utf8(s, p);
    fail(s, p, JSONSCAN_BAD_STRING);
    return NULL;
}

/* s->at stands at the opening quote. */
static inline bool skip_string(struct jsonscan *s, struct jsonscan_span *content)
{
    const char *from = s->at + 1, *p = from;
    for (;;) {
        p = bytescan_json_text(p, s->end);
        if (p == s->end)
            return fail(s, p, JSONSCAN_CUT);
        if (*p == '"')
            break;
        p = skip_special(s, p);
        if (p == NULL)
            return false;
    }
    *content = (struct jsonscan_span){from, (size_t)(p - from)};
    s->at = p + 1;
    return true;
}

/* One digit or more; NULL when there is none (the error stands). */
static const char *skip_digits(struct jsonscan *s, const char *p)
{
    if (p >= s->end || !is_digit(*p)) {
        fail_at(s, p);
        return NULL;
    }
    while (p < s->end && is_digit(*p))
        p++;
    return p;
}

/* 0, or digits that do not begin with it. */
static const char *skip_integer(struct jsonscan *s, const char *p)
{
    if (p >= s->end || *p != '0')
        return skip_digits(s, p);
    if (s->end - p > 1 && is_digit(p[1])) {
        fail_at(s, p + 1);
        return NULL;
    }
    return p + 1;
}

static bool skip_word(struct jsonscan *s, const char *word)
{
    const char *p = s->at;
    for (; *word != '\0'; word++, p++)
        if (p >= s->end || *p != *word)
            return fail_at(s, p);
    s->at = p;
    return true;
}

static bool skip_number(struct jsonscan *s)
{
    const char *p = s->at + (*s->at == '-');
    if (s->allows_nan && p < s->end && (*p == 'N' || *p == 'I')) {
        s->at = p;
        return skip_word(s, *p == 'N' ? "NaN" : "Infinity");
    }
    p = skip_integer(s, p);
    if (p != NULL && p < s->end && *p == '.')
        p = skip_digits(s, p + 1);
    if (p != NULL && p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        p = skip_digits(s, p + (p < s->end && (*p == '+' || *p == '-')));
    }
    if (p == NULL)
        return false;
    s->at = p;
    return true;
}

/* Stands before a member or element; false at the closing bracket (the container is left) or on an
 * error. */
static inline bool next_item(struct jsonscan *s, char closing)
{
    skip_space(s);
    if (s->at >= s->end)
        return fail_at(s, s->at);
    if (*s->at == closing) {
        s->at++;
        s->depth--;
        s->is_first = false;
        return false;
    }
    if (!s->is_first) {
        if (*s->at != ',')
            return fail_at(s, s->at);
        s->at++;
        skip_space(s);
    }
    s->is_first = false;
    return true;
}

static inline bool next_member(struct jsonscan *s, struct jsonscan_span *key)
{
    if (!next_item(s, '}'))
        return false;
    if (s->at >= s->end || *s->at != '"')
        return fail_at(s, s->at);
    if (!skip_string(s, key))
        return false;
    skip_space(s);
    if (s->at >= s->end || *s->at != ':')
        return fail_at(s, s->at);
    s->at++;
    return true;
}

bool jsonscan_next_member(struct jsonscan *s, struct jsonscan_span *key)
{
    return s->error == JSONSCAN_OK && next_member(s, key);
}

bool jsonscan_next_element(struct jsonscan *s)
{
    return s->error == JSONSCAN_OK && next_item(s, ']') && type_ahead(s) != JSONSCAN_NONE;
}

/* Consumes a scalar of that type ahead, or the opening bracket of a container. */
static inline bool consume(struct jsonscan *s, enum jsonscan_type type)
{
    struct jsonscan_span content;
    switch (type) {
    case JSONSCAN_OBJECT:
        return enter(s, true);
    case JSONSCAN_ARRAY:
        return enter(s, false);
    case JSONSCAN_STRING:
        return skip_string(s, &content);
    case JSONSCAN_NUMBER:
        return skip_number(s);
    case JSONSCAN_TRUE:
        return skip_word(s, "true");
    case JSONSCAN_FALSE:
        return skip_word(s, "false");
    case JSONSCAN_NULL:
        return skip_word(s, "null");
    case JSONSCAN_NONE:
        break;
    }
    return false;
}

/* One step inside the innermost container: its next scalar, into its next container, or out of it.
 */
static inline bool skip_item(struct jsonscan *s)
{
    struct jsonscan_span key;
    bool stands_before_value = in_object(s) ? next_member(s, &key) : next_item(s, ']');
    return stands_before_value ? consume(s, type_ahead(s)) : s->error == JSONSCAN_OK;
}

bool jsonscan_skip(struct jsonscan *s, struct jsonscan_span *value)
{
    enum jsonscan_type type = jsonscan_peek(s);
    const char *from = s->at;
    uint32_t floor = s->depth;
    bool is_good = consume(s, type);
    while (is_good && s->depth > floor)
        is_good = skip_item(s);
    if (is_good && value != NULL)
        *value = (struct jsonscan_span){from, (size_t)(s->at - from)};
    return is_good;
}

bool jsonscan_string(struct jsonscan *s, struct jsonscan_span *content)
{
    enum jsonscan_type type = jsonscan_peek(s);
    if (type == JSONSCAN_STRING)
        return skip_string(s, content);
    return type != JSONSCAN_NONE ? fail_at(s, s->at) : false;
}

bool jsonscan_finish(struct jsonscan *s)
{
    if (s->error != JSONSCAN_OK)
        return false;
    skip_space(s);
    if (s->depth > 0)
        return fail_at(s, s->at);
    return s->at == s->end || fail(s, s->at, JSONSCAN_TRAILING);
}

/* Code point of the \u escape at p (a pair of them makes one character); *len: how long it is
 * in the text. Half a pair gives U+FFFD. */
static uint32_t read_unicode_escape(const char *p, const char *end, size_t *len)
{
    int32_t high = read_hex4(p + 2, end);
    *len = 6;
    if (high < 0)
        *len = (size_t)(end - p) < 6 ? (size_t)(end - p) : 6;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return REPLACEMENT_CHARACTER;
    if (high < 0xd800 || high > 0xdfff)
        return (uint32_t)high;
    bool has_second = end - p >= 12 && p[6] == '\\' && p[7] == 'u';
    int32_t low = has_second ? read_hex4(p + 8, end) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return REPLACEMENT_CHARACTER;
    *len = 12;
    return 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

/* One character of string content at p, unescaped: its bytes and their number; *len: how many
 * bytes of the text it took. */
static size_t read_character(const char *p, const char *end, char out[4], size_t *len)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (*p != '\\') {
        size_t n = utf8_length((const unsigned char *)p, (size_t)(end - p));
        *len = n != 0 ? n : 1;
        memcpy(out, p, *len);
        return n != 0 ? n : utf8_encode(REPLACEMENT_CHARACTER, out);
    }
    if (end - p >= 2 && p[1] == 'u')
        return utf8_encode(read_unicode_escape(p, end, len), out);
    const char *escape = end - p >= 2 && p[1] != '\0' ? strchr(escapes, p[1]) : NULL;
    *len = end - p >= 2 ? 2 : 1;
    if (escape == NULL)
        return utf8_encode(REPLACEMENT_CHARACTER, out);
    out[0] = meanings[escape - escapes];
    return 1;
}

static bool equals_unescaped(struct jsonscan_span content, const char *literal)
{
    const char *p = content.at, *end = content.at + content.len;
    size_t taken;
    for (; p < end; p += taken) {
        char bytes[4];
        size_t n = read_character(p, end, bytes, &taken);
        if (bytes[0] == '\0' || strncmp(bytes, literal, n) != 0)
            return false;
        literal += n;
    }
    return *literal == '\0';
}

bool jsonscan_equals(struct jsonscan_span content, const char *literal)
{
    size_t len = strlen(literal);
    if (content.len < len) /* no escape is shorter than what it means */
        return false;
    if (content.len == 0)
        return true;
    if (memchr(content.at, '\\', content.len) != NULL)
        return equals_unescaped(content, literal);
    return content.len == len && memcmp(content.at, literal, len) == 0;
}

size_t jsonscan_unescape(struct jsonscan_span content, char *out, size_t cap)
{
    const char *p = content.at, *end = content.at + content.len;
    size_t len = 0, taken;
    if (cap == 0)
        return 0;
    for (; p < end; p += taken) {
        char bytes[4];
        size_t n = read_character(p, end, bytes, &taken);
        if (n >= cap - len)
            break;
        memcpy(out + len, bytes, n);
        len += n;
    }
    out[len] = '\0';
    return len;
}
