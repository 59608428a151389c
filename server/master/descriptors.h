/* SPDX-License-Identifier: MIT */
/* How many connections a worker's descriptors are enough for. Pure. */
#ifndef WEIR_SERVER_MASTER_DESCRIPTORS_H
#define WEIR_SERVER_MASTER_DESCRIPTORS_H

#include <stdint.h>

/* Most clients a worker may have, each with a connection to a provider, when the process may have
 * `limit` descriptors and inherits so many listeners. At least 1. */
uint32_t descriptors_connections(unsigned long limit, uint64_t n_listeners);

#endif
