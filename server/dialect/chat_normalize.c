/* SPDX-License-Identifier: MIT */
/* See chat_normalize.h. The text itself is not moved: its key becomes "content", and the empty
 * content, if there is one, goes. */
#include "server/dialect/chat_normalize.h"

#include <string.h>

#include "common/json/splice.h"

static const char reasoning_key[] = "reasoning_content";

/* What a delta or message says of its two members. */
struct finding {
    unsigned contents, reasonings; /* how often each is there */
    bool is_absent, has_reasoning;
    struct jsonscan_span key; /* of the reasoning, between its quotes */
};

static bool is_string_with(struct jsonscan_span value, bool is_empty)
{
    return value.at[0] == '"' && (value.len == strlen("\"\"")) == is_empty;
}

static bool is_null(struct jsonscan_span value)
{
    return value.at[0] == 'n';
}

static struct finding find(struct jsonscan_span object)
{
    struct finding found = {.is_absent = true};
    struct jsonscan s;
    struct jsonscan_span key, value;
    jsonscan_init(&s, object.at, object.len);
    s.allows_nan = true;
    jsonscan_enter(&s);
    while (jsonscan_next_member(&s, &key) && jsonscan_skip(&s, &value)) {
        if (jsonscan_equals(key, "content")) {
            found.contents++;
            found.is_absent = is_null(value) || is_string_with(value, true);
        } else if (jsonscan_equals(key, reasoning_key)) {
            found.reasonings++;
            found.has_reasoning = is_string_with(value, false);
            found.key = key;
        }
    }
    return found;
}

static void prune_content(const char *text, struct jsonscan_span object, struct splices *out)
{
    struct splice_pruner pruner = {.out = out};
    struct jsonscan s;
    struct jsonscan_span key;
    jsonscan_init(&s, object.at, object.len);
    s.allows_nan = true;
    jsonscan_enter(&s);
    while (jsonscan_next_member(&s, &key) && jsonscan_skip(&s, NULL))
        splice_prune(&pruner, (size_t)(key.at - 1 - text), (size_t)(s.at - text),
                     jsonscan_equals(key, "content"));
    splice_prune_end(&pruner);
}

static void edit_object(const char *text, struct jsonscan_span object, struct splices *out)
{
    struct finding found = find(object);
    if (!found.has_reasoning || !found.is_absent || found.reasonings > 1 || found.contents > 1)
        return;
    size_t at = (size_t)(found.key.at - text);
    splices_add(out, at, at + found.key.len, SPLICE_TEXT("content"));
    if (found.contents == 1)
        prune_content(text, object, out);
}

/* The scanner stands before a value: is it an object or array? Else it is passed by. */
static bool enter_or_skip(struct jsonscan *s, enum jsonscan_type type)
{
    if (jsonscan_peek(s) == type)
        return jsonscan_enter(s);
    jsonscan_skip(s, NULL);
    return false;
}

static void edit_choice(struct jsonscan *s, const char *member, struct splices *out)
{
    struct jsonscan_span key, value;
    if (!enter_or_skip(s, JSONSCAN_OBJECT))
        return;
    while (jsonscan_next_member(s, &key) && jsonscan_skip(s, &value))
        if (value.at[0] == '{' && jsonscan_equals(key, member))
            edit_object(s->start, value, out);
}

static void edit_choices(const char *text, size_t len, const char *member, struct splices *out)
{
    struct jsonscan s;
    struct jsonscan_span key;
    jsonscan_init(&s, text, len);
    s.allows_nan = true;
    if (!enter_or_skip(&s, JSONSCAN_OBJECT))
        return;
    while (jsonscan_next_member(&s, &key)) {
        if (!jsonscan_equals(key, "choices"))
            jsonscan_skip(&s, NULL);
        else if (enter_or_skip(&s, JSONSCAN_ARRAY))
            while (jsonscan_next_element(&s))
                edit_choice(&s, member, out);
    }
}

static char *normalize(const char *text, size_t len, const char *member, size_t *out_len)
{
    struct splices edits = SPLICES_INIT;
    char *out = NULL;
    /* Nobody escapes the letters of this key. */
    if (memmem(text, len, reasoning_key, strlen(reasoning_key)) != NULL)
        edit_choices(text, len, member, &edits);
    if (edits.n > 0)
        out = splices_apply(&edits, text, len, out_len);
    splices_free(&edits);
    return out;
}

char *chat_normalize_event(const char *data, size_t len, size_t *out_len)
{
    return normalize(data, len, "delta", out_len);
}

char *chat_normalize_reply(const char *body, size_t len, size_t *out_len)
{
    return normalize(body, len, "message", out_len);
}
