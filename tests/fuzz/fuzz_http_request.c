/* SPDX-License-Identifier: MIT */
/* http1: the head's end is the same however the bytes come in; an accepted head, written out again
 * from its parts, is accepted with the same meaning; and the rules about framing hold in it. The
 * first byte says how to cut. */
#include "common/base/buf.h"
#include "common/http/request.h"
#include "common/http/target.h"
#include "tests/fuzz/fuzz.h"

static size_t find_end_piecewise(uint8_t how, const char *text, size_t size, size_t *skip)
{
    size_t have = 0, from = 0, end = 0;
    *skip = 0;
    for (size_t nth = 0; end == 0 && have < size; nth++) {
        from = have;
        have += fuzz_piece(how, nth, size - have);
        char *copy = fuzz_copy(text, have);
        end = http_head_end(copy, have, from, skip);
        free(copy);
    }
    return end;
}

static void check_slice(const char *head, size_t len, struct http_text text)
{
    FUZZ_CHECK(text.at >= head && text.at + text.len <= head + len);
    for (size_t i = 0; i < text.len; i++)
        FUZZ_CHECK((unsigned char)text.at[i] >= 0x20 || text.at[i] == '\t');
}

static size_t count(const struct http_request *req, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < req->n_headers; i++)
        n += http_text_equals_nocase(req->headers[i].name, name);
    return n;
}

static void check_rules(const char *head, size_t len, const struct http_request *req)
{
    size_t lengths = count(req, "content-length"), codings = count(req, "transfer-encoding");
    FUZZ_CHECK(req->why == NULL && req->method.len > 0 && req->path.len > 0);
    FUZZ_CHECK(count(req, "host") == 1 || (req->version_minor == 0 && count(req, "host") == 0));
    FUZZ_CHECK(lengths + codings <= 1);
    FUZZ_CHECK((req->framing == HTTP_REQUEST_CHUNKED) == (codings == 1));
    FUZZ_CHECK(req->framing != HTTP_REQUEST_LENGTH || (lengths == 1 && req->content_length > 0));
    FUZZ_CHECK(req->framing == HTTP_REQUEST_NO_BODY || !http_text_equals(req->method, "GET"));
    check_slice(head, len, req->method);
    check_slice(head, len, req->target);
    for (size_t i = 0; i < req->n_headers; i++) {
        check_slice(head, len, req->headers[i].name);
        check_slice(head, len, req->headers[i].value);
    }
}

static void write_out(const struct http_request *req, struct buf *out)
{
    buf_put(out, req->method.at, req->method.len);
    buf_putc(out, ' ');
    buf_put(out, req->target.at, req->target.len);
    buf_printf(out, " HTTP/1.%d\r\n", req->version_minor);
    for (size_t i = 0; i < req->n_headers; i++) {
        buf_put(out, req->headers[i].name.at, req->headers[i].name.len);
        buf_puts(out, ": ");
        buf_put(out, req->headers[i].value.at, req->headers[i].value.len);
        buf_puts(out, "\r\n");
    }
    buf_puts(out, "\r\n");
}

/* One spelling is the spelling of itself; no credential goes on; a name is no longer than it was.
 */
static void check_target(const struct http_request *req)
{
    static const char *const less[] = {"key", NULL};
    struct buf room = BUF_INIT, again = BUF_INIT, query = BUF_INIT, twice = BUF_INIT;
    struct http_text tidy = http_target_tidy(req->path, &room);
    FUZZ_CHECK(tidy.len > 0 && tidy.len <= req->path.len && tidy.at[0] == req->path.at[0]);
    FUZZ_CHECK(http_target_tidy(tidy, &again).at == tidy.at);
    http_target_put_query(req->query, less, &query);
    http_target_put_query((struct http_text){buf_cstr(&query), query.len}, less, &twice);
    FUZZ_CHECK(query.len <= req->query.len && query.len == twice.len);
    buf_clear(&query);
    if (http_target_decode(req->path, &query))
        FUZZ_CHECK(query.len <= req->path.len && memchr(buf_cstr(&query), '\0', query.len) == NULL);
    buf_free(&room);
    buf_free(&again);
    buf_free(&query);
    buf_free(&twice);
}

static void check_same(const struct http_request *a, const struct http_request *b)
{
    FUZZ_CHECK(a->framing == b->framing && a->content_length == b->content_length);
    FUZZ_CHECK(a->keep_alive == b->keep_alive && a->expect_continue == b->expect_continue);
    FUZZ_CHECK(a->n_headers == b->n_headers && a->path.len == b->path.len);
}

static void check_head(const char *text, size_t len)
{
    struct http_request req, again;
    char *head = fuzz_copy(text, len);
    enum http_request_error error = http_request_parse(head, len, &req);
    FUZZ_CHECK((error == HTTP_REQUEST_OK) == (req.why == NULL));
    if (error == HTTP_REQUEST_OK) {
        struct buf out = BUF_INIT;
        check_rules(head, len, &req);
        check_target(&req);
        write_out(&req, &out);
        FUZZ_CHECK(http_request_parse(out.data, out.len, &again) == HTTP_REQUEST_OK);
        check_same(&req, &again);
        buf_free(&out);
    }
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t skip, skip_piecewise;
    if (size == 0)
        return 0;
    char *text = fuzz_copy(data + 1, size - 1);
    size_t end = http_head_end(text, size - 1, 0, &skip);
    /* the end is that of the shortest input that has one, so what follows may be left away */
    FUZZ_CHECK(end <= size - 1 && (end == 0 || skip < end));
    FUZZ_CHECK(find_end_piecewise(data[0], text, end != 0 ? end : size - 1, &skip_piecewise) ==
               end);
    if (end != 0) {
        FUZZ_CHECK(skip == skip_piecewise);
        check_head(text + skip, end - skip);
    }
    check_head(text, size - 1);
    free(text);
    return 0;
}
