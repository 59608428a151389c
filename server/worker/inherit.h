/* SPDX-License-Identifier: MIT */
/* All that a worker inherits from the master: what exists before the fork and is used after it.
 * Filled by master/children.c; the worker owns its copies of the descriptors, nothing else. */
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

#define INHERIT_EVERYBODY (-1)

/* A listening socket: non-blocking, and open in every worker, so that another can stand in for the
 * one whose it is. */
struct inherit_listener {
    int fd;
    int index; /* of the worker that serves it, or INHERIT_EVERYBODY */
};

struct inherit {
    const struct conf *conf;
    struct pages *pages;    /* NULL: they could not be made, there are no statistics */
    struct ledger *ledger;  /* NULL: it could not be made, no limit of a pair holds */
    struct recent *recent;  /* NULL: it could not be made, no request is remembered */
    uint32_t index;         /* which worker; number 0 speaks for all in the log */
    uint32_t slot;          /* of the pages; ours alone */
    uint64_t incarnation;   /* of this process in that slot: its start, boot clock ns */
    uint64_t generation_at; /* start of its generation, which tells it from all others */
    const struct inherit_listener *listeners; /* those of the whole generation */
    size_t n_listeners;
    int life_fd;                 /* end of file when the master is gone */
    int ready_fd;                /* takes one struct inherit_ready when the worker serves */
    const sigset_t *signal_mask; /* to set when the handlers are there: until then all wait */
    uint64_t started_at;         /* of the master */
};

/* A worker's message to the master: it serves. Smaller than PIPE_BUF, so that messages of several
 * workers never mix in the pipe. */
struct inherit_ready {
    uint32_t slot;
    pid_t pid;
};

#endif
