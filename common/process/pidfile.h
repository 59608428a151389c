/* SPDX-License-Identifier: MIT */
/* The pid file of a daemon: locked, so that a second instance does not start, and handed from one
 * master to the next at an upgrade. A process has one at most. The lock is fcntl's, which belongs
 * to the process alone: children do not inherit it, so it ends with the master however the master
 * dies. */
#ifndef WEIR_COMMON_PROCESS_PIDFILE_H
#define WEIR_COMMON_PROCESS_PIDFILE_H

#include <stdbool.h>

#include "common/base/attributes.h"

/* pidfile_write for a start: makes the folder too, for uid and gid. Exits 69 when that fails or
 * another instance, called `prog`, holds the file. */
void pidfile_begin(const char *path, const char *prog, int uid, int gid);
/* Writes our pid and locks the file. False with errno (EAGAIN: another instance holds it). NULL:
 * there is to be none, which works always. */
WEIR_MUST_CHECK bool pidfile_write(const char *path);
/* Removes the file, if this very process wrote it. */
void pidfile_remove(void);

/* At an upgrade. The old master: its descriptor, for the new one to inherit (-1 = none), and
 * letting go of the file without removing it. */
int pidfile_fd(void);
void pidfile_release(void);
/* The new master: locks and writes the file of the inherited descriptor, which is taken (-1 =
 * none); or a file of its own when `path` leads elsewhere by now. As pidfile_write. */
WEIR_MUST_CHECK bool pidfile_inherit(const char *path, int fd);

#endif
