/* SPDX-License-Identifier: MIT */
/* See listen_address.h. */
#include "common/conf/listen_address.h"

#include <arpa/inet.h>
#include <string.h>

socklen_t listen_address_of(const struct conf_listen *l, union listen_address *out)
{
    memset(out, 0, sizeof(*out));
    if (l->unix_path != NULL) {
        out->un.sun_family = AF_UNIX;
        strncpy(out->un.sun_path, l->unix_path, sizeof(out->un.sun_path) - 1);
        return sizeof(out->un);
    }
    if (inet_pton(AF_INET, l->address, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(l->port);
        return sizeof(out->v4);
    }
    inet_pton(AF_INET6, l->address, &out->v6.sin6_addr);
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(l->port);
    return sizeof(out->v6);
}
