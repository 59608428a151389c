/* SPDX-License-Identifier: MIT */
/* What weir serves, path by path (CONTRACT 4.1): the table in which a worker's connections look
 * requests up; its argument is a struct api. Each endpoint answers at once or starts an exchange;
 * none waits. */
#ifndef WEIR_SERVER_API_ENDPOINTS_H
#define WEIR_SERVER_API_ENDPOINTS_H

#include "server/client/endpoint.h"

extern const struct client_endpoint api_endpoints[]; /* ended by a NULL path */

#endif
