/* SPDX-License-Identifier: MIT */
/* See numeric_address.h. */
#include "common/http/numeric_address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static void add_v4(struct http_numeric_addresses *out, struct in_addr addr, uint16_t port)
{
    out->list[out->n++] = (struct http_numeric_address){
        .v4 = {.sin_family = AF_INET, .sin_addr = addr, .sin_port = htons(port)},
        .len = sizeof(struct sockaddr_in),
    };
}

static void add_v6(struct http_numeric_addresses *out, struct in6_addr addr, uint16_t port)
{
    out->list[out->n++] = (struct http_numeric_address){
        .v6 = {.sin6_family = AF_INET6, .sin6_addr = addr, .sin6_port = htons(port)},
        .len = sizeof(struct sockaddr_in6),
    };
}

bool http_numeric_addresses_find(const struct http_url *url, struct http_numeric_addresses *out)
{
    char host[HTTP_URL_HOST_MAX + 1];
    struct in_addr v4;
    struct in6_addr v6;
    memcpy(host, url->host, url->host_len);
    host[url->host_len] = '\0';
    out->n = 0;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        add_v4(out, v4, url->port);
    } else if (inet_pton(AF_INET6, host, &v6) == 1) {
        add_v6(out, v6, url->port);
    } else if (strcasecmp(host, "localhost") == 0) {
        add_v6(out, in6addr_loopback, url->port);
        add_v4(out, (struct in_addr){htonl(INADDR_LOOPBACK)}, url->port);
    }
    return out->n > 0;
}
