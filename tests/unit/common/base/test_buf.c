/* SPDX-License-Identifier: MIT */
/* buf: what is put in comes out, whatever its size, and JSON strings come out as JSON. */
#include "common/base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

START_TEST(puts_everything_in_order)
{
    struct buf b = BUF_INIT;
    buf_puts(&b, "a");
    buf_putc(&b, 'b');
    buf_put(&b, "c\0d", 3);
    buf_put(&b, NULL, 0);
    buf_printf(&b, "%s-%d", "e", 5);
    ck_assert_uint_eq(b.len, 8);
    ck_assert(memcmp(b.data, "abc\0de-5", 8) == 0);
    buf_free(&b);
    ck_assert_ptr_null(b.data);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(puts_numbers)
{
    static const uint64_t numbers[] = {0, 7, 10, 99, 100, 1234567890, UINT64_MAX};
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < UNIT_ROWS(numbers); i++) {
        buf_put_u64(&b, numbers[i]);
        buf_putc(&b, ' ');
    }
    ck_assert_str_eq(buf_cstr(&b), "0 7 10 99 100 1234567890 18446744073709551615 ");
    buf_free(&b);
}
END_TEST

START_TEST(an_empty_one_is_an_empty_string)
{
    struct buf b = BUF_INIT;
    ck_assert_str_eq(buf_cstr(&b), "");
    buf_puts(&b, "x");
    buf_clear(&b);
    ck_assert_str_eq(buf_cstr(&b), "");
    buf_free(&b);
}
END_TEST

START_TEST(cstr_adds_no_length)
{
    struct buf b = BUF_INIT;
    for (size_t n = 0; n < 1000; n++) {
        ck_assert_uint_eq(strlen(buf_cstr(&b)), n);
        ck_assert_uint_eq(b.len, n);
        buf_putc(&b, 'x');
    }
    buf_free(&b);
}
END_TEST

/* Whether it fits, fits but for the NUL, or does not fit. */
START_TEST(printf_fits_at_every_fill)
{
    for (size_t fill = 0; fill < 600; fill++) {
        struct buf b = BUF_INIT;
        for (size_t i = 0; i < fill; i++)
            buf_putc(&b, 'x');
        buf_printf(&b, "%0*d", 100, 7);
        ck_assert_uint_eq(b.len, fill + 100);
        ck_assert(b.data[b.len - 1] == '7');
        ck_assert_uint_eq(strspn(buf_cstr(&b) + fill, "0"), 99);
        buf_free(&b);
    }
}
END_TEST

START_TEST(reserve_makes_room)
{
    struct buf b = BUF_INIT;
    buf_puts(&b, "head");
    char *room = buf_reserve(&b, 100000);
    memset(room, 'x', 100000);
    b.len += 100000;
    ck_assert(memcmp(b.data, "headx", 5) == 0);
    ck_assert(b.cap >= 100004);
    buf_free(&b);
}
END_TEST

START_TEST(take_hands_over)
{
    struct buf b = BUF_INIT;
    buf_puts(&b, "mine");
    char *taken = buf_take(&b);
    ck_assert_str_eq(taken, "mine");
    ck_assert_ptr_null(b.data);
    free(taken);
    taken = buf_take(&b);
    ck_assert_str_eq(taken, "");
    free(taken);
}
END_TEST

static const struct {
    const char *text;
    size_t len;
    const char *json;
} strings[] = {
    {"", 0, "\"\""},
    {"plain", 5, "\"plain\""},
    {"\"\\/", 3, "\"\\\"\\\\/\""},
    {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
    {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\""},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {"\xff", 1, "\"\xef\xbf\xbd\""},
    {"a\xc3", 2, "\"a\xef\xbf\xbd\""},
    {"\xc3\x28", 2, "\"\xef\xbf\xbd(\""},
    {"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
};

START_TEST(writes_json_strings)
{
    for (size_t i = 0; i < UNIT_ROWS(strings); i++) {
        struct buf b = BUF_INIT;
        /* memory of exactly that length, for the sanitizers */
        char *text = malloc(strings[i].len != 0 ? strings[i].len : 1);
        memcpy(text, strings[i].text, strings[i].len);
        buf_put_json(&b, text, strings[i].len);
        ck_assert_msg(strcmp(buf_cstr(&b), strings[i].json) == 0, "row %zu: %s", i, buf_cstr(&b));
        free(text);
        buf_free(&b);
    }
}
END_TEST

UNIT_MAIN("buf", puts_everything_in_order, puts_numbers, an_empty_one_is_an_empty_string,
          cstr_adds_no_length, printf_fits_at_every_fill, reserve_makes_room, take_hands_over,
          writes_json_strings)
