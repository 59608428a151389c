/* SPDX-License-Identifier: MIT */
/* Going over to another configuration without losing a request: new workers get the listening
 * sockets, and when all of them serve, the old ones finish what they have and leave. master.c calls
 * it, at SIGHUP and when workers have left. */
#ifndef WEIR_SERVER_MASTER_RELOAD_H
#define WEIR_SERVER_MASTER_RELOAD_H

#include "server/master/state.h"

/* Reads the configuration and goes over to it. One that is bad is refused with its faults in the
 * log. When there is no room for more workers it waits (wants_reload) until older ones have left:
 * no stream is cut for it. */
void master_reload(struct master *master);
/* Every worker of the new configuration serves. */
void master_reload_finish(struct master *master);

/* Bounds server.maxConnections by what the limit on descriptors allows, and says so. */
void master_reload_fit_connections(const struct master *master, struct conf *conf);
/* Gives the chains and pairs of a configuration their places in the pages. */
void master_reload_add_to_pages(struct master *master, const struct conf *conf);

#endif
