/* SPDX-License-Identifier: MIT */
/* See field.h. */
#include "common/http/field.h"

#include <string.h>
#include <strings.h>

#include "common/base/bytescan.h"

#define CONTENT_LENGTH_DIGITS 15
#define LEADING_EMPTY_LINES   4

const uint8_t http_byte_kinds[256] = {
    ['!'] = 3, ['#'] = 1, ['$'] = 3, ['%'] = 3, ['&'] = 3, ['\''] = 3, ['('] = 2, [')'] = 2,
    ['*'] = 3, ['+'] = 3, ['-'] = 3, ['.'] = 3, [':'] = 2, [';'] = 2,  ['='] = 2, ['['] = 2,
    [']'] = 2, ['^'] = 1, ['_'] = 3, ['`'] = 1, ['|'] = 1, ['~'] = 3,  ['0'] = 3, ['1'] = 3,
    ['2'] = 3, ['3'] = 3, ['4'] = 3, ['5'] = 3, ['6'] = 3, ['7'] = 3,  ['8'] = 3, ['9'] = 3,
    ['A'] = 3, ['B'] = 3, ['C'] = 3, ['D'] = 3, ['E'] = 3, ['F'] = 3,  ['G'] = 3, ['H'] = 3,
    ['I'] = 3, ['J'] = 3, ['K'] = 3, ['L'] = 3, ['M'] = 3, ['N'] = 3,  ['O'] = 3, ['P'] = 3,
    ['Q'] = 3, ['R'] = 3, ['S'] = 3, ['T'] = 3, ['U'] = 3, ['V'] = 3,  ['W'] = 3, ['X'] = 3,
    ['Y'] = 3, ['Z'] = 3, ['a'] = 3, ['b'] = 3, ['c'] = 3, ['d'] = 3,  ['e'] = 3, ['f'] = 3,
    ['g'] = 3, ['h'] = 3, ['i'] = 3, ['j'] = 3, ['k'] = 3, ['l'] = 3,  ['m'] = 3, ['n'] = 3,
    ['o'] = 3, ['p'] = 3, ['q'] = 3, ['r'] = 3, ['s'] = 3, ['t'] = 3,  ['u'] = 3, ['v'] = 3,
    ['w'] = 3, ['x'] = 3, ['y'] = 3, ['z'] = 3,
};

bool http_text_is_all(struct http_text text, enum http_byte_kind kind)
{
    for (size_t i = 0; i < text.len; i++)
        if ((http_byte_kinds[(unsigned char)text.at[i]] & kind) == 0)
            return false;
    return true;
}

bool http_text_equals(struct http_text text, const char *literal)
{
    return text.len == strlen(literal) && memcmp(text.at, literal, text.len) == 0;
}

bool http_text_equals_nocase(struct http_text text, const char *literal)
{
    return text.len == strlen(literal) && strncasecmp(text.at, literal, text.len) == 0;
}

/* ---- where a head ends ----------------------------------------------------------------------- */

static size_t skip_empty_lines(const char *data, size_t len)
{
    size_t at = 0;
    while (at < LEADING_EMPTY_LINES * 2 && len - at >= 2 && data[at] == '\r' &&
           data[at + 1] == '\n')
        at += 2;
    return at;
}

/* Is the LF at `at` the end of an empty line? A bare LF ends one too here: the head is refused for
 * it at once then, instead of waiting for an end that never comes. */
static bool ends_empty_line(const char *data, size_t at, size_t head_at)
{
    if (at > head_at && data[at - 1] == '\r')
        at--;
    return at == head_at || data[at - 1] == '\n';
}

size_t http_head_end(const char *data, size_t len, size_t from, size_t *skip)
{
    *skip = skip_empty_lines(data, len);
    size_t at = from > *skip ? from : *skip;
    while (at < len) {
        const char *lf = memchr(data + at, '\n', len - at);
        if (lf == NULL)
            return 0;
        at = (size_t)(lf - data);
        if (ends_empty_line(data, at, *skip))
            return at + 1;
        at++;
    }
    return 0;
}

/* ---- lines and fields ---------------------------------------------------------------------- */

bool http_cursor_take_line(struct http_cursor *c, struct http_text *line)
{
    const char *from = c->at, *at = bytescan_controls(from, c->end);
    while (at < c->end && *at == '\t')
        at = bytescan_controls(at + 1, c->end);
    if (c->end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return false;
    *line = (struct http_text){from, (size_t)(at - from)};
    c->at = at + 2;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(struct http_text *text)
{
    while (text->len > 0 && is_blank(text->at[0])) {
        text->at++;
        text->len--;
    }
    while (text->len > 0 && is_blank(text->at[text->len - 1]))
        text->len--;
}

const char *http_cursor_take_field(struct http_cursor *c, struct http_text *name,
                                   struct http_text *value)
{
    struct http_text line;
    *name = (struct http_text){c->at, 0};
    while (c->at + name->len < c->end &&
           (http_byte_kinds[(unsigned char)c->at[name->len]] & HTTP_BYTE_TOKEN) != 0)
        name->len++;
    if (!http_cursor_take_line(c, &line))
        return "control character or bare line end in a header";
    size_t colon = name->len;
    while (c->forgives && colon < line.len && is_blank(line.at[colon]))
        colon++;
    if (name->len == 0 || colon >= line.len || line.at[colon] != ':')
        return "malformed header";
    *value = (struct http_text){line.at + colon + 1, line.len - colon - 1};
    trim(value);
    return NULL;
}

bool http_cursor_is_at_last_line(const struct http_cursor *c)
{
    return c->end - c->at == 2 && c->at[0] == '\r' && c->at[1] == '\n';
}

/* ---- framing ------------------------------------------------------------------------------- */

static const char *note_content_length(struct http_field_facts *facts, struct http_text value)
{
    uint64_t length = 0;
    if (value.len == 0 || value.len > CONTENT_LENGTH_DIGITS)
        return "bad Content-Length";
    for (size_t i = 0; i < value.len; i++) {
        if (!http_is_digit(value.at[i]))
            return "bad Content-Length";
        length = length * 10 + (uint64_t)(value.at[i] - '0');
    }
    if (facts->has_length && !(facts->forgives && length == facts->length))
        return "more than one Content-Length";
    facts->has_length = true;
    facts->length = length;
    return NULL;
}

/* "5, 5" is one field that somebody made of two. */
static const char *note_content_lengths(struct http_field_facts *facts, struct http_text value)
{
    const char *why = NULL, *comma;
    while (why == NULL && facts->forgives && (comma = memchr(value.at, ',', value.len)) != NULL) {
        struct http_text first = {value.at, (size_t)(comma - value.at)};
        value = (struct http_text){comma + 1, value.len - first.len - 1};
        trim(&first);
        trim(&value);
        why = note_content_length(facts, first);
    }
    return why != NULL ? why : note_content_length(facts, value);
}

static const char *note_transfer_encoding(struct http_field_facts *facts, struct http_text value)
{
    if (facts->has_coding)
        return "more than one Transfer-Encoding";
    facts->has_coding = true;
    if (!http_text_equals_nocase(value, "chunked"))
        return "a Transfer-Encoding other than chunked";
    return NULL;
}

static const char *note_connection(struct http_field_facts *facts, struct http_text value)
{
    while (value.len > 0) {
        const char *comma = memchr(value.at, ',', value.len);
        struct http_text token = {value.at, comma != NULL ? (size_t)(comma - value.at) : value.len};
        size_t taken = token.len + (comma != NULL);
        value = (struct http_text){value.at + taken, value.len - taken};
        trim(&token);
        facts->asks_close |= http_text_equals_nocase(token, "close");
        facts->asks_keep_alive |= http_text_equals_nocase(token, "keep-alive");
    }
    return NULL;
}

#define NAME(literal) literal, sizeof(literal) - 1

static const struct {
    const char *name;
    size_t len;
    const char *(*note)(struct http_field_facts *facts, struct http_text value);
} noted[] = {
    {NAME("Content-Length"), note_content_lengths},
    {NAME("Transfer-Encoding"), note_transfer_encoding},
    {NAME("Connection"), note_connection},
};

const char *http_field_note(struct http_field_facts *facts, struct http_text name,
                            struct http_text value)
{
    for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++)
        if (name.len == noted[i].len && strncasecmp(name.at, noted[i].name, name.len) == 0) {
            /* Readers that know no such name with a blank behind it see none. */
            facts->is_doubtful |= name.at[name.len] != ':';
            return noted[i].note(facts, value);
        }
    return NULL;
}

const char *http_field_check(struct http_field_facts *facts, int version_minor)
{
    const char *why = NULL;
    if (facts->has_coding && facts->has_length)
        why = "both Content-Length and Transfer-Encoding";
    else if (facts->has_coding && version_minor == 0)
        why = "Transfer-Encoding in HTTP/1.0";
    if (why == NULL || !facts->forgives)
        return why;
    facts->is_doubtful = true;
    return NULL;
}

bool http_field_keeps_alive(const struct http_field_facts *facts, int version_minor)
{
    return !facts->asks_close && !facts->is_doubtful &&
           (version_minor == 1 || facts->asks_keep_alive);
}
