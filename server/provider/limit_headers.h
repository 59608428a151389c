/* SPDX-License-Identifier: MIT */
/* Rate-limit and retry headers of providers, each in its own dialect (CONTRACT 5.1, 5.3). Pure.
 * classify asks here how long a pair must rest; attempt, what quota remains. */
#ifndef WEIR_SERVER_PROVIDER_LIMIT_HEADERS_H
#define WEIR_SERVER_PROVIDER_LIMIT_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/terms/quota.h"

/* A provider's answer cannot rest a pair for longer than this, nor for less than nothing. */
#define LIMITS_REST_MAX_MS (UINT64_C(31) * 24 * 3600 * 1000)

/* Looks a response header up by lower-case name: its value, NUL-terminated, or NULL. */
typedef const char *(*limits_header_fn)(const void *arg, const char *name);

/* The quota that a response's limit headers tell, in the dialect of the provider's type. A limit
 * that is at 0 without telling its reset gets default_ms. Resets are clamped to LIMITS_REST_MAX_MS.
 */
void limits_read_quota(enum provider_type type, limits_header_fn header, const void *arg,
                       uint64_t now_wall_ms, uint64_t default_ms, struct quota *out);

/* What the response asks to wait: retry-after-ms (decimal ms), else Retry-After (integer or decimal
 * seconds, HTTP-date; a date that is past is a wait of 0). False when neither is there or neither
 * makes sense. Clamped to LIMITS_REST_MAX_MS; *was_clamped says so. */
bool limits_retry_after_ms(limits_header_fn header, const void *arg, uint64_t now_wall_ms,
                           uint64_t *ms, bool *was_clamped);

/* How long a 429 rests its pair: retry_after, else the reset of the limit that is at 0 (the later
 * one of both), else default_ms. */
uint64_t limits_rest_ms(enum provider_type type, limits_header_fn header, const void *arg,
                        uint64_t now_wall_ms, uint64_t default_ms, bool *was_clamped);

/* A duration as `1m26.4s`, `7.66s`, `120ms`, `1h2m3s` (units d, h, m, s, ms, us, ns), or plain
 * seconds; parts of a millisecond are rounded up. False when it is none. An overlong one saturates
 * far above LIMITS_REST_MAX_MS, yet low enough to be added to a wall clock. */
bool limits_parse_duration_ms(const char *text, uint64_t *ms);

#endif
