/* SPDX-License-Identifier: MIT */
/* See events.h. */
#include "trackerd/weirctl/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trackerd/weirctl/link.h"
#include "trackerd/weirctl/print.h"

#define RECONNECT_MS 500
/* How late an interrupt is seen that comes just before a wait. */
#define LOOK_UP_MS 500

/* 0: subscribed; -1 with errno: not now; above 0, an exit code: never. */
static int subscribe(const struct weirctl *ctl, int *fd)
{
    struct evwire_command command = {.command = EVCMD_CHANGES};
    struct evwire_reply reply;
    *fd = link_open(ctl->conf);
    if (*fd < 0)
        return -1;
    if (!link_ask(*fd, &command, &reply))
        return -1;
    return reply.status == EVST_DONE ? 0 : weirctl_fail(WEIRCTL_REFUSED, "%s", reply.text);
}

/* Prints changes until the connection ends or we are interrupted. */
static void follow(const struct weirctl *ctl, int fd)
{
    struct evwire_change change;
    while (!weirctl_is_interrupted) {
        if (!link_next_change(fd, &change, LOOK_UP_MS)) {
            if (errno == ETIMEDOUT || errno == EINTR)
                continue;
            return;
        }
        if (ctl->as_json)
            print_change_json(&change);
        else
            print_change_text(&change);
        if (fflush(stdout) != 0)
            weirctl_is_interrupted = 1; /* nobody reads any more */
    }
}

int events_run(const struct weirctl *ctl)
{
    int fd, code = subscribe(ctl, &fd);
    if (code < 0)
        return link_fail(ctl->conf);
    weirctl_catch_interrupt();
    while (code <= 0 && !weirctl_is_interrupted) {
        if (code == 0) {
            follow(ctl, fd);
            if (!weirctl_is_interrupted)
                weirctl_fail(0, "weir-trackerd is gone; waiting for it");
        }
        if (fd >= 0)
            close(fd);
        fd = -1;
        if (!weirctl_is_interrupted) {
            weirctl_wait(RECONNECT_MS / 1000.0);
            code = subscribe(ctl, &fd);
        }
    }
    if (fd >= 0)
        close(fd);
    return code > 0 ? code : 0;
}
