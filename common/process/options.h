/* SPDX-License-Identifier: MIT */
/* The command line of both daemons, and the configuration it names. Called by server/main.c and
 * trackerd/main.c, before anything else: what is wrong goes to standard error, not to a log. */
#ifndef WEIR_COMMON_PROCESS_OPTIONS_H
#define WEIR_COMMON_PROCESS_OPTIONS_H

#include <stdbool.h>

#include "common/conf/conf.h"

#define DAEMON_DEFAULT_CONF SYSCONFDIR "/weir/weir.yaml"

/* Its texts live as long as the program. */
struct daemon_options {
    const char *conf_path; /* absolute unless in the foreground: a daemon works in / */
    char *program; /* what to execute to start this program again; absolute, follows an upgrade */
    bool foreground, check_only;
    bool without_secrets; /* set by a program that uses no keys: see conf_load_without_secrets */
    /* Set by a program that needs more than a good configuration: loads it, or puts into `why`, to
     * be freed, what is missing. NULL = nothing more. */
    bool (*load_needs)(const struct conf *conf, char **why);
};

/* Parses -c -f -t -V -h and their long forms. Prints and exits itself for -V, -h (0) and for a
 * wrong call (64). `about` is the one-line description in --help. */
void daemon_parse_options(int argc, char **argv, const char *prog, const char *about,
                          struct daemon_options *out);

/* Loads the configuration for a start, and what it needs: prints messages to standard error and
 * exits 78 when it is bad, 69 when something it needs is missing; with -t reports on standard
 * output that it is valid and exits 0. */
struct conf *daemon_load_conf(const struct daemon_options *options);

#endif
