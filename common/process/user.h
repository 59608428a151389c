/* SPDX-License-Identifier: MIT */
/* The user that a daemon runs as: looking up the configured user, making folders for it, leaving
 * root. Called by both daemons at their start, and by workers. */
#ifndef WEIR_COMMON_PROCESS_USER_H
#define WEIR_COMMON_PROCESS_USER_H

#include <sys/types.h>

#include "common/conf/conf.h"

/* uid and gid of server.user / server.group; -1 where none is configured. A user without a group
 * brings his own. Exits 78 for an unknown name. */
void daemon_lookup_user(const struct conf *conf, int *uid, int *gid);
/* uid of tracker.user, else of server.user; -1 where none is configured. Exits 78 as above. */
int daemon_lookup_tracker_user(const struct conf *conf);

/* Makes the folder of a file, for that user and group (-1 = ours), unless it is there. A failure is
 * only logged: opening the file fails then, too. */
void daemon_make_folder(const char *path_of_file, mode_t mode, int uid, int gid);
/* The folder of sockets and pid files belongs to both daemons, which may be two users of one group:
 * sticky, so that each removes only its own. */
#define DAEMON_RUN_MODE   01775
#define DAEMON_STATE_MODE 0750

/* If we are root, becomes that user for good, with the user's further groups. -1 leaves the one or
 * the other as it is. Exits 69 when that fails. */
void daemon_drop_root(int uid, int gid);
/* The same, but keeps the right to bind ports below 1024, which a reload may need. */
void daemon_drop_root_but_ports(int uid, int gid);
/* Gives up that right, in a worker. */
void daemon_drop_rights(void);

#endif
