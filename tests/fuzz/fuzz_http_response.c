/* SPDX-License-Identifier: MIT */
/* http_response: an answer reads the same however it comes in; what it says of its end agrees with
 * what it gave. The first byte says how to cut. */
#include "common/base/buf.h"
#include "common/http/response.h"
#include "tests/fuzz/fuzz.h"

struct seen {
    enum http_response_result result;
    struct buf text; /* status, headers and body */
    size_t body_len, taken;
    bool has_head, may_end, keeps_alive;
};

static void note_text(struct seen *seen, struct http_text text)
{
    for (size_t i = 0; i < text.len; i++)
        FUZZ_CHECK((unsigned char)text.at[i] >= 0x20 || text.at[i] == '\t');
    buf_put(&seen->text, text.at, text.len);
    buf_putc(&seen->text, '\n');
}

static void note_head(struct seen *seen, const struct http_response_head *head)
{
    FUZZ_CHECK(!seen->has_head && head->status >= 200 && head->status <= 999);
    FUZZ_CHECK(head->n_headers <= HTTP_RESPONSE_HEADERS_MAX);
    seen->has_head = true;
    buf_printf(&seen->text, "%d\n", head->status);
    for (size_t i = 0; i < head->n_headers; i++) {
        FUZZ_CHECK(head->headers[i].name.len > 0);
        note_text(seen, head->headers[i].name);
        note_text(seen, head->headers[i].value);
    }
}

static bool is_final(enum http_response_result result)
{
    return result == HTTP_RESPONSE_END || result == HTTP_RESPONSE_BAD;
}

static void feed_piece(struct http_response *r, struct seen *seen, const uint8_t *data, size_t len)
{
    static struct http_response_head head;
    char *copy = fuzz_copy(data, len);
    size_t at = 0;
    do {
        size_t used = 0;
        struct http_text piece;
        seen->result = http_response_feed(r, copy + at, len - at, &used, &head, &piece);
        FUZZ_CHECK(used <= len - at);
        at += used;
        if (seen->result == HTTP_RESPONSE_HEAD)
            note_head(seen, &head);
        if (seen->result == HTTP_RESPONSE_DATA) {
            FUZZ_CHECK(seen->has_head && piece.len > 0 && piece.at >= copy);
            FUZZ_CHECK(piece.at + piece.len <= copy + at);
            buf_put(&seen->text, piece.at, piece.len);
            seen->body_len += piece.len;
        }
    } while (!is_final(seen->result) && seen->result != HTTP_RESPONSE_MORE);
    FUZZ_CHECK(seen->result != HTTP_RESPONSE_MORE || at == len);
    seen->taken += at;
    free(copy);
}

static struct seen run(int how, const uint8_t *data, size_t size)
{
    struct http_response r;
    struct seen seen = {.result = HTTP_RESPONSE_MORE};
    http_response_init(&r);
    size_t at = 0;
    for (size_t nth = 0; at < size && !is_final(seen.result); nth++) {
        size_t n = how < 0 ? size : fuzz_piece((uint8_t)how, nth, size - at);
        feed_piece(&r, &seen, data + at, n);
        at += n;
    }
    FUZZ_CHECK(http_response_has_head(&r) == seen.has_head);
    seen.may_end = http_response_may_end_here(&r);
    seen.keeps_alive = seen.has_head && r.keeps_alive;
    FUZZ_CHECK(seen.result != HTTP_RESPONSE_END || (seen.may_end && seen.has_head));
    FUZZ_CHECK(seen.result != HTTP_RESPONSE_BAD || http_response_why(&r) != NULL);
    FUZZ_CHECK(!seen.keeps_alive || !seen.may_end || seen.result == HTTP_RESPONSE_END);
    http_response_deinit(&r);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct seen whole = run(-1, data + 1, size - 1);
    struct seen cut = run(data[0], data + 1, size - 1);
    FUZZ_CHECK(whole.result == cut.result && whole.has_head == cut.has_head);
    FUZZ_CHECK(whole.may_end == cut.may_end && whole.keeps_alive == cut.keeps_alive);
    FUZZ_CHECK(whole.body_len == cut.body_len && whole.text.len == cut.text.len);
    FUZZ_CHECK(whole.text.len == 0 || memcmp(whole.text.data, cut.text.data, whole.text.len) == 0);
    FUZZ_CHECK(whole.result == HTTP_RESPONSE_BAD || whole.taken == cut.taken);
    buf_free(&whole.text);
    buf_free(&cut.text);
    return 0;
}
