/* SPDX-License-Identifier: MIT */
/* weir's own door: the listeners of the configuration, as weirctl reaches them from this machine.
 * probe sends its chat there; reload and upgrade ask there whether a weir serves that they do not
 * find by its shared memory. What waits here waits for seconds, never for ever. */
#ifndef WEIR_TRACKERD_WEIRCTL_DOOR_H
#define WEIR_TRACKERD_WEIRCTL_DOOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/attributes.h"
#include "common/conf/conf.h"

#define DOOR_CONNECT_S 5

/* Connects to the first listener that answers; what is read from it comes within patience_s, or
 * recv fails with EAGAIN. -1 with the errno of the last one if none does. */
int door_open(const struct conf *conf, unsigned patience_s);
/* False with errno. */
WEIR_MUST_CHECK bool door_send(int fd, const char *data, size_t len);

/* The listener at which a weir answers /health now, as the configuration writes it; NULL: none. */
const char *door_find_weir(const struct conf *conf);

#endif
