/* SPDX-License-Identifier: MIT */
/* Being a daemon: going to the background, the log, and notifying those who wait for us, the parent
 * and systemd. Called by both daemons. One state a process: whether a parent still waits. */
#ifndef WEIR_COMMON_PROCESS_DAEMON_H
#define WEIR_COMMON_PROCESS_DAEMON_H

#include "common/conf/conf.h"
#include "common/process/options.h"

/* First of all: a signal that asks for a reload, for new log files or for an upgrade waits until
 * the daemon is there to take it, instead of killing it. */
void daemon_hold_signals(void);
/* The daemon's handlers are there: what waited comes now. */
void daemon_release_signals(void);

/* Opens the log as configured: standard error in the foreground, else server.errorLog, else syslog.
 * A file that root opens goes to server.user and server.group, so that both daemons can open it
 * again. Sets its level. Exits 69 when the file cannot be opened. */
void daemon_open_log(const struct daemon_options *options, const struct conf *conf);

/* Forks into the background unless in the foreground. The parent waits until the child calls
 * daemon_ready, and exits with 0, or with the child's exit code when it dies before. Standard
 * error stays open until daemon_ready, for what goes wrong in between. Call it before any thread,
 * pid file or event base is made. */
void daemon_background(const struct daemon_options *options);
/* In a child that was forked before daemon_ready: lets go of the caller's terminal or pipe. */
void daemon_leave_terminal(const struct daemon_options *options);
/* The start is complete: releases the waiting parent, and notifies systemd (READY=1) when asked.
 * Again after a reload, it only notifies systemd. */
void daemon_ready(void);
/* Sends one state line ("STOPPING=1") to $NOTIFY_SOCKET; does nothing without one. */
void daemon_notify(const char *state);

/* Raises the limit on descriptors to the hard limit, and returns it. */
unsigned long daemon_raise_fd_limit(void);

#endif
