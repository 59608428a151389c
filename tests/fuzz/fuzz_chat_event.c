/* SPDX-License-Identifier: MIT */
/* chunk: never says anything about what is no JSON object, never points outside its text, and its
 * two readers agree where they read the same. */
#include "server/dialect/chat_event.h"
#include "tests/fuzz/fuzz.h"

static void check_span(const char *text, size_t size, struct jsonscan_span span)
{
    FUZZ_CHECK(span.len == 0 || (span.at >= text && span.at + span.len <= text + size));
}

static bool is_json_object(const char *text, size_t size)
{
    struct jsonscan scan;
    jsonscan_init(&scan, text, size);
    bool is_object = jsonscan_peek(&scan) == JSONSCAN_OBJECT;
    return jsonscan_skip(&scan, NULL) && jsonscan_finish(&scan) && is_object;
}

static void check_chunk(const char *text, size_t size, const struct dialect_event *chunk)
{
    FUZZ_CHECK((chunk->kind == DIALECT_EVENT_JSON) == is_json_object(text, size));
    check_span(text, size, chunk->error_message);
    FUZZ_CHECK((chunk->choices_finished & ~chunk->choices_seen) == 0);
    FUZZ_CHECK(chunk->has_finish || chunk->choices_finished == 0);
    FUZZ_CHECK(chunk->prompt_tokens >= -1 && chunk->completion_tokens >= -1 &&
               chunk->total_tokens >= -1);
    if (chunk->kind != DIALECT_EVENT_JSON)
        FUZZ_CHECK(!chunk->has_content && !chunk->has_finish && !chunk->has_error &&
                   chunk->choices_seen == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct dialect_event chunk;
    struct dialect_reply answer;
    chat_read_event(text, size, &chunk);
    chat_read_reply(text, size, &answer);
    check_chunk(text, size, &chunk);
    check_span(text, size, answer.error_message);
    check_span(text, size, answer.error_code);
    check_span(text, size, answer.error_type);
    if (chunk.kind == DIALECT_EVENT_JSON) {
        FUZZ_CHECK((answer.kind == DIALECT_REPLY_ERROR) == chunk.has_error);
        FUZZ_CHECK(answer.prompt_tokens == chunk.prompt_tokens);
        FUZZ_CHECK(answer.error_message.len == chunk.error_message.len);
    } else {
        FUZZ_CHECK(answer.kind != DIALECT_REPLY_GOOD);
    }
    free(text);
    return 0;
}
