/* SPDX-License-Identifier: MIT */
/* conf_yaml: files that are no good YAML, or YAML nobody should write; and what scalars are. */
#include "common/conf/yaml.h"

#include "tests/unit/conf_fixture.h"

/* A text may hold NULs. */
#define TEXT(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *text;
    size_t len;
    const char *expected;
} rows[] = {
    {TEXT("a: 1\n\tb: 2\n"), "2:1: YAML syntax error: a tab cannot indent, use spaces"},
    {TEXT("a:\n\t- 1\n"), "2:1: YAML syntax error: a tab cannot indent, use spaces"},
    {TEXT("a: [1\n"), NULL},
    {TEXT("a: 'x\n"), NULL},
    {TEXT("a: b: c\n"), "1:5: YAML syntax error: mapping values are not allowed in this context"},
    {TEXT("a: @x\n"), "1:4: YAML syntax error: found character that cannot start any token while "
                      "scanning for the next token"},
    {TEXT("a: \0\n"), "1:4: a NUL byte: this is not a text file"},
    {TEXT("a: 1\nb: \x01\n"), "2:4: a control character (U+0001) is not allowed"},
    {TEXT("a: \xff\n"), "1:4: this is not UTF-8: invalid leading UTF-8 octet"},
    {TEXT("\xff\xfe"
          "a\0:\0"),
     "1:1: this is not UTF-8: invalid leading UTF-8 octet"},
    {TEXT("\xc3\xa4: \xc3"), "1:4: this is not UTF-8: incomplete UTF-8 octet sequence"},
    {TEXT("a: 1\n---\nb: 2\n"),
     "2:1: a second document starts here: a configuration is one document"},
    {TEXT("a: &x [*x]\n"), "1:8: this alias stands inside of what it names"},
    {TEXT("a: &x b\n*x : 2\n"), "2:1: an alias cannot be a key"},
    {TEXT("a: *y\nb: *z\n"), "1:4: this alias names no anchor above it\n"
                             "2:4: this alias names no anchor above it"},
    {TEXT("{a: 1}: 2\n"), "1:1: a key must be a word, not a mapping"},
    {TEXT("a: !x 1\nb: !!map {}\n"), "1:4: tags are not supported here\n"
                                     "2:4: tags are not supported here"},
    {TEXT("a: 1\na: 2\nb: 1\na: 3\n"), "2:1: duplicate key \"a\", first given in line 1\n"
                                       "4:1: duplicate key \"a\", first given in line 1"},
    {TEXT("<<: {}\n"), "1:1: merge keys (<<) are not supported"},
};

static char *tree_messages(const char *text, size_t len, bool *is_whole)
{
    struct conf_tree tree = CONF_TREE_INIT;
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct buf out = BUF_INIT;
    *is_whole = conf_tree_parse(&tree, text, len, &faults);
    ck_assert(*is_whole || faults.n_errors > 0);
    conf_faults_print(&faults, "f", &out);
    conf_faults_free(&faults);
    conf_tree_free(&tree);
    return buf_take(&out);
}

/* Without "f:" and the last newline, which every line has. */
static char *bare_messages(const char *text, size_t len)
{
    bool is_whole;
    char *raw = tree_messages(text, len, &is_whole);
    struct buf out = BUF_INIT;
    for (char *line = strtok(raw, "\n"); line != NULL; line = strtok(NULL, "\n"))
        buf_printf(&out, "%s%s", out.len != 0 ? "\n" : "", line + 2);
    free(raw);
    return buf_take(&out);
}

START_TEST(bad_yaml_is_told_with_its_place)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        char *messages = bare_messages(rows[i].text, rows[i].len);
        if (rows[i].expected != NULL)
            ck_assert_str_eq(messages, rows[i].expected);
        else
            ck_assert_msg(strstr(messages, "YAML syntax error") != NULL, "%s: %s", rows[i].text,
                          messages);
        free(messages);
    }
}
END_TEST

static char *nested(size_t depth)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < depth; i++)
        buf_putc(&text, '[');
    for (size_t i = 0; i < depth; i++)
        buf_putc(&text, ']');
    return buf_take(&text);
}

START_TEST(nesting_is_bounded)
{
    bool is_whole;
    char *text = nested(CONF_DEPTH_MAX), *messages = tree_messages(text, strlen(text), &is_whole);
    ck_assert(is_whole);
    free(text);
    free(messages);
    text = nested(100000);
    messages = tree_messages(text, strlen(text), &is_whole);
    ck_assert(!is_whole);
    ck_assert_str_eq(messages, "f:1:33: nested deeper than 32 levels\n");
    free(text);
    free(messages);
}
END_TEST

START_TEST(aliases_are_bounded)
{
    struct buf text = BUF_INIT;
    bool is_whole;
    buf_puts(&text, "a: &x 1\nb:\n");
    for (int i = 0; i < CONF_ALIASES_MAX; i++)
        buf_puts(&text, "- *x\n");
    char *messages = tree_messages(text.data, text.len, &is_whole);
    ck_assert_str_eq(messages, "");
    free(messages);
    buf_puts(&text, "- *x\n- *x\n");
    messages = tree_messages(text.data, text.len, &is_whole);
    ck_assert_str_eq(messages, "f:103:3: too many aliases\n");
    ck_assert(!is_whole);
    free(messages);
    buf_free(&text);
}
END_TEST

static const struct {
    const char *text;
    enum conf_type type;
} scalars[] = {
    {"~", CONF_TYPE_NOTHING},
    {"null", CONF_TYPE_NOTHING},
    {"''", CONF_TYPE_STRING},
    {"nil", CONF_TYPE_STRING},
    {"true", CONF_TYPE_BOOL},
    {"FALSE", CONF_TYPE_BOOL},
    {"yes", CONF_TYPE_STRING},
    {"on", CONF_TYPE_STRING},
    {"tRue", CONF_TYPE_STRING},
    {"'true'", CONF_TYPE_STRING},
    {"0", CONF_TYPE_INT},
    {"-7", CONF_TYPE_INT},
    {"+7", CONF_TYPE_INT},
    {"007", CONF_TYPE_INT},
    {"0x1F", CONF_TYPE_INT},
    {"0o17", CONF_TYPE_INT},
    {"0x", CONF_TYPE_STRING},
    {"0o8", CONF_TYPE_STRING},
    {"1_000", CONF_TYPE_STRING},
    {"\"7\"", CONF_TYPE_STRING},
    {"!!str 7", CONF_TYPE_STRING},
    {"! 7", CONF_TYPE_STRING},
    {"1.5", CONF_TYPE_FLOAT},
    {"1.", CONF_TYPE_FLOAT},
    {".5", CONF_TYPE_FLOAT},
    {"-1.5e-3", CONF_TYPE_FLOAT},
    {"3e4", CONF_TYPE_FLOAT},
    {".inf", CONF_TYPE_FLOAT},
    {"-.Inf", CONF_TYPE_FLOAT},
    {".NaN", CONF_TYPE_FLOAT},
    {".", CONF_TYPE_STRING},
    {"e4", CONF_TYPE_STRING},
    {"3e", CONF_TYPE_STRING},
    {"1.2.3", CONF_TYPE_STRING},
    {"127.0.0.1", CONF_TYPE_STRING},
    {"4o", CONF_TYPE_STRING},
    {"+", CONF_TYPE_STRING},
    {"-", CONF_TYPE_LIST},
    {"[]", CONF_TYPE_LIST},
    {"{}", CONF_TYPE_MAP},
    {"12:30", CONF_TYPE_STRING},
    {"2020-01-01", CONF_TYPE_STRING},
};

START_TEST(scalars_are_what_yaml_1_2_says)
{
    for (size_t i = 0; i < UNIT_ROWS(scalars); i++) {
        struct conf_tree tree = CONF_TREE_INIT;
        struct conf_faults faults = CONF_FAULTS_INIT;
        bool is_whole = conf_tree_parse(&tree, scalars[i].text, strlen(scalars[i].text), &faults);
        ck_assert_msg(is_whole && faults.n == 0, "%s", scalars[i].text);
        ck_assert_msg(conf_node_type(tree.root) == scalars[i].type, "%s is %s", scalars[i].text,
                      conf_type_name(conf_node_type(tree.root)));
        conf_tree_free(&tree);
        conf_faults_free(&faults);
    }
}
END_TEST

START_TEST(keys_are_found_whole)
{
    static const char text[] = "ab: 1\n\"a\\0\": 2\na: 3\n";
    struct conf_tree tree = CONF_TREE_INIT;
    struct conf_faults faults = CONF_FAULTS_INIT;
    const struct conf_node *key = NULL;
    ck_assert(conf_tree_parse(&tree, text, strlen(text), &faults));
    ck_assert_str_eq(conf_node_get(tree.root, "a", &key)->text, "3");
    ck_assert_uint_eq(key->place.line, 3);
    ck_assert_uint_eq(conf_node_get(tree.root, "a", NULL)->place.column, 4);
    ck_assert_ptr_null(conf_node_get(tree.root, "abc", NULL));
    conf_tree_free(&tree);
    conf_faults_free(&faults);
}
END_TEST

UNIT_MAIN("conf_yaml", bad_yaml_is_told_with_its_place, nesting_is_bounded, aliases_are_bounded,
          scalars_are_what_yaml_1_2_says, keys_are_found_whole)
