/* SPDX-License-Identifier: MIT */
/* Reads one entry of server.listen, for lists.c. Looks no name up. Pure. */
#ifndef WEIR_COMMON_CONF_LISTEN_H
#define WEIR_COMMON_CONF_LISTEN_H

#include "common/base/attributes.h"
#include "common/conf/conf.h"

/* Fills *out from ADDRESS, ADDRESS:PORT, [v6]:PORT, a bare v6 address or unix:PATH. An address is
 * numeric or `localhost`, which is 127.0.0.1. Returns NULL, and the caller frees the strings; or
 * what is wrong, as the end of "must ...", and *out is untouched. */
WEIR_MUST_CHECK const char *conf_listen_parse(const char *text, uint16_t default_port,
                                              struct conf_listen *out);
/* Is it reached from this machine only? Of an address, not of a Unix socket. */
bool conf_listen_is_loopback(const struct conf_listen *listen);
/* Would both bind the same? */
bool conf_listen_is_same(const struct conf_listen *a, const struct conf_listen *b);

#endif
