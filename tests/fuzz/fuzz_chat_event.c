/* SPDX-License-Identifier: MIT */
/* chat_event: says nothing about data that is not a JSON object, never points outside its text, and
 * its two readers agree where they read the same. */
#include "server/dialect/chat_event.h"
#include "server/dialect/chat_request.h"
#include "tests/fuzz/fuzz.h"

static void check_span(const char *text, size_t size, struct jsonscan_span span)
{
    FUZZ_CHECK(span.len == 0 || (span.at >= text && span.at + span.len <= text + size));
}

static bool is_json_object(const char *text, size_t size)
{
    struct jsonscan scan;
    jsonscan_init(&scan, text, size);
    scan.allows_nan = true;
    bool is_object = jsonscan_peek(&scan) == JSONSCAN_OBJECT;
    return jsonscan_skip(&scan, NULL) && jsonscan_finish(&scan) && is_object;
}

static void check_event(const char *text, size_t size, const struct dialect_event *event,
                        const struct dialect_stream *stream)
{
    if (event->kind != DIALECT_EVENT_JSON)
        FUZZ_CHECK(!is_json_object(text, size));
    else
        FUZZ_CHECK(is_json_object(text, size) || event->has_error); /* a list of errors */
    check_span(text, size, event->fault.message);
    bool is_all_closed = true, is_any_opened = false;
    for (size_t i = 0; i < DIALECT_PART_WORDS; i++) {
        const struct dialect_parts *parts = &stream->parts[i];
        FUZZ_CHECK((parts->closed & ~parts->opened) == 0);
        FUZZ_CHECK((parts->in_tool & ~parts->opened) == 0);
        FUZZ_CHECK(event->has_finish || parts->closed == 0);
        is_all_closed = is_all_closed && parts->opened == parts->closed;
        is_any_opened = is_any_opened || parts->opened != 0;
    }
    FUZZ_CHECK(stream->is_complete == (is_any_opened && is_all_closed));
    FUZZ_CHECK(event->usage.prompt_tokens >= -1 && event->usage.completion_tokens >= -1 &&
               event->usage.total_tokens >= -1);
    if (event->kind != DIALECT_EVENT_JSON)
        FUZZ_CHECK(!event->has_content && !event->has_finish && !event->has_error &&
                   !is_any_opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct dialect_event event;
    struct dialect_stream stream = {0};
    struct dialect_reply reply;
    chat_read_event(&stream, text, size, &event);
    chat_read_reply(CHAT_MESSAGES, text, size, &reply);
    check_event(text, size, &event, &stream);
    check_span(text, size, reply.fault.message);
    check_span(text, size, reply.fault.code);
    check_span(text, size, reply.fault.type);
    if (event.kind == DIALECT_EVENT_JSON) {
        FUZZ_CHECK((reply.kind == DIALECT_REPLY_ERROR) == event.has_error);
        FUZZ_CHECK(reply.usage.prompt_tokens == event.usage.prompt_tokens);
        FUZZ_CHECK(reply.fault.message.len == event.fault.message.len);
    } else {
        FUZZ_CHECK(reply.kind != DIALECT_REPLY_GOOD);
    }
    free(text);
    return 0;
}
