/* SPDX-License-Identifier: MIT */
/* conf_load: what can be wrong with a file before its first character is read. */
#include "common/conf/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/unit/conf_fixture.h"

#define DIR_TEMPLATE "/tmp/weir-conf-XXXXXX"

static char dir[] = DIR_TEMPLATE;
static char *path;

static void make_dir(void)
{
    strcpy(dir, DIR_TEMPLATE);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    path = xasprintf("%s/weir.yaml", dir);
}

static void remove_dir(void)
{
    unlink(path);
    rmdir(path);
    ck_assert_int_eq(rmdir(dir), 0);
    free(path);
}

static void write_file(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0640), 0);
}

static void expect_refusal(const char *expected)
{
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    char *whole = xasprintf("%s:1:1: %s\n", path, expected);
    ck_assert(!conf_load(path, &conf, &messages));
    ck_assert_ptr_null(conf);
    ck_assert_str_eq(buf_cstr(&messages), whole);
    buf_free(&messages);
    free(whole);
}

START_TEST(a_good_file_loads)
{
    char *text = fixture_text((struct addition){.rest = "server: {pidFile: pid}\n"});
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    make_dir();
    write_file(text, strlen(text));
    ck_assert(conf_load(path, &conf, &messages));
    ck_assert_uint_eq(messages.len, 0);
    ck_assert_str_eq(conf->path, path);
    ck_assert_uint_ge(conf->workers, 1);
    ck_assert_uint_le(conf->workers, 256);
    ck_assert_msg(strncmp(conf->pid_file, dir, strlen(dir)) == 0, "%s", conf->pid_file);
    conf_free(&conf);
    buf_free(&messages);
    free(text);
    remove_dir();
}
END_TEST

/* Everybody may read it: with keys spelt in it that is worth a word. */
START_TEST(a_readable_file_with_keys_is_warned_about)
{
    static const struct {
        const char *text;
        mode_t mode;
        bool is_warned_about;
    } rows[] = {
        {"settings: {apiKeys: [k], defaultChain: c}\n", 0644, true},
        {"settings: {apiKeys: [k], defaultChain: c}\n", 0640, false},
        {"settings: {apiKeys: ['${WEIR_TEST_REAL}'], defaultChain: c}\n", 0644, false},
        {"settings: {apiKeys: ['${WEIR_TEST_REAL}', k], defaultChain: c}\n", 0604, true},
    };
    setenv("WEIR_TEST_REAL", "x", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text =
            xasprintf("%sproviders: [{id: p, name: P, type: groq, apiKey: '${WEIR_TEST_REAL}'"
                      "}]\nchains: [{name: c, entries: [{provider: p, model: m}]}]\n",
                      rows[i].text);
        struct conf *conf = NULL;
        struct buf messages = BUF_INIT;
        make_dir();
        write_file(text, strlen(text));
        ck_assert_int_eq(chmod(path, rows[i].mode), 0);
        ck_assert(conf_load(path, &conf, &messages));
        ck_assert_int_eq(strstr(buf_cstr(&messages), "everybody may read") != NULL,
                         rows[i].is_warned_about);
        conf_free(&conf);
        buf_clear(&messages);
        ck_assert(conf_load_without_secrets(path, &conf, &messages));
        ck_assert_int_eq(messages.len > 0, rows[i].is_warned_about);
        conf_free(&conf);
        buf_free(&messages);
        free(text);
        remove_dir();
    }
    unsetenv("WEIR_TEST_REAL");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_warned_about)
{
    char *text = fixture_text((struct addition){.provider = "    caFile: no-such.pem\n"});
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    make_dir();
    write_file(text, strlen(text));
    ck_assert(conf_load(path, &conf, &messages));
    ck_assert_ptr_nonnull(
        strstr(buf_cstr(&messages), ":9:13: warning: providers[0].caFile cannot be read\n"));
    conf_free(&conf);
    buf_clear(&messages);
    ck_assert(conf_load_without_secrets(path, &conf, &messages));
    ck_assert_uint_eq(messages.len, 0); /* it is weir's to read */
    conf_free(&conf);
    buf_free(&messages);
    free(text);
    remove_dir();
}
END_TEST

START_TEST(a_client_needs_no_key_of_a_provider)
{
    static const char text[] =
        "settings: {apiKeys: ['k-${WEIR_TEST_REAL}'], defaultChain: c}\n"
        "providers: [{id: p, name: P, type: groq, apiKey: '${WEIR_TEST_UNSET}'}]\n"
        "chains: [{name: c, entries: [{provider: p, model: m}]}]\n";
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    make_dir();
    write_file(text, strlen(text));
    setenv("WEIR_TEST_REAL", "1", 1);
    ck_assert(conf_load_with_client_keys(path, &conf, &messages));
    ck_assert_str_eq(conf->api_keys[0], "k-1");
    ck_assert_str_eq(conf->providers[0].api_key, "${WEIR_TEST_UNSET}");
    conf_free(&conf);
    unsetenv("WEIR_TEST_REAL");
    ck_assert(!conf_load_with_client_keys(path, &conf, &messages));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&messages),
                                 ":1:22: settings.apiKeys[0] needs the environment variable "
                                 "WEIR_TEST_REAL, which is not set\n"));
    ck_assert_ptr_null(strstr(buf_cstr(&messages), "UNSET"));
    buf_free(&messages);
    remove_dir();
}
END_TEST

START_TEST(the_environment_is_asked)
{
    char *text = fixture_text((struct addition){
        .provider = "  - {id: e, name: E, type: groq, apiKey: \"${WEIR_TEST_REAL}\"}\n"});
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    make_dir();
    write_file(text, strlen(text));
    unsetenv("WEIR_TEST_REAL");
    ck_assert(!conf_load(path, &conf, &messages));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&messages), "WEIR_TEST_REAL, which is not set"));
    ck_assert(conf_load_without_secrets(path, &conf, &messages));
    conf_free(&conf);
    setenv("WEIR_TEST_REAL", "from-outside", 1);
    ck_assert(conf_load(path, &conf, &messages));
    ck_assert_str_eq(conf->providers[1].api_key, "from-outside");
    conf_free(&conf);
    buf_free(&messages);
    free(text);
    remove_dir();
}
END_TEST

START_TEST(a_file_must_be_there)
{
    make_dir();
    expect_refusal("No such file or directory");
    remove_dir();
}
END_TEST

START_TEST(a_file_must_be_readable)
{
    if (geteuid() == 0) /* root may read everything */
        return;
    make_dir();
    write_file("{}", 2);
    chmod(path, 0);
    expect_refusal("Permission denied");
    remove_dir();
}
END_TEST

START_TEST(a_folder_is_no_file)
{
    make_dir();
    ck_assert_int_eq(mkdir(path, 0700), 0);
    expect_refusal("is a directory");
    remove_dir();
}
END_TEST

/* Without waiting for somebody to write into it. */
START_TEST(a_pipe_is_no_file)
{
    make_dir();
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_refusal("is not a regular file");
    remove_dir();
}
END_TEST

START_TEST(an_empty_file_is_told_from_a_missing_one)
{
    make_dir();
    write_file("", 0);
    expect_refusal("the file is empty");
    remove_dir();
}
END_TEST

START_TEST(a_large_file_is_refused)
{
    make_dir();
    char *text = xmalloc(CONF_FILE_MAX + 1);
    memset(text, '#', CONF_FILE_MAX + 1);
    write_file(text, CONF_FILE_MAX + 1);
    expect_refusal("is larger than 1048576 bytes");
    write_file(text, CONF_FILE_MAX); /* one great comment */
    expect_refusal("the file is empty");
    free(text);
    remove_dir();
}
END_TEST

/* What a shell has not set, the daemons get from the file beside the configuration. */
START_TEST(a_check_knows_the_file_of_variables)
{
    char *text = fixture_text((struct addition){.rest = ""}), *at = strstr(text, "provider-key");
    char *variables;
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    make_dir();
    variables = xasprintf("%s/environment", dir);
    memcpy(at, "${WEIR_ENV1}", strlen("${WEIR_ENV1}"));
    write_file(text, strlen(text));
    unsetenv("WEIR_ENV1");
    ck_assert(!conf_load_for_check(path, &conf, &messages));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&messages), "WEIR_ENV1, which is not set"));
    buf_clear(&messages);
    FILE *f = fopen(variables, "w");
    ck_assert_ptr_nonnull(f);
    fputs("# keys\nWEIR_ENV1=from-the-file\n", f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(conf_load_for_check(path, &conf, &messages));
    ck_assert_str_eq(conf->providers[0].api_key, "from-the-file");
    conf_free(&conf);
    setenv("WEIR_ENV1", "from-the-environment", 1);
    ck_assert(conf_load_for_check(path, &conf, &messages));
    ck_assert_str_eq(conf->providers[0].api_key, "from-the-environment");
    conf_free(&conf);
    unsetenv("WEIR_ENV1");
    ck_assert(!conf_load(path, &conf, &messages)); /* a daemon has what it was given */
    unlink(variables);
    free(variables);
    buf_free(&messages);
    free(text);
    remove_dir();
}
END_TEST

UNIT_MAIN("conf_load", a_good_file_loads, a_readable_file_with_keys_is_warned_about,
          a_file_that_cannot_be_read_is_warned_about, a_client_needs_no_key_of_a_provider,
          the_environment_is_asked, a_file_must_be_there, a_file_must_be_readable,
          a_folder_is_no_file, a_pipe_is_no_file, an_empty_file_is_told_from_a_missing_one,
          a_large_file_is_refused, a_check_knows_the_file_of_variables)
