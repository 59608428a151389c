/* SPDX-License-Identifier: MIT */
/* Rate-limit and retry headers of providers, each type's as it writes them (CONTRACT 5.1, 5.3).
 * Pure. classify asks here how long a pair must rest, attempt what quota remains. Nothing is
 * remembered between two responses. Known weakness: two limits a type, one of requests and one of
 * tokens; a provider with more of them is known by these two only. An instant is read against the
 * answer's Date, which is of whole seconds: where the clocks differ, a rest may be up to a second
 * too long. */
#ifndef WEIR_SERVER_PROVIDER_LIMIT_HEADERS_H
#define WEIR_SERVER_PROVIDER_LIMIT_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/terms/provider_type.h"
#include "common/terms/quota.h"

/* Looks a response header up by lower-case name: its value, NUL-terminated, or NULL. */
typedef const char *(*limit_headers_fn)(const void *arg, const char *name);

/* What the reader of a response's head must know beside it. */
struct limit_terms {
    uint64_t now_wall_ms; /* where the head has no Date that can be read */
    uint64_t default_ms;  /* cooldownDefaultMs */
    uint64_t max_ms;      /* maxRestMs: of what one header asks for */
};

/* What the head of a response says of limits, each length in any of the ways in which providers
 * write one, the same for all types:
 *
 *     1m26.4s, 7.66s, 120ms, 1h2m3s     units d, h, m, s, ms, us, ns
 *     12, 33011.38                      seconds; of retry-after-ms, ms
 *     1764000060, 1764000060.5          a number above 10^9: a point in time, Unix seconds
 *     1764000060000                     above 10^12: Unix ms
 *     2025-11-24T16:01:30.5Z            RFC 3339
 *     Mon, 24 Nov 2025 16:01:30 GMT     a date of HTTP
 *
 * Parts of a millisecond are rounded up; a point in time that is past is 0.
 *
 * That is: how long to wait (retry-after-ms, else Retry-After;
 * what cannot be read counts as not there), and what is left. A limit that is at 0 without a reset
 * that can be read gets default_ms. A wait, and the reset of a limit that is at 0, are at most
 * max_ms; *was_clamped is set when one was longer. */
void limit_headers_read(enum provider_type type, limit_headers_fn header, const void *arg,
                        const struct limit_terms *terms, struct limits *out, bool *was_clamped);

/* How long a rate limit rests its pair: the wait that was asked for, else the reset of the limit
 * that is at 0 (the later one of both), else default_ms. 0 where that reset is past. */
uint64_t limit_headers_rest_ms(const struct limits *limits, uint64_t default_ms);

#endif
