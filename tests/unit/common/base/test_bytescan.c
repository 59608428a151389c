/* SPDX-License-Identifier: MIT */
/* bytescan: whatever the width of a step, it stops where looking at each byte would stop. Built
 * twice: as the machine does it, and with BYTESCAN_PORTABLE. */
#include "common/base/bytescan.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

#define LONGEST 50

typedef const char *(*scan_fn)(const char *p, const char *end);

static bool is_json_stop(unsigned char c)
{
    return c < 0x20 || c > 0x7f || c == '"' || c == '\\';
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* Every byte value at every place of texts of every length, in memory of exactly that length. */
static void check(scan_fn scan, bool (*stops)(unsigned char c))
{
    for (size_t len = 1; len <= LONGEST; len++) {
        char *text = malloc(len);
        memset(text, 'a', len);
        ck_assert_ptr_eq(scan(text, text + len), text + len);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                const char *expected = stops((unsigned char)c) ? text + at : text + len;
                ck_assert_msg(scan(text, text + len) == expected, "%d at %zu of %zu", c, at, len);
            }
            text[at] = 'a';
        }
        free(text);
    }
    ck_assert_ptr_null(scan(NULL, NULL));
}

START_TEST(finds_the_end_of_plain_json_text)
{
    check(bytescan_json_text, is_json_stop);
}
END_TEST

START_TEST(finds_control_characters)
{
    check(bytescan_controls, is_control);
}
END_TEST

/* The first of several stops counts, whatever stands behind it in the same step. */
START_TEST(finds_the_first_of_many)
{
    static const char stops[] = "\x01\x1f\"\\\x80\xff";
    char text[LONGEST];
    for (size_t first = 0; first < LONGEST; first++) {
        for (size_t i = 0; i < LONGEST; i++)
            text[i] = i < first ? ' ' : stops[i % (sizeof(stops) - 1)];
        ck_assert_ptr_eq(bytescan_json_text(text, text + LONGEST), text + first);
    }
}
END_TEST

UNIT_MAIN("bytescan", finds_the_end_of_plain_json_text, finds_control_characters,
          finds_the_first_of_many)
