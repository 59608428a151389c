/* SPDX-License-Identifier: MIT */
/* Opens files that several processes append lines to, so that each of them can open them again.
 * Used by log.c and the access log. */
#ifndef WEIR_COMMON_BASE_LOGFILE_H
#define WEIR_COMMON_BASE_LOGFILE_H

#include <sys/types.h>

#include "common/base/attributes.h"

/* Owner and mode of new files; -1 = the process that makes them. Fixed when a process starts. */
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

/* Opens for appending. A file that is new, or was left by root, is given to the owner as far as we
 * are allowed to. Returns the descriptor, or -1 with errno set. */
WEIR_MUST_CHECK int logfile_open(const char *path, const struct logfile_owner *owner);

#endif
