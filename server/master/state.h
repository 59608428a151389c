/* SPDX-License-Identifier: MIT */
/* What the parts of the master share: one struct master, made in master.c. Only master*.c include
 * this. */
#ifndef WEIR_SERVER_MASTER_STATE_H
#define WEIR_SERVER_MASTER_STATE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/conf/conf.h"
#include "common/process/daemon.h"
#include "common/shm/ledger.h"
#include "common/shm/pages.h"
#include "common/shm/recent.h"
#include "server/master/listeners.h"

enum master_phase {
    MASTER_STARTING, /* no worker serves yet */
    MASTER_SERVING,
    MASTER_REPLACED, /* another master has taken over: our workers finish their requests */
    MASTER_STOPPING, /* told to end: running requests have server.drainTimeoutMs */
};

struct child {
    pid_t pid;           /* 0 = none */
    uint32_t index;      /* which worker of its generation */
    uint32_t generation; /* of the configuration */
    uint64_t started_at;
    bool is_ready; /* it serves */
};

/* The weir that is to follow us: see upgrade.h. */
struct heir {
    pid_t usher;     /* our child, and its parent until it serves; 0 = no upgrade is under way */
    int leash;       /* to the usher */
    int link;        /* to the heir; -1 = none */
    int words;       /* its standard error; -1 = it writes to ours */
    uint64_t due_at; /* until when it must serve; 0 = nothing is due */
};

/* The weir that we follow. */
struct elder {
    pid_t pid;
    int link; /* its end of file tells that the elder has gone; -1 = it has, or there was none */
};

struct master {
    struct conf *conf;
    const struct daemon_options *options;
    struct master_listen *listen; /* NULL once we stop or are replaced */
    struct pages *pages;          /* NULL: serving without statistics */
    struct ledger *ledger;
    struct recent *recent;
    bool owns_names; /* of pages, ledger and recent requests: ours to remove at the end */
    uint64_t started_at;
    enum master_phase phase;
    int exit_code;

    uint32_t generation;
    bool is_generation_ready; /* all its workers have served: older ones are told to leave */
    bool wants_reload;        /* one waits until older workers have left */
    struct child *children;   /* by slot of the workers' pages */
    uint32_t n_slots;
    uint64_t respawn_at; /* 0 = nobody is missing, or not yet looked */
    uint32_t respawn_ms;
    uint64_t kill_at; /* while stopping */

    struct heir heir;
    struct elder elder;
    int pid_file; /* inherited from the elder, -1 = none */

    int life[2];  /* pipe: its write end closes when the master dies */
    int ready[2]; /* pipe: workers tell that they serve (struct inherit_ready) */
    int signal_fd;
    int uid, gid;
    sigset_t signals, old_mask;
};

#endif
