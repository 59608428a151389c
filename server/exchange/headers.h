/* SPDX-License-Identifier: MIT */
/* The headers of an answer to a client, and the trail as a header or error shows it. Only appends
 * text; sends nothing and changes nothing. */
#ifndef WEIR_SERVER_EXCHANGE_HEADERS_H
#define WEIR_SERVER_EXCHANGE_HEADERS_H

#include <stdint.h>

#include "common/base/buf.h"

struct exchange;

/* The trail, with an attempt that still runs as its last step. */
void exchange_put_trail(const struct exchange *x, struct buf *out);
void exchange_put_request_id(const struct exchange *x, struct buf *out);
/* X-Request-Id, X-Weir-Attempts and, where it was asked for, X-Weir-Trail. */
void exchange_put_common_headers(const struct exchange *x, struct buf *out);
void exchange_put_provider_header(const struct exchange *x, uint32_t pair, struct buf *out);
void exchange_put_stream_headers(struct buf *out);

#endif
