/* Where a host of an http:// URL can be reached: numeric addresses, and localhost. No system call.
 */
#ifndef WEIR_SERVER_PLAIN_ADDRESS_H
#define WEIR_SERVER_PLAIN_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "server/plain_url.h"

#define PLAIN_ADDRESSES_MAX 8

struct plain_address {
    union {
        struct sockaddr addr;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

struct plain_addresses {
    unsigned n;
    struct plain_address list[PLAIN_ADDRESSES_MAX]; /* in the order to try */
};

/* False when the host is a name that must be resolved. */
bool plain_addresses_find(const struct plain_url *url, struct plain_addresses *out);

#endif
