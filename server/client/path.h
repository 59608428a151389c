/* SPDX-License-Identifier: MIT */
/* Which rows of the table of endpoints a path has, and which it nearly has. Pure. head.c asks. */
#ifndef WEIR_SERVER_CLIENT_PATH_H
#define WEIR_SERVER_CLIENT_PATH_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/http/field.h"
#include "server/client/endpoint.h"

/* Is the path that of the row, or, for a row that takes a name, that with a name behind it? */
bool client_path_is(const struct client_endpoint *endpoint, struct http_text path);
/* For a path that no row has: appends the one that is meant, which has the same end. False: there
 * is none. The table is ended by a NULL path. */
bool client_path_put_meant(const struct client_endpoint *endpoints, struct http_text path,
                           struct buf *out);

#endif
