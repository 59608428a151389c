/* SPDX-License-Identifier: MIT */
/* Bodies of requests that come in a content coding: decoded when they are complete, in slices, one
 * a turn of the loop, within server.maxBodyBytes. Called by input.c for each body. Weak: the coded
 * body is held until it was decoded. */
#ifndef WEIR_SERVER_CLIENT_UNPACK_H
#define WEIR_SERVER_CLIENT_UNPACK_H

struct client;

/* The body is complete: serves the client, in this turn or in a later one. */
void client_take_body(struct client *c);

#endif
