/* SPDX-License-Identifier: MIT */
/* What a request's head asks for: endpoint, key, size, wishes. All that can be refused is refused
 * here, before a body is read. Called by input.c for each head. */
#ifndef WEIR_SERVER_CLIENT_HEAD_H
#define WEIR_SERVER_CLIENT_HEAD_H

#include <stddef.h>

#include "server/dialect/own_error.h"

struct client;

/* Takes a head from the input, finds its endpoint and checks what it may ask; then the client
 * either reads a body or has been served. Returns how many bytes were used; 0: more are needed. */
size_t client_take_head(struct client *c, const char *data, size_t len);
/* Refuses what came instead of a head. */
void client_refuse_head(struct client *c, enum own_error error, const char *message);
/* Hands the complete request to its endpoint. */
void client_serve(struct client *c);

#endif
