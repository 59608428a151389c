/* SPDX-License-Identifier: MIT */
/* What both daemons do alike: command line, going to the background, pid file, leaving root, and
 * telling systemd. Used by server/main.c and trackerd/main.c. */
#ifndef WEIR_COMMON_PROCESS_DAEMON_H
#define WEIR_COMMON_PROCESS_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/conf/conf.h"

#define DAEMON_DEFAULT_CONF SYSCONFDIR "/weir/weir.yaml"

struct daemon_options {
    const char *conf_path; /* absolute unless in the foreground: a daemon works in / */
    char *program;         /* what to execute for another of us; absolute, follows an upgrade */
    bool foreground, check_only;
    bool without_secrets; /* set by a program that uses no keys: see conf_load_without_secrets */
    /* Set by a program that needs more than a good configuration: brings it in, or tells in `why`,
     * to be freed, what is missing. NULL = nothing more. */
    bool (*load_needs)(const struct conf *conf, char **why);
};

/* Parses -c -f -t -V -h and their long forms. Prints and exits itself for -V, -h (0) and for a
 * wrong call (64). `about` is the one-line description in --help. */
void daemon_parse_options(int argc, char **argv, const char *prog, const char *about,
                          struct daemon_options *out);

/* Loads the configuration for a start, and what it needs: prints messages to standard error and
 * exits 78 when it is bad, 69 when something it needs is missing; with -t says on standard output
 * that it is valid and exits 0. */
struct conf *daemon_load_conf(const struct daemon_options *options);

/* Opens the log as configured: standard error in the foreground, else server.errorLog, else syslog.
 * A file that root opens goes to server.user and server.group, so that both daemons can open it
 * again. Sets its level. Exits 69 when the file cannot be opened. */
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

/* Writes our pid and locks the file; the folder is made when need be, for uid and gid. Exits 69
 * when that fails or another instance, called `prog`, holds it. */
void daemon_pid_file_begin(const char *path, const char *prog, int uid, int gid);
/* Writes our pid and locks the file. 0; -1 with errno (EAGAIN: another instance holds it). The
 * file goes away with daemon_pid_file_remove. path may be NULL: nothing to do. The lock is the
 * calling process's alone: children do not inherit it, so it ends with the master however it dies.
 */
int daemon_pid_file_write(const char *path);
void daemon_pid_file_remove(void);
/* For a process that takes our place: its descriptor to inherit (-1 = none); letting go of the file
 * without removing it; and, over there, locking and writing what was inherited. The file is a new
 * one when `path` leads elsewhere by now. */
int daemon_pid_file_fd(void);
void daemon_pid_file_release(void);
int daemon_pid_file_take_over(const char *path, int fd);

/* uid and gid of server.user / server.group; -1 where none is configured. A user without a group
 * brings his own. Exits 78 for an unknown name. */
void daemon_lookup_user(const struct conf *conf, int *uid, int *gid);
/* uid of tracker.user, else of server.user; -1 where none is configured. Exits 78 as above. */
int daemon_lookup_tracker_user(const struct conf *conf);
/* Makes the folder in which a file shall be, for that user and group (-1 = ours), unless it is
 * there. What fails is logged: opening the file then fails, too. */
void daemon_make_folder(const char *path_of_file, mode_t mode, int uid, int gid);
/* The folder of sockets and pid files: of both daemons, which may be two users of one group, so
 * that each removes only its own. */
#define DAEMON_RUN_MODE   01775
#define DAEMON_STATE_MODE 0750
/* Becomes that user for good when we are root, with the user's further groups. -1 leaves the one or
 * the other as it is. Exits 69 when that fails. */
void daemon_drop_root(int uid, int gid);
/* The same, but for the right to bind ports below 1024, which a reload may need. */
void daemon_drop_root_but_ports(int uid, int gid);
/* Gives up what the above has left. */
void daemon_drop_rights(void);

/* Raises the descriptor limit to the hard limit and returns it. */
unsigned long daemon_raise_fd_limit(void);

#endif
