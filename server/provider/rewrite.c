/* SPDX-License-Identifier: MIT */
/* See rewrite.h. The texts of system messages are moved as they are written, escapes and all: they
 * only change from one pair of quotes to another. Messages are walked three times (survey, edits,
 * and the texts where they go), so that edits come in the order of the body and nothing is kept for
 * each message. */
#include "server/provider/rewrite.h"

#define LINE_END   "\\n"
#define EMPTY_LINE LINE_END LINE_END

/* A value in the body; NONE: it is not there. */
struct value {
    enum jsonscan_type type;
    struct jsonscan_span text;
};

struct message {
    struct jsonscan_span text;
    const char *first_member; /* just after the opening brace */
    bool is_system, is_user;  /* system: by either of its names */
    struct value content;
};

struct merge {
    const char *body;
    struct splices *out;
    struct jsonscan_span messages;
    size_t n_merged, n_texts, n_others; /* messages that go, their texts; messages that stay */
    bool has_user, has_put;
    struct message user; /* the first one */
    size_t target;       /* where text is being put */
};

static struct value read_value(struct jsonscan *s)
{
    struct value value = {.type = jsonscan_peek(s)};
    jsonscan_skip(s, &value.text);
    return value;
}

/* What stands between the quotes of a string. */
static struct jsonscan_span inside(struct value string)
{
    return (struct jsonscan_span){string.text.at + 1, string.text.len - 2};
}

/* ---- texts --------------------------------------------------------------------------------- */

/* Called for each text of a system message that is not empty. */
typedef void (*text_fn)(struct merge *m, struct jsonscan_span text);

/* {"type":"text","text":"..."}: its text, false for any other part. */
static bool read_part(struct jsonscan *s, struct jsonscan_span *text)
{
    struct jsonscan_span key;
    struct value found = {0};
    bool is_text = true;
    if (jsonscan_peek(s) != JSONSCAN_OBJECT)
        return false;
    jsonscan_enter(s);
    while (jsonscan_next_member(s, &key)) {
        struct value value = read_value(s);
        if (jsonscan_equals(key, "text"))
            found = value;
        else if (jsonscan_equals(key, "type"))
            is_text = value.type == JSONSCAN_STRING && jsonscan_equals(inside(value), "text");
    }
    if (!is_text || found.type != JSONSCAN_STRING)
        return false;
    *text = inside(found);
    return true;
}

static bool each_part(struct merge *m, struct jsonscan_span list, text_fn fn)
{
    struct jsonscan s;
    struct jsonscan_span text;
    jsonscan_init(&s, list.at, list.len);
    jsonscan_enter(&s);
    while (jsonscan_next_element(&s)) {
        if (!read_part(&s, &text))
            return false;
        if (text.len > 0)
            fn(m, text);
    }
    return true;
}

/* The texts of a content; false when it holds anything else. */
static bool each_text(struct merge *m, struct value content, text_fn fn)
{
    switch (content.type) {
    case JSONSCAN_NONE:
    case JSONSCAN_NULL:
        return true;
    case JSONSCAN_STRING:
        if (inside(content).len > 0)
            fn(m, inside(content));
        return true;
    case JSONSCAN_ARRAY:
        return each_part(m, content.text, fn);
    default:
        return false;
    }
}

static void ignore_text(struct merge *m, struct jsonscan_span text)
{
}

static void count_text(struct merge *m, struct jsonscan_span text)
{
    m->n_texts++;
}

static bool is_merged(struct merge *m, const struct message *message)
{
    return message->is_system && each_text(m, message->content, ignore_text);
}

/* ---- messages ------------------------------------------------------------------------------ */

/* Reads the message ahead; one that is not an object has no role. Of members that are there twice
 * the last one counts, as in most parsers. */
static struct message read_message(struct jsonscan *s)
{
    struct message message = {0};
    struct jsonscan_span key;
    bool is_object = jsonscan_peek(s) == JSONSCAN_OBJECT;
    message.text.at = s->at;
    if (is_object)
        jsonscan_enter(s);
    else
        jsonscan_skip(s, NULL);
    message.first_member = s->at;
    while (is_object && jsonscan_next_member(s, &key)) {
        struct value value = read_value(s);
        if (jsonscan_equals(key, "content"))
            message.content = value;
        if (!jsonscan_equals(key, "role"))
            continue;
        bool is_string = value.type == JSONSCAN_STRING;
        message.is_system = is_string && (jsonscan_equals(inside(value), "system") ||
                                          jsonscan_equals(inside(value), "developer"));
        message.is_user = is_string && jsonscan_equals(inside(value), "user");
    }
    message.text.len = (size_t)(s->at - message.text.at);
    return message;
}

static void start_walk(const struct merge *m, struct jsonscan *s)
{
    jsonscan_init(s, m->messages.at, m->messages.len);
    jsonscan_enter(s);
}

static void survey_messages(struct merge *m)
{
    struct jsonscan s;
    start_walk(m, &s);
    while (jsonscan_next_element(&s)) {
        struct message message = read_message(&s);
        if (is_merged(m, &message)) {
            m->n_merged++;
            each_text(m, message.content, count_text);
            continue;
        }
        m->n_others++;
        if (message.is_user && !m->has_user) {
            m->has_user = true;
            m->user = message;
        }
    }
}

/* ---- inserting the texts ------------------------------------------------------------------- */

static size_t offset(const struct merge *m, const char *at)
{
    return (size_t)(at - m->body);
}

static void insert_text(struct merge *m, struct jsonscan_span text)
{
    splices_add(m->out, m->target, m->target, text);
}
#define INSERT_TEXT(m, literal) insert_text((m), SPLICE_TEXT(literal))

static void insert_system_text(struct merge *m, struct jsonscan_span text)
{
    if (m->has_put)
        INSERT_TEXT(m, LINE_END);
    m->has_put = true;
    insert_text(m, text);
}

static void insert_system_texts(struct merge *m)
{
    struct jsonscan s;
    start_walk(m, &s);
    while (jsonscan_next_element(&s)) {
        struct message message = read_message(&s);
        if (is_merged(m, &message))
            each_text(m, message.content, insert_system_text);
    }
}

static void put_into_string(struct merge *m)
{
    m->target = offset(m, m->user.content.text.at) + 1;
    insert_system_texts(m);
    INSERT_TEXT(m, EMPTY_LINE);
}

static bool is_empty_list(struct value list)
{
    struct jsonscan s;
    jsonscan_init(&s, list.text.at, list.text.len);
    jsonscan_enter(&s);
    return !jsonscan_next_element(&s);
}

/* As a part of its own, with the empty line too: some models get the parts as one text. */
static void put_into_list(struct merge *m)
{
    m->target = offset(m, m->user.content.text.at) + 1;
    INSERT_TEXT(m, "{\"type\":\"text\",\"text\":\"");
    insert_system_texts(m);
    INSERT_TEXT(m, EMPTY_LINE "\"}");
    if (!is_empty_list(m->user.content))
        INSERT_TEXT(m, ",");
}

static void put_for_null(struct merge *m)
{
    size_t from = offset(m, m->user.content.text.at);
    m->target = from + m->user.content.text.len;
    splices_add(m->out, from, m->target, SPLICE_TEXT("\""));
    insert_system_texts(m);
    INSERT_TEXT(m, EMPTY_LINE "\"");
}

/* The message has at least a role, so another member follows. */
static void put_as_member(struct merge *m)
{
    m->target = offset(m, m->user.first_member);
    INSERT_TEXT(m, "\"content\":\"");
    insert_system_texts(m);
    INSERT_TEXT(m, EMPTY_LINE "\",");
}

static void put_as_message(struct merge *m)
{
    m->target = offset(m, m->messages.at) + 1;
    INSERT_TEXT(m, "{\"role\":\"user\",\"content\":\"");
    insert_system_texts(m);
    INSERT_TEXT(m, "\"}");
    if (m->n_others > 0)
        INSERT_TEXT(m, ",");
}

/* By the type of the user's content; text can be put before these types only. */
static void (*const put_into[])(struct merge *m) = {
    [JSONSCAN_NONE] = put_as_member,
    [JSONSCAN_NULL] = put_for_null,
    [JSONSCAN_STRING] = put_into_string,
    [JSONSCAN_ARRAY] = put_into_list,
    [JSONSCAN_OBJECT] = NULL,
};

static bool can_hold_text(enum jsonscan_type type)
{
    return (size_t)type < sizeof(put_into) / sizeof(put_into[0]) && put_into[type] != NULL;
}

/* ---- the edits ----------------------------------------------------------------------------- */

static bool wants_merge(const struct merge *m)
{
    if (m->n_merged == 0 || m->n_texts + m->n_others == 0)
        return false;
    return m->n_texts == 0 || !m->has_user || can_hold_text(m->user.content.type);
}

static void merge_system(struct jsonscan_span messages, const char *body, struct splices *out)
{
    struct merge m = {.body = body, .out = out, .messages = messages};
    struct splice_pruner pruner = {.out = out};
    struct jsonscan s;
    survey_messages(&m);
    if (!wants_merge(&m))
        return;
    if (m.n_texts > 0 && !m.has_user)
        put_as_message(&m);
    start_walk(&m, &s);
    while (jsonscan_next_element(&s)) {
        struct message message = read_message(&s);
        size_t from = offset(&m, message.text.at);
        splice_prune(&pruner, from, from + message.text.len, is_merged(&m, &message));
        if (m.n_texts > 0 && m.has_user && message.text.at == m.user.text.at)
            put_into[m.user.content.type](&m);
    }
    splice_prune_end(&pruner);
}

static bool is_removed(const struct rewrite_rules *rules, struct jsonscan_span key)
{
    for (const char *const *name = rules->removed; name != NULL && *name != NULL; name++)
        if (jsonscan_equals(key, *name))
            return true;
    return false;
}

void rewrite_request(const struct rewrite_rules *rules, const char *body, size_t len,
                     struct splices *out)
{
    struct splice_pruner pruner = {.out = out};
    struct jsonscan s;
    struct jsonscan_span key;
    jsonscan_init(&s, body, len);
    jsonscan_enter(&s);
    while (jsonscan_next_member(&s, &key)) {
        struct value value = read_value(&s);
        splice_prune(&pruner, (size_t)(key.at - 1 - body), (size_t)(s.at - body),
                     is_removed(rules, key));
        if (rules->merges_system && value.type == JSONSCAN_ARRAY &&
            jsonscan_equals(key, "messages"))
            merge_system(value.text, body, out);
    }
    splice_prune_end(&pruner);
}
