/* SPDX-License-Identifier: MIT */
/* chat over jsonscan: what weir takes for JSON, json-c (strict) takes for JSON too; and the body
 * that goes upstream is the client's, except for the splice. */
#include "server/dialect/chat_request.h"
#include "tests/fuzz/fuzz_json.h"

#define MODEL         "mo\"del\\x"
#define MODEL_WRITTEN "\"mo\\\"del\\\\x\""

static void check_splice(const struct dialect_request *chat, const char *body, size_t len)
{
    struct splices edits = SPLICES_INIT;
    chat_edit_request(chat, SPLICE_TEXT(MODEL_WRITTEN), &edits);
    size_t out_len;
    char *out = splices_apply(&edits, body, len, &out_len), *at = out;
    splices_free(&edits);
    /* piece by piece: the brace, what was added, the rest with the model in its place */
    static const char options[] = "\"stream_options\":{\"include_usage\":true},";
    static const char added_model[] = "\"model\":" MODEL_WRITTEN ",";
    const char *model = MODEL_WRITTEN;
    FUZZ_CHECK(memcmp(at, body, chat->first_member_at) == 0);
    at += chat->first_member_at;
    if (chat->asks_usage) {
        FUZZ_CHECK(memcmp(at, options, strlen(options)) == 0);
        at += strlen(options);
    }
    if (!chat->has_model)
        model = added_model;
    size_t before = chat->model_from - chat->first_member_at;
    FUZZ_CHECK(memcmp(at, body + chat->first_member_at, before) == 0);
    at += before;
    FUZZ_CHECK(memcmp(at, model, strlen(model)) == 0);
    at += strlen(model);
    size_t after = len - chat->model_to;
    FUZZ_CHECK(memcmp(at, body + chat->model_to, after) == 0);
    FUZZ_CHECK(at + after == out + out_len);

    struct dialect_request again;
    char why[128], name[32];
    FUZZ_CHECK(chat_read_request(CHAT_MESSAGES, out, out_len, &again, why, sizeof(why)));
    FUZZ_CHECK(again.has_model && again.is_stream == chat->is_stream);
    FUZZ_CHECK(!again.asks_usage && (chat->is_stream || !chat->asks_usage));
    jsonscan_unescape(again.model, name, sizeof(name));
    FUZZ_CHECK(strcmp(name, MODEL) == 0);
    free(out);
}

/* json-c reads the same, except that to it a key ends at a NUL, so that `model\u0000x` is `model`.
 */
static void check_meaning(const struct dialect_request *chat, json_object *root)
{
    json_object *value;
    FUZZ_CHECK(json_object_is_type(root, json_type_object));
    FUZZ_CHECK(json_object_object_get_ex(root, "messages", &value));
    FUZZ_CHECK(json_object_is_type(value, json_type_array));
    FUZZ_CHECK(json_object_object_get_ex(root, "model", &value) == chat->has_model);
    json_object_object_get_ex(root, "stream", &value);
    FUZZ_CHECK(json_object_get_boolean(value) == chat->is_stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialect_request chat;
    char why[160] = "", *body = fuzz_copy(data, size);
    if (chat_read_request(CHAT_MESSAGES, body, size, &chat, why, sizeof(why))) {
        json_object *root = fuzz_parse_json(body, size);
        if (memmem(body, size, "\\u0000", 6) == NULL)
            check_meaning(&chat, root);
        check_splice(&chat, body, size);
        json_object_put(root);
    } else {
        FUZZ_CHECK(strlen(why) > 0 && strlen(why) < sizeof(why) - 1);
    }
    free(body);
    return 0;
}
