/* SPDX-License-Identifier: MIT */
/* What an exchange needs of its client, as a table of operations: the part that starts an
 * exchange provides it, tests provide their own. `client` is handed back. No operation may call
 * back into the exchange. */
#ifndef WEIR_SERVER_EXCHANGE_DOWNSTREAM_H
#define WEIR_SERVER_EXCHANGE_DOWNSTREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct downstream {
    /* The head: status and extra headers ("Name: value\r\n"..., without framing); length of the
     * body, or -1 for a stream of unknown length. */
    void (*head)(void *client, int status, const char *headers, size_t headers_len, int64_t length);
    /* A piece of the body. */
    void (*body)(void *client, const struct iovec *pieces, int n);
    /* Sends what head and body were given since the last flush, in one write; `end` does the same.
     */
    void (*flush)(void *client);
    /* The answer is complete; the exchange is over and frees itself: the client forgets it. */
    void (*end)(void *client);
    /* Bytes that wait for the client to read. */
    size_t (*queued)(void *client);
    /* Call exchange_on_timer at this instant (boot clock ns; 0 = never); replaces the last wish. */
    void (*set_timer)(void *client, uint64_t due_at);
};

#endif
