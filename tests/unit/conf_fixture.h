/* SPDX-License-Identifier: MIT */
/* A small valid configuration with room for what a test wants to add, and its reading. Used by the
 * tests of the configuration. */
#ifndef WEIR_TESTS_CONF_FIXTURE_H
#define WEIR_TESTS_CONF_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/conf/check.h"
#include "tests/unit/unit.h"

#define FIXTURE_PATH "/etc/weir/weir.yaml"
#define FIXTURE_CPUS 3

/* Lines at which additions begin, for expected places. */
#define SETTINGS_LINE 4
#define PROVIDER_LINE 9
#define REST_LINE     14

struct addition {
    const char *settings; /* two spaces in front */
    const char *provider; /* four */
    const char *rest;
};

static inline char *fixture_text(struct addition add)
{
    return xasprintf("settings:\n"               /* 1 */
                     "  apiKeys: [client-key]\n" /* 2 */
                     "  defaultChain: main\n"    /* 3 */
                     "%s"
                     "providers:\n"               /* 4 */
                     "  - id: one\n"              /* 5 */
                     "    name: One\n"            /* 6 */
                     "    type: openai\n"         /* 7 */
                     "    apiKey: provider-key\n" /* 8 */
                     "%s"
                     "chains:\n"               /* 9 */
                     "  - name: main\n"        /* 10 */
                     "    entries:\n"          /* 11 */
                     "      - provider: one\n" /* 12 */
                     "        model: m\n"      /* 13 */
                     "%s",
                     add.settings != NULL ? add.settings : "",
                     add.provider != NULL ? add.provider : "", add.rest != NULL ? add.rest : "");
}

static inline const char *fixture_env(const char *name)
{
    if (strcmp(name, "WEIR_TEST_KEY") == 0)
        return "key-from-environment";
    if (strcmp(name, "WEIR_TEST_BREAK") == 0)
        return "hidden\nkey";
    return strcmp(name, "WEIR_TEST_EMPTY") == 0 ? "" : NULL;
}

/* The only file there is. */
static inline bool fixture_can_read(const char *path)
{
    return strcmp(path, "/etc/weir/ca/own.pem") == 0;
}

/* Reads text; messages (owned by the caller) come without "PATH:" and without the last newline. */
static inline struct conf *fixture_parse_bytes(const char *text, size_t len, char **messages)
{
    struct conf_source source = {.path = FIXTURE_PATH,
                                 .text = text,
                                 .len = len,
                                 .lookup_env = fixture_env,
                                 .n_cpus = FIXTURE_CPUS,
                                 .can_read = fixture_can_read};
    struct conf *conf = NULL;
    struct buf raw = BUF_INIT, cut = BUF_INIT;
    bool is_good = conf_parse(&source, &conf, &raw);
    ck_assert_int_eq(is_good, conf != NULL);
    for (char *line = strtok((char *)buf_cstr(&raw), "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        ck_assert_msg(strncmp(line, FIXTURE_PATH ":", strlen(FIXTURE_PATH ":")) == 0, "%s", line);
        buf_printf(&cut, "%s%s", cut.len != 0 ? "\n" : "", line + strlen(FIXTURE_PATH ":"));
    }
    *messages = buf_take(&cut);
    buf_free(&raw);
    return conf;
}

/* Reads what must be valid, without a warning. */
static inline struct conf *fixture_load(struct addition add)
{
    char *text = fixture_text(add), *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    ck_assert_msg(conf != NULL, "%s\n%s", messages, text);
    ck_assert_str_eq(messages, "");
    free(messages);
    free(text);
    return conf;
}

static inline void fixture_expect_bytes(const char *text, size_t len, const char *expected)
{
    char *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, len, &messages);
    ck_assert_msg(strcmp(messages, expected) == 0, "expected:\n%s\ngot:\n%s\nfor:\n%s", expected,
                  messages, text);
    ck_assert_msg(conf == NULL, "accepted:\n%s", text);
    free(messages);
}

/* Reads what must be refused with exactly these messages. */
static inline void fixture_expect(struct addition add, const char *expected)
{
    char *text = fixture_text(add);
    fixture_expect_bytes(text, strlen(text), expected);
    free(text);
}

#endif
