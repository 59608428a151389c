/* SPDX-License-Identifier: MIT */
/* See request.h. */
#include "common/http/request.h"

#include <string.h>
#include <strings.h>

#define METHOD_MAX_BYTES 32

/* The walk over one head. */
struct parsing {
    struct http_cursor in;
    struct http_request *out;
    unsigned hosts;
    struct http_field_facts facts;
};

static enum http_request_error refuse(struct parsing *p, enum http_request_error error,
                                      const char *why)
{
    p->out->why = why;
    return error;
}

static enum http_request_error bad(struct parsing *p, const char *why)
{
    return refuse(p, HTTP_REQUEST_BAD, why);
}

/* Takes the text up to the first space, and the space; false when there is none. */
static bool take_word(struct http_text *line, struct http_text *word)
{
    const char *space = line->len > 0 ? memchr(line->at, ' ', line->len) : NULL;
    if (space == NULL)
        return false;
    *word = (struct http_text){line->at, (size_t)(space - line->at)};
    *line = (struct http_text){space + 1, line->len - word->len - 1};
    return true;
}

static enum http_request_error parse_version(struct parsing *p, struct http_text text)
{
    if (text.len != 8 || memcmp(text.at, "HTTP/", 5) != 0 || !http_is_digit(text.at[5]) ||
        text.at[6] != '.' || !http_is_digit(text.at[7]))
        return bad(p, "malformed HTTP version");
    if (text.at[5] != '1' || text.at[7] > '1')
        return refuse(p, HTTP_REQUEST_BAD_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->out->version_minor = text.at[7] - '0';
    return HTTP_REQUEST_OK;
}

/* http://host/path: the path begins after the authority, which says nothing to weir. */
static bool split_absolute(struct http_text target, struct http_text *path)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (target.len <= n || strncasecmp(target.at, schemes[i], n) != 0)
            continue;
        size_t at = n;
        while (at < target.len &&
               (http_byte_kinds[(unsigned char)target.at[at]] & HTTP_BYTE_HOST) != 0)
            at++;
        *path = (struct http_text){target.at + at, target.len - at};
        return at > n && (path->len == 0 || path->at[0] == '/' || path->at[0] == '?');
    }
    return false;
}

static void cut_query(struct http_text *path, struct http_text *rest)
{
    const char *query = path->len > 0 ? memchr(path->at, '?', path->len) : NULL;
    if (query != NULL) {
        *rest = (struct http_text){query + 1, path->len - (size_t)(query + 1 - path->at)};
        path->len = (size_t)(query - path->at);
    }
    if (path->len == 0)
        *path = (struct http_text){"/", 1};
}

static enum http_request_error parse_target(struct parsing *p)
{
    struct http_text target = p->out->target, *path = &p->out->path;
    for (size_t i = 0; i < target.len; i++)
        if (target.at[i] <= ' ' || target.at[i] == 0x7f || target.at[i] == '#')
            return bad(p, "bad character in the request target");
    *path = target;
    bool is_options = http_text_equals(p->out->method, "OPTIONS");
    if (is_options && http_text_equals(target, "*"))
        return HTTP_REQUEST_OK;
    if (target.len == 0 || (target.at[0] != '/' && !split_absolute(target, path)))
        return bad(p, "bad request target");
    cut_query(path, &p->out->query);
    return HTTP_REQUEST_OK;
}

static enum http_request_error parse_request_line(struct parsing *p)
{
    struct http_request *out = p->out;
    struct http_text line;
    if (!http_cursor_take_line(&p->in, &line))
        return bad(p, "control character or bare line end in the request line");
    if (!take_word(&line, &out->method) || !take_word(&line, &out->target))
        return bad(p, "malformed request line");
    if (out->method.len == 0 || out->method.len > METHOD_MAX_BYTES ||
        !http_text_is_all(out->method, HTTP_BYTE_TOKEN))
        return bad(p, "bad method");
    enum http_request_error error = parse_version(p, line);
    if (error != HTTP_REQUEST_OK)
        return error;
    if (http_text_equals(out->method, "CONNECT"))
        return bad(p, "CONNECT is not served");
    return parse_target(p);
}

/* What some headers mean. Each gets the value. */

static enum http_request_error take_host(struct parsing *p, struct http_text value)
{
    p->hosts++;
    if (value.len == 0 || !http_text_is_all(value, HTTP_BYTE_HOST))
        return bad(p, "bad Host");
    return HTTP_REQUEST_OK;
}

static enum http_request_error take_expect(struct parsing *p, struct http_text value)
{
    if (!http_text_equals_nocase(value, "100-continue"))
        return refuse(p, HTTP_REQUEST_EXPECTATION_FAILED, "an Expect other than 100-continue");
    p->out->expect_continue = true;
    return HTTP_REQUEST_OK;
}

#define NAME(literal) literal, sizeof(literal) - 1

static const struct {
    const char *name;
    size_t len;
    enum http_request_error (*take)(struct parsing *p, struct http_text value);
} known[] = {
    {NAME("Host"), take_host},
    {NAME("Expect"), take_expect},
};

static enum http_request_error take_header(struct parsing *p, struct http_text name,
                                           struct http_text value)
{
    struct http_request *out = p->out;
    if (out->n_headers == HTTP_REQUEST_HEADERS_MAX)
        return refuse(p, HTTP_REQUEST_TOO_MANY_HEADERS, "too many headers");
    out->headers[out->n_headers].name = name;
    out->headers[out->n_headers].value = value;
    out->n_headers++;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (name.len == known[i].len && strncasecmp(name.at, known[i].name, name.len) == 0)
            return known[i].take(p, value);
    const char *why = http_field_note(&p->facts, name, value);
    return why == NULL ? HTTP_REQUEST_OK : bad(p, why);
}

static enum http_request_error parse_headers(struct parsing *p)
{
    while (p->in.at < p->in.end) {
        struct http_text name, value;
        if (http_cursor_is_at_last_line(&p->in))
            return HTTP_REQUEST_OK;
        const char *why = http_cursor_take_field(&p->in, &name, &value);
        enum http_request_error error = why == NULL ? take_header(p, name, value) : bad(p, why);
        if (error != HTTP_REQUEST_OK)
            return error;
    }
    return bad(p, "the head ends without an empty line");
}

/* The rules that need all headers. */
static enum http_request_error settle(struct parsing *p)
{
    struct http_request *out = p->out;
    if (p->hosts > 1)
        return bad(p, "more than one Host");
    if (p->hosts == 0 && out->version_minor == 1)
        return bad(p, "no Host");
    const char *why = http_field_check(&p->facts, out->version_minor);
    if (why != NULL)
        return bad(p, why);
    out->content_length = p->facts.length;
    if (p->facts.has_coding)
        out->framing = HTTP_REQUEST_CHUNKED;
    else if (out->content_length > 0)
        out->framing = HTTP_REQUEST_LENGTH;
    if (out->framing != HTTP_REQUEST_NO_BODY &&
        (http_text_equals(out->method, "GET") || http_text_equals(out->method, "HEAD")))
        return bad(p, "a body on GET or HEAD");
    out->keep_alive = http_field_keeps_alive(&p->facts, out->version_minor);
    out->expect_continue =
        out->expect_continue && out->version_minor == 1 && out->framing != HTTP_REQUEST_NO_BODY;
    return HTTP_REQUEST_OK;
}

enum http_request_error http_request_parse(const char *head, size_t len, struct http_request *out)
{
    struct parsing p = {.in = {head, head + len}, .out = out};
    memset(out, 0, offsetof(struct http_request, headers));
    out->why = NULL;
    enum http_request_error error = parse_request_line(&p);
    if (error == HTTP_REQUEST_OK)
        error = parse_headers(&p);
    return error == HTTP_REQUEST_OK ? settle(&p) : error;
}

const struct http_text *http_request_header(const struct http_request *req, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < req->n_headers; i++)
        if (req->headers[i].name.len == len && strncasecmp(req->headers[i].name.at, name, len) == 0)
            return &req->headers[i].value;
    return NULL;
}
