/* SPDX-License-Identifier: MIT */
/* What is done with the target of a client's request after it was parsed (request.h): its path in
 * one spelling, a name at the end of a path, a query that goes on. Pure. Known to be weak: `.` and
 * `..` are names like others, for no path here has any. */
#ifndef WEIR_COMMON_HTTP_TARGET_H
#define WEIR_COMMON_HTTP_TARGET_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/http/field.h"

/* The path without runs of slashes and a slash at its end. Where it is so already, the path itself;
 * else it is written to `room`, and lives as long as that. */
struct http_text http_target_tidy(struct http_text path, struct buf *room);
/* Appends the text with its %XX resolved, once. False when one is malformed, or stands for a
 * control character. */
bool http_target_decode(struct http_text text, struct buf *out);
/* Appends a query (without its question mark) less the parameters that have one of these names,
 * whatever their case and however they are written; the list ends with NULL. */
void http_target_put_query(struct http_text query, const char *const *less, struct buf *out);

#endif
