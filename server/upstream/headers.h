/* SPDX-License-Identifier: MIT */
/* The headers of a response: a backend fills them in, transfer_header (transfer.h) finds one. A
 * backend keeps one of these and clears it for each head; all zero is empty. Pure. */
#ifndef WEIR_SERVER_UPSTREAM_HEADERS_H
#define WEIR_SERVER_UPSTREAM_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "server/upstream/transfer.h"

struct transfer_headers {
    struct buf text; /* "name\0value\0" pairs, names in lower case */
    struct transfer_header_place *places;
    size_t n, cap;
};

/* Keeps the memory. */
void transfer_headers_clear(struct transfer_headers *headers);
void transfer_headers_free(struct transfer_headers *headers);
/* Adds one; false when it is one too many, or too large. Neither name nor value has a NUL. */
WEIR_MUST_CHECK bool transfer_headers_add(struct transfer_headers *headers, const char *name,
                                          size_t name_len, const char *value, size_t value_len);

#endif
