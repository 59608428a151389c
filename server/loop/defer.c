/* SPDX-License-Identifier: MIT */
/* See defer.h. */
#include "server/loop/defer.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/alloc.h"

struct deferred {
    void (*fn)(void *ptr);
    void *ptr;
};

struct deferred_list {
    struct deferred *calls; /* in their order */
    size_t n, cap;
};

static struct event *wake, *next_turn;
static struct deferred_list list, slices;

static void call_deferred(evutil_socket_t fd, short what, void *arg)
{
    /* They may defer more, which is appended, and may move the list. */
    for (size_t i = 0; i < list.n; i++) {
        struct deferred d = list.calls[i];
        d.fn(d.ptr);
    }
    list.n = 0;
}

/* Of an event without delay, not an active one: libevent calls those without a look at sockets. */
static void await_next_turn(void)
{
    static const struct timeval at_once = {0, 0};
    event_add(next_turn, &at_once);
}

static void call_slices(evutil_socket_t fd, short what, void *arg)
{
    /* What they defer themselves is for the turn after this. */
    for (size_t i = 0, n = slices.n; i < n; i++) {
        struct deferred d = slices.calls[i];
        slices.calls[i].ptr = NULL;
        if (d.ptr != NULL)
            d.fn(d.ptr);
    }
    size_t kept = 0;
    for (size_t i = 0; i < slices.n; i++)
        if (slices.calls[i].ptr != NULL)
            slices.calls[kept++] = slices.calls[i];
    slices.n = kept;
    if (kept > 0)
        await_next_turn();
}

void defer_init(struct event_base *base)
{
    wake = event_new(base, -1, 0, call_deferred, NULL);
    next_turn = event_new(base, -1, 0, call_slices, NULL);
}

void defer_deinit(void)
{
    call_deferred(-1, 0, NULL);
    event_free(wake);
    event_free(next_turn);
    wake = next_turn = NULL;
    free(list.calls);
    free(slices.calls);
    list = slices = (struct deferred_list){NULL, 0, 0};
}

static void append(struct deferred_list *to, void (*fn)(void *ptr), void *ptr)
{
    if (to->n == to->cap) {
        to->cap = to->cap != 0 ? to->cap * 2 : 64;
        to->calls = xreallocarray(to->calls, to->cap, sizeof(*to->calls));
    }
    to->calls[to->n++] = (struct deferred){fn, ptr};
}

void defer_call(void (*fn)(void *ptr), void *ptr)
{
    if (list.n == 0)
        event_active(wake, EV_TIMEOUT, 0);
    append(&list, fn, ptr);
}

void defer_slice(void (*fn)(void *ptr), void *ptr)
{
    if (slices.n == 0)
        await_next_turn();
    append(&slices, fn, ptr);
}

void defer_cancel_slice(void *ptr)
{
    for (size_t i = 0; i < slices.n; i++)
        if (slices.calls[i].ptr == ptr)
            slices.calls[i].ptr = NULL;
}
