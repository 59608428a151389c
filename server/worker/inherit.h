/* SPDX-License-Identifier: MIT */
/* All that a worker inherits from the master: what exists before the fork and is used after it. */
#ifndef WEIR_SERVER_WORKER_INHERIT_H
#define WEIR_SERVER_WORKER_INHERIT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/conf/conf.h"
#include "common/shm/ledger.h"
#include "common/shm/pages.h"
#include "common/shm/recent.h"

struct inherit {
    const struct conf *conf;
    struct pages *pages;   /* NULL when they could not be made: no statistics then */
    struct ledger *ledger; /* NULL when it could not be made: no limits over all workers then */
    struct recent *recent; /* NULL when it could not be made: no request is remembered then */
    uint32_t index;        /* which worker; number 0 speaks for all in the log */
    uint32_t slot;         /* of the pages; ours alone */
    uint64_t incarnation;  /* of this process in that slot: its start, boot clock ns */
    const int *listen_fds; /* non-blocking, listening; ours to serve */
    size_t n_listen_fds;
    int life_fd;                 /* end of file when the master is gone */
    int ready_fd;                /* takes one struct inherit_ready when the worker serves */
    const sigset_t *signal_mask; /* to set when the handlers are there: until then all wait */
    uint64_t started_at;         /* of the master */
};

/* A worker's word to the master: it serves. Smaller than PIPE_BUF, so words never mix. */
struct inherit_ready {
    uint32_t slot;
    pid_t pid;
};

#endif
