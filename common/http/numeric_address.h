/* SPDX-License-Identifier: MIT */
/* Where the host of a URL can be reached without asking a resolver: numeric addresses, and
 * localhost, which means both loopback addresses without a look at /etc/hosts. Called by upstream;
 * no system call. */
#ifndef WEIR_COMMON_HTTP_NUMERIC_ADDRESS_H
#define WEIR_COMMON_HTTP_NUMERIC_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "common/base/attributes.h"
#include "common/http/url.h"

#define HTTP_NUMERIC_ADDRESSES_MAX 2 /* of localhost */

struct http_numeric_address {
    union {
        struct sockaddr addr;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

struct http_numeric_addresses {
    unsigned n;
    struct http_numeric_address list[HTTP_NUMERIC_ADDRESSES_MAX]; /* in the order to try */
};

/* False when the host is a name that must be resolved. */
bool http_numeric_addresses_find(const struct http_url *url, struct http_numeric_addresses *out);

#endif
