/* All that a worker inherits from the master: what exists before the fork and is used after it. */
#ifndef WEIR_SERVER_INHERIT_H
#define WEIR_SERVER_INHERIT_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/ledger.h"
#include "common/wpages.h"

struct inherit {
    const struct conf *conf;
    struct wpages *pages;  /* NULL when they could not be made: no statistics then */
    struct ledger *ledger; /* NULL when it could not be made: no limits over all workers then */
    uint32_t index;        /* which worker; number 0 speaks for all in the log */
    uint32_t slot;         /* of the pages; ours alone */
    uint64_t incarnation;  /* of this process in that slot: its start, boot clock ns */
    const int *listen_fds; /* non-blocking, listening; ours to serve */
    size_t n_listen_fds;
    int life_fd;         /* end of file when the master is gone */
    uint64_t started_at; /* of the master */
    int uid, gid;        /* to become; -1 = stay */
};

#endif
