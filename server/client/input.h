/* SPDX-License-Identifier: MIT */
/* From bytes to requests: what a recv brought is used as far as it goes, straight from the worker's
 * buffer where it can be; only what is incomplete is kept, and not more than the limits allow.
 * Called by client.c when there is something to read, and by a connection whose answer has ended.
 */
#ifndef WEIR_SERVER_CLIENT_INPUT_H
#define WEIR_SERVER_CLIENT_INPUT_H

#include <stddef.h>

struct client;

void client_on_input(struct client *c, const char *data, size_t len);
/* Uses what came ahead of the answer that just ended; for defer_call. */
void client_go_on(void *client);

#endif
