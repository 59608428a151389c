/* SPDX-License-Identifier: MIT */
/* What a provider's limit headers say is left for a pair. Read by provider, carried by attempt,
 * reported by record, kept in the table. Pure. */
#ifndef WEIR_COMMON_TERMS_QUOTA_H
#define WEIR_COMMON_TERMS_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* In place of a number that no header has told; in rows and on the wire too. */
#define QUOTA_UNKNOWN INT64_MIN

struct quota {
    bool is_known;                                /* one of the two numbers is */
    int64_t remaining_requests, remaining_tokens; /* QUOTA_UNKNOWN */
    uint64_t reset_requests_ms, reset_tokens_ms;  /* from now; 0 = unknown */
};

/* What the head of a response says of limits: a wait that it asks for, and what is left. */
struct limits {
    bool has_wait;
    uint64_t wait_ms;
    struct quota quota;
};

#endif
