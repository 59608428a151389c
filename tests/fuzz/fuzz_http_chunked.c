/* SPDX-License-Identifier: MIT */
/* http_chunked: whole and cut input give the same body, end and verdict; and a body that was
 * accepted, written as one chunk, is the same body; what is accepted strictly is read the same by a
 * reader that forgives. The first byte says how to cut. */
#include "common/base/buf.h"
#include "common/http/chunked.h"
#include "tests/fuzz/fuzz.h"

struct reading {
    struct buf body;
    enum http_chunked_result result;
    size_t taken;
};

static struct reading read_body(bool forgives, int how, const char *text, size_t size)
{
    struct reading r = {.body = BUF_INIT, .result = HTTP_CHUNKED_MORE};
    struct http_chunked chunked;
    http_chunked_init(&chunked, forgives);
    for (size_t nth = 0; r.taken < size && r.result <= HTTP_CHUNKED_DATA; nth++) {
        size_t left = size - r.taken, used;
        size_t n = how < 0 ? left : fuzz_piece((uint8_t)how, nth, left);
        struct http_text piece;
        char *copy = fuzz_copy(text + r.taken, n);
        r.result = http_chunked_feed(&chunked, copy, n, &used, &piece);
        FUZZ_CHECK(used <= n && (r.result != HTTP_CHUNKED_MORE || used == n));
        FUZZ_CHECK(r.result == HTTP_CHUNKED_DATA ? piece.len > 0 : piece.len == 0);
        FUZZ_CHECK(piece.at >= copy && piece.at + piece.len <= copy + used + (piece.len == 0));
        buf_put(&r.body, piece.at, piece.len);
        r.taken += used;
        free(copy);
    }
    return r;
}

static void check_same_body(const struct buf *a, const struct buf *b)
{
    FUZZ_CHECK(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
}

static void check_as_one_chunk(const struct buf *body)
{
    struct buf text = BUF_INIT;
    if (body->len > 0) {
        buf_printf(&text, "%zx\r\n", body->len);
        buf_put(&text, body->data, body->len);
        buf_puts(&text, "\r\n");
    }
    buf_puts(&text, "0\r\n\r\n");
    struct reading again = read_body(false, -1, text.data, text.len);
    FUZZ_CHECK(again.result == HTTP_CHUNKED_END && again.taken == text.len);
    check_same_body(&again.body, body);
    buf_free(&again.body);
    buf_free(&text);
}

static struct reading check(bool forgives, uint8_t how, const char *text, size_t size)
{
    struct reading whole = read_body(forgives, -1, text, size);
    struct reading cut = read_body(forgives, how, text, size);
    check_same_body(&whole.body, &cut.body);
    FUZZ_CHECK((whole.result > HTTP_CHUNKED_DATA) == (cut.result > HTTP_CHUNKED_DATA));
    if (whole.result > HTTP_CHUNKED_DATA)
        FUZZ_CHECK(whole.result == cut.result && whole.taken == cut.taken);
    if (whole.result == HTTP_CHUNKED_END)
        check_as_one_chunk(&whole.body);
    buf_free(&cut.body);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    struct reading strict = check(false, data[0], text, size - 1);
    struct reading lenient = check(true, data[0], text, size - 1);
    if (strict.result == HTTP_CHUNKED_END) {
        FUZZ_CHECK(lenient.result == HTTP_CHUNKED_END && lenient.taken == strict.taken);
        check_same_body(&strict.body, &lenient.body);
    }
    buf_free(&strict.body);
    buf_free(&lenient.body);
    return 0;
}
