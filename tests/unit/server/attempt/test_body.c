/* SPDX-License-Identifier: MIT */
/* server/attempt/body.c: however much a body has to be changed, it is sent in few pieces. */
#include "server/attempt/body.h"

#include <string.h>

#include "common/base/buf.h"
#include "tests/unit/unit.h"

#define SYSTEM "{\"role\":\"system\",\"content\":\"s\"}"
#define USER   "{\"role\":\"user\",\"content\":\"u\"}"

static struct conf_provider provider = {.id = (char *)"g", .type = PROVIDER_GOOGLE_AI};
static struct conf_pair pair = {
    .provider = &provider, .model = "gemma-3", .model_json = "\"gemma-3\""};

static void put_messages(struct buf *body, unsigned n_before, unsigned n_behind)
{
    buf_puts(body, "{\"model\":\"m\",\"messages\":[");
    for (unsigned i = 0; i < n_before; i++)
        buf_puts(body, SYSTEM ",");
    buf_puts(body, USER);
    for (unsigned i = 0; i < n_behind; i++)
        buf_puts(body, "," SYSTEM);
    buf_puts(body, "]}");
}

/* What the provider gets: one message, all the texts before the user's own. */
static void put_expected(struct buf *out, unsigned n)
{
    buf_puts(out, "{\"model\":\"gemma-3\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (unsigned i = 0; i < n; i++)
        buf_puts(out, i > 0 ? "\\ns" : "s");
    buf_puts(out, "\\n\\nu\"}]}");
}

START_TEST(many_edits_are_few_pieces)
{
    static const struct {
        unsigned before, behind;
    } rows[] = {{1, 0}, {0, 1}, {50, 50}, {100, 200}, {300000, 0}, {0, 300000}, {200000, 100000}};
    for (size_t row = 0; row < UNIT_ROWS(rows); row++) {
        struct buf body = BUF_INIT, expected = BUF_INIT, got = BUF_INIT;
        struct dialect_request request;
        char why[160];
        put_messages(&body, rows[row].before, rows[row].behind);
        put_expected(&expected, rows[row].before + rows[row].behind);
        const struct dialect *dialect = DIALECT_DEFAULT;
        ck_assert(dialect->read_request(0, buf_cstr(&body), body.len, &request, why, sizeof(why)));
        struct attempt_body sent = attempt_body_for(&pair, dialect, &request, body.data, body.len);
        ck_assert_uint_le(sent.n, 2 * ATTEMPT_BODY_EDITS_MAX + 1);
        for (size_t i = 0; i < sent.n; i++)
            buf_put(&got, sent.pieces[i].iov_base, sent.pieces[i].iov_len);
        ck_assert_msg(got.len == expected.len && memcmp(got.data, expected.data, got.len) == 0,
                      "row %zu", row);
        attempt_body_free(&sent);
        attempt_body_free(&sent);
        buf_free(&body);
        buf_free(&expected);
        buf_free(&got);
    }
}
END_TEST

UNIT_MAIN("attempt_body", many_edits_are_few_pieces)
