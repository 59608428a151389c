/* SPDX-License-Identifier: MIT */
/* The date formats of HTTP (RFC 9110 5.6.7). Pure, no locale, no time zone. limits calls it for
 * Retry-After. */
#ifndef WEIR_COMMON_HTTP_DATE_H
#define WEIR_COMMON_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* IMF-fixdate, RFC 850 or asctime form, the whole text. *wall_ms: ms since 1970. now_wall_ms says
 * which century the two digits of an RFC 850 year mean. False when it is no such date. */
bool http_date_parse(const char *text, uint64_t now_wall_ms, uint64_t *wall_ms);

#endif
