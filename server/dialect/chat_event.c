/* SPDX-License-Identifier: MIT */
/* See chat_event.h. Each kind of object has a table of the members that matter; all else is
 * skipped, and validated while it is. */
#include "server/dialect/chat_event.h"

#include <string.h>

#define LARGEST_TRACKED_CHOICE 63

/* What was found beside the facts of an event. */
struct root_facts {
    bool has_result; /* an array `choices` or `data` */
    bool has_error;  /* a member `error` that is one */
    bool is_error_object;
    struct jsonscan_span error_code, error_type, message;
};

struct reader {
    struct jsonscan scan;
    struct dialect_event *event;
    struct dialect_stream *stream;
    struct root_facts root;
    /* the choice being read */
    int64_t choice_index;
    bool choice_is_finished;
};

/* Consumes the value ahead of one member. */
typedef void (*member_fn)(struct reader *r);
struct member {
    const char *name;
    size_t len;
    member_fn read;
};
#define MEMBER(name, read)             \
    {                                  \
        (name), sizeof(name) - 1, read \
    }

static void skip(struct reader *r)
{
    jsonscan_skip(&r->scan, NULL);
}

static member_fn find_escaped(const struct member *members, size_t n, struct jsonscan_span key)
{
    for (size_t i = 0; i < n; i++)
        if (jsonscan_equals(key, members[i].name))
            return members[i].read;
    return skip;
}

static member_fn find_member(const struct member *members, size_t n, struct jsonscan_span key)
{
    for (size_t i = 0; i < n; i++)
        if (members[i].len == key.len && members[i].name[0] == key.at[0] &&
            memcmp(members[i].name, key.at, key.len) == 0)
            return members[i].read;
    if (key.len > 0 && memchr(key.at, '\\', key.len) != NULL)
        return find_escaped(members, n, key);
    return skip;
}

/* Reads the object ahead by its table; any other value is skipped. */
static void read_object(struct reader *r, const struct member *members, size_t n)
{
    struct jsonscan_span key;
    if (jsonscan_peek(&r->scan) != JSONSCAN_OBJECT) {
        skip(r);
        return;
    }
    jsonscan_enter(&r->scan);
    while (jsonscan_next_member(&r->scan, &key))
        find_member(members, n, key)(r);
}
#define READ_OBJECT(r, members) read_object((r), (members), sizeof(members) / sizeof((members)[0]))

/* The string ahead, or what else stands there as written; nothing for null. */
static struct jsonscan_span read_text(struct reader *r)
{
    struct jsonscan_span text = {"", 0};
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    if (type == JSONSCAN_STRING)
        jsonscan_string(&r->scan, &text);
    else
        jsonscan_skip(&r->scan, type == JSONSCAN_NUMBER ? &text : NULL);
    return text;
}

/* A count that is not negative; -1 for everything else. A fraction is cut off. */
static int64_t read_count(struct reader *r)
{
    struct jsonscan_span text;
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    if (!jsonscan_skip(&r->scan, &text) || type != JSONSCAN_NUMBER)
        return -1;
    int64_t count = 0;
    size_t i = 0;
    for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        if (__builtin_mul_overflow(count, 10, &count) ||
            __builtin_add_overflow(count, text.at[i] - '0', &count))
            return -1;
    bool is_plain =
        i > 0 && memchr(text.at, 'e', text.len) == NULL && memchr(text.at, 'E', text.len) == NULL;
    return is_plain ? count : -1;
}

/* Errors. */

static void read_error_message(struct reader *r)
{
    r->event->error_message = read_text(r);
}

static void read_error_code(struct reader *r)
{
    r->root.error_code = read_text(r);
}

static void read_error_type(struct reader *r)
{
    r->root.error_type = read_text(r);
}

static const struct member error_members[] = {
    MEMBER("message", read_error_message),
    MEMBER("code", read_error_code),
    MEMBER("type", read_error_type),
};

/* `error`: an object, a string (its message), a number or true. null, false and "" are what
 * providers send for "none". */
static void read_error(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    if (type == JSONSCAN_OBJECT) {
        r->event->has_error = true;
        READ_OBJECT(r, error_members);
        return;
    }
    struct jsonscan_span text = read_text(r);
    if (type == JSONSCAN_NULL || type == JSONSCAN_FALSE ||
        (type == JSONSCAN_STRING && text.len == 0))
        return;
    r->event->has_error = true;
    if (type == JSONSCAN_STRING)
        r->event->error_message = text;
}

static void read_root_error(struct reader *r)
{
    read_error(r);
    r->root.has_error = r->event->has_error;
}

static void read_root_message(struct reader *r)
{
    r->root.message = read_text(r);
}

static void read_object_kind(struct reader *r)
{
    if (jsonscan_equals(read_text(r), "error"))
        r->root.is_error_object = true;
}

/* Usage. */

static void read_prompt_tokens(struct reader *r)
{
    r->event->usage.prompt_tokens = read_count(r);
}

static void read_completion_tokens(struct reader *r)
{
    r->event->usage.completion_tokens = read_count(r);
}

static void read_total_tokens(struct reader *r)
{
    r->event->usage.total_tokens = read_count(r);
}

static const struct member usage_members[] = {
    MEMBER("prompt_tokens", read_prompt_tokens),
    MEMBER("completion_tokens", read_completion_tokens),
    MEMBER("total_tokens", read_total_tokens),
};

static void read_usage(struct reader *r)
{
    READ_OBJECT(r, usage_members);
}

/* Groq puts errors and usage of a stream here. */
static const struct member x_groq_members[] = {
    MEMBER("error", read_error),
    MEMBER("usage", read_usage),
};

static void read_x_groq(struct reader *r)
{
    READ_OBJECT(r, x_groq_members);
}

/* Choices. */

/* Text, or a list of parts: content when it is not empty. */
static void read_content(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    if (type == JSONSCAN_ARRAY) {
        jsonscan_enter(&r->scan);
        while (jsonscan_next_element(&r->scan)) {
            r->event->has_content = true;
            skip(r);
        }
        return;
    }
    struct jsonscan_span text = read_text(r);
    if (type == JSONSCAN_STRING && text.len > 0)
        r->event->has_content = true;
}

static void read_function_call(struct reader *r)
{
    if (jsonscan_peek(&r->scan) == JSONSCAN_OBJECT)
        r->event->has_content = true;
    skip(r);
}

static const struct member delta_members[] = {
    MEMBER("content", read_content),    MEMBER("reasoning_content", read_content),
    MEMBER("reasoning", read_content),  MEMBER("refusal", read_content),
    MEMBER("tool_calls", read_content), MEMBER("function_call", read_function_call),
};

static void read_delta(struct reader *r)
{
    READ_OBJECT(r, delta_members);
}

static void read_index(struct reader *r)
{
    r->choice_index = read_count(r);
}

/* Some providers send "" until the stream is finished: that is none. */
static void read_finish_reason(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    struct jsonscan_span reason = read_text(r);
    if (type != JSONSCAN_STRING || reason.len == 0)
        return;
    r->choice_is_finished = true;
    if (jsonscan_equals(reason, "error"))
        r->event->has_error = true;
}

static const struct member choice_members[] = {
    MEMBER("index", read_index),  MEMBER("delta", read_delta),
    MEMBER("text", read_content), MEMBER("finish_reason", read_finish_reason),
    MEMBER("error", read_error),
};

static void read_choice(struct reader *r, int64_t position)
{
    r->choice_index = position;
    r->choice_is_finished = false;
    READ_OBJECT(r, choice_members);
    r->event->has_finish |= r->choice_is_finished;
    if (r->choice_index < 0 || r->choice_index > LARGEST_TRACKED_CHOICE)
        return;
    uint64_t bit = UINT64_C(1) << r->choice_index;
    r->stream->opened |= bit;
    if (r->choice_is_finished)
        r->stream->closed |= bit;
}

static void read_choices(struct reader *r)
{
    if (jsonscan_peek(&r->scan) != JSONSCAN_ARRAY) {
        skip(r);
        return;
    }
    r->root.has_result = true;
    jsonscan_enter(&r->scan);
    for (int64_t position = 0; jsonscan_next_element(&r->scan); position++)
        read_choice(r, position);
}

/* Embeddings have their result here. */
static void read_data(struct reader *r)
{
    if (jsonscan_peek(&r->scan) == JSONSCAN_ARRAY)
        r->root.has_result = true;
    skip(r);
}

static const struct member root_members[] = {
    MEMBER("choices", read_choices),
    MEMBER("error", read_root_error),
    MEMBER("object", read_object_kind),
    MEMBER("usage", read_usage),
    MEMBER("message", read_root_message),
    MEMBER("x_groq", read_x_groq),
    MEMBER("data", read_data),
};

/* {"object":"error","message":...} says it in its root; so do the data of some error events, and
 * the bodies of some error answers. */
static void complete_error(struct reader *r)
{
    if (r->root.is_error_object)
        r->event->has_error = true;
    if (r->event->error_message.len == 0)
        r->event->error_message = r->root.message;
}

/* True when the text is one valid JSON document whose root is an object. */
static bool read_root(struct reader *r)
{
    bool is_object = jsonscan_peek(&r->scan) == JSONSCAN_OBJECT;
    READ_OBJECT(r, root_members);
    complete_error(r);
    return jsonscan_finish(&r->scan) && is_object;
}

static bool is_done_marker(const char *data, size_t len)
{
    static const char marker[] = "[DONE]";
    while (len > 0 && (data[0] == ' ' || data[0] == '\t'))
        data++, len--;
    while (len > 0 && (data[len - 1] == ' ' || data[len - 1] == '\t'))
        len--;
    return len == strlen(marker) && memcmp(data, marker, len) == 0;
}

void chat_read_event(struct dialect_stream *stream, const char *data, size_t len,
                     struct dialect_event *out)
{
    struct dialect_stream seen = {.opened = stream->opened, .closed = stream->closed};
    struct reader r = {.event = out, .stream = &seen};
    *out = (struct dialect_event){.usage = DIALECT_USAGE_UNKNOWN};
    if (is_done_marker(data, len)) {
        out->kind = DIALECT_EVENT_END;
        return;
    }
    jsonscan_init(&r.scan, data, len);
    if (!read_root(&r)) {
        *out =
            (struct dialect_event){.kind = DIALECT_EVENT_MALFORMED, .usage = DIALECT_USAGE_UNKNOWN};
        return;
    }
    seen.is_complete = seen.opened != 0 && seen.opened == seen.closed;
    *stream = seen;
}

/* Google's OpenAI-compatible endpoint sends its errors as [{"error":{...}}]. */
static bool read_error_list(struct reader *r)
{
    jsonscan_enter(&r->scan);
    while (jsonscan_next_element(&r->scan))
        READ_OBJECT(r, root_members);
    complete_error(r);
    return jsonscan_finish(&r->scan) && r->event->has_error;
}

void chat_read_reply(const char *body, size_t len, struct dialect_reply *out)
{
    struct dialect_event event = {.usage = DIALECT_USAGE_UNKNOWN};
    struct dialect_stream ignored = {0};
    struct reader r = {.event = &event, .stream = &ignored};
    *out = (struct dialect_reply){.kind = DIALECT_REPLY_NOT_JSON, .usage = DIALECT_USAGE_UNKNOWN};
    jsonscan_init(&r.scan, body, len);
    bool is_list = jsonscan_peek(&r.scan) == JSONSCAN_ARRAY;
    if (!(is_list ? read_error_list(&r) : read_root(&r)))
        return;
    if (event.has_error)
        out->kind = DIALECT_REPLY_ERROR;
    else if (r.root.has_result)
        out->kind = DIALECT_REPLY_GOOD;
    out->is_error_event = !is_list && r.root.has_error;
    out->error_message = event.error_message;
    out->error_code = r.root.error_code;
    out->error_type = r.root.error_type;
    out->usage = event.usage;
}
