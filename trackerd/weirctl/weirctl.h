/* SPDX-License-Identifier: MIT */
/* What weirctl's commands share: what the command line said, how a failure is told, and how a loop
 * is ended. weirctl is short-lived: it reads the shared memory by itself, asks trackerd over its
 * socket for changes, and signals weir's master; it never writes to the table. */
#ifndef WEIR_TRACKERD_WEIRCTL_WEIRCTL_H
#define WEIR_TRACKERD_WEIRCTL_WEIRCTL_H

#include <signal.h>
#include <stdbool.h>

#include "common/base/attributes.h"
#include "common/conf/conf.h"

/* Exit codes; besides these, those of sysexits(3): EX_USAGE, EX_UNAVAILABLE, EX_CONFIG, EX_IOERR.
 */
enum weirctl_exit {
    WEIRCTL_DONE = 0,
    WEIRCTL_REFUSED = 1,
};

struct weirctl {
    const char *conf_path;
    struct conf *conf; /* NULL for commands that need none */
    bool as_json;
    const char *chain; /* --chain; NULL = not given */
    bool is_all;       /* --all */
    bool is_effective; /* --effective */
    int argc;          /* arguments after the command */
    char **argv;
};

/* Prints `weirctl: ` and the message, without control characters, to standard error. Returns code,
 * so that a caller can fail in one line. */
int weirctl_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A number of seconds above 0. */
WEIR_MUST_CHECK bool weirctl_parse_seconds(const char *text, double *out);
/* "; did you mean NAME?", or "" where nothing is near (NULL). In a static buffer: valid until the
 * next call. */
const char *weirctl_hint(const char *name);
/* The same for the configured pair whose name is nearest, as PROVIDER/MODEL. */
const char *weirctl_hint_pair(const struct conf *conf, const char *provider, const char *model);

/* SIGINT and SIGTERM end the loops of top, events and reload through this flag. */
extern volatile sig_atomic_t weirctl_is_interrupted;
void weirctl_catch_interrupt(void);
/* Returns early when a signal arrives. */
void weirctl_wait(double seconds);

#endif
