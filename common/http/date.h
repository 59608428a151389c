/* SPDX-License-Identifier: MIT */
/* The date formats of HTTP (RFC 9110 5.6.7) and those of RFC 3339. Pure, no locale, no time zone of
 * the machine's. Read for what providers say of their limits, written for the Date of weir's
 * answers. */
#ifndef WEIR_COMMON_HTTP_DATE_H
#define WEIR_COMMON_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"

/* IMF-fixdate, RFC 850 or asctime form, the whole text. *wall_ms: ms since 1970. now_wall_ms says
 * which century the two digits of an RFC 850 year mean. False when it is no such date. */
WEIR_MUST_CHECK bool http_date_parse(const char *text, uint64_t now_wall_ms, uint64_t *wall_ms);

/* RFC 3339, the whole text: "2025-11-24T16:01:30.5Z", "2025-11-24 16:01:30+01:00". Parts of a
 * millisecond are rounded up. As people write it: a zone without a colon is one, and where none is
 * named it is UTC. False when it is no such date, or one before 1970. */
bool http_date_parse_rfc3339(const char *text, uint64_t *wall_ms);

#define HTTP_DATE_BYTES 30 /* an IMF-fixdate with its NUL */
/* Writes an IMF-fixdate: ms since 1970, up to the year 9999. */
void http_date_put(char out[HTTP_DATE_BYTES], uint64_t wall_ms);

#endif
