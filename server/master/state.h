/* SPDX-License-Identifier: MIT */
/* What the parts of the master share: one struct master, made in master.c. Its phase changes there,
 * and nowhere else; the other members belong to the part that is named above them. */
#ifndef WEIR_SERVER_MASTER_STATE_H
#define WEIR_SERVER_MASTER_STATE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/conf/conf.h"
#include "common/process/options.h"
#include "common/shm/ledger.h"
#include "common/shm/pages.h"
#include "common/shm/recent.h"
#include "server/master/listeners.h"
#include "server/master/respawn.h"
#include "server/master/watchdog.h"

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
    struct watchdog watchdog;
};

/* The weir that is to replace us: see upgrade.h. Whether a process has ended is told by its pidfd,
 * never by the end of a socket. */
struct successor {
    bool is_under_way; /* it was started, and has neither taken over nor failed yet */
    pid_t launcher;    /* our child, and its parent until it serves; 0 = gone */
    pid_t pid;         /* 0 = not known yet */
    int process;       /* pidfd of it; -1 = not known yet, has ended, or is none of our business */
    int link;          /* a socket to it; -1 = none */
    int stderr_fd;     /* its standard error; -1 = it writes to ours */
    uint64_t due_at;   /* until when it must serve; 0 = nothing is due */
};

/* The weir that we replace. */
struct predecessor {
    pid_t pid;
    int process; /* pidfd of it; -1 = it has ended, or there was none */
    int link;    /* a socket to it; -1 = none */
};

struct master {
    /* master.c, and reload.c for another configuration */
    struct conf *conf;
    const struct daemon_options *options;
    struct master_listeners *listeners; /* NULL once we stop or are replaced */
    struct pages *pages;                /* NULL: serving without statistics */
    struct ledger *ledger;
    struct recent *recent;
    uint64_t started_at;
    enum master_phase phase;
    bool wants_upgrade; /* one waits until older workers have left */
    int exit_code;
    uint64_t kill_at;                /* while stopping */
    pid_t told_by;                   /* who sent the signal that is being taken */
    uint32_t stops, forwarded_stops; /* how often we were told to stop: by our successor, or not */
    int life[2];                     /* pipe: its write end closes when the master dies */
    int ready[2]; /* pipe: workers report that they serve (struct inherit_ready) */
    int signal_fd;
    int uid, gid;
    unsigned long fd_limit;
    sigset_t signals, old_mask;

    /* children.c; reload.c begins a generation */
    uint32_t generation;
    uint64_t generation_at;   /* when it began */
    bool is_generation_ready; /* all its workers have served: older ones are told to leave */
    struct child *children;   /* by slot of the workers' pages */
    uint32_t n_slots;
    struct respawn *respawns;    /* by index of the worker; as many as slots */
    uint64_t respawn_at;         /* the first of them is due; 0 = nobody is missing */
    uint64_t look_at, looked_at; /* after stuck workers; 0 = never */
    int stuck_index;             /* of the worker that was killed as stuck last; -1 = none */

    /* reload.c */
    bool wants_reload; /* one waits until older workers have left */

    /* upgrade.c */
    struct successor successor;
    struct predecessor predecessor;
    int pid_file;    /* inherited from the predecessor; -1 = none */
    bool owns_names; /* of pages, ledger and recent requests: ours to remove at the end */
};

#endif
