/* SPDX-License-Identifier: MIT */
/* splice: edits of a text, and what of a container can be left out so that it stays JSON. */
#include "common/json/splice.h"

#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

/* The pieces say the same, and none of them is empty. */
static void assert_pieces(const struct splices *edits, const char *text, size_t len,
                          const char *expected)
{
    struct iovec *pieces = xcalloc(SPLICES_PIECES_MAX(edits), sizeof(*pieces));
    size_t n = splices_pieces(edits, text, len, pieces), at = 0;
    ck_assert_uint_le(n, SPLICES_PIECES_MAX(edits));
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_gt(pieces[i].iov_len, 0);
        ck_assert_uint_le(at + pieces[i].iov_len, strlen(expected));
        ck_assert_mem_eq(pieces[i].iov_base, expected + at, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    ck_assert_uint_eq(at, strlen(expected));
    free(pieces);
}

static void assert_out(const struct splices *edits, const char *text, const char *expected)
{
    size_t len = strlen(text), out_len;
    char *source = xmalloc(len);
    memcpy(source, text, len);
    char *out = splices_apply(edits, source, len, &out_len);
    ck_assert_str_eq(out, expected);
    ck_assert_uint_eq(out_len, strlen(expected));
    assert_pieces(edits, source, len, expected);
    free(source);
    free(out);
}

START_TEST(no_edit_changes_nothing)
{
    struct splices edits = SPLICES_INIT;
    assert_out(&edits, "", "");
    assert_out(&edits, "text", "text");
    splices_free(&edits);
}
END_TEST

START_TEST(edits_come_in_the_order_of_the_text)
{
    struct splices edits = SPLICES_INIT;
    splices_add(&edits, 4, 6, SPLICE_TEXT("XYZ"));
    splices_add(&edits, 0, 1, SPLICE_TEXT(""));
    splices_add(&edits, 10, 10, SPLICE_TEXT("!"));
    splices_add(&edits, 2, 2, SPLICE_TEXT("_"));
    assert_out(&edits, "0123456789", "1_23XYZ6789!");
    splices_free(&edits);
}
END_TEST

START_TEST(insertions_at_one_place_keep_their_order)
{
    struct splices edits = SPLICES_INIT;
    splices_add(&edits, 1, 3, SPLICE_TEXT(""));
    splices_add(&edits, 1, 1, SPLICE_TEXT("a"));
    splices_add(&edits, 5, 5, SPLICE_TEXT("z"));
    splices_add(&edits, 1, 1, SPLICE_TEXT("b"));
    splices_add(&edits, 3, 3, SPLICE_TEXT("c"));
    splices_add(&edits, 1, 1, SPLICE_TEXT(""));
    assert_out(&edits, "01234", "0abc34z");
    splices_free(&edits);
}
END_TEST

START_TEST(many_edits)
{
    enum {
        N = 1000
    };
    struct splices edits = SPLICES_INIT;
    char text[N + 1], expected[2 * N + 1];
    memset(text, 'a', N);
    text[N] = '\0';
    for (size_t i = 0; i < N; i++) {
        splices_add(&edits, N - 1 - i, N - i, SPLICE_TEXT("bc"));
        memcpy(expected + 2 * i, "bc", 3);
    }
    assert_out(&edits, text, expected);
    splices_free(&edits);
}
END_TEST

/* Items of one letter; a capital one is removed. */
static const struct {
    const char *text, *left;
} lists[] = {
    {"[]", "[]"},
    {"[ ]", "[ ]"},
    {"[a]", "[a]"},
    {"[A]", "[]"},
    {"[ A ]", "[  ]"},
    {"[A,b]", "[b]"},
    {"[a,B]", "[a]"},
    {"[a , B ]", "[a ]"},
    {"[ A , b ]", "[ b ]"},
    {"[A,B,c]", "[c]"},
    {"[A,b,C]", "[b]"},
    {"[a,B,C]", "[a]"},
    {"[a,B,c]", "[a,c]"},
    {"[ a, B,  c ]", "[ a,  c ]"},
    {"[A,b,C,d,E]", "[b,d]"},
    {"[A,B,C]", "[]"},
    {"[A, B,\nC ]", "[ ]"},
    {"[a,B,c,D,E,f,G]", "[a,c,f]"},
};

START_TEST(what_is_pruned_takes_one_comma_along)
{
    for (size_t i = 0; i < UNIT_ROWS(lists); i++) {
        struct splices edits = SPLICES_INIT;
        struct splice_pruner pruner = {.out = &edits};
        for (size_t at = 0; lists[i].text[at] != '\0'; at++) {
            char c = lists[i].text[at];
            if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
                splice_prune(&pruner, at, at + 1, c <= 'Z');
        }
        splice_prune_end(&pruner);
        assert_out(&edits, lists[i].text, lists[i].left);
        splices_free(&edits);
    }
}
END_TEST

UNIT_MAIN("splice", no_edit_changes_nothing, edits_come_in_the_order_of_the_text,
          insertions_at_one_place_keep_their_order, many_edits,
          what_is_pruned_takes_one_comma_along)
