/* See http1.h: the request's head. Its chunked body is http1_chunked.c. */
#include "server/http1.h"

#include <string.h>
#include <strings.h>

#include "server/bytescan.h"

#define METHOD_MAX_BYTES      32
#define CONTENT_LENGTH_DIGITS 15
#define LEADING_EMPTY_LINES   4

/* Kinds of bytes (RFC 9110 5.6.2, RFC 3986 3.2.2). */
enum {
    TOKEN = 1, /* of a method or header name */
    HOST = 2,  /* of a Host's value */
};
static const uint8_t kinds[256] = {
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

static inline bool is_token(char c)
{
    return (kinds[(unsigned char)c] & TOKEN) != 0;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_all(struct http1_text text, int kind)
{
    for (size_t i = 0; i < text.len; i++)
        if ((kinds[(unsigned char)text.at[i]] & kind) == 0)
            return false;
    return true;
}

bool http1_text_equals(struct http1_text text, const char *literal)
{
    return text.len == strlen(literal) && memcmp(text.at, literal, text.len) == 0;
}

bool http1_text_equals_nocase(struct http1_text text, const char *literal)
{
    return text.len == strlen(literal) && strncasecmp(text.at, literal, text.len) == 0;
}

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

size_t http1_head_end(const char *data, size_t len, size_t from, size_t *skip)
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

/* The walk over one head. */
struct parsing {
    const char *at, *end;
    struct http1_request *out;
    unsigned hosts;
    bool has_length, has_coding, asks_close, asks_keep_alive;
};

static enum http1_error refuse(struct parsing *p, enum http1_error error, const char *why)
{
    p->out->why = why;
    return error;
}

static enum http1_error bad(struct parsing *p, const char *why)
{
    return refuse(p, HTTP1_BAD, why);
}

/* Takes the text up to the space at or behind p->at, and the space; false when there is none in
 * the line. */
static bool take_word(struct parsing *p, const char *line_end, struct http1_text *word)
{
    const char *space = memchr(p->at, ' ', (size_t)(line_end - p->at));
    if (space == NULL)
        return false;
    *word = (struct http1_text){p->at, (size_t)(space - p->at)};
    p->at = space + 1;
    return true;
}

static enum http1_error parse_version(struct parsing *p, struct http1_text text)
{
    if (text.len != 8 || memcmp(text.at, "HTTP/", 5) != 0 || !is_digit(text.at[5]) ||
        text.at[6] != '.' || !is_digit(text.at[7]))
        return bad(p, "malformed HTTP version");
    if (text.at[5] != '1' || text.at[7] > '1')
        return refuse(p, HTTP1_BAD_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->out->version_minor = text.at[7] - '0';
    return HTTP1_OK;
}

/* http://host/path: the path begins behind the authority, which says nothing to weir. */
static bool split_absolute(struct http1_text target, struct http1_text *path)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (target.len <= n || strncasecmp(target.at, schemes[i], n) != 0)
            continue;
        size_t at = n;
        while (at < target.len && (kinds[(unsigned char)target.at[at]] & HOST) != 0)
            at++;
        *path = (struct http1_text){target.at + at, target.len - at};
        return at > n && (path->len == 0 || path->at[0] == '/' || path->at[0] == '?');
    }
    return false;
}

static void cut_query(struct http1_text *path)
{
    const char *query = path->len > 0 ? memchr(path->at, '?', path->len) : NULL;
    if (query != NULL)
        path->len = (size_t)(query - path->at);
    if (path->len == 0)
        *path = (struct http1_text){"/", 1};
}

static enum http1_error parse_target(struct parsing *p)
{
    struct http1_text target = p->out->target, *path = &p->out->path;
    for (size_t i = 0; i < target.len; i++)
        if (target.at[i] <= ' ' || target.at[i] == 0x7f || target.at[i] == '#')
            return bad(p, "bad character in the request target");
    *path = target;
    bool is_options = http1_text_equals(p->out->method, "OPTIONS");
    if (is_options && http1_text_equals(target, "*"))
        return HTTP1_OK;
    if (target.len == 0 || (target.at[0] != '/' && !split_absolute(target, path)))
        return bad(p, "bad request target");
    cut_query(path);
    return HTTP1_OK;
}

/* The line at p->at, ended by CRLF; p->at is behind it afterwards. False when its first control
 * character, tabs aside, is no CRLF. */
static bool take_line(struct parsing *p, struct http1_text *line)
{
    const char *from = p->at, *at = bytescan_controls(from, p->end);
    while (at < p->end && *at == '\t')
        at = bytescan_controls(at + 1, p->end);
    if (p->end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return false;
    *line = (struct http1_text){from, (size_t)(at - from)};
    p->at = at + 2;
    return true;
}

static enum http1_error parse_request_line(struct parsing *p)
{
    struct http1_request *out = p->out;
    struct http1_text line;
    struct parsing words = *p;
    if (!take_line(p, &line))
        return bad(p, "control character or bare line end in the request line");
    const char *line_end = line.at + line.len;
    if (!take_word(&words, line_end, &out->method) || !take_word(&words, line_end, &out->target))
        return bad(p, "malformed request line");
    if (out->method.len == 0 || out->method.len > METHOD_MAX_BYTES || !is_all(out->method, TOKEN))
        return bad(p, "bad method");
    enum http1_error error =
        parse_version(p, (struct http1_text){words.at, (size_t)(line_end - words.at)});
    if (error != HTTP1_OK)
        return error;
    if (http1_text_equals(out->method, "CONNECT"))
        return bad(p, "CONNECT is not served");
    return parse_target(p);
}

/* What some headers mean to the framing. Each gets the value. */

static enum http1_error take_host(struct parsing *p, struct http1_text value)
{
    p->hosts++;
    if (value.len == 0 || !is_all(value, HOST))
        return bad(p, "bad Host");
    return HTTP1_OK;
}

static enum http1_error take_content_length(struct parsing *p, struct http1_text value)
{
    if (p->has_length)
        return bad(p, "more than one Content-Length");
    p->has_length = true;
    if (value.len == 0 || value.len > CONTENT_LENGTH_DIGITS)
        return bad(p, "bad Content-Length");
    uint64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.at[i]))
            return bad(p, "bad Content-Length");
        length = length * 10 + (uint64_t)(value.at[i] - '0');
    }
    p->out->content_length = length;
    return HTTP1_OK;
}

static enum http1_error take_transfer_encoding(struct parsing *p, struct http1_text value)
{
    if (p->has_coding)
        return bad(p, "more than one Transfer-Encoding");
    p->has_coding = true;
    if (!http1_text_equals_nocase(value, "chunked"))
        return bad(p, "a Transfer-Encoding other than chunked");
    return HTTP1_OK;
}

static void trim(struct http1_text *text)
{
    while (text->len > 0 && (text->at[0] == ' ' || text->at[0] == '\t')) {
        text->at++;
        text->len--;
    }
    while (text->len > 0 && (text->at[text->len - 1] == ' ' || text->at[text->len - 1] == '\t'))
        text->len--;
}

static enum http1_error take_connection(struct parsing *p, struct http1_text value)
{
    while (value.len > 0) {
        const char *comma = memchr(value.at, ',', value.len);
        struct http1_text token = {value.at,
                                   comma != NULL ? (size_t)(comma - value.at) : value.len};
        size_t taken = token.len + (comma != NULL);
        value = (struct http1_text){value.at + taken, value.len - taken};
        trim(&token);
        p->asks_close |= http1_text_equals_nocase(token, "close");
        p->asks_keep_alive |= http1_text_equals_nocase(token, "keep-alive");
    }
    return HTTP1_OK;
}

static enum http1_error take_expect(struct parsing *p, struct http1_text value)
{
    if (!http1_text_equals_nocase(value, "100-continue"))
        return refuse(p, HTTP1_EXPECTATION_FAILED, "an Expect other than 100-continue");
    p->out->expect_continue = true;
    return HTTP1_OK;
}

static const struct {
    const char *name;
    enum http1_error (*take)(struct parsing *p, struct http1_text value);
} known[] = {
    {"Host", take_host},
    {"Content-Length", take_content_length},
    {"Transfer-Encoding", take_transfer_encoding},
    {"Connection", take_connection},
    {"Expect", take_expect},
};

static enum http1_error take_header(struct parsing *p, struct http1_text name,
                                    struct http1_text value)
{
    struct http1_request *out = p->out;
    if (out->n_headers == HTTP1_HEADERS_MAX)
        return refuse(p, HTTP1_TOO_MANY_HEADERS, "too many headers");
    out->headers[out->n_headers].name = name;
    out->headers[out->n_headers].value = value;
    out->n_headers++;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (http1_text_equals_nocase(name, known[i].name))
            return known[i].take(p, value);
    return HTTP1_OK;
}

static enum http1_error parse_header(struct parsing *p)
{
    struct http1_text line, name = {p->at, 0};
    while (p->at + name.len < p->end && is_token(p->at[name.len]))
        name.len++;
    if (!take_line(p, &line))
        return bad(p, "control character or bare line end in a header");
    if (name.len == 0 || name.len >= line.len || line.at[name.len] != ':')
        return bad(p, "malformed header");
    struct http1_text value = {line.at + name.len + 1, line.len - name.len - 1};
    trim(&value);
    return take_header(p, name, value);
}

static enum http1_error parse_headers(struct parsing *p)
{
    while (p->at < p->end) {
        if (p->end - p->at == 2 && p->at[0] == '\r' && p->at[1] == '\n')
            return HTTP1_OK;
        enum http1_error error = parse_header(p);
        if (error != HTTP1_OK)
            return error;
    }
    return bad(p, "the head ends without an empty line");
}

/* The rules that need all headers. */
static enum http1_error settle(struct parsing *p)
{
    struct http1_request *out = p->out;
    if (p->hosts > 1)
        return bad(p, "more than one Host");
    if (p->hosts == 0 && out->version_minor == 1)
        return bad(p, "no Host");
    if (p->has_coding && p->has_length)
        return bad(p, "both Content-Length and Transfer-Encoding");
    if (p->has_coding && out->version_minor == 0)
        return bad(p, "Transfer-Encoding in HTTP/1.0");
    if (p->has_coding)
        out->framing = HTTP1_CHUNKED;
    else if (out->content_length > 0)
        out->framing = HTTP1_LENGTH;
    if (out->framing != HTTP1_NO_BODY &&
        (http1_text_equals(out->method, "GET") || http1_text_equals(out->method, "HEAD")))
        return bad(p, "a body on GET or HEAD");
    out->keep_alive = !p->asks_close && (out->version_minor == 1 || p->asks_keep_alive);
    out->expect_continue =
        out->expect_continue && out->version_minor == 1 && out->framing != HTTP1_NO_BODY;
    return HTTP1_OK;
}

enum http1_error http1_parse_request(const char *head, size_t len, struct http1_request *out)
{
    struct parsing p = {.at = head, .end = head + len, .out = out};
    memset(out, 0, offsetof(struct http1_request, headers));
    out->why = NULL;
    enum http1_error error = parse_request_line(&p);
    if (error == HTTP1_OK)
        error = parse_headers(&p);
    return error == HTTP1_OK ? settle(&p) : error;
}

const struct http1_text *http1_header(const struct http1_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_headers; i++)
        if (http1_text_equals_nocase(req->headers[i].name, name))
            return &req->headers[i].value;
    return NULL;
}
