/* SPDX-License-Identifier: MIT */
/* The listening socket. Called by sim_main.c; hands accepted sockets to conn_new. */
#ifndef WEIR_SIM_LISTEN_H
#define WEIR_SIM_LISTEN_H

#include <event2/event.h>

#define LISTEN_NAME_MAX 128

struct listener;

/* Binds and listens. NULL with `error` set (a static text or gai_strerror's): the address is bad or
 * not to be had. */
struct listener *listener_new(struct event_base *base, const char *address, const char *port,
                              const char **error);
void listener_free(struct listener *l);

int listener_port(const struct listener *l);
/* ADDRESS:PORT, with brackets where the address is IPv6. */
const char *listener_name(const struct listener *l);

#endif
