/* SPDX-License-Identifier: MIT */
/* weirctl's connection to trackerd: a command and its reply, or the stream of changes. */
#ifndef WEIR_TRACKERD_WEIRCTL_LINK_H
#define WEIR_TRACKERD_WEIRCTL_LINK_H

#include <stdbool.h>

#include "common/base/attributes.h"
#include "common/conf/conf.h"
#include "common/wire/evwire.h"

#define LINK_PATIENCE_MS 5000

/* A descriptor, or -1 with errno. */
WEIR_MUST_CHECK int link_open(const struct conf *conf);
/* Sends a command and waits for its reply, at most LINK_PATIENCE_MS. False with errno. */
WEIR_MUST_CHECK bool link_ask(int fd, const struct evwire_command *command,
                              struct evwire_reply *reply);
/* Waits for the next change. False with errno: 0 = the connection ended, ETIMEDOUT = none came. */
WEIR_MUST_CHECK bool link_next_change(int fd, struct evwire_change *change, int timeout_ms);
/* Says that trackerd cannot be reached; errno says why, 0 that it closed the connection. An exit
 * code. */
int link_fail(const struct conf *conf);

enum link_state {
    LINK_UP,
    LINK_DOWN,
    LINK_FORBIDDEN /* the socket is not ours to connect to: unknown */
};
/* Is anything listening on the tracker's socket? */
enum link_state link_probe(const struct conf *conf);

#endif
