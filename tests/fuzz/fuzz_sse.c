/* SPDX-License-Identifier: MIT */
/* sse: the input cut into pieces, the input whole, and a slow reading of the standard's words give
 * the same events. The first byte says how to cut. */
#include "common/base/buf.h"
#include "common/http/sse.h"
#include "tests/fuzz/fuzz.h"

/* Events as text: TYPE LF DATA NUL ..., lengths first, so that nothing can hide in them. */
static void put_event(struct buf *out, const char *type, size_t type_len, const char *data,
                      size_t data_len)
{
    buf_printf(out, "%zu %zu ", type_len, data_len);
    buf_put(out, type, type_len);
    buf_put(out, data, data_len);
}

static bool hear(void *arg, const struct sse_event *event)
{
    put_event(arg, event->type, event->type_len, event->data, event->data_len);
    return true;
}

static void read_by_parser(const char *text, size_t size, int how, struct buf *out,
                           size_t *comments)
{
    struct sse *sse = sse_new(hear, out, 1u << 20);
    for (size_t at = 0, nth = 0; at < size; nth++) {
        size_t n = how < 0 ? size : fuzz_piece((uint8_t)how, nth, size - at);
        char *piece = fuzz_copy(text + at, n);
        FUZZ_CHECK(sse_feed(sse, piece, n) == SSE_OK);
        free(piece);
        at += n;
    }
    FUZZ_CHECK(sse_finish(sse) == SSE_OK);
    *comments = sse_comments(sse);
    sse_free(&sse);
}

/* The standard, a line at a time, without any care for speed. */
struct reference {
    struct buf type, data;
    bool has_data;
    size_t comments;
    struct buf *out;
};

static void reference_dispatch(struct reference *ref)
{
    if (ref->has_data) /* each data line left an LF behind it; the last one does not count */
        put_event(ref->out, ref->type.data, ref->type.len, ref->data.data, ref->data.len - 1);
    buf_clear(&ref->type);
    buf_clear(&ref->data);
    ref->has_data = false;
}

static void reference_line(struct reference *ref, const char *line, size_t len)
{
    size_t name = 0;
    if (len == 0) {
        reference_dispatch(ref);
        return;
    }
    while (name < len && line[name] != ':')
        name++;
    size_t value = name + (name < len);
    value += value < len && value > name && line[value] == ' ';
    if (name == 0) {
        ref->comments++;
    } else if (name == 4 && memcmp(line, "data", 4) == 0) {
        ref->has_data = true;
        buf_put(&ref->data, line + value, len - value);
        buf_putc(&ref->data, '\n');
    } else if (name == 5 && memcmp(line, "event", 5) == 0) {
        buf_clear(&ref->type);
        buf_put(&ref->type, line + value, len - value);
    }
}

static void read_by_reference(const char *text, size_t size, struct buf *out, size_t *comments)
{
    struct reference ref = {.type = BUF_INIT, .data = BUF_INIT, .out = out};
    size_t from = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (size_t at = from; at <= size; at++) {
        if (at < size && text[at] != '\n' && text[at] != '\r')
            continue;
        if (at < size || from < at)
            reference_line(&ref, text + from, at - from);
        at += at + 1 < size && text[at] == '\r' && text[at + 1] == '\n';
        from = at + 1;
    }
    reference_dispatch(&ref);
    *comments = ref.comments;
    buf_free(&ref.type);
    buf_free(&ref.data);
}

static void check_same(const struct buf *a, const struct buf *b)
{
    FUZZ_CHECK(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = BUF_INIT, cut = BUF_INIT, reference = BUF_INIT;
    size_t whole_comments, cut_comments, reference_comments;
    if (size == 0)
        return 0;
    char *text = fuzz_copy(data + 1, size - 1);
    read_by_parser(text, size - 1, -1, &whole, &whole_comments);
    read_by_parser(text, size - 1, data[0], &cut, &cut_comments);
    read_by_reference(text, size - 1, &reference, &reference_comments);
    check_same(&whole, &cut);
    check_same(&whole, &reference);
    FUZZ_CHECK(whole_comments == cut_comments && whole_comments == reference_comments);
    buf_free(&whole);
    buf_free(&cut);
    buf_free(&reference);
    free(text);
    return 0;
}
