/* SPDX-License-Identifier: MIT */
/* Rate-limit and retry headers of providers, each type's as it writes them (CONTRACT 5.1, 5.3).
 * Pure. classify asks here how long a pair must rest, attempt what quota remains. Nothing is
 * remembered between two responses. Known weakness: two limits a type, one of requests and one of
 * tokens; a provider with more of them is known by these two only. */
#ifndef WEIR_SERVER_PROVIDER_LIMIT_HEADERS_H
#define WEIR_SERVER_PROVIDER_LIMIT_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/terms/provider_type.h"
#include "common/terms/quota.h"

/* A response cannot rest a pair for longer than this. */
#define LIMIT_HEADERS_REST_MAX_MS (UINT64_C(31) * 24 * 3600 * 1000)

/* Looks a response header up by lower-case name: its value, NUL-terminated, or NULL. */
typedef const char *(*limit_headers_fn)(const void *arg, const char *name);

/* What the head of a response says of limits: limit_headers_retry_after_ms, and what is left. A
 * limit that is at 0 without a reset gets default_ms. All lengths are clamped to
 * LIMIT_HEADERS_REST_MAX_MS; *was_clamped is set when one was. */
void limit_headers_read(enum provider_type type, limit_headers_fn header, const void *arg,
                        uint64_t now_wall_ms, uint64_t default_ms, struct limits *out,
                        bool *was_clamped);

/* What the response asks to wait: retry-after-ms (decimal ms), else Retry-After (integer or decimal
 * seconds, HTTP-date; a date that is past is a wait of 0). False when neither is there or neither
 * can be read. Clamped to LIMIT_HEADERS_REST_MAX_MS; *was_clamped is set if it was. */
bool limit_headers_retry_after_ms(limit_headers_fn header, const void *arg, uint64_t now_wall_ms,
                                  uint64_t *ms, bool *was_clamped) WEIR_MUST_CHECK;

/* How long a rate limit rests its pair: the wait that was asked for, else the reset of the limit
 * that is at 0 (the later one of both), else default_ms. */
uint64_t limit_headers_rest_ms(const struct limits *limits, uint64_t default_ms);

/* A duration as `1m26.4s`, `7.66s`, `120ms`, `1h2m3s` (units d, h, m, s, ms, us, ns), or plain
 * seconds; parts of a millisecond are rounded up. False if it is not a duration. An overlong one
 * saturates far above LIMIT_HEADERS_REST_MAX_MS, yet low enough to be added to a wall clock. */
bool limit_headers_parse_duration(const char *text, uint64_t *ms) WEIR_MUST_CHECK;

#endif
