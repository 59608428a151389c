/* SPDX-License-Identifier: MIT */
/* jsonscan: skipping a document in one step and walking it member by member agree, spans lie in the
 * text, and what is accepted json-c (strict) accepts too. */
#include "common/json/jsonscan.h"
#include "tests/fuzz/fuzz_json.h"

static void check_span(const struct jsonscan *s, struct jsonscan_span span)
{
    FUZZ_CHECK(span.at >= s->start && span.at + span.len <= s->end);
}

static void check_string(struct jsonscan_span content)
{
    /* no escape grows: content with its NUL always has room */
    char *plain = fuzz_alloc(content.len + 1);
    size_t len = jsonscan_unescape(content, plain, content.len + 1);
    FUZZ_CHECK(len <= content.len && plain[len] == '\0');
    FUZZ_CHECK(jsonscan_equals(content, plain) == (strlen(plain) == len));
    /* cut anywhere it is a beginning of the whole */
    char part[8];
    size_t part_len = jsonscan_unescape(content, part, sizeof(part));
    FUZZ_CHECK(part_len < sizeof(part) && memcmp(part, plain, part_len) == 0);
    free(plain);
}

/* Consumes one value by its parts; not recursive, as the scanner is not. */
static void walk(struct jsonscan *s)
{
    bool kinds[JSONSCAN_DEPTH_MAX];
    uint32_t depth = 0;
    struct jsonscan_span span;
    do {
        enum jsonscan_type type = jsonscan_peek(s);
        if (type == JSONSCAN_OBJECT || type == JSONSCAN_ARRAY) {
            if (!jsonscan_enter(s))
                return;
            kinds[depth++] = type == JSONSCAN_OBJECT;
        } else if (type == JSONSCAN_STRING) {
            if (!jsonscan_string(s, &span))
                return;
            check_span(s, span);
            check_string(span);
        } else if (!jsonscan_skip(s, &span)) {
            return;
        }
        while (depth > 0 &&
               !(kinds[depth - 1] ? jsonscan_next_member(s, &span) : jsonscan_next_element(s))) {
            if (s->error != JSONSCAN_OK)
                return;
            depth--;
        }
        FUZZ_CHECK(s->depth == depth);
    } while (depth > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct jsonscan whole, parts;
    struct jsonscan_span value;
    jsonscan_init(&whole, text, size);
    jsonscan_init(&parts, text, size);
    bool is_good = jsonscan_skip(&whole, &value) && jsonscan_finish(&whole);
    walk(&parts);
    (void)!jsonscan_finish(&parts);
    FUZZ_CHECK(whole.error == parts.error && whole.at == parts.at);
    FUZZ_CHECK(is_good == (whole.error == JSONSCAN_OK));
    FUZZ_CHECK(whole.at >= text && whole.at <= text + size);
    if (is_good) {
        check_span(&whole, value);
        json_object_put(fuzz_parse_json(text, size));
    }
    free(text);
    return 0;
}
