/* SPDX-License-Identifier: MIT */
/* See peer.h. */
#include "server/client/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

bool client_peer_is_loopback(const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24 == 127;
    if (peer->sa_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)peer)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
    }
    return peer->sa_family == AF_UNIX;
}

static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return a->ss_family == AF_INET6 &&
           IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
                              &((const struct sockaddr_in6 *)b)->sin6_addr);
}

bool client_peer_has_our_address(int fd)
{
    struct sockaddr_storage ours, peer;
    socklen_t ours_len = sizeof(ours), peer_len = sizeof(peer);
    return getsockname(fd, (struct sockaddr *)&ours, &ours_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
           is_same_address(&ours, &peer);
}
