/* SPDX-License-Identifier: MIT */
/* daemon: command line, background, pid file, word to the service manager. What ends the program is
 * run in a child. */
#include "common/process/daemon.h"
#include "common/process/options.h"
#include "common/process/pidfile.h"
#include "common/process/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/unit/unit.h"

#define DIR_TEMPLATE "/tmp/weir-daemon-XXXXXX"

static char dir[] = DIR_TEMPLATE;

static char *make_path(const char *name)
{
    strcpy(dir, DIR_TEMPLATE);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    return xasprintf("%s/%s", dir, name);
}

static void remove_path(char *path)
{
    unlink(path);
    free(path);
    ck_assert_int_eq(rmdir(dir), 0);
}

/* Runs body(arg) in a child; its exit code, and what it printed (the caller frees it). */
static int run_child(void (*body)(void *arg), void *arg, char **output)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        body(arg);
        exit(0);
    }
    struct buf out = BUF_INIT;
    ssize_t n;
    close(fds[1]);
    while ((n = read(fds[0], buf_reserve(&out, 4096), 4096)) > 0)
        out.len += (size_t)n;
    close(fds[0]);
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    *output = buf_take(&out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct daemon_options parse(char **argv)
{
    struct daemon_options options;
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    optind = 0; /* getopt starts afresh */
    daemon_parse_options(argc, argv, "weird", "a test", &options);
    return options;
}

static void parse_and_end(void *argv)
{
    parse(argv);
}

#define ARGV(...) ((char *[]){(char *)"weird", __VA_ARGS__, NULL})

START_TEST(options_are_taken)
{
    struct daemon_options o = parse(ARGV((char *)"-f", (char *)"-c", (char *)"x.yaml"));
    ck_assert(o.foreground && !o.check_only && !o.without_secrets);
    ck_assert_str_eq(o.conf_path, "x.yaml");
    o = parse(ARGV((char *)"--test", (char *)"--config=y.yaml"));
    ck_assert(!o.foreground && o.check_only);
    ck_assert_str_eq(o.conf_path, "y.yaml");
    o = parse((char *[]){(char *)"weird", NULL});
    ck_assert(!o.foreground && !o.check_only);
    ck_assert_str_eq(o.conf_path, DAEMON_DEFAULT_CONF);
}
END_TEST

/* It works in / and has to find its file again. */
START_TEST(a_daemons_path_is_absolute)
{
    ck_assert_int_eq(chdir("/tmp"), 0);
    ck_assert_str_eq(parse(ARGV((char *)"-c", (char *)"x.yaml")).conf_path, "/tmp/x.yaml");
    ck_assert_str_eq(parse(ARGV((char *)"-c", (char *)"/y.yaml")).conf_path, "/y.yaml");
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_str_eq(parse(ARGV((char *)"-c", (char *)"x.yaml")).conf_path, "/x.yaml");
}
END_TEST

static const struct {
    char *argv[4];
    int code;
    const char *output;
} calls[] = {
    {{(char *)"weird", (char *)"-V"}, 0, "weird "},
    {{(char *)"weird", (char *)"--version"}, 0, "weird "},
    {{(char *)"weird", (char *)"-h"}, 0, "Usage: weird"},
    {{(char *)"weird", (char *)"--help"}, 0, DAEMON_DEFAULT_CONF},
    {{(char *)"weird", (char *)"-x"}, 64, "Try 'weird --help'"},
    {{(char *)"weird", (char *)"--frobnicate"}, 64, "frobnicate"},
    {{(char *)"weird", (char *)"-c"}, 64, "requires an argument"},
    {{(char *)"weird", (char *)"-f", (char *)"more"}, 64, "unexpected argument 'more'"},
};

START_TEST(calls_that_end_the_program)
{
    for (size_t i = 0; i < UNIT_ROWS(calls); i++) {
        char *output = NULL;
        int code = run_child(parse_and_end, (void *)calls[i].argv, &output);
        ck_assert_msg(code == calls[i].code, "%s: %d", calls[i].argv[1], code);
        ck_assert_msg(strstr(output, calls[i].output) != NULL, "%s: %s", calls[i].argv[1], output);
        free(output);
    }
}
END_TEST

START_TEST(help_names_every_option)
{
    static const char *const options[] = {"-c, --config FILE", "-f, --foreground", "-t, --test",
                                          "-V, --version", "-h, --help"};
    char *output = NULL;
    run_child(parse_and_end, ARGV((char *)"-h"), &output);
    for (size_t i = 0; i < UNIT_ROWS(options); i++)
        ck_assert_msg(strstr(output, options[i]) != NULL, "%s", options[i]);
    free(output);
}
END_TEST

static void load(void *options)
{
    struct conf *conf = daemon_load_conf(options);
    printf("loaded %s", conf->chains[0].name);
    conf_free(&conf);
}

static void write_conf(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

static const char conf_text[] = "settings: {apiKeys: [\"${WEIR_TEST_UNSET}\"], defaultChain: c}\n"
                                "providers: [{id: p, name: P, type: groq, apiKey: k}]\n"
                                "chains: [{name: c, entries: [{provider: p, model: m}]}]\n";

START_TEST(a_configuration_is_loaded_or_refused)
{
    char *path = make_path("weir.yaml"), *output = NULL;
    char *valid = xasprintf("configuration %s is valid\n", path);
    char *fault = xasprintf("%s:1:22: settings.apiKeys[0] needs the environment variable "
                            "WEIR_TEST_UNSET, which is not set\n",
                            path);
    struct daemon_options options = {.conf_path = path, .check_only = true};
    write_conf(path, conf_text);
    unsetenv("WEIR_TEST_UNSET");
    ck_assert_int_eq(run_child(load, &options, &output), 78);
    ck_assert_str_eq(output, fault);
    free(output);
    options.without_secrets = true;
    ck_assert_int_eq(run_child(load, &options, &output), 0);
    ck_assert_str_eq(output, valid);
    free(output);
    options.check_only = false;
    ck_assert_int_eq(run_child(load, &options, &output), 0);
    ck_assert_str_eq(output, "loaded c");
    free(output);
    free(valid);
    free(fault);
    remove_path(path);
}
END_TEST

static bool lacks(const struct conf *conf, char **why)
{
    *why = xasprintf("no luck for %s", conf->chains[0].name);
    return false;
}

START_TEST(what_a_configuration_needs_may_be_missing)
{
    char *path = make_path("weir.yaml"), *output = NULL;
    char *wanted = xasprintf("%s: no luck for c\n", path);
    struct daemon_options options = {
        .conf_path = path, .without_secrets = true, .load_needs = lacks};
    write_conf(path, conf_text);
    for (int check_only = 0; check_only <= 1; check_only++) {
        options.check_only = check_only;
        ck_assert_int_eq(run_child(load, &options, &output), 69);
        ck_assert_str_eq(output, wanted);
        free(output);
    }
    free(wanted);
    remove_path(path);
}
END_TEST

/* ---- background ---------------------------------------------------------------------------- */

static const struct daemon_options background = {.foreground = false};

static void start_well(void *path)
{
    daemon_background(&background);
    bool is_detached = getsid(0) == getpid();
    write_conf(path, is_detached ? "detached" : "in the old session");
    daemon_ready();
    exit(70); /* too late to matter */
}

START_TEST(the_parent_leaves_when_the_child_is_ready)
{
    char *path = make_path("ready"), *output = NULL, text[32] = "";
    ck_assert_int_eq(run_child(start_well, path, &output), 0);
    ck_assert_str_eq(output, "");
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
    ck_assert_str_eq(text, "detached");
    fclose(f);
    free(output);
    remove_path(path);
}
END_TEST

static void start_badly(void *arg)
{
    daemon_background(&background);
    fprintf(stderr, "port busy\n");
    exit(69);
}

START_TEST(the_parent_has_the_childs_exit_code)
{
    char *output = NULL;
    ck_assert_int_eq(run_child(start_badly, NULL, &output), 69);
    ck_assert_ptr_nonnull(strstr(output, "port busy\n"));
    ck_assert_ptr_nonnull(strstr(output, "did not start (exit code 69)"));
    free(output);
}
END_TEST

/* A worker that lives on must not keep the parent waiting. */
static void die_with_a_worker(void *arg)
{
    int *pipe_of_test = arg;
    daemon_background(&background);
    if (fork() == 0) {
        char byte;
        close(STDERR_FILENO);
        close(pipe_of_test[1]);
        exit(read(pipe_of_test[0], &byte, 1) == 0 ? 0 : 1); /* until the test is over */
    }
    abort();
}

START_TEST(the_parent_notices_a_crash)
{
    int fds[2];
    char *output = NULL;
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(run_child(die_with_a_worker, fds, &output), 70);
    ck_assert_ptr_nonnull(strstr(output, "did not start (signal 6)"));
    free(output);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(in_the_foreground_nothing_happens)
{
    struct daemon_options options = {.foreground = true};
    pid_t before = getpid();
    daemon_background(&options);
    ck_assert_int_eq(getpid(), before);
    unsetenv("NOTIFY_SOCKET");
    daemon_ready();
}
END_TEST

/* ---- the service manager ------------------------------------------------------------------- */

static int listen_for_states(const char *name, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void expect_state(int fd, const char *expected)
{
    char state[64] = "";
    ssize_t n = recv(fd, state, sizeof(state) - 1, 0);
    ck_assert_int_eq(n, (ssize_t)strlen(expected));
    ck_assert_str_eq(state, expected);
}

START_TEST(states_go_to_a_socket_file)
{
    char *path = make_path("notify");
    int fd = listen_for_states(path, strlen(path));
    setenv("NOTIFY_SOCKET", path, 1);
    daemon_ready();
    expect_state(fd, "READY=1");
    daemon_notify("STOPPING=1");
    expect_state(fd, "STOPPING=1");
    close(fd);
    daemon_notify("STOPPING=1"); /* nobody there: a warning, no more */
    remove_path(path);
}
END_TEST

START_TEST(states_go_to_an_abstract_socket)
{
    char *name = xasprintf("@weir-test-%ld", (long)getpid());
    char *address = xstrdup(name);
    address[0] = '\0';
    int fd = listen_for_states(address, strlen(name));
    setenv("NOTIFY_SOCKET", name, 1);
    daemon_notify("READY=1");
    expect_state(fd, "READY=1");
    close(fd);
    free(name);
    free(address);
}
END_TEST

START_TEST(other_addresses_are_ignored)
{
    static const char *const names[] = {"", "@", "/", "relative", "vsock:2:1"};
    char long_name[200];
    for (size_t i = 0; i < UNIT_ROWS(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        daemon_notify("READY=1");
    }
    memset(long_name, '/', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    daemon_notify("READY=1");
}
END_TEST

/* ---- pid file ------------------------------------------------------------------------------ */

static void write_again(void *path)
{
    exit(pidfile_write(path) ? 0 : errno == EAGAIN ? 1 : 2);
}

static int write_in_child(char *path)
{
    char *output = NULL;
    int code = run_child(write_again, path, &output);
    free(output);
    return code;
}

START_TEST(a_pid_file_keeps_others_out)
{
    char *path = make_path("pid");
    long pid = 0;
    ck_assert(pidfile_write(path));
    FILE *f = fopen(path, "r");
    ck_assert_int_eq(fscanf(f, "%ld", &pid), 1);
    ck_assert_int_eq(pid, getpid());
    /* fclose would drop the lock, which is the process's: leave the stream open until the end. */
    ck_assert_int_eq(write_in_child(path), 1);
    pidfile_remove();
    ck_assert_int_eq(access(path, F_OK), -1);
    pidfile_remove(); /* again: nothing */
    fclose(f);
    remove_path(path);
}
END_TEST

/* The child ends without removing its file, as by SIGKILL. */
START_TEST(a_stale_pid_file_is_no_hindrance)
{
    char *path = make_path("pid");
    ck_assert_int_eq(write_in_child(path), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert(pidfile_write(path));
    pidfile_remove();
    remove_path(path);
}
END_TEST

static void remove_as_child(void *arg)
{
    pidfile_remove();
}

START_TEST(a_child_does_not_remove_it)
{
    char *path = make_path("pid"), *output = NULL;
    ck_assert(pidfile_write(path));
    run_child(remove_as_child, NULL, &output);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(write_in_child(path), 1);
    pidfile_remove();
    free(output);
    remove_path(path);
}
END_TEST

START_TEST(a_pid_file_may_be_impossible_or_absent)
{
    ck_assert(pidfile_write(NULL));
    ck_assert(!pidfile_write("/nonexistent/weir.pid"));
    ck_assert_int_eq(errno, ENOENT);
    pidfile_remove();
}
END_TEST

/* ---- user ---------------------------------------------------------------------------------- */

START_TEST(users_are_looked_up)
{
    int uid = 0, gid = 0;
    struct conf conf = {0};
    daemon_lookup_user(&conf, &uid, &gid);
    ck_assert_int_eq(uid, -1);
    ck_assert_int_eq(gid, -1);
    conf.user = (char *)"root";
    daemon_lookup_user(&conf, &uid, &gid);
    ck_assert_int_eq(uid, 0);
    ck_assert_int_eq(gid, 0);
    conf.user = NULL;
    conf.group = (char *)"root";
    daemon_lookup_user(&conf, &uid, &gid);
    ck_assert_int_eq(uid, -1);
    ck_assert_int_eq(gid, 0);
}
END_TEST

static void look_up(void *conf)
{
    int uid, gid;
    daemon_lookup_user(conf, &uid, &gid);
}

START_TEST(unknown_users_are_refused)
{
    char *output = NULL;
    struct conf conf = {.user = (char *)"no-such-user-here"};
    ck_assert_int_eq(run_child(look_up, &conf, &output), 78);
    ck_assert_ptr_nonnull(strstr(output, "no-such-user-here"));
    free(output);
    conf = (struct conf){.group = (char *)"no-such-group-here"};
    ck_assert_int_eq(run_child(look_up, &conf, &output), 78);
    ck_assert_ptr_nonnull(strstr(output, "no-such-group-here"));
    free(output);
}
END_TEST

#define NOBODY 65534

static void drop(void *arg)
{
    daemon_drop_root(NOBODY, NOBODY);
    bool is_gone = getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY &&
                   setuid(0) != 0 && setgid(0) != 0;
    exit(is_gone ? 0 : 1);
}

START_TEST(root_is_left_for_good)
{
    char *output = NULL;
    if (geteuid() != 0) { /* without root there is nothing to leave */
        uid_t before = getuid();
        daemon_drop_root((int)before + 1, -1);
        ck_assert_uint_eq(getuid(), before);
        return;
    }
    ck_assert_int_eq(run_child(drop, NULL, &output), 0);
    free(output);
}
END_TEST

START_TEST(the_fd_limit_is_raised)
{
    struct rlimit limit;
    unsigned long raised = daemon_raise_fd_limit();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(limit.rlim_cur, raised);
    ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
}
END_TEST

UNIT_MAIN("daemon", options_are_taken, a_daemons_path_is_absolute, calls_that_end_the_program,
          help_names_every_option, a_configuration_is_loaded_or_refused,
          what_a_configuration_needs_may_be_missing, the_parent_leaves_when_the_child_is_ready,
          the_parent_has_the_childs_exit_code, the_parent_notices_a_crash,
          in_the_foreground_nothing_happens, states_go_to_a_socket_file,
          states_go_to_an_abstract_socket, other_addresses_are_ignored, a_pid_file_keeps_others_out,
          a_stale_pid_file_is_no_hindrance, a_child_does_not_remove_it,
          a_pid_file_may_be_impossible_or_absent, users_are_looked_up, unknown_users_are_refused,
          root_is_left_for_good, the_fd_limit_is_raised)
