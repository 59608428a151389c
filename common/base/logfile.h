/* SPDX-License-Identifier: MIT */
/* Files that several processes append lines to: opened so that the right ones can open them again.
 * Used by log.c and the access log. */
#ifndef WEIR_COMMON_BASE_LOGFILE_H
#define WEIR_COMMON_BASE_LOGFILE_H

#include <sys/types.h>

/* Whom new files belong to and their mode; -1 = whoever makes them. Part of a process's start. */
struct logfile_owner {
    int uid, gid;
    mode_t mode;
};
#define LOGFILE_INIT             \
    {                            \
        -1, -1, LOGFILE_MODE_OWN \
    }
#define LOGFILE_MODE_OWN    0640
#define LOGFILE_MODE_SHARED 0660 /* for two users of one group: weir's and the tracker's */

/* Opens for appending. A file that is new, or was left by root, goes to the owner as far as we may
 * give it. The descriptor, or -1 with errno. */
int logfile_open(const char *path, const struct logfile_owner *owner);

#endif
