/* SPDX-License-Identifier: MIT */
/* Breadcrumbs: a worker leaves a word in its page whenever it begins something that may take long,
 * so that the master can tell, of a worker that is stuck, what it began last. A crumb is one store
 * into memory. The reader sees the latest: whether that is still going on it cannot know. */
#ifndef WEIR_SERVER_LOOP_CRUMB_H
#define WEIR_SERVER_LOOP_CRUMB_H

#include <stdatomic.h>
#include <stdint.h>

enum crumb {
    CRUMB_START,
    CRUMB_ACCEPT,
    CRUMB_REQUEST,
    CRUMB_ENDPOINT,
    CRUMB_ROUTE,
    CRUMB_ATTEMPT,
    CRUMB_HEAD,
    CRUMB_BODY,
    CRUMB_END,
    CRUMB_QUEUE,
    CRUMB_TRACKER,
    CRUMB_TICK,
    CRUMB_COUNT
};

extern _Atomic uint64_t *crumb_place; /* never NULL; crumb_leave's alone */

/* Where crumbs go from now on. It is nobody else's to write. */
void crumb_init(_Atomic uint64_t *place);

static inline void crumb_leave(enum crumb crumb)
{
    atomic_store_explicit(crumb_place, crumb, memory_order_relaxed);
}

/* What a crumb says, as the end of "last it began: ..."; for a number that is none, too. */
const char *crumb_text(uint64_t crumb);

#endif
