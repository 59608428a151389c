/* SPDX-License-Identifier: MIT */
/* jsonscan: what is JSON and what is not, the pull interface, strings and their escapes. */
#include "common/json/jsonscan.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

/* The text in memory of its own, so that a sanitizer sees a read behind it. */
struct text {
    char *at;
    size_t len;
};

static struct text text_copy(const char *s, size_t len)
{
    struct text t = {xmalloc(len), len};
    memcpy(t.at, s, len);
    return t;
}

static enum jsonscan_error scan(const char *s, size_t len)
{
    struct text t = text_copy(s, len);
    struct jsonscan scanner;
    jsonscan_init(&scanner, t.at, t.len);
    bool is_good = jsonscan_skip(&scanner, NULL) && jsonscan_finish(&scanner);
    enum jsonscan_error error = scanner.error;
    ck_assert_msg(is_good == (error == JSONSCAN_OK), "result and error disagree: %.*s", (int)len,
                  s);
    free(t.at);
    return error;
}

static const char *const good[] = {
    "{}",
    "[]",
    " [ ] ",
    "\t\r\n {\t\r\n }\t\r\n ",
    "0",
    "-0",
    "0.10",
    "-1.5e+10",
    "1E5",
    "1e-5",
    "12345678901234567890",
    "123456789012345678901234567890.000000000000000000001e-99999",
    "true",
    "false",
    "null",
    "\"\"",
    "\"plain\"",
    "\"sixteen bytes ok\"",
    "\"a string that is longer than thirty-two bytes, with no escapes in it\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\\u001f\\uFFFF\\uffff\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud800\\u0041\"",
    "\"\x7f\"",
    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf\"",
    "[1,2,3]",
    "[1 , \"a\" , null , true , [ ] , { } ]",
    "{\"\":\"\"}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":{\"c\":[[[{\"d\":[]}]]]}},\"e\":[]}",
    "{\"a\" : 1 , \"b\" : [ 1 , 2 ] }",
};

START_TEST(accepts_json)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++)
        ck_assert_msg(scan(good[i], strlen(good[i])) == JSONSCAN_OK, "refused: %s", good[i]);
}
END_TEST

static const struct {
    const char *text;
    enum jsonscan_error error;
} bad[] = {
    {"", JSONSCAN_CUT},
    {"  ", JSONSCAN_CUT},
    {"{", JSONSCAN_CUT},
    {"[", JSONSCAN_CUT},
    {"[1", JSONSCAN_CUT},
    {"[1,", JSONSCAN_CUT},
    {"{\"a\"", JSONSCAN_CUT},
    {"{\"a\":", JSONSCAN_CUT},
    {"{\"a\":1", JSONSCAN_CUT},
    {"{\"a\":1,", JSONSCAN_CUT},
    {"\"", JSONSCAN_CUT},
    {"\"abc", JSONSCAN_CUT},
    {"\"abc\\", JSONSCAN_CUT},
    {"tru", JSONSCAN_CUT},
    {"-", JSONSCAN_CUT},
    {"1.", JSONSCAN_CUT},
    {"1e", JSONSCAN_CUT},
    {"1e+", JSONSCAN_CUT},
    {"[1,]", JSONSCAN_SYNTAX},
    {"[,1]", JSONSCAN_SYNTAX},
    {"[,]", JSONSCAN_SYNTAX},
    {"[1 2]", JSONSCAN_SYNTAX},
    {"[1,,2]", JSONSCAN_SYNTAX},
    {"[1}", JSONSCAN_SYNTAX},
    {"{\"a\":1]", JSONSCAN_SYNTAX},
    {"]", JSONSCAN_SYNTAX},
    {"}", JSONSCAN_SYNTAX},
    {",", JSONSCAN_SYNTAX},
    {":", JSONSCAN_SYNTAX},
    {"{,}", JSONSCAN_SYNTAX},
    {"{\"a\":1,}", JSONSCAN_SYNTAX},
    {"{\"a\" 1}", JSONSCAN_SYNTAX},
    {"{\"a\":}", JSONSCAN_SYNTAX},
    {"{\"a\"}", JSONSCAN_SYNTAX},
    {"{\"a\":1 \"b\":2}", JSONSCAN_SYNTAX},
    {"{\"a\"::1}", JSONSCAN_SYNTAX},
    {"{a:1}", JSONSCAN_SYNTAX},
    {"{'a':1}", JSONSCAN_SYNTAX},
    {"{1:1}", JSONSCAN_SYNTAX},
    {"{null:1}", JSONSCAN_SYNTAX},
    {"'a'", JSONSCAN_SYNTAX},
    {"01", JSONSCAN_SYNTAX},
    {"-01", JSONSCAN_SYNTAX},
    {"00", JSONSCAN_SYNTAX},
    {"+1", JSONSCAN_SYNTAX},
    {".5", JSONSCAN_SYNTAX},
    {"-.5", JSONSCAN_SYNTAX},
    {"1.e1", JSONSCAN_SYNTAX},
    {"[1.]", JSONSCAN_SYNTAX},
    {"--1", JSONSCAN_SYNTAX},
    {"-a", JSONSCAN_SYNTAX},
    {"1ea", JSONSCAN_SYNTAX},
    {"NaN", JSONSCAN_SYNTAX},
    {"-NaN", JSONSCAN_SYNTAX},
    {"Infinity", JSONSCAN_SYNTAX},
    {"-Infinity", JSONSCAN_SYNTAX},
    {"TRUE", JSONSCAN_SYNTAX},
    {"nul1", JSONSCAN_SYNTAX},
    {"[truex]", JSONSCAN_SYNTAX},
    {"undefined", JSONSCAN_SYNTAX},
    {"/* */ 1", JSONSCAN_SYNTAX},
    {"// c\n1", JSONSCAN_SYNTAX},
    {"\xef\xbb\xbf{}", JSONSCAN_SYNTAX},
    {"\v1", JSONSCAN_SYNTAX},
    {"\f1", JSONSCAN_SYNTAX},
    {"\xc2\xa0{}", JSONSCAN_SYNTAX},
    {"[\x01]", JSONSCAN_SYNTAX},
    {"1 2", JSONSCAN_TRAILING},
    {"1x", JSONSCAN_TRAILING},
    {"0x10", JSONSCAN_TRAILING},
    {"1.5.5", JSONSCAN_TRAILING},
    {"truefalse", JSONSCAN_TRAILING},
    {"{}{}", JSONSCAN_TRAILING},
    {"{},", JSONSCAN_TRAILING},
    {"[]]", JSONSCAN_TRAILING},
    {"{} // comment", JSONSCAN_TRAILING},
    {"\"\t\"", JSONSCAN_BAD_STRING},
    {"\"\n\"", JSONSCAN_BAD_STRING},
    {"\"a string with a control character far behind \x1f its start\"", JSONSCAN_BAD_STRING},
    {"\"\\x\"", JSONSCAN_BAD_STRING},
    {"\"\\'\"", JSONSCAN_BAD_STRING},
    {"\"\\U0041\"", JSONSCAN_BAD_STRING},
    {"\"\\u12\"", JSONSCAN_BAD_STRING},
    {"\"\\u123g\"", JSONSCAN_BAD_STRING},
    {"\"\\u 123\"", JSONSCAN_BAD_STRING},
    {"\"\\u-123\"", JSONSCAN_BAD_STRING},
    {"\"\x80\"", JSONSCAN_BAD_STRING},
    {"\"\xff\"", JSONSCAN_BAD_STRING},
    {"\"\xc3\"", JSONSCAN_BAD_STRING},
    {"\"\xc3\x28\"", JSONSCAN_BAD_STRING},
    {"\"\xc0\xaf\"", JSONSCAN_BAD_STRING},
    {"\"\xc1\xbf\"", JSONSCAN_BAD_STRING},
    {"\"\xe0\x80\xaf\"", JSONSCAN_BAD_STRING},
    {"\"\xe0\x9f\xbf\"", JSONSCAN_BAD_STRING},
    {"\"\xf0\x8f\xbf\xbf\"", JSONSCAN_BAD_STRING},
    {"\"\xed\xa0\x80\"", JSONSCAN_BAD_STRING},
    {"\"\xed\xbf\xbf\"", JSONSCAN_BAD_STRING},
    {"\"\xf4\x90\x80\x80\"", JSONSCAN_BAD_STRING},
    {"\"\xf5\x80\x80\x80\"", JSONSCAN_BAD_STRING},
    {"\"\xe2\x82\"", JSONSCAN_BAD_STRING},
    {"\"\xf0\x9f\x98\"", JSONSCAN_BAD_STRING},
    {"{\"\\q\":1}", JSONSCAN_BAD_STRING},
    {"{\"a\n\":1}", JSONSCAN_BAD_STRING},
};

START_TEST(refuses_what_is_not_json)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        enum jsonscan_error error = scan(bad[i].text, strlen(bad[i].text));
        ck_assert_msg(error == bad[i].error, "row %zu %s: %s", i, bad[i].text,
                      jsonscan_error_text(error));
    }
}
END_TEST

START_TEST(refuses_a_nul_anywhere)
{
    static const char text[] = "{\"a\":[1,\"b\"]}";
    for (size_t at = 0; at <= strlen(text); at++) {
        char with_nul[sizeof(text)];
        memcpy(with_nul, text, at);
        with_nul[at] = '\0';
        memcpy(with_nul + at + 1, text + at, strlen(text) - at);
        ck_assert_msg(scan(with_nul, sizeof(with_nul)) != JSONSCAN_OK, "at %zu", at);
    }
}
END_TEST

/* No prefix of a document is one, and no byte behind it is read (the sanitizer watches). */
START_TEST(refuses_every_prefix)
{
    static const char text[] = "{\"model\":\"gp\\u0074\",\"x\":[-1.5e+3,true,false,null,{\"k\":"
                               "\"\xe2\x82\xac and more\"}]}";
    for (size_t len = 0; len < strlen(text); len++)
        ck_assert_msg(scan(text, len) != JSONSCAN_OK, "%zu bytes", len);
    ck_assert_int_eq(scan(text, strlen(text)), JSONSCAN_OK);
}
END_TEST

/* Every byte value at every place of a string as long as three wide steps. */
START_TEST(checks_every_byte_of_a_long_string)
{
    char text[50];
    for (size_t at = 1; at < sizeof(text) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            memset(text, 'a', sizeof(text));
            text[0] = text[sizeof(text) - 1] = '"';
            text[at] = (char)byte;
            bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            ck_assert_msg((scan(text, sizeof(text)) == JSONSCAN_OK) == is_plain, "byte %d at %zu",
                          byte, at);
        }
    }
}
END_TEST

static enum jsonscan_error scan_nested(size_t depth, char open, char close)
{
    char *text = xmalloc(depth * 2 + 1);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    enum jsonscan_error error = scan(text, depth * 2);
    free(text);
    return error;
}

START_TEST(bounds_the_depth)
{
    ck_assert_int_eq(scan_nested(JSONSCAN_DEPTH_MAX, '[', ']'), JSONSCAN_OK);
    ck_assert_int_eq(scan_nested(JSONSCAN_DEPTH_MAX + 1, '[', ']'), JSONSCAN_TOO_DEEP);
    ck_assert_int_eq(scan_nested(100000, '[', ']'), JSONSCAN_TOO_DEEP);
    ck_assert_int_eq(scan_nested(100000, '{', '}'), JSONSCAN_SYNTAX);
}
END_TEST

START_TEST(keeps_kinds_apart_at_every_depth)
{
    /* objects and arrays in turn: a lost bit would take a comma list for members */
    char text[JSONSCAN_DEPTH_MAX * 8];
    size_t len = 0;
    for (int i = 0; i < JSONSCAN_DEPTH_MAX / 2; i++) {
        memcpy(text + len, "{\"k\":[1,", 8);
        len += 8;
    }
    text[len++] = '2';
    for (int i = 0; i < JSONSCAN_DEPTH_MAX / 2; i++) {
        text[len++] = ']';
        text[len++] = '}';
    }
    ck_assert_int_eq(scan(text, len), JSONSCAN_OK);
    text[len - 1] = ']';
    ck_assert_int_eq(scan(text, len), JSONSCAN_SYNTAX);
}
END_TEST

START_TEST(says_where_the_error_is)
{
    static const struct {
        const char *text;
        size_t offset;
    } rows[] = {{"{\"a\":1,x}", 7}, {"[1, 02]", 5}, {"[\"a\tb\"]", 3}, {"[1", 2}, {"{} x", 3}};
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct jsonscan s;
        jsonscan_init(&s, rows[i].text, strlen(rows[i].text));
        ck_assert(!(jsonscan_skip(&s, NULL) && jsonscan_finish(&s)));
        ck_assert_msg((size_t)(s.at - s.start) == rows[i].offset, "%s: %zu", rows[i].text,
                      (size_t)(s.at - s.start));
    }
}
END_TEST

static void assert_span(struct jsonscan_span span, const char *expected)
{
    ck_assert_msg(span.len == strlen(expected) && memcmp(span.at, expected, span.len) == 0,
                  "%.*s, not %s", (int)span.len, span.at, expected);
}

START_TEST(walks_members_and_elements)
{
    static const char text[] =
        " { \"a\" : [ 1 , {} , \"x\\n\" ] , \"b\" : { \"c\" : -2.5 } , \"d\" : null } ";
    struct jsonscan s;
    struct jsonscan_span key, value;
    jsonscan_init(&s, text, strlen(text));
    ck_assert_int_eq(jsonscan_peek(&s), JSONSCAN_OBJECT);
    ck_assert(jsonscan_enter(&s));
    ck_assert(jsonscan_next_member(&s, &key));
    assert_span(key, "a");
    ck_assert_int_eq(jsonscan_peek(&s), JSONSCAN_ARRAY);
    ck_assert(jsonscan_enter(&s));
    ck_assert(jsonscan_next_element(&s));
    ck_assert_int_eq(jsonscan_peek(&s), JSONSCAN_NUMBER);
    ck_assert(jsonscan_skip(&s, &value));
    assert_span(value, "1");
    ck_assert(jsonscan_next_element(&s));
    ck_assert(jsonscan_skip(&s, &value));
    assert_span(value, "{}");
    ck_assert(jsonscan_next_element(&s));
    ck_assert(jsonscan_string(&s, &value));
    assert_span(value, "x\\n");
    ck_assert(!jsonscan_next_element(&s));
    ck_assert_int_eq(s.error, JSONSCAN_OK);
    ck_assert(jsonscan_next_member(&s, &key));
    assert_span(key, "b");
    ck_assert(jsonscan_skip(&s, &value));
    assert_span(value, "{ \"c\" : -2.5 }");
    ck_assert(jsonscan_next_member(&s, &key));
    assert_span(key, "d");
    ck_assert_int_eq(jsonscan_peek(&s), JSONSCAN_NULL);
    ck_assert(jsonscan_skip(&s, NULL));
    ck_assert(!jsonscan_next_member(&s, &key));
    ck_assert_int_eq(s.error, JSONSCAN_OK);
    ck_assert(jsonscan_finish(&s));
}
END_TEST

START_TEST(peeks_every_type)
{
    static const struct {
        const char *text;
        enum jsonscan_type type;
    } rows[] = {
        {" {", JSONSCAN_OBJECT}, {" [", JSONSCAN_ARRAY},  {" \"", JSONSCAN_STRING},
        {" 0", JSONSCAN_NUMBER}, {" 9", JSONSCAN_NUMBER}, {" -", JSONSCAN_NUMBER},
        {" t", JSONSCAN_TRUE},   {" f", JSONSCAN_FALSE},  {" n", JSONSCAN_NULL},
        {" +", JSONSCAN_NONE},   {" x", JSONSCAN_NONE},   {" ", JSONSCAN_NONE},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct jsonscan s;
        jsonscan_init(&s, rows[i].text, strlen(rows[i].text));
        ck_assert_msg(jsonscan_peek(&s) == rows[i].type, "%s", rows[i].text);
        ck_assert_msg((s.error == JSONSCAN_OK) == (rows[i].type != JSONSCAN_NONE), "%s",
                      rows[i].text);
    }
}
END_TEST

START_TEST(errors_are_sticky)
{
    static const char text[] = "[ x, {\"a\":1} ]";
    struct jsonscan s;
    struct jsonscan_span span;
    jsonscan_init(&s, text, strlen(text));
    ck_assert(jsonscan_enter(&s));
    ck_assert(!jsonscan_next_element(&s));
    const char *at = s.at;
    ck_assert_int_eq(s.error, JSONSCAN_SYNTAX);
    ck_assert_int_eq(jsonscan_peek(&s), JSONSCAN_NONE);
    ck_assert(!jsonscan_enter(&s));
    ck_assert(!jsonscan_next_element(&s));
    ck_assert(!jsonscan_next_member(&s, &span));
    ck_assert(!jsonscan_skip(&s, &span));
    ck_assert(!jsonscan_string(&s, &span));
    ck_assert(!jsonscan_finish(&s));
    ck_assert_ptr_eq(s.at, at);
    ck_assert_int_eq(s.error, JSONSCAN_SYNTAX);
}
END_TEST

START_TEST(asking_for_the_wrong_type_is_an_error)
{
    struct jsonscan s;
    struct jsonscan_span span;
    jsonscan_init(&s, "1", 1);
    ck_assert(!jsonscan_enter(&s));
    ck_assert_int_eq(s.error, JSONSCAN_SYNTAX);
    jsonscan_init(&s, "1", 1);
    ck_assert(!jsonscan_string(&s, &span));
    ck_assert_int_eq(s.error, JSONSCAN_SYNTAX);
    jsonscan_init(&s, "[1]", 3);
    ck_assert(jsonscan_enter(&s));
    ck_assert(!jsonscan_finish(&s));
}
END_TEST

static const struct {
    const char *content, *plain;
} strings[] = {
    {"", ""},
    {"model", "model"},
    {"mod\\u0065l", "model"},
    {"\\u006d\\u006F\\u0064\\u0065\\u006C", "model"},
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
    {"\\u00e4", "\xc3\xa4"},
    {"\xc3\xa4", "\xc3\xa4"},
    {"\\u20ac", "\xe2\x82\xac"},
    {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
    {"\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf"},
    {"\\ud800", "\xef\xbf\xbd"},
    {"\\udc00x", "\xef\xbf\xbdx"},
    {"\\ud800x", "\xef\xbf\xbdx"},
    {"\\ud800\\n", "\xef\xbf\xbd\n"},
    {"\\ud800\\u0041", "\xef\xbf\xbd"
                       "A"},
    {"\\ud800\\ud800\\udc00", "\xef\xbf\xbd\xf0\x90\x80\x80"},
    {"a\\\\u0041", "a\\u0041"},
};

START_TEST(compares_and_unescapes)
{
    for (size_t i = 0; i < UNIT_ROWS(strings); i++) {
        struct text t = text_copy(strings[i].content, strlen(strings[i].content));
        struct jsonscan_span span = {t.at, t.len};
        char out[64];
        ck_assert_msg(jsonscan_equals(span, strings[i].plain), "%s", strings[i].content);
        ck_assert_uint_eq(jsonscan_unescape(span, out, sizeof(out)), strlen(strings[i].plain));
        ck_assert_str_eq(out, strings[i].plain);
        free(t.at);
    }
}
END_TEST

START_TEST(unequal_strings_are_unequal)
{
    static const struct {
        const char *content, *literal;
    } rows[] = {
        {"", "a"},
        {"a", ""},
        {"model", "mode"},
        {"mode", "model"},
        {"Model", "model"},
        {"model ", "model"},
        {"model\\n", "model"},
        {"mod\\u0065", "model"},
        {"model\\u0000", "model"},
        {"\\u0000", ""},
        {"a\\nb", "a\\nb"},
        {"\\u0065model", "model"},
        {"\\ud800", "\\ud800"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct jsonscan_span span = {rows[i].content, strlen(rows[i].content)};
        ck_assert_msg(!jsonscan_equals(span, rows[i].literal), "%s and %s", rows[i].content,
                      rows[i].literal);
    }
}
END_TEST

START_TEST(unescape_cuts_at_a_character)
{
    static const char content[] = "a\\u20ac\xf0\x9f\x98\x80z";
    static const char plain[] = "a\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t lengths[] = {0, 0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};
    struct jsonscan_span span = {content, strlen(content)};
    for (size_t cap = 0; cap < UNIT_ROWS(lengths); cap++) {
        char *out = xmalloc(cap);
        ck_assert_msg(jsonscan_unescape(span, out, cap) == lengths[cap], "cap %zu", cap);
        if (cap > 0) {
            ck_assert(memcmp(out, plain, lengths[cap]) == 0);
            ck_assert(out[lengths[cap]] == '\0');
        }
        free(out);
    }
}
END_TEST

START_TEST(unescape_keeps_a_nul)
{
    struct jsonscan_span span = {"a\\u0000b", 8};
    char out[8];
    ck_assert_uint_eq(jsonscan_unescape(span, out, sizeof(out)), 3);
    ck_assert(memcmp(out, "a\0b", 4) == 0);
}
END_TEST

/* Never validated, so never reached through the scanner; still nothing may break. */
START_TEST(unescape_survives_broken_content)
{
    static const char *const rows[] = {"\\",         "\\u",         "\\u12", "\\u12g4",
                                       "\\x",        "\xe2\x82",    "\xff",  "\\ud800\\",
                                       "\\ud800\\u", "\\ud800\\u12"};
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct text t = text_copy(rows[i], strlen(rows[i]));
        char out[64];
        size_t len = jsonscan_unescape((struct jsonscan_span){t.at, t.len}, out, sizeof(out));
        ck_assert_msg(len >= 3 && memcmp(out, "\xef\xbf\xbd", 3) == 0, "%s", rows[i]);
        free(t.at);
    }
}
END_TEST

START_TEST(every_error_has_a_text)
{
    for (int i = JSONSCAN_OK; i <= JSONSCAN_TRAILING; i++)
        ck_assert_ptr_nonnull(jsonscan_error_text((enum jsonscan_error)i));
}
END_TEST

UNIT_MAIN("jsonscan", accepts_json, refuses_what_is_not_json, refuses_a_nul_anywhere,
          refuses_every_prefix, checks_every_byte_of_a_long_string, bounds_the_depth,
          keeps_kinds_apart_at_every_depth, says_where_the_error_is, walks_members_and_elements,
          peeks_every_type, errors_are_sticky, asking_for_the_wrong_type_is_an_error,
          compares_and_unescapes, unequal_strings_are_unequal, unescape_cuts_at_a_character,
          unescape_keeps_a_nul, unescape_survives_broken_content, every_error_has_a_text)
