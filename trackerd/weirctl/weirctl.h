/* SPDX-License-Identifier: MIT */
/* weirctl: what its parts share. A short-lived program: reads the shared table by itself, and asks
 * trackerd over its socket for changes. */
#ifndef WEIR_TRACKERD_WEIRCTL_WEIRCTL_H
#define WEIR_TRACKERD_WEIRCTL_WEIRCTL_H

#include <signal.h>
#include <stdbool.h>

#include "common/conf/conf.h"
#include "common/wire/evwire.h"
#include "trackerd/weirctl/print.h"

/* sysexits(3)' numbers besides: EX_USAGE, EX_UNAVAILABLE, EX_CONFIG */
enum weirctl_exit {
    WEIRCTL_DONE = 0,
    WEIRCTL_REFUSED = 1,
};

struct weirctl {
    const char *conf_path;
    struct conf *conf; /* NULL for commands that need none */
    bool as_json;
    bool is_all;       /* --all */
    bool is_effective; /* --effective */
    int argc;          /* arguments behind the command */
    char **argv;
};

struct weirctl_command {
    const char *name, *usage, *help;
    int min_args, max_args; /* -1: any number */
    bool needs_conf;
    bool takes_all, takes_effective;
    int (*run)(struct weirctl *ctl);
};
/* Ends with an entry without a name. */
extern const struct weirctl_command weirctl_commands[];

/* Prints `weirctl: ` and the message, without control characters, to standard error; returns code.
 */
int weirctl_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How a command went: a JSON object, or for people the text when it is done. */
void weirctl_print_result(const struct weirctl *ctl, bool is_done, uint32_t rows, const char *text);

/* A number of seconds above 0. */
bool weirctl_parse_seconds(const char *text, double *out);
/* The configured pair that somebody probably meant; in a static buffer. */
const char *weirctl_nearest_pair(const struct conf *conf, const char *provider, const char *model);
/* trackerd cannot be reached: errno says why, 0 that it closed the connection. */
int weirctl_fail_link(const struct conf *conf);

/* Does trackerd run, as far as its table and its socket tell? (view.c) */
struct print_tracker weirctl_look_at_tracker(const struct shmtab *tab, const struct conf *conf);

/* The loops of top and events end with SIGINT and SIGTERM, and then tidily. */
extern volatile sig_atomic_t weirctl_is_interrupted;
void weirctl_catch_interrupt(void);
/* Until then, or until interrupted. */
void weirctl_wait(double seconds);

/* ---- weir.c: what is asked of weir itself, by signals to its master ---- */

/* Lets weir, if it runs, read its configuration again, and waits until it serves with it. An exit
 * code; what went wrong has been said. */
int weirctl_reload_weir(const struct conf *conf);

/* ---- the commands: view.c, events.c, weir.c, route.c,
 * explain.c, probe_command.c; the rest is in commands.c ---- */
int weirctl_run_status(struct weirctl *ctl);
int weirctl_run_top(struct weirctl *ctl);
int weirctl_run_events(struct weirctl *ctl);
int weirctl_run_route(struct weirctl *ctl);
int weirctl_run_explain(struct weirctl *ctl);
int weirctl_run_probe(struct weirctl *ctl);
int weirctl_run_upgrade(struct weirctl *ctl);

/* ---- link.c: the line to trackerd ---- */

/* -1 with errno. */
int link_open(const struct conf *conf);
/* Sends a command and waits for its reply, at most LINK_PATIENCE_MS. 0, or -1 with errno. */
int link_ask(int fd, const struct evwire_command *command, struct evwire_reply *reply);
/* Waits for the next change. 0, or -1 with errno (0: the connection ended; ETIMEDOUT). */
int link_next_change(int fd, struct evwire_change *change, int timeout_ms);
#define LINK_PATIENCE_MS 5000

/* Is somebody listening on the tracker's socket? */
enum link_state {
    LINK_UP,
    LINK_DOWN,
    LINK_FORBIDDEN /* the socket is not ours to connect to: unknown */
};
enum link_state link_probe(const struct conf *conf);

#endif
