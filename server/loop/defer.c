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
static struct deferred *list;
static size_t n_list, cap_list;

static void run(evutil_socket_t fd, short what, void *arg)
{
    /* What runs may defer more: it is appended and runs in this same pass. */
    for (size_t i = 0; i < n_list; i++) {
        struct deferred d = list[i];
        d.fn(d.ptr);
    }
    n_list = 0;
}

void turn_init(struct event_base *base)
{
    wake = event_new(base, -1, 0, run, NULL);
}

void turn_deinit(void)
{
    run(-1, 0, NULL);
    event_free(wake);
    wake = NULL;
    free(list);
    list = NULL;
    cap_list = 0;
}

void turn_defer(void (*fn)(void *ptr), void *ptr)
{
    if (n_list == cap_list) {
        cap_list = cap_list != 0 ? cap_list * 2 : 64;
        list = xreallocarray(list, cap_list, sizeof(*list));
    }
    if (n_list == 0)
        event_active(wake, EV_TIMEOUT, 0);
    list[n_list++] = (struct deferred){fn, ptr};
}
