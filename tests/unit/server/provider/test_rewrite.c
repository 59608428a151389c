/* SPDX-License-Identifier: MIT */
/* rewrite: what goes, what is merged, and that all else stays as it was written. */
#include "server/provider/rewrite.h"

#include <json-c/json.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "server/dialect/chat_request.h"
#include "tests/unit/unit.h"

static const struct rewrite_rules prune = {
    .removed = (const char *const[]){"presence_penalty", "frequency_penalty", NULL}};
static const struct rewrite_rules merge = {.merges_system = true};
static const struct rewrite_rules both = {.removed = (const char *const[]){"tools", NULL},
                                          .merges_system = true};

static void assert_json(const char *text, size_t len)
{
    json_tokener *tok = json_tokener_new_ex(JSONSCAN_DEPTH_MAX + 2);
    /* Not STRICT: then 0.18 refuses every byte above 0x7f. */
    json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
    json_object *root = json_tokener_parse_ex(tok, text, (int)len);
    ck_assert_msg(root != NULL, "json-c: %.*s", (int)len, text);
    json_object_put(root);
    json_tokener_free(tok);
}

/* The rewritten body; the caller frees it. */
static char *rewrite(const struct rewrite_rules *rules, const char *body)
{
    size_t len = strlen(body);
    char *source = xmalloc(len);
    memcpy(source, body, len);
    struct splices edits = SPLICES_INIT;
    rewrite_request(rules, source, len, &edits);
    size_t out_len;
    char *out = splices_apply(&edits, source, len, &out_len);
    assert_json(out, out_len);
    splices_free(&edits);
    free(source);
    return out;
}

struct row {
    const struct rewrite_rules *rules;
    const char *body, *expected; /* expected NULL: nothing changes */
};

static void assert_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *expected = rows[i].expected != NULL ? rows[i].expected : rows[i].body;
        char *out = rewrite(rows[i].rules, rows[i].body);
        ck_assert_str_eq(out, expected);
        free(out);
    }
}

static const struct row pruned[] = {
    {&prune, "{\"messages\":[],\"presence_penalty\":0.5}", "{\"messages\":[]}"},
    {&prune, "{\"presence_penalty\":0.5,\"messages\":[]}", "{\"messages\":[]}"},
    {&prune, "{\"frequency_penalty\":1,\"presence_penalty\":0.5,\"messages\":[]}",
     "{\"messages\":[]}"},
    {&prune, "{ \"a\":1.50 ,\n \"presence_penalty\" : {\"x\":[1,2]} ,\n \"messages\" : [ ] }",
     "{ \"a\":1.50 ,\n \"messages\" : [ ] }"},
    {&prune, "{\"presence_penalty\":1,\"presence_penalty\":2,\"messages\":[]}",
     "{\"messages\":[]}"},
    {&prune, "{\"messages\":[],\"\\u0070resence_penalty\":null}", "{\"messages\":[]}"},
    /* only the root's members, only those names, and numbers as they were */
    {&prune,
     "{\"messages\":[{\"presence_penalty\":1}],\"metadata\":{\"frequency_penalty\":2},"
     "\"Presence_penalty\":3,\"presence_penalty2\":4,\"seed\":12345678901234567890,\"t\":1E400}",
     NULL},
    {&prune, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}],\"tools\":[]}", NULL},
};

START_TEST(takes_members_out_of_the_root)
{
    assert_rows(pruned, UNIT_ROWS(pruned));
}
END_TEST

#define SYSTEM(content)    "{\"role\":\"system\",\"content\":" content "}"
#define DEVELOPER(content) "{\"role\":\"developer\",\"content\":" content "}"
#define USER(content)      "{\"role\":\"user\",\"content\":" content "}"
#define ASSISTANT          "{\"role\":\"assistant\",\"content\":\"a\"}"
#define MESSAGES(list)     "{\"messages\":[" list "]}"
#define TEXT_PART(content) "{\"type\":\"text\",\"text\":" content "}"
#define IMAGE_PART         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}"

static const struct row merged[] = {
    {&merge, MESSAGES(SYSTEM("\"Be brief.\"") "," USER("\"Hi\"")),
     MESSAGES(USER("\"Be brief.\\n\\nHi\""))},
    {&merge, MESSAGES(SYSTEM("\"A\"") "," SYSTEM("\"B\"") "," USER("\"Hi\"") "," ASSISTANT),
     MESSAGES(USER("\"A\\nB\\n\\nHi\"") "," ASSISTANT)},
    /* by its newer name, before and after the older one */
    {&merge, MESSAGES(DEVELOPER("\"A\"") "," USER("\"1\"")), MESSAGES(USER("\"A\\n\\n1\""))},
    {&merge,
     MESSAGES(DEVELOPER("\"A\"") "," SYSTEM("\"B\"") "," DEVELOPER("\"C\"") "," USER("\"1\"")),
     MESSAGES(USER("\"A\\nB\\nC\\n\\n1\""))},
    {&merge, MESSAGES(USER("\"1\"") "," SYSTEM("\"A\"") "," DEVELOPER("\"B\"")),
     MESSAGES(USER("\"A\\nB\\n\\n1\""))},
    /* wherever they stand, in their order; only the first user message gets them */
    {&merge,
     MESSAGES(ASSISTANT
              "," USER("\"1\"") "," SYSTEM("\"A\"") "," USER("\"2\"") "," SYSTEM("\"B\"")),
     MESSAGES(ASSISTANT "," USER("\"A\\nB\\n\\n1\"") "," USER("\"2\""))},
    {&merge,
     "{ \"messages\" : [ " SYSTEM("\"A\"") " ,\n " USER("\"1\"") " , " SYSTEM("\"B\"") " ] , "
                                                                                       "\"t\":1.0}",
     "{ \"messages\" : [ " USER("\"A\\nB\\n\\n1\"") " ] , \"t\":1.0}"},
    /* escapes go as they are written */
    {&merge, MESSAGES(SYSTEM("\"\\\"\\u00e4\\\\ \xc3\xa4\\ud83d\"") "," USER("\"\\ude00\"")),
     MESSAGES(USER("\"\\\"\\u00e4\\\\ \xc3\xa4\\ud83d\\n\\n\\ude00\""))},
    /* members beside role and content stay with the user; keys may be escaped */
    {&merge,
     MESSAGES("{\"content\":\"A\",\"name\":\"n\",\"r\\u006fle\":\"syst\\u0065m\"},"
              "{\"name\":\"u\",\"content\":\"1\",\"x\":[1e2],\"role\":\"user\"}"),
     MESSAGES("{\"name\":\"u\",\"content\":\"A\\n\\n1\",\"x\":[1e2],\"role\":\"user\"}")},
    /* what the user's content may be */
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("\"\"")), MESSAGES(USER("\"A\\n\\n\""))},
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("null")), MESSAGES(USER("\"A\\n\\n\""))},
    {&merge, MESSAGES(SYSTEM("\"A\"") ",{\"role\":\"user\"}"),
     MESSAGES("{\"content\":\"A\\n\\n\",\"role\":\"user\"}")},
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("[ ]")),
     MESSAGES(USER("[" TEXT_PART("\"A\\n\\n\"") " ]"))},
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("[" IMAGE_PART "]")),
     MESSAGES(USER("[" TEXT_PART("\"A\\n\\n\"") "," IMAGE_PART "]"))},
    /* what a system message's content may be */
    {&merge,
     MESSAGES(SYSTEM("[" TEXT_PART("\"A\"") "," TEXT_PART("\"\"") "," TEXT_PART(
         "\"B\"") "]") "," USER("\"1\"")),
     MESSAGES(USER("\"A\\nB\\n\\n1\""))},
    {&merge, MESSAGES(SYSTEM("[{\"text\":\"A\"}]") "," USER("\"1\"")),
     MESSAGES(USER("\"A\\n\\n1\""))},
    {&merge, MESSAGES(SYSTEM("\"\"") "," SYSTEM("null") ",{\"role\":\"system\"}," USER("\"1\"")),
     MESSAGES(USER("\"1\""))},
    /* more than text is left to the provider to judge, beside what can be merged */
    {&merge, MESSAGES(SYSTEM("[" TEXT_PART("\"A\"") "," IMAGE_PART "]") "," USER("\"1\"")), NULL},
    {&merge, MESSAGES(SYSTEM("[1]") "," SYSTEM("{}") "," SYSTEM("7") "," USER("\"1\"")), NULL},
    {&merge, MESSAGES(SYSTEM("[{\"type\":\"text\",\"text\":1}]") "," USER("\"1\"")), NULL},
    {&merge, MESSAGES(SYSTEM("[{\"type\":1,\"text\":\"A\"}]") "," USER("\"1\"")), NULL},
    {&merge, MESSAGES(SYSTEM("7") "," SYSTEM("\"A\"") "," USER("\"1\"")),
     MESSAGES(SYSTEM("7") "," USER("\"A\\n\\n1\""))},
    /* a user's content that takes no text: all stays */
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("7")), NULL},
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("{}") "," USER("\"1\"")), NULL},
    {&merge, MESSAGES(SYSTEM("\"A\"") "," USER("true")), NULL},
    /* no user: they become one */
    {&merge, MESSAGES(SYSTEM("\"A\"") "," SYSTEM("\"B\"")), MESSAGES(USER("\"A\\nB\""))},
    {&merge, MESSAGES(ASSISTANT "," SYSTEM("\"A\"")), MESSAGES(USER("\"A\"") "," ASSISTANT)},
    /* nothing to merge */
    {&merge, MESSAGES(""), NULL},
    {&merge, MESSAGES(" " USER("\"1\"") " , " ASSISTANT " "), NULL},
    {&merge, MESSAGES(SYSTEM("\"\"")), NULL},
    {&merge, MESSAGES("1,null,[],\"system\",{},{\"role\":1},{\"role\":[\"system\"]}"), NULL},
    /* the last of two members counts */
    {&merge,
     MESSAGES(
         "{\"role\":\"user\",\"role\":\"system\",\"content\":1,\"content\":\"A\"}," USER("\"1\"")),
     MESSAGES(USER("\"A\\n\\n1\""))},
    /* both at once */
    {&both,
     "{\"tools\":[{\"role\":\"system\"}],\"messages\":[" SYSTEM("\"A\"") "," USER(
         "\"1\"") "],"
                  "\"tools\":1,\"n\":1}",
     "{\"messages\":[" USER("\"A\\n\\n1\"") "],\"n\":1}"},
    {&both, "{\"x\":{\"messages\":[" SYSTEM("\"A\"") "," USER("\"1\"") "]},\"messages\":[]}", NULL},
};

START_TEST(merges_system_messages)
{
    assert_rows(merged, UNIT_ROWS(merged));
}
END_TEST

/* The cost must grow with the body, not with its square. */
START_TEST(merges_a_great_many)
{
    enum {
        N = 100000
    };
    struct buf body = BUF_INIT, expected = BUF_INIT;
    buf_puts(&body, "{\"messages\":[");
    buf_puts(&expected, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < N; i++) {
        if (i == N / 2)
            buf_puts(&body, USER("\"1\"") ",");
        buf_puts(&body, SYSTEM("\"A\""));
        buf_puts(&body, i + 1 < N ? "," : "]}");
        buf_puts(&expected, i > 0 ? "\\nA" : "A");
    }
    buf_puts(&expected, "\\n\\n1\"}]}");
    char *out = rewrite(&merge, buf_cstr(&body));
    ck_assert_str_eq(out, buf_cstr(&expected));
    free(out);
    buf_free(&body);
    buf_free(&expected);
}
END_TEST

/* Together with the edits of chat, in whatever order the members stand. */
static const struct {
    const char *body, *expected;
} whole[] = {
    {"{\"tools\":[],\"messages\":[" SYSTEM("\"A\"") "," USER("\"1\"") "],\"model\":\"c\"}",
     "{\"messages\":[" USER("\"A\\n\\n1\"") "],\"model\":\"m\"}"},
    {"{\"tools\":[],\"messages\":[" SYSTEM("\"A\"") "],\"tools\":1,\"stream\":true,\"tools\":2}",
     "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"messages\":[" USER(
         "\"A\"") "],"
                  "\"stream\":true}"},
    {"{\"model\":\"c\",\"tools\":[],\"messages\":[" USER("\"1\"") "," SYSTEM("\"A\"") "]}",
     "{\"model\":\"m\",\"messages\":[" USER("\"A\\n\\n1\"") "]}"},
};

START_TEST(goes_together_with_what_every_request_needs)
{
    for (size_t i = 0; i < UNIT_ROWS(whole); i++) {
        struct dialect_request chat;
        char why[160] = "";
        size_t len = strlen(whole[i].body);
        struct splices edits = SPLICES_INIT;
        ck_assert_msg(chat_read_request(CHAT_MESSAGES, whole[i].body, len, &chat, why, sizeof(why)),
                      "%s", why);
        chat_edit_request(&chat, SPLICE_TEXT("\"m\""), &edits);
        rewrite_request(&both, whole[i].body, len, &edits);
        size_t out_len;
        char *out = splices_apply(&edits, whole[i].body, len, &out_len);
        ck_assert_str_eq(out, whole[i].expected);
        splices_free(&edits);
        free(out);
    }
}
END_TEST

UNIT_MAIN("rewrite", takes_members_out_of_the_root, merges_system_messages, merges_a_great_many,
          goes_together_with_what_every_request_needs)
