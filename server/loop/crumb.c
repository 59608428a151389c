/* SPDX-License-Identifier: MIT */
/* See crumb.h. */
#include "server/loop/crumb.h"

#include <stddef.h>

static _Atomic uint64_t nowhere;
_Atomic uint64_t *crumb_place = &nowhere;

static const char *const texts[CRUMB_COUNT] = {
    [CRUMB_START] = "to start",
    [CRUMB_ACCEPT] = "to accept connections",
    [CRUMB_REQUEST] = "to read from a client",
    [CRUMB_ENDPOINT] = "to answer a client's request",
    [CRUMB_ROUTE] = "to choose an entry",
    [CRUMB_ATTEMPT] = "to send a request to a provider",
    [CRUMB_HEAD] = "to read the head of a provider's answer",
    [CRUMB_BODY] = "to read a provider's answer",
    [CRUMB_END] = "to end an attempt",
    [CRUMB_QUEUE] = "to look through the queue",
    [CRUMB_TRACKER] = "to hear the tracker",
    [CRUMB_TICK] = "what it does five times a second",
};

void crumb_init(_Atomic uint64_t *place)
{
    crumb_place = place;
    crumb_leave(CRUMB_START);
}

const char *crumb_text(uint64_t crumb)
{
    const char *text = crumb < CRUMB_COUNT ? texts[crumb] : NULL;
    return text != NULL ? text : "something that this version does not know";
}
