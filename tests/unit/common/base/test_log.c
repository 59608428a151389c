/* SPDX-License-Identifier: MIT */
/* log: one JSON object a line in files, text on a terminal, and nothing lost over a rotation. */
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/weir-test-log-XXXXXX";
static char path[64], rotated[64], text[8192];

static void open_log(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(rotated, sizeof(rotated), "%s/log.1", dir);
    clock_fake_set(1, UINT64_C(1764000000007));
    log_init("test");
    ck_assert(log_open_file(path));
}

static void remove_log(void)
{
    unlink(path);
    unlink(rotated);
    rmdir(dir);
}

static const char *read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

static const char *get(json_object *line, const char *key)
{
    json_object *value;
    ck_assert_msg(json_object_object_get_ex(line, key, &value), "no %s", key);
    return json_object_get_string(value);
}

START_TEST(a_line_is_a_json_object)
{
    open_log();
    log_fields(LOGLV_WARN,
               LOG_LIST(LOG_STR("name", "a\"b\n\xff"), LOG_STR("none", NULL), LOG_INT("n", -5)),
               "hello %s", "w\n\"orld\"");
    const char *line = read_file(path);
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    json_object *root = json_tokener_parse(line);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(get(root, "time"), "2025-11-24T16:00:00.007Z");
    ck_assert_str_eq(get(root, "level"), "warn");
    ck_assert_str_eq(get(root, "msg"), "hello w\n\"orld\"");
    ck_assert_str_eq(get(root, "prog"), "test");
    ck_assert_int_eq(atoi(get(root, "pid")), getpid());
    ck_assert_str_eq(get(root, "name"), "a\"b\n\xef\xbf\xbd");
    ck_assert_str_eq(get(root, "n"), "-5");
    ck_assert(!json_object_object_get_ex(root, "none", NULL));
    json_object_put(root);
    remove_log();
}
END_TEST

START_TEST(levels_below_the_set_one_are_silent)
{
    open_log();
    log_set_level(LOGLV_WARN);
    ck_assert_int_eq(log_get_level(), LOGLV_WARN);
    log_debug("no");
    log_info("no");
    ck_assert_str_eq(read_file(path), "");
    log_warn("yes");
    log_error("yes");
    const char *lines = read_file(path);
    ck_assert_ptr_nonnull(strstr(lines, "\"level\":\"warn\""));
    ck_assert_ptr_nonnull(strstr(lines, "\"level\":\"error\""));
    remove_log();
}
END_TEST

START_TEST(a_text_of_lines_is_a_record_each)
{
    open_log();
    log_set_level(LOGLV_WARN);
    log_lines(LOGLV_INFO, "", "no\nno\n");
    log_lines(LOGLV_WARN, "", "");
    ck_assert_str_eq(read_file(path), "");
    log_lines(LOGLV_WARN, "it: ", "one\n\n%s three");
    const char *lines = read_file(path), *second = strchr(lines, '\n') + 1;
    ck_assert_ptr_eq(strchr(second, '\n'), lines + strlen(lines) - 1);
    ck_assert_ptr_nonnull(strstr(lines, "\"it: one\""));
    ck_assert_ptr_nonnull(strstr(second, "\"it: %s three\""));
    log_set_level(LOGLV_INFO);
    remove_log();
}
END_TEST

START_TEST(the_file_is_appended_to_and_private)
{
    open_log();
    log_info("first");
    ck_assert(log_open_file(path));
    log_info("second");
    const char *lines = read_file(path);
    ck_assert_ptr_nonnull(strstr(lines, "first"));
    ck_assert_ptr_nonnull(strstr(lines, "second"));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0137, 0);
    remove_log();
}
END_TEST

START_TEST(reopening_follows_a_rotation)
{
    open_log();
    log_info("old");
    ck_assert_int_eq(rename(path, rotated), 0);
    log_info("still old");
    ck_assert(log_reopen());
    log_info("new");
    ck_assert_ptr_nonnull(strstr(read_file(rotated), "still old"));
    ck_assert_ptr_null(strstr(read_file(rotated), "new"));
    ck_assert_ptr_nonnull(strstr(read_file(path), "new"));
    remove_log();
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_keeps_the_old_one)
{
    open_log();
    ck_assert(!log_open_file("/nonexistent/log"));
    ck_assert_int_eq(errno, ENOENT);
    log_info("here");
    ck_assert_ptr_nonnull(strstr(read_file(path), "here"));
    ck_assert(log_reopen());
    remove_log();
}
END_TEST

START_TEST(errno_survives_a_line)
{
    open_log();
    errno = EXDEV;
    log_info("x");
    ck_assert_int_eq(errno, EXDEV);
    remove_log();
}
END_TEST

START_TEST(a_terminal_gets_text)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(grantpt(terminal), 0);
    ck_assert_int_eq(unlockpt(terminal), 0);
    clock_fake_set(1, UINT64_C(1764000000007));
    log_init("test");
    ck_assert(log_open_file(ptsname(terminal)));
    log_fields(LOGLV_INFO,
               LOG_LIST(LOG_STR("a", "plain"), LOG_STR("b", "two words"), LOG_INT("n", 3)),
               "hello\nthere\033[2J");
    ssize_t n = read(terminal, text, sizeof(text) - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    ck_assert_ptr_eq(strstr(text, "2025-11-24T16:00:00.007Z info  test["), text);
    ck_assert_ptr_nonnull(strstr(text, "] hello there [2J a=plain b=\"two words\" n=3\r\n"));
    close(terminal);
}
END_TEST

START_TEST(fatal_says_why_and_exits_with_its_code)
{
    open_log();
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        log_fatal(78, "bad %s", "configuration");
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 78);
    ck_assert_ptr_nonnull(strstr(read_file(path), "\"bad configuration\""));
    remove_log();
}
END_TEST

UNIT_MAIN("log", a_line_is_a_json_object, levels_below_the_set_one_are_silent,
          a_text_of_lines_is_a_record_each, the_file_is_appended_to_and_private,
          reopening_follows_a_rotation, a_file_that_cannot_be_opened_keeps_the_old_one,
          errno_survives_a_line, a_terminal_gets_text, fatal_says_why_and_exits_with_its_code)
