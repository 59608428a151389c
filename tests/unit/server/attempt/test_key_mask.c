/* SPDX-License-Identifier: MIT */
/* Keys in what a provider says. */
#include "server/attempt/key_mask.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

struct row {
    const char *key, *from, *to;
};

static void hold(void (*mask)(const char *, char *, size_t), const struct row *row)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", row->from);
    mask(row->key, text, strlen(text));
    ck_assert_str_eq(text, row->to);
}

START_TEST(in_a_text)
{
    static const struct row rows[] = {
        {"sk-123456789", "", ""},
        {"sk-123456789", "sk-12345678", "sk-12345678"},
        {"sk-123456789", "bad key sk-123456789.", "bad key ************."},
        {"sk-123456789", "sk-123456789sk-123456789", "************************"},
        {"none", "none of the choices", "none of the choices"},
        {"sk-12345678", "bad key sk-12345678", "bad key sk-12345678"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        hold(key_mask_text, &rows[i]);
}
END_TEST

START_TEST(in_json)
{
    static const struct row rows[] = {
        {"sk-123456789", "{\"a\":\"bad sk-123456789\"}", "{\"a\":\"bad ************\"}"},
        {"a", "{\"a\":\"a\"}", "{\"a\":\"a\"}"},
        {"none", "{\"message\":\"none of the choices\"}", "{\"message\":\"none of the choices\"}"},
        /* Structure is no string: numbers, and what lies between two. */
        {"123456789012", "{\"n\":123456789012}", "{\"n\":123456789012}"},
        {"1234,\"b\":123", "[1234,\"b\":1234]", "[1234,\"b\":1234]"},
        /* In any way to write it. */
        {"sk/123+456=789", "{\"a\":\"sk\\/123+456=789\"}", "{\"a\":\"***************\"}"},
        {"sk/123+456=789", "{\"a\":\"sk/123\\u002B456\\u003d789!\"}",
         "{\"a\":\"************************!\"}"},
        {"\"quoted\\key\"", "{\"a\":\"\\\"quoted\\\\key\\\"\"}", "{\"a\":\"***************\"}"},
        /* An escape is one character: none begins in its middle. */
        {"n-1234567890", "{\"a\":\"\\n-1234567890\"}", "{\"a\":\"\\n-1234567890\"}"},
        {"sk-123456789", "{\"a\":\"x\\\"sk-123456789\"}", "{\"a\":\"x\\\"************\"}"},
        /* Cut anywhere. */
        {"sk-123456789", "{\"a\":\"sk-12345678", "{\"a\":\"sk-12345678"},
        {"sk-123456789", "{\"a\":\"sk-12345678\\", "{\"a\":\"sk-12345678\\"},
        {"sk-123456789", "{\"a\":\"sk-12345678\\u003", "{\"a\":\"sk-12345678\\u003"},
        {"sk-123456789", "{\"a\":\"sk-12345678\\u0039", "{\"a\":\"*****************"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        hold(key_mask_json, &rows[i]);
}
END_TEST

UNIT_MAIN("key_mask", in_a_text, in_json)
