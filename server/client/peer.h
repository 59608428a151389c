/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a connection: this machine, or another? Asked when one is accepted,
 * and for requests that only this machine may make. */
#ifndef WEIR_SERVER_CLIENT_PEER_H
#define WEIR_SERVER_CLIENT_PEER_H

#include <stdbool.h>
#include <sys/socket.h>

/* A loopback address, or a Unix socket. */
bool client_peer_is_loopback(const struct sockaddr *peer);
/* Both ends of the connection have the same address: the peer is this machine, by an address of its
 * own other than loopback. */
bool client_peer_has_our_address(int fd);

#endif
