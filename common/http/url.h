/* SPDX-License-Identifier: MIT */
/* The parts of an http:// or https:// URL of a provider, for upstream. Pure. Slices point into the
 * URL. The configuration has checked its form (conf/url.h); what is odd all the same is refused
 * here. Known to be weak: no general parser of URLs, the query stays part of the path. */
#ifndef WEIR_COMMON_HTTP_URL_H
#define WEIR_COMMON_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"

#define HTTP_URL_HOST_MAX 255 /* bytes of a host's name */

struct http_url {
    bool is_tls;
    size_t origin_len; /* of scheme, host and port together: what a connection can be used for */
    const char *authority; /* host and port as written: the value of the Host header */
    size_t authority_len;
    const char *host; /* without brackets */
    size_t host_len;
    uint16_t port;
    const char *path; /* to the end of the URL; "/" when there is none */
};

/* False when it is no such URL. */
WEIR_MUST_CHECK bool http_url_parse(const char *url, struct http_url *out);

#endif
