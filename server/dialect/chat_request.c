/* SPDX-License-Identifier: MIT */
/* See chat_request.h. */
#include "server/dialect/chat_request.h"

#include <stdio.h>
#include <string.h>

#define ADDED_STREAM_OPTIONS "\"stream_options\":{\"include_usage\":true},"
#define MODEL_KEY            "\"model\":"
#define BYTE_ORDER_MARK      "\xef\xbb\xbf"

enum member_id {
    MODEL,
    STREAM,
    STREAM_OPTIONS,
    MESSAGES, /* what each kind demands, in the order of enum chat_kind */
    PROMPT,
    INPUT,
    MEMBERS
};

/* The walk over one body: the scanner, what was found, and where to say what is wrong. */
struct reading {
    struct jsonscan scan;
    struct dialect_request *out;
    enum member_id demanded;
    bool is_seen[MEMBERS];
    char *why;
    size_t why_cap;
};

/* With a reason of those below, unless the scanner has one: a value that is cut short has no wrong
 * type. */
static bool refuse(struct reading *r, const char *fmt, const char *arg)
{
    const struct jsonscan *scan = &r->scan;
    if (scan->error != JSONSCAN_OK)
        snprintf(r->why, r->why_cap, "request body is not valid JSON: %s at offset %zu",
                 jsonscan_error_text(scan->error), (size_t)(scan->at - scan->start));
    else
        snprintf(r->why, r->why_cap, fmt, arg);
    return false;
}

/* The readers consume the value ahead; false when it is of the wrong type or broken. */

static bool read_model(struct reading *r)
{
    struct dialect_request *out = r->out;
    if (jsonscan_peek(&r->scan) != JSONSCAN_STRING)
        return false;
    out->model_from = (size_t)(r->scan.at - r->scan.start);
    bool is_good = jsonscan_string(&r->scan, &out->model);
    out->model_to = (size_t)(r->scan.at - r->scan.start);
    return is_good;
}

static bool read_stream(struct reading *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    r->out->is_stream = type == JSONSCAN_TRUE;
    return (type == JSONSCAN_TRUE || type == JSONSCAN_FALSE || type == JSONSCAN_NULL) &&
           jsonscan_skip(&r->scan, NULL);
}

static bool read_messages(struct reading *r)
{
    return jsonscan_peek(&r->scan) == JSONSCAN_ARRAY && jsonscan_skip(&r->scan, NULL);
}

/* Present is present, null too: the provider decides what it may hold. */
static bool read_anything(struct reading *r)
{
    return jsonscan_skip(&r->scan, NULL);
}

static const struct {
    const char *name, *wrong_type;
    bool (*read)(struct reading *r);
} members[MEMBERS] = {
    [MODEL] = {"model", "\"%s\" must be a string", read_model},
    [STREAM] = {"stream", "\"%s\" must be true or false", read_stream},
    [STREAM_OPTIONS] = {"stream_options", "", read_anything},
    [MESSAGES] = {"messages", "\"%s\" must be an array", read_messages},
    [PROMPT] = {"prompt", "", read_anything},
    [INPUT] = {"input", "", read_anything},
};

static enum member_id find_member(const struct reading *r, struct jsonscan_span key)
{
    for (enum member_id id = 0; id < MESSAGES; id++)
        if (jsonscan_equals(key, members[id].name))
            return id;
    return jsonscan_equals(key, members[r->demanded].name) ? r->demanded : MEMBERS;
}

static bool read_member(struct reading *r, struct jsonscan_span key)
{
    enum member_id id = find_member(r, key);
    if (id == MEMBERS && jsonscan_equals(key, "reasoning_effort"))
        r->out->has_effort = jsonscan_peek(&r->scan) != JSONSCAN_NULL;
    if (id == MEMBERS)
        return jsonscan_skip(&r->scan, NULL) || refuse(r, "", "");
    if (r->is_seen[id])
        return refuse(r, "\"%s\" is given twice", members[id].name);
    r->is_seen[id] = true;
    return members[id].read(r) || refuse(r, members[id].wrong_type, members[id].name);
}

static bool enter_root(struct reading *r, size_t len)
{
    const char *body = r->scan.start;
    if (len >= strlen(BYTE_ORDER_MARK) &&
        memcmp(body, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        return refuse(r, "request body begins with a byte order mark, which is not JSON%s", "");
    if (jsonscan_peek(&r->scan) != JSONSCAN_OBJECT)
        return refuse(r, "request body must be a JSON object%s", "");
    return jsonscan_enter(&r->scan);
}

bool chat_read_request(unsigned kind, const char *body, size_t len, struct dialect_request *out,
                       char *why, size_t why_cap)
{
    struct reading r = {
        .out = out, .demanded = MESSAGES + (enum member_id)kind, .why = why, .why_cap = why_cap};
    struct jsonscan_span key;
    *out = (struct dialect_request){0};
    jsonscan_init(&r.scan, body, len);
    if (!enter_root(&r, len))
        return false;
    out->first_member_at = (size_t)(r.scan.at - body);
    while (jsonscan_next_member(&r.scan, &key))
        if (!read_member(&r, key))
            return false;
    if (!jsonscan_finish(&r.scan))
        return refuse(&r, "", "");
    if (!r.is_seen[r.demanded])
        return refuse(&r, "\"%s\" is missing", members[r.demanded].name);
    if (kind == CHAT_INPUT)
        out->is_stream = false; /* embeddings come whole, whatever the client says */
    out->has_model = r.is_seen[MODEL];
    out->asks_usage = out->is_stream && !r.is_seen[STREAM_OPTIONS];
    if (!out->has_model)
        out->model_from = out->model_to = out->first_member_at;
    return true;
}

void chat_edit_request(const struct dialect_request *request, struct jsonscan_span model,
                       struct splices *out)
{
    size_t first = request->first_member_at;
    if (request->asks_usage)
        splices_add(out, first, first, SPLICE_TEXT(ADDED_STREAM_OPTIONS));
    if (!request->has_model)
        splices_add(out, first, first, SPLICE_TEXT(MODEL_KEY));
    splices_add(out, request->model_from, request->model_to, model);
    if (!request->has_model)
        splices_add(out, first, first, SPLICE_TEXT(","));
}
