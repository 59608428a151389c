/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "common/process/options.h"

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/conf/load.h"

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'}, {"foreground", no_argument, NULL, 'f'},
    {"test", no_argument, NULL, 't'},         {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static void print_help(const char *prog, const char *about)
{
    printf("%s - %s\n"
           "Usage: %s [-c FILE] [-f] [-t]\n"
           "\n"
           "  -c, --config FILE  read this configuration (default " DAEMON_DEFAULT_CONF ")\n"
           "  -f, --foreground   stay in the foreground, log to standard error\n"
           "  -t, --test         check the configuration and exit\n"
           "  -V, --version      print the version and exit\n"
           "  -h, --help         print this and exit\n",
           prog, about, prog);
}

static void exit_wrong_call(const char *prog) __attribute__((noreturn));
static void exit_wrong_call(const char *prog)
{
    fprintf(stderr, "Try '%s --help'.\n", prog);
    exit(EX_USAGE);
}

/* Handles one option; ends the program for those that ask for no more. */
static void take_option(int option, const char *prog, const char *about, struct daemon_options *out)
{
    switch (option) {
    case 'c':
        out->conf_path = optarg;
        return;
    case 'f':
        out->foreground = true;
        return;
    case 't':
        out->check_only = true;
        return;
    case 'V':
        printf("%s %s\n", prog, PACKAGE_VERSION);
        exit(0);
    case 'h':
        print_help(prog, about);
        exit(0);
    default: /* getopt has said what is wrong */
        exit_wrong_call(prog);
    }
}

/* A daemon works in /, and reads its file again there when it reloads. */
static char *absolute_path(const char *prog, const char *path)
{
    char *cwd = getcwd(NULL, 0);
    if (cwd == NULL) {
        fprintf(stderr, "%s: the current directory: %s\n", prog, strerror(errno));
        exit(EX_UNAVAILABLE);
    }
    char *absolute = xasprintf("%s/%s", strcmp(cwd, "/") != 0 ? cwd : "", path);
    free(cwd);
    return absolute;
}

static const char *absolute_conf_path(const char *prog, const char *path)
{
    static char *absolute; /* lives as long as the options do: to the end of the program */
    free(absolute);
    absolute = absolute_path(prog, path);
    return absolute;
}

/* By the name it was called by, as far as that has a path: a link to the current version leads to
 * the next one after an upgrade. What the shell found in PATH only the kernel knows. */
static char *program_path(const char *prog, const char *called)
{
    static char *path; /* the same */
    char found[PATH_MAX];
    free(path);
    if (strchr(called, '/') != NULL) {
        path = called[0] == '/' ? xstrdup(called) : absolute_path(prog, called);
    } else {
        ssize_t n = readlink("/proc/self/exe", found, sizeof(found));
        path = n > 0 && n < (ssize_t)sizeof(found) ? xstrndup(found, (size_t)n) : xstrdup(called);
    }
    return path;
}

void daemon_parse_options(int argc, char **argv, const char *prog, const char *about,
                          struct daemon_options *out)
{
    *out = (struct daemon_options){.conf_path = DAEMON_DEFAULT_CONF};
    int option;
    while ((option = getopt_long(argc, argv, "c:ftVh", long_options, NULL)) != -1)
        take_option(option, prog, about, out);
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\n", prog, argv[optind]);
        exit_wrong_call(prog);
    }
    if (out->conf_path[0] != '/' && !out->foreground && !out->check_only)
        out->conf_path = absolute_conf_path(prog, out->conf_path);
    out->program = program_path(prog, argv[0]);
}

static void load_needs(const struct daemon_options *options, const struct conf *conf)
{
    char *why = NULL;
    if (options->load_needs == NULL || options->load_needs(conf, &why))
        return;
    fprintf(stderr, "%s: %s\n", options->conf_path, why);
    exit(EX_UNAVAILABLE);
}

struct conf *daemon_load_conf(const struct daemon_options *options)
{
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    bool (*load)(const char *, struct conf **, struct buf *) =
        options->without_secrets ? conf_load_without_secrets
        : options->check_only    ? conf_load_for_check
                                 : conf_load;
    bool is_good = load(options->conf_path, &conf, &messages);
    fputs(buf_cstr(&messages), stderr);
    buf_free(&messages);
    if (!is_good)
        exit(EX_CONFIG);
    load_needs(options, conf);
    if (options->check_only) {
        printf("configuration %s is valid\n", options->conf_path);
        conf_free(&conf);
        exit(0);
    }
    return conf;
}
