/* SPDX-License-Identifier: MIT */
/* See response.h. */
#include "common/http/response.h"

#include <string.h>

enum state {
    HEAD,    /* collects a head, or skips a 1xx one */
    COUNTED, /* `left` bytes of body */
    CHUNKED,
    UNTIL_CLOSE,
    END,
    BAD,
};

#define STATUS_LINE_MIN (sizeof("HTTP/1.1 200") - 1)

static const char not_http[] = "not an HTTP/1.0 or HTTP/1.1 answer";

void http_response_init(struct http_response *r)
{
    *r = (struct http_response){.state = HEAD};
}

void http_response_deinit(struct http_response *r)
{
    buf_free(&r->head);
}

bool http_response_has_head(const struct http_response *r)
{
    return r->has_head;
}

bool http_response_may_end_here(const struct http_response *r)
{
    return r->state == UNTIL_CLOSE || r->state == END;
}

const char *http_response_why(const struct http_response *r)
{
    return r->why;
}

static enum http_response_result refuse(struct http_response *r, const char *why)
{
    r->state = BAD;
    r->why = why;
    return HTTP_RESPONSE_BAD;
}

/* ---- a head -------------------------------------------------------------------------------- */

/* "HTTP/1.x NNN", and perhaps a reason. */
static const char *parse_status_line(struct http_cursor *in, int *status, int *version_minor)
{
    struct http_text line;
    if (!http_cursor_take_line(in, &line))
        return "control character or bare line end in the status line";
    const char *p = line.at;
    if (line.len < STATUS_LINE_MIN || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1'))
        return not_http;
    if (p[8] != ' ' || p[9] < '1' || p[9] > '9' || !http_is_digit(p[10]) || !http_is_digit(p[11]) ||
        (line.len > STATUS_LINE_MIN && p[12] != ' '))
        return "malformed status line";
    *version_minor = p[7] - '0';
    *status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    return NULL;
}

static const char *parse_fields(struct http_cursor *in, struct http_response_head *head,
                                struct http_field_facts *facts)
{
    head->n_headers = 0;
    while (in->at < in->end && !http_cursor_is_at_last_line(in)) {
        if (head->n_headers == HTTP_RESPONSE_HEADERS_MAX)
            return "too many headers";
        struct http_text *name = &head->headers[head->n_headers].name;
        struct http_text *value = &head->headers[head->n_headers].value;
        const char *why = http_cursor_take_field(in, name, value);
        if (why == NULL)
            why = http_field_note(facts, *name, *value);
        if (why != NULL)
            return why;
        head->n_headers++;
    }
    return in->at < in->end ? NULL : "the head ends without an empty line";
}

/* How the body is delimited (RFC 9112 6.3). */
static enum state body_state(struct http_response *r, int status,
                             const struct http_field_facts *facts)
{
    if (status == 204 || status == 304)
        return END;
    if (facts->has_coding) {
        http_chunked_init(&r->chunked, true);
        return CHUNKED;
    }
    if (!facts->has_length)
        return UNTIL_CLOSE;
    r->left = facts->length;
    return r->left > 0 ? COUNTED : END;
}

static enum http_response_result parse_head(struct http_response *r, const char *text, size_t len,
                                            struct http_response_head *head)
{
    struct http_cursor in = {text, text + len, .forgives = true};
    struct http_field_facts facts = {.forgives = true};
    int version_minor = 1;
    const char *why = parse_status_line(&in, &head->status, &version_minor);
    if (why == NULL)
        why = parse_fields(&in, head, &facts);
    if (why == NULL)
        why = http_field_check(&facts, version_minor);
    if (why == NULL && head->status == 101)
        why = "a change of protocol that was not asked for";
    if (why != NULL)
        return refuse(r, why);
    if (head->status < 200)
        return HTTP_RESPONSE_MORE;
    r->has_head = true;
    r->state = (uint8_t)body_state(r, head->status, &facts);
    r->keeps_alive = http_field_keeps_alive(&facts, version_minor) && r->state != UNTIL_CLOSE;
    return HTTP_RESPONSE_HEAD;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Takes what belongs to the head from data: all of it, or up to the head's end. *text is the whole
 * head then, in place where it came in one piece. False when its end is still to come. */
static bool collect_head(struct http_response *r, const char *data, size_t len, size_t *used,
                         struct http_text *text)
{
    size_t skip, had = r->head.len;
    *text = (struct http_text){data, http_head_end(data, had == 0 ? len : 0, 0, &skip)};
    *used = text->len;
    if (text->len > 0)
        return true;
    *used = smaller(len, HTTP_RESPONSE_HEAD_MAX + 1 - had);
    buf_put(&r->head, data, *used);
    *text = (struct http_text){r->head.data, http_head_end(r->head.data, r->head.len, had, &skip)};
    if (text->len > 0)
        *used = text->len - had;
    return text->len > 0;
}

/* What speaks another protocol is not waited for. */
static bool is_like_http(const struct buf *head)
{
    return head->len == 0 || memcmp(head->data, "HTTP/1.", smaller(head->len, 7)) == 0;
}

static enum http_response_result feed_head(struct http_response *r, const char *data, size_t len,
                                           size_t *used, struct http_response_head *head)
{
    struct http_text text;
    bool is_whole = len > 0 && collect_head(r, data, len, used, &text);
    r->head_bytes += (uint32_t)*used;
    if (r->head_bytes > HTTP_RESPONSE_HEAD_MAX)
        return refuse(r, "the head is too large");
    if (!is_whole)
        return is_like_http(&r->head) ? HTTP_RESPONSE_MORE : refuse(r, not_http);
    enum http_response_result result = parse_head(r, text.at, text.len, head);
    if (result == HTTP_RESPONSE_MORE)
        buf_clear(&r->head); /* it was a 1xx */
    return result;
}

/* ---- a body -------------------------------------------------------------------------------- */

static enum http_response_result feed_counted(struct http_response *r, const char *data, size_t len,
                                              size_t *used, struct http_text *piece)
{
    *used = len < r->left ? len : (size_t)r->left;
    *piece = (struct http_text){data, *used};
    r->left -= *used;
    if (r->left == 0)
        r->state = END;
    return *used > 0 ? HTTP_RESPONSE_DATA : HTTP_RESPONSE_MORE;
}

static enum http_response_result feed_chunked(struct http_response *r, const char *data, size_t len,
                                              size_t *used, struct http_text *piece)
{
    switch (http_chunked_feed(&r->chunked, data, len, used, piece)) {
    case HTTP_CHUNKED_DATA:
        return HTTP_RESPONSE_DATA;
    case HTTP_CHUNKED_MORE:
        return HTTP_RESPONSE_MORE;
    case HTTP_CHUNKED_END:
        r->state = END;
        return HTTP_RESPONSE_END;
    case HTTP_CHUNKED_BAD:
        break;
    }
    return refuse(r, "malformed chunks");
}

static enum http_response_result feed_body(struct http_response *r, const char *data, size_t len,
                                           size_t *used, struct http_text *piece)
{
    switch ((enum state)r->state) {
    case COUNTED:
        return feed_counted(r, data, len, used, piece);
    case CHUNKED:
        return feed_chunked(r, data, len, used, piece);
    case UNTIL_CLOSE:
        *used = len;
        *piece = (struct http_text){data, len};
        return len > 0 ? HTTP_RESPONSE_DATA : HTTP_RESPONSE_MORE;
    case HEAD:
    case END:
        return HTTP_RESPONSE_END;
    case BAD:
        break;
    }
    return HTTP_RESPONSE_BAD;
}

enum http_response_result http_response_feed(struct http_response *r, const char *data, size_t len,
                                             size_t *used, struct http_response_head *head,
                                             struct http_text *piece)
{
    size_t at = 0;
    *piece = (struct http_text){data, 0};
    while (r->state == HEAD) {
        size_t taken = 0;
        enum http_response_result result = feed_head(r, data + at, len - at, &taken, head);
        at += taken;
        *used = at;
        if (result != HTTP_RESPONSE_MORE || at == len)
            return result;
    }
    buf_free(&r->head); /* nobody looks at it any more */
    *used = 0;
    return feed_body(r, data, len, used, piece);
}
