/* SPDX-License-Identifier: MIT */
/* dialect: whatever the words of an error are, every row makes one line of JSON of them that json-c
 * (strict) takes too, and that the row itself reads as an error; and what is added to an error,
 * weir's or a provider's, leaves it JSON. */
#include "server/dialect/dialect.h"

#include "server/dialect/own_error.h"
#include "tests/fuzz/fuzz_json.h"

static const struct dialect *const dialects[] = {&dialect_chat};

static void check_json(struct buf *text)
{
    json_object *root = fuzz_parse_json(text->data, text->len);
    FUZZ_CHECK(json_object_is_type(root, json_type_object));
    json_object_put(root);
}

static void check_error(const struct dialect *d, struct buf *text)
{
    struct dialect_stream stream = {0};
    struct dialect_event event;
    struct dialect_reply reply;
    check_json(text);
    FUZZ_CHECK(memchr(text->data, '\n', text->len) == NULL);
    d->read_event(&stream, text->data, text->len, &event);
    FUZZ_CHECK(event.kind == DIALECT_EVENT_JSON && event.has_error);
    d->read_reply(0, text->data, text->len, &reply);
    FUZZ_CHECK(reply.kind == DIALECT_REPLY_ERROR && reply.is_error_event);
    own_error_add_probe(text, "stream_lost", 200, "words");
    check_json(text);
}

static void check_with_trail(const char *json, size_t len)
{
    struct buf text = BUF_INIT;
    own_error_put_with(&text, json, len, "trail", "a/b=x;1ms");
    check_json(&text);
    buf_free(&text);
}

static void check_row(const struct dialect *d, const char *words, size_t size)
{
    struct dialect_reply reply;
    for (enum own_error e = 0; e < OWN_ERROR_COUNT; e++) {
        const struct dialect_error error = own_error_with_message(e, words, size, "req-1");
        struct buf body = BUF_INIT, event = BUF_INIT;
        d->put_error(&body, &error);
        d->put_error_event(&event, &error);
        check_error(d, &body);
        check_error(d, &event);
        check_with_trail(event.data, event.len);
        buf_free(&body);
        buf_free(&event);
    }
    d->read_reply(0, words, size, &reply);
    if (reply.is_error_event)
        check_with_trail(words, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words = fuzz_copy(data, size);
    for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
        check_row(dialects[i], words, size);
    free(words);
    return 0;
}
