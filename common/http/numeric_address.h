/* SPDX-License-Identifier: MIT */
/* Where the host of a URL can be reached without asking a resolver: numeric addresses, and
 * localhost. No system call. */
#ifndef WEIR_COMMON_HTTP_NUMERIC_ADDRESS_H
#define WEIR_COMMON_HTTP_NUMERIC_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "common/http/url.h"

#define NUMERIC_ADDRESSES_MAX 2 /* of localhost */

struct numeric_address {
    union {
        struct sockaddr addr;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

struct numeric_addresses {
    unsigned n;
    struct numeric_address list[NUMERIC_ADDRESSES_MAX]; /* in the order to try */
};

/* False when the host is a name that must be resolved. */
bool numeric_addresses_find(const struct http_url *url, struct numeric_addresses *out);

#endif
