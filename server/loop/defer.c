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

static struct event *wake;
static struct deferred *list; /* in the order of the calls */
static size_t n_list, cap_list;

static void call_deferred(evutil_socket_t fd, short what, void *arg)
{
    /* They may defer more, which is appended, and may move the list. */
    for (size_t i = 0; i < n_list; i++) {
        struct deferred d = list[i];
        d.fn(d.ptr);
    }
    n_list = 0;
}

void defer_init(struct event_base *base)
{
    wake = event_new(base, -1, 0, call_deferred, NULL);
}

void defer_deinit(void)
{
    call_deferred(-1, 0, NULL);
    event_free(wake);
    wake = NULL;
    free(list);
    list = NULL;
    cap_list = 0;
}

void defer_call(void (*fn)(void *ptr), void *ptr)
{
    if (n_list == cap_list) {
        cap_list = cap_list != 0 ? cap_list * 2 : 64;
        list = xreallocarray(list, cap_list, sizeof(*list));
    }
    if (n_list == 0)
        event_active(wake, EV_TIMEOUT, 0);
    list[n_list++] = (struct deferred){fn, ptr};
}
