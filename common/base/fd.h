/* SPDX-License-Identifier: MIT */
/* Closing descriptors, where -1 stands for none. Used by every process. */
#ifndef WEIR_COMMON_BASE_FD_H
#define WEIR_COMMON_BASE_FD_H

#include <errno.h>
#include <unistd.h>

/* Closes the descriptor unless it is -1, which it is afterwards. */
static inline void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Closes the descriptor and leaves errno as it was: the reason why the descriptor is given up.
 * Returns -1, for a function that does so then. */
static inline int fd_close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

#endif
