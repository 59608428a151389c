/* SPDX-License-Identifier: MIT */
/* See sse.h. Lines are cut first; an event is a line or two. What lies in one feed is looked at in
 * place: only a line, or an event, that goes on in the next feed is copied. */
#include "common/http/sse.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* A line holds a field's name, a colon, perhaps a space or a BOM, and at most a whole event. */
#define FIELD_BYTES 16 /* of a line, beside its data */
/* Buffers that grew past this for one large event are given back after it. */
#define KEEP_BYTES (64u << 10)

struct text {
    const char *at;
    size_t len;
};

struct sse {
    sse_event_fn on_event;
    void *arg;
    size_t max_bytes;       /* of an event's data */
    enum sse_result result; /* sticky */
    bool is_past_first_line;
    bool skips_lf; /* the last feed ended with a CR: an LF right after it is the same line end */
    size_t comments;
    /* the event so far; both point into the feed, `line`, or their own kept copies */
    bool has_data;
    struct text data, type;
    bool has_partial;                /* `line` is a line whose end is still to come */
    struct buf line;                 /* a line that began in an earlier feed */
    struct buf kept_data, kept_type; /* the event's parts from earlier feeds, or joined lines */
};

struct sse *sse_new(sse_event_fn on_event, void *arg, size_t max_bytes)
{
    struct sse *sse = xcalloc(1, sizeof(*sse));
    sse->on_event = on_event;
    sse->arg = arg;
    sse->max_bytes = max_bytes;
    sse->data = sse->type = (struct text){"", 0};
    return sse;
}

void sse_free(struct sse **sse)
{
    if (*sse == NULL)
        return;
    buf_free(&(*sse)->line);
    buf_free(&(*sse)->kept_data);
    buf_free(&(*sse)->kept_type);
    free(*sse);
    *sse = NULL;
}

size_t sse_comments(const struct sse *sse)
{
    return sse->comments;
}

static bool stop(struct sse *sse, enum sse_result why)
{
    sse->result = why;
    return false;
}

static void empty(struct buf *b)
{
    if (b->cap > KEEP_BYTES)
        buf_free(b);
    else
        buf_clear(b);
}

/* Copies *text into its own buffer unless it lies there already. */
static void keep(struct text *text, struct buf *kept)
{
    if (text->at == kept->data)
        return;
    buf_clear(kept);
    buf_put(kept, text->at, text->len);
    text->at = text->len > 0 ? kept->data : "";
}

static bool add_data(struct sse *sse, struct text value)
{
    if (value.len + (sse->has_data ? sse->data.len + 1 : 0) > sse->max_bytes)
        return stop(sse, SSE_TOO_LARGE);
    if (!sse->has_data) {
        sse->has_data = true;
        sse->data = value;
        return true;
    }
    keep(&sse->data, &sse->kept_data);
    buf_putc(&sse->kept_data, '\n');
    buf_put(&sse->kept_data, value.at, value.len);
    sse->data = (struct text){sse->kept_data.data, sse->kept_data.len};
    return true;
}

static bool dispatch(struct sse *sse)
{
    struct sse_event event = {sse->type.at, sse->type.len, sse->data.at, sse->data.len};
    bool has_data = sse->has_data;
    sse->has_data = false;
    sse->data = sse->type = (struct text){"", 0};
    if (has_data && !sse->on_event(sse->arg, &event))
        return stop(sse, SSE_STOPPED);
    empty(&sse->kept_data);
    empty(&sse->kept_type);
    empty(&sse->line);
    return true;
}

static bool is_field(struct text name, const char *literal)
{
    return name.len == strlen(literal) && memcmp(name.at, literal, name.len) == 0;
}

/* `name: value`, `name:value` or `name`. */
static bool read_field(struct sse *sse, struct text line)
{
    const char *colon = memchr(line.at, ':', line.len);
    struct text name = line, value = {"", 0};
    if (colon != NULL) {
        name.len = (size_t)(colon - line.at);
        value = (struct text){colon + 1, line.len - name.len - 1};
        if (value.len > 0 && value.at[0] == ' ')
            value = (struct text){value.at + 1, value.len - 1};
    }
    if (is_field(name, "data"))
        return add_data(sse, value);
    if (is_field(name, "event"))
        sse->type = value;
    return true;
}

static bool read_line(struct sse *sse, struct text line)
{
    if (line.len > sse->max_bytes + FIELD_BYTES)
        return stop(sse, SSE_TOO_LARGE);
    if (!sse->is_past_first_line) {
        sse->is_past_first_line = true;
        if (line.len >= strlen(BYTE_ORDER_MARK) && memcmp(line.at, BYTE_ORDER_MARK, 3) == 0)
            line = (struct text){line.at + 3, line.len - 3};
    }
    if (line.len == 0)
        return dispatch(sse);
    if (line.at[0] == ':') {
        sse->comments++;
        return true;
    }
    return read_field(sse, line);
}

/* Where the feed's line ends are: the next LF and the next CR are each looked for once, so that a
 * feed without one of them is not searched for it again at every line. */
struct line_ends {
    const char *lf, *cr;
};

static const char *find_byte(const char *p, const char *end, char byte)
{
    const char *found = p < end ? memchr(p, byte, (size_t)(end - p)) : NULL;
    return found != NULL ? found : end;
}

/* The end of the line at p, or end. */
static const char *find_line_end(struct line_ends *ends, const char *p, const char *end)
{
    if (ends->lf < p)
        ends->lf = find_byte(p, end, '\n');
    if (ends->cr < p)
        ends->cr = find_byte(p, end, '\r');
    return ends->lf < ends->cr ? ends->lf : ends->cr;
}

/* Takes the line from p to its end, with the part of it that earlier feeds brought. */
static bool take_line(struct sse *sse, const char *p, const char *line_end)
{
    struct text line = {p, (size_t)(line_end - p)};
    if (sse->has_partial) {
        sse->has_partial = false;
        buf_put(&sse->line, line.at, line.len);
        line = (struct text){sse->line.data, sse->line.len};
    }
    return read_line(sse, line);
}

/* The feed is over: what still points into it is copied, and the line that its end cuts. */
static void keep_rest(struct sse *sse, const char *p, const char *end)
{
    keep(&sse->data, &sse->kept_data);
    keep(&sse->type, &sse->kept_type);
    if (p == end)
        return;
    if (!sse->has_partial)
        buf_clear(&sse->line);
    if (sse->line.len + (size_t)(end - p) > sse->max_bytes + FIELD_BYTES)
        stop(sse, SSE_TOO_LARGE);
    else
        buf_put(&sse->line, p, (size_t)(end - p));
    sse->has_partial = true;
}

/* The place after the line end at p; a CR takes the LF after it along, even from the next feed. */
static const char *pass_line_end(struct sse *sse, const char *p, const char *end)
{
    if (*p == '\r') {
        if (p + 1 == end)
            sse->skips_lf = true;
        else if (p[1] == '\n')
            p++;
    }
    return p + 1;
}

enum sse_result sse_feed(struct sse *sse, const char *data, size_t len)
{
    const char *p = data, *end = data + len;
    if (sse->result != SSE_OK || len == 0)
        return sse->result;
    if (sse->skips_lf && *p == '\n')
        p++;
    sse->skips_lf = false;
    struct line_ends ends = {find_byte(p, end, '\n'), find_byte(p, end, '\r')};
    const char *line_end;
    while ((line_end = find_line_end(&ends, p, end)) != end) {
        if (!take_line(sse, p, line_end))
            return sse->result;
        p = pass_line_end(sse, line_end, end);
    }
    keep_rest(sse, p, end);
    return sse->result;
}

enum sse_result sse_finish(struct sse *sse)
{
    if (sse->result == SSE_OK && sse->has_partial)
        take_line(sse, "", "");
    if (sse->result == SSE_OK)
        dispatch(sse);
    return sse->result;
}
