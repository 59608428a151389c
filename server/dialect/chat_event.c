/* SPDX-License-Identifier: MIT */
/* See chat_event.h. Each kind of object has a table of the members that matter; all else is
 * skipped, and validated while it is. */
#include "server/dialect/chat_event.h"

#include <string.h>

#include "server/dialect/chat_request.h"
#include "server/judge/finish_reason.h"

#define TRACKED_CHOICES (64 * DIALECT_PART_WORDS)

/* What was found beside the facts of an event. */
struct root_facts {
    unsigned n_choices, n_messages, n_texts, n_data; /* n_data: of an array `data` */
    bool has_choices;                                /* a member that is not null */
    bool has_error;                                  /* a member `error` that is one */
    bool is_error_object;
    struct dialect_fault fault; /* as the root itself tells it */
    struct jsonscan_span detail, broken_reason;
};

struct reader {
    struct jsonscan scan;
    struct dialect_event *event;
    struct dialect_stream *stream;
    struct root_facts root;
    /* the choice being read */
    int64_t choice_index;
    bool choice_is_finished, choice_has_content, choice_has_tool;
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
    return NULL;
}

/* NULL: none of the table's. */
static member_fn find_member(const struct member *members, size_t n, struct jsonscan_span key)
{
    for (size_t i = 0; i < n; i++)
        if (members[i].len == key.len && members[i].name[0] == key.at[0] &&
            memcmp(members[i].name, key.at, key.len) == 0)
            return members[i].read;
    if (key.len > 0 && memchr(key.at, '\\', key.len) != NULL)
        return find_escaped(members, n, key);
    return NULL;
}

/* Reads the object ahead by its table, members that are not in it with `other`; any other
 * value is skipped. */
static void read_object(struct reader *r, const struct member *members, size_t n, member_fn other)
{
    struct jsonscan_span key;
    if (jsonscan_peek(&r->scan) != JSONSCAN_OBJECT) {
        skip(r);
        return;
    }
    jsonscan_enter(&r->scan);
    while (jsonscan_next_member(&r->scan, &key)) {
        member_fn read = find_member(members, n, key);
        (read != NULL ? read : other)(r);
    }
}
#define READ_OBJECT_OR(r, members, other) \
    read_object((r), (members), sizeof(members) / sizeof((members)[0]), (other))
#define READ_OBJECT(r, members) READ_OBJECT_OR((r), (members), skip)

/* Consumes the value ahead; does it hold anything but null, "", [], {}, false and 0? It recurses no
 * deeper than the scanner goes. */
static bool says_something(struct jsonscan *s)
{
    struct jsonscan_span text = {"", 0}, key;
    bool found = false;
    switch (jsonscan_peek(s)) {
    case JSONSCAN_STRING:
        return jsonscan_string(s, &text) && text.len > 0;
    case JSONSCAN_OBJECT:
        jsonscan_enter(s);
        while (jsonscan_next_member(s, &key))
            found |= says_something(s);
        return found;
    case JSONSCAN_ARRAY:
        jsonscan_enter(s);
        while (jsonscan_next_element(s))
            found |= says_something(s);
        return found;
    case JSONSCAN_NUMBER:
        jsonscan_skip(s, &text);
        for (size_t i = 0; i < text.len && text.at[i] != 'e' && text.at[i] != 'E'; i++)
            found |= text.at[i] != '-' && text.at[i] != '.' && text.at[i] != '0';
        return found;
    case JSONSCAN_TRUE:
        return jsonscan_skip(s, NULL);
    default:
        jsonscan_skip(s, NULL);
        return false;
    }
}

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
    r->event->fault.message = read_text(r);
}

static void read_error_code(struct reader *r)
{
    r->event->fault.code = read_text(r);
}

static void read_error_type(struct reader *r)
{
    r->event->fault.type = read_text(r);
}

/* google.rpc.Status: the name of a code. What a detail says is closer. */
static void read_error_status(struct reader *r)
{
    struct jsonscan_span status = read_text(r);
    if (r->event->fault.reason.len == 0)
        r->event->fault.reason = status;
}

static void read_reason(struct reader *r)
{
    struct jsonscan_span reason = read_text(r);
    if (reason.len > 0)
        r->event->fault.reason = reason;
}

/* google.rpc.ErrorInfo, and Azure's innererror. */
static const struct member detail_members[] = {
    MEMBER("reason", read_reason),
    MEMBER("code", read_reason),
};

static void read_inner_error(struct reader *r)
{
    READ_OBJECT(r, detail_members);
}

static void read_error_details(struct reader *r)
{
    if (jsonscan_peek(&r->scan) != JSONSCAN_ARRAY) {
        skip(r);
        return;
    }
    jsonscan_enter(&r->scan);
    while (jsonscan_next_element(&r->scan))
        READ_OBJECT(r, detail_members);
}

static const struct member error_members[] = {
    MEMBER("message", read_error_message), MEMBER("code", read_error_code),
    MEMBER("type", read_error_type),       MEMBER("status", read_error_status),
    MEMBER("details", read_error_details), MEMBER("innererror", read_inner_error),
};

/* Does the value ahead say anything? It stays ahead. */
static bool is_something_ahead(const struct reader *r)
{
    struct jsonscan ahead = r->scan;
    return says_something(&ahead);
}

/* `error`: an object, a string (its message), a number or true. What is empty is what providers
 * send for "none". */
static void read_error(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    if (type == JSONSCAN_NULL || !is_something_ahead(r)) {
        skip(r);
        return;
    }
    r->event->has_error = true;
    if (type == JSONSCAN_OBJECT) {
        READ_OBJECT(r, error_members);
        return;
    }
    struct jsonscan_span text = read_text(r);
    if (type == JSONSCAN_STRING)
        r->event->fault.message = text;
}

static void read_root_error(struct reader *r)
{
    read_error(r);
    r->root.has_error = r->event->has_error;
}

/* `errors`: the first one tells. */
static void read_errors(struct reader *r)
{
    if (jsonscan_peek(&r->scan) != JSONSCAN_ARRAY) {
        skip(r);
        return;
    }
    jsonscan_enter(&r->scan);
    for (bool is_first = true; jsonscan_next_element(&r->scan); is_first = false)
        (is_first ? read_error : skip)(r);
}

static void read_root_message(struct reader *r)
{
    r->root.fault.message = read_text(r);
}

static void read_root_code(struct reader *r)
{
    r->root.fault.code = read_text(r);
}

static void read_root_type(struct reader *r)
{
    r->root.fault.type = read_text(r);
}

static void read_root_error_message(struct reader *r)
{
    struct jsonscan_span message = read_text(r);
    if (message.len == 0)
        return;
    r->event->has_error = true;
    r->event->fault.message = message;
}

static void read_root_error_type(struct reader *r)
{
    struct jsonscan_span type = read_text(r);
    if (type.len == 0)
        return;
    r->event->has_error = true;
    r->event->fault.type = type;
}

/* FastAPI's: text, or a list of what is wrong with the request. */
static void read_detail(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    bool is_told = is_something_ahead(r);
    if (type == JSONSCAN_STRING)
        jsonscan_string(&r->scan, &r->root.detail);
    else
        jsonscan_skip(&r->scan, is_told && (type == JSONSCAN_OBJECT || type == JSONSCAN_ARRAY)
                                    ? &r->root.detail
                                    : NULL);
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

/* Text, reasoning, a refusal, audio, images, or what is yet to be invented. */
static void read_content(struct reader *r)
{
    if (says_something(&r->scan))
        r->choice_has_content = true;
}

static void read_tool(struct reader *r)
{
    if (says_something(&r->scan))
        r->choice_has_content = r->choice_has_tool = true;
}

static const struct member delta_members[] = {
    MEMBER("role", skip),
    MEMBER("tool_calls", read_tool),
    MEMBER("function_call", read_tool),
};

static void read_delta(struct reader *r)
{
    READ_OBJECT_OR(r, delta_members, read_content);
}

static void read_text_content(struct reader *r)
{
    r->root.n_texts += jsonscan_peek(&r->scan) == JSONSCAN_STRING;
    read_content(r);
}

/* Of a whole answer. */
static void read_message(struct reader *r)
{
    r->root.n_messages += jsonscan_peek(&r->scan) == JSONSCAN_OBJECT;
    skip(r);
}

/* What is no index leaves the choice its place in the list. */
static void read_index(struct reader *r)
{
    int64_t index = read_count(r);
    if (index >= 0)
        r->choice_index = index;
}

/* Some providers send "" until the stream is finished: that is none. */
static void read_finish_reason(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    struct jsonscan_span reason = read_text(r);
    if (type != JSONSCAN_STRING || reason.len == 0)
        return;
    r->choice_is_finished = true;
    if (finish_reason_is_broken(reason)) {
        r->event->has_error = true;
        r->root.broken_reason = reason;
    }
}

static const struct member choice_members[] = {
    MEMBER("index", read_index),
    MEMBER("delta", read_delta),
    MEMBER("finish_reason", read_finish_reason),
    MEMBER("logprobs", skip),
    MEMBER("text", read_text_content),
    MEMBER("error", read_error),
    MEMBER("message", read_message),
};

/* Content behind a finish opens the choice again. */
static void note_choice(struct reader *r)
{
    struct dialect_parts *parts = &r->stream->parts[r->choice_index / 64];
    uint64_t bit = UINT64_C(1) << r->choice_index % 64;
    parts->opened |= bit;
    if (r->choice_is_finished) {
        parts->closed |= bit;
        parts->in_tool &= ~bit;
    } else if (r->choice_has_content) {
        parts->closed &= ~bit;
        parts->in_tool |= r->choice_has_tool ? bit : 0;
    }
}

static void read_choice(struct reader *r, int64_t position)
{
    r->choice_index = position;
    r->choice_is_finished = r->choice_has_content = r->choice_has_tool = false;
    READ_OBJECT(r, choice_members);
    r->event->has_finish |= r->choice_is_finished;
    r->event->has_content |= r->choice_has_content;
    if (r->choice_index < TRACKED_CHOICES)
        note_choice(r);
}

static void read_choices(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    r->root.has_choices = type != JSONSCAN_NULL;
    if (type != JSONSCAN_ARRAY) {
        skip(r);
        return;
    }
    jsonscan_enter(&r->scan);
    for (int64_t position = 0; jsonscan_next_element(&r->scan); position++) {
        r->root.n_choices++;
        read_choice(r, position);
    }
}

/* Embeddings have their result here. */
static void read_data(struct reader *r)
{
    if (jsonscan_peek(&r->scan) != JSONSCAN_ARRAY) {
        skip(r);
        return;
    }
    jsonscan_enter(&r->scan);
    for (; jsonscan_next_element(&r->scan); r->root.n_data++)
        skip(r);
}

/* What nearly every event has stands first, so that the rest is rarely looked through. */
static const struct member root_members[] = {
    MEMBER("choices", read_choices),
    MEMBER("id", skip),
    MEMBER("object", read_object_kind),
    MEMBER("created", skip),
    MEMBER("model", skip),
    MEMBER("usage", read_usage),
    MEMBER("system_fingerprint", skip),
    MEMBER("error", read_root_error),
    MEMBER("message", read_root_message),
    MEMBER("x_groq", read_x_groq),
    MEMBER("data", read_data),
    MEMBER("code", read_root_code),
    MEMBER("type", read_root_type),
    MEMBER("detail", read_detail),
    MEMBER("errors", read_errors),
    MEMBER("error_message", read_root_error_message),
    MEMBER("error_type", read_root_error_type),
};

/* A `code` that says that all is well. */
static bool is_good_code(struct jsonscan_span code)
{
    return code.len == 0 || jsonscan_equals(code, "0") ||
           (code.len == 3 && code.at[0] == '2' && code.at[1] == '0');
}

static void fill(struct jsonscan_span *span, struct jsonscan_span with)
{
    if (span->len == 0)
        *span = with;
}

/* The shapes of an error that stand in the root: {"object":"error","message":...}, {"detail":...},
 * {"code":...,"message":...}. What the root says completes what an `error` left out. */
static void complete_error(struct reader *r)
{
    struct dialect_fault *fault = &r->event->fault, *root = &r->root.fault;
    bool is_code = !is_good_code(root->code) && root->message.len > 0;
    if (r->root.is_error_object || (!r->root.has_choices && (is_code || r->root.detail.len > 0)))
        r->event->has_error = true;
    fill(&fault->message, root->message);
    fill(&fault->message, r->root.detail);
    fill(&fault->message, r->root.broken_reason);
    fill(&fault->code, root->code);
    fill(&fault->type, root->type);
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

/* True when the text is one valid JSON document whose root is an object, or a list of errors. */
static bool read_root(struct reader *r)
{
    enum jsonscan_type type = jsonscan_peek(&r->scan);
    if (type == JSONSCAN_ARRAY)
        return read_error_list(r);
    READ_OBJECT(r, root_members);
    complete_error(r);
    return jsonscan_finish(&r->scan) && type == JSONSCAN_OBJECT;
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

/* No data, or a word (`ping`, a time): nothing of an object, not even the rest of a torn one. */
static bool is_keep_alive(const char *data, size_t len)
{
    size_t i = 0;
    while (i < len && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r'))
        i++;
    if (i < len && data[i] == '[')
        return false;
    for (; i < len; i++)
        if (data[i] == '{' || data[i] == '}' || data[i] == '"' || data[i] == '\0')
            return false;
    return true;
}

/* Everything that was opened is closed, and something was. */
static bool is_complete(const struct dialect_stream *stream)
{
    uint64_t opened = 0, open = 0;
    for (size_t i = 0; i < DIALECT_PART_WORDS; i++) {
        opened |= stream->parts[i].opened;
        open |= stream->parts[i].opened & ~stream->parts[i].closed;
    }
    return opened != 0 && open == 0;
}

void chat_read_event(struct dialect_stream *stream, const char *data, size_t len,
                     struct dialect_event *out)
{
    struct dialect_stream seen = *stream;
    struct reader r = {.event = out, .stream = &seen};
    *out = (struct dialect_event){.usage = DIALECT_USAGE_UNKNOWN};
    if (is_done_marker(data, len)) {
        out->kind = DIALECT_EVENT_END;
        return;
    }
    jsonscan_init(&r.scan, data, len);
    r.scan.allows_nan = true;
    enum jsonscan_type type = jsonscan_peek(&r.scan);
    if (!read_root(&r)) {
        bool is_word = r.scan.error == JSONSCAN_OK && type != JSONSCAN_ARRAY;
        *out = (struct dialect_event){.kind = is_word || is_keep_alive(data, len)
                                                  ? DIALECT_EVENT_KEEP_ALIVE
                                                  : DIALECT_EVENT_MALFORMED,
                                      .usage = DIALECT_USAGE_UNKNOWN};
        return;
    }
    out->is_usage = r.root.n_choices == 0 && !out->has_error &&
                    (out->usage.total_tokens >= 0 || out->usage.prompt_tokens >= 0);
    seen.has_finish |= out->has_finish;
    seen.is_complete = is_complete(&seen);
    *stream = seen;
}

/* Does it hold what was asked for? */
static bool is_good(enum chat_kind kind, const struct root_facts *root)
{
    switch (kind) {
    case CHAT_MESSAGES:
        return root->n_choices > 0 && root->n_messages == root->n_choices;
    case CHAT_PROMPT:
        return root->n_choices > 0 && root->n_texts == root->n_choices;
    case CHAT_INPUT:
        return root->n_data > 0;
    }
    return false;
}

void chat_read_reply(unsigned kind, const char *body, size_t len, struct dialect_reply *out)
{
    struct dialect_event event = {.usage = DIALECT_USAGE_UNKNOWN};
    struct dialect_stream ignored = {0};
    struct reader r = {.event = &event, .stream = &ignored};
    *out = (struct dialect_reply){.kind = DIALECT_REPLY_NOT_JSON, .usage = DIALECT_USAGE_UNKNOWN};
    jsonscan_init(&r.scan, body, len);
    r.scan.allows_nan = true;
    bool is_list = jsonscan_peek(&r.scan) == JSONSCAN_ARRAY;
    if (!read_root(&r))
        return;
    if (event.has_error)
        out->kind = DIALECT_REPLY_ERROR;
    else if (is_good((enum chat_kind)kind, &r.root))
        out->kind = DIALECT_REPLY_GOOD;
    out->is_error_event = !is_list && r.root.has_error;
    out->fault = event.fault;
    out->usage = event.usage;
}
