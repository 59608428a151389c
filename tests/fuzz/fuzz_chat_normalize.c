/* SPDX-License-Identifier: MIT */
/* normalize over jsonscan: what comes out is JSON, nothing is left to normalise in it, what had to
 * change did so in json-c's eyes, and what had not is the same to the byte. */
#include "server/dialect/chat_normalize.h"

#include "server/dialect/chat_event.h"
#include "tests/fuzz/fuzz_json.h"

static json_object *member(json_object *object, const char *name)
{
    json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return value;
}

static bool is_empty(json_object *value)
{
    return value == NULL ||
           (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 0);
}

static bool is_absent(json_object *delta)
{
    json_object *reasoning = member(delta, "reasoning_content");
    return is_empty(member(delta, "content")) && !is_empty(reasoning) &&
           json_object_is_type(reasoning, json_type_string);
}

/* Does to json-c's tree what normalize does to the text. */
static void normalize_tree(json_object *root)
{
    json_object *choices = member(root, "choices");
    size_t n =
        json_object_is_type(choices, json_type_array) ? json_object_array_length(choices) : 0;
    for (size_t i = 0; i < n; i++) {
        json_object *delta = member(json_object_array_get_idx(choices, i), "delta");
        if (!is_absent(delta))
            continue;
        json_object_object_add(delta, "content",
                               json_object_get(member(delta, "reasoning_content")));
        json_object_object_del(delta, "reasoning_content");
    }
}

/* json-c takes the last of two members and ends keys at a NUL; what it can say nothing of is told
 * by a document that does not come back as it was. */
static bool is_plain(json_object *root, const char *data, size_t len)
{
    const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    return strlen(text) == len && memcmp(text, data, len) == 0;
}

static void check(const char *data, size_t len, const char *out, size_t out_len)
{
    json_object *before = fuzz_parse_json(data, len), *after = fuzz_parse_json(out, out_len);
    size_t again_len;
    FUZZ_CHECK(chat_normalize_event(out, out_len, &again_len) == NULL);
    if (is_plain(before, data, len)) {
        normalize_tree(before);
        FUZZ_CHECK(json_object_equal(before, after));
    }
    json_object_put(before);
    json_object_put(after);
}

/* Content-bearing is content-bearing, whatever it is called. */
static void check_events(const struct dialect_event *before, const char *out, size_t out_len)
{
    struct dialect_event after;
    struct dialect_stream stream = {0};
    chat_read_event(&stream, out, out_len, &after);
    FUZZ_CHECK(after.kind == DIALECT_EVENT_JSON);
    FUZZ_CHECK(after.has_content == before->has_content);
    FUZZ_CHECK(after.has_finish == before->has_finish);
    FUZZ_CHECK(after.has_error == before->has_error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialect_event event;
    struct dialect_stream stream = {0};
    char *text = fuzz_copy(data, size);
    chat_read_event(&stream, text, size, &event);
    if (event.kind == DIALECT_EVENT_JSON) {
        size_t out_len = size;
        char *out = chat_normalize_event(text, size, &out_len);
        check(text, size, out != NULL ? out : text, out_len);
        check_events(&event, out != NULL ? out : text, out_len);
        free(out);
        free(chat_normalize_reply(text, size, &out_len));
    }
    free(text);
    return 0;
}
