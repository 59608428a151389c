/* SPDX-License-Identifier: MIT */
/* The socket address of an entry of server.listen: the master binds it, weirctl probe connects to
 * it. Makes no system call. */
#ifndef WEIR_COMMON_CONF_LISTEN_ADDRESS_H
#define WEIR_COMMON_CONF_LISTEN_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/conf/conf.h"

union listen_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/* Returns its length. */
socklen_t listen_address_of(const struct conf_listen *listen, union listen_address *out);

#endif
