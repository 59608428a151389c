/* SPDX-License-Identifier: MIT */
/* rewrite over jsonscan: the rewritten body is JSON, each member and message that no rule names is
 * there as it was written, and the merged text is what json-c reads it to be. */
#include "server/provider/rewrite.h"

#include "server/dialect/chat_request.h"
#include "tests/fuzz/fuzz_json.h"

#define TEXT_MAX 65536

static const struct rewrite_rules rules = {.removed = (const char *const[]){"tools", "model", NULL},
                                           .merges_system = true};

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void put(struct text *out, const char *bytes, size_t len)
{
    FUZZ_CHECK(len <= TEXT_MAX - out->len);
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
}

/* ---- what stays ---------------------------------------------------------------------------- */

static bool is_ruled(struct jsonscan_span key)
{
    return jsonscan_equals(key, "tools") || jsonscan_equals(key, "model");
}

/* Every member that stays, as written, one behind the other; `messages` by its name only. */
static void put_members(struct text *out, const char *body, size_t len)
{
    struct jsonscan s;
    struct jsonscan_span key, value;
    jsonscan_init(&s, body, len);
    jsonscan_enter(&s);
    while (jsonscan_next_member(&s, &key)) {
        FUZZ_CHECK(jsonscan_skip(&s, &value));
        if (is_ruled(key))
            continue;
        put(out, key.at, key.len);
        put(out, ":", 1);
        if (!jsonscan_equals(key, "messages"))
            put(out, value.at, value.len);
    }
}

/* ---- json-c's view of messages ------------------------------------------------------------- */

static bool is_string(json_object *value, const char *expected)
{
    return json_object_is_type(value, json_type_string) &&
           (size_t)json_object_get_string_len(value) == strlen(expected) &&
           strcmp(json_object_get_string(value), expected) == 0;
}

static json_object *member(json_object *object, const char *name)
{
    json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return value;
}

static bool has_role(json_object *message, const char *role)
{
    return is_string(member(message, "role"), role);
}

static void put_line(struct text *out, json_object *string)
{
    size_t len = (size_t)json_object_get_string_len(string);
    if (len == 0)
        return;
    if (out->len > 0)
        put(out, "\n", 1);
    put(out, json_object_get_string(string), len);
}

static bool is_text_part(json_object *part)
{
    json_object *type;
    return json_object_is_type(member(part, "text"), json_type_string) &&
           (!json_object_object_get_ex(part, "type", &type) || is_string(type, "text"));
}

/* The texts of a system message's content; false when it holds more. */
static bool put_lines(struct text *out, json_object *content)
{
    size_t n =
        json_object_is_type(content, json_type_array) ? json_object_array_length(content) : 0;
    for (size_t i = 0; i < n; i++)
        if (!is_text_part(json_object_array_get_idx(content, i)))
            return false;
    for (size_t i = 0; i < n; i++)
        put_line(out, member(json_object_array_get_idx(content, i), "text"));
    if (json_object_is_type(content, json_type_string))
        put_line(out, content);
    return content == NULL || json_object_is_type(content, json_type_array) ||
           json_object_is_type(content, json_type_string);
}

/* The text of all system messages that can be merged; how many there are. */
static size_t put_system(struct text *out, json_object *messages)
{
    size_t merged = 0;
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        json_object *message = json_object_array_get_idx(messages, i);
        if (has_role(message, "system"))
            merged += put_lines(out, member(message, "content"));
    }
    return merged;
}

static json_object *first_user(json_object *messages)
{
    for (size_t i = 0; i < json_object_array_length(messages); i++)
        if (has_role(json_object_array_get_idx(messages, i), "user"))
            return json_object_array_get_idx(messages, i);
    return NULL;
}

/* What the user's content reads as text: the string, or its first part that weir put there. */
static json_object *text_of(json_object *content)
{
    if (json_object_is_type(content, json_type_array))
        return member(json_object_array_get_idx(content, 0), "text");
    return content;
}

static void check_messages(json_object *before, json_object *after)
{
    static struct text system;
    system.len = 0;
    size_t merged = put_system(&system, before), n = json_object_array_length(before);
    json_object *user = first_user(before), *content = member(user, "content");
    bool takes_text = user == NULL || content == NULL ||
                      json_object_is_type(content, json_type_string) ||
                      json_object_is_type(content, json_type_array);
    if (merged == 0 || (system.len == 0 && merged == n) || (system.len > 0 && !takes_text)) {
        FUZZ_CHECK(json_object_equal(before, after));
        return;
    }
    FUZZ_CHECK(json_object_array_length(after) == n - merged + (user == NULL && system.len > 0));
    if (system.len == 0)
        return;
    json_object *text = text_of(member(first_user(after), "content"));
    if (user != NULL)
        put(&system, "\n\n", 2);
    if (json_object_is_type(content, json_type_string))
        put(&system, json_object_get_string(content), (size_t)json_object_get_string_len(content));
    FUZZ_CHECK((size_t)json_object_get_string_len(text) == system.len);
    FUZZ_CHECK(memcmp(json_object_get_string(text), system.bytes, system.len) == 0);
}

/* ---- the target ---------------------------------------------------------------------------- */

static void check(const char *body, size_t len, const char *out, size_t out_len)
{
    static struct text before, after;
    before.len = after.len = 0;
    put_members(&before, body, len);
    put_members(&after, out, out_len);
    FUZZ_CHECK(before.len == after.len && memcmp(before.bytes, after.bytes, before.len) == 0);
    json_object *root = fuzz_parse_json(body, len), *new_root = fuzz_parse_json(out, out_len);
    /* to json-c a key ends at a NUL, so that it finds `role\u0000x` to be a role */
    if (memmem(body, len, "\\u0000", 6) == NULL) {
        FUZZ_CHECK(member(new_root, "tools") == NULL && member(new_root, "model") == NULL);
        check_messages(member(root, "messages"), member(new_root, "messages"));
    }
    json_object_put(root);
    json_object_put(new_root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialect_request chat;
    char why[160], *body = fuzz_copy(data, size);
    if (size < TEXT_MAX / 4 &&
        chat_read_request(CHAT_MESSAGES, body, size, &chat, why, sizeof(why))) {
        struct splices edits = SPLICES_INIT;
        rewrite_request(&rules, body, size, &edits);
        size_t out_len;
        char *out = splices_apply(&edits, body, size, &out_len);
        check(body, size, out, out_len);
        splices_free(&edits);
        free(out);
    }
    free(body);
    return 0;
}
