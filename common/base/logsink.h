/* SPDX-License-Identifier: MIT */
/* Where log lines go: a file, standard error, or syslog; never waiting for whoever reads there. A
 * line that is not taken at once is dropped and counted, and its writer says so when there is room
 * again. For log.c and the access log. Weak: a write to a file waits for its disk; standard error
 * that cannot be opened a second time, and is shared, may block between a look and a write. */
#ifndef WEIR_COMMON_BASE_LOGSINK_H
#define WEIR_COMMON_BASE_LOGSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"

struct logsink {
    int fd;         /* -1: nowhere */
    bool is_ours;   /* closed with the sink */
    bool may_block; /* shared with others, or a file: looked at before a write */
    bool is_socket;
    bool is_torn;        /* a part of a line went out */
    const char *address; /* of syslog's socket; NULL: no syslog */
    uint64_t lost;       /* lines since the writer last asked */
};
#define LOGSINK_NONE   ((struct logsink){.fd = -1})
#define LOGSINK_STDERR ((struct logsink){.fd = 2, .may_block = true})

#define LOGSINK_SYSLOG "/dev/log"

/* Closes what it had, if it was its own. */
void logsink_close(struct logsink *sink);
/* Takes over a file that was opened for appending. */
void logsink_use_file(struct logsink *sink, int fd);
void logsink_use_stderr(struct logsink *sink);
/* `address` is borrowed; nobody needs to be there yet. */
void logsink_use_syslog(struct logsink *sink, const char *address);

/* A whole line, with its line end. False: it was dropped, and counted. Not for syslog. */
bool logsink_write(struct logsink *sink, const char *line, size_t len);
/* The same for syslog; priority: LOG_ERR, ... of the facility daemon. */
bool logsink_write_syslog(struct logsink *sink, int priority, const char *prog, const char *text);

#endif
