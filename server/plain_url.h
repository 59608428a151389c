/* The parts of an http:// URL, for a client without TLS: pure. Slices point into the URL. The
 * configuration has checked its form (conf_url.h); what is odd all the same is refused here. */
#ifndef WEIR_SERVER_PLAIN_URL_H
#define WEIR_SERVER_PLAIN_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_HOST_MAX 255 /* bytes of a host's name */

struct plain_url {
    const char *authority; /* host and port as written: what the Host header says */
    size_t authority_len;
    const char *host; /* without brackets */
    size_t host_len;
    uint16_t port;
    const char *path; /* to the end of the URL; "/" when there is none */
};

/* False when this is no http:// URL. */
bool plain_url_parse(const char *url, struct plain_url *out);

#endif
