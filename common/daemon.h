/* What both daemons do alike: command line, going to the background, pid file, leaving root, and
 * telling systemd. Used by server/main.c and trackerd/main.c. */
#ifndef WEIR_COMMON_DAEMON_H
#define WEIR_COMMON_DAEMON_H

#include <stdbool.h>

#include "common/conf.h"

#define DAEMON_DEFAULT_CONF SYSCONFDIR "/weir/weir.yaml"

struct daemon_options {
    const char *conf_path; /* absolute unless in the foreground: a daemon works in / */
    bool foreground, check_only;
    bool without_secrets; /* set by a program that uses no keys: see conf_load_without_secrets */
};

/* Parses -c -f -t -V -h and their long forms. Prints and exits itself for -V, -h (0) and for a
 * wrong call (64). `about` is the one-line description in --help. */
void daemon_parse_options(int argc, char **argv, const char *prog, const char *about,
                          struct daemon_options *out);

/* Loads the configuration for a start: prints its messages to standard error and exits 78 when it
 * is bad; with -t says on standard output that it is valid and exits 0. */
struct conf *daemon_load_conf(const struct daemon_options *options);

/* Opens the log as configured: standard error in the foreground, else server.errorLog, else syslog.
 * Sets its level. Exits 69 when the file cannot be opened. */
void daemon_open_log(const struct daemon_options *options, const struct conf *conf);

/* Forks into the background unless in the foreground. The parent waits until the child calls
 * daemon_ready, and leaves with 0, or with the child's exit code when it dies before. Standard
 * error stays open until daemon_ready, for what goes wrong in between. Call it before any thread,
 * pid file or event base is made. */
void daemon_background(const struct daemon_options *options);
/* In a child that was forked before daemon_ready: lets go of the caller's terminal or pipe. */
void daemon_leave_terminal(const struct daemon_options *options);
/* Start is complete: lets the waiting parent go, and tells systemd (READY=1) when asked. Again
 * after a reload it only tells systemd. */
void daemon_ready(void);
/* Sends one state line ("STOPPING=1") to $NOTIFY_SOCKET; nothing without one. */
void daemon_notify(const char *state);

/* Writes our pid and locks the file. 0; -1 with errno (EAGAIN: another instance holds it). The
 * file goes away with daemon_pid_file_remove. path may be NULL: nothing to do. The lock is the
 * calling process's alone: children do not inherit it, so it ends with the master however it dies.
 */
int daemon_pid_file_write(const char *path);
void daemon_pid_file_remove(void);

/* uid and gid of server.user / server.group; -1 where none is configured. A user without a group
 * brings his own. Exits 78 for an unknown name. */
void daemon_lookup_user(const struct conf *conf, int *uid, int *gid);
/* Becomes that user for good when we are root, with the user's further groups. -1 leaves the one or
 * the other as it is. Exits 69 when that fails. */
void daemon_drop_root(int uid, int gid);

/* Raises the descriptor limit to the hard limit and returns it. */
unsigned long daemon_raise_fd_limit(void);

#endif
