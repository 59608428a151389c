/* SPDX-License-Identifier: MIT */
/* See weir.h. */
#include "trackerd/weirctl/weir.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/shm/pages.h"
#include "common/shm/table.h"
#include "trackerd/weirctl/door.h"
#include "trackerd/weirctl/print.h"

#define LOOK_EVERY_S     0.02
#define RELOAD_PATIENCE  10 /* seconds */
#define UPGRADE_PATIENCE 20 /* longer than the old weir waits for the new one */

/* The state of the pages before the signal: what is noted later is the answer. */
struct weir {
    pid_t master;               /* 0 = no weir runs with this table */
    enum shm_table_error error; /* why there are no pages to look at */
    uint64_t notes[PAGES_NOTES];
    char why[PAGES_WHY_BYTES]; /* the latest refusal */
};

static struct weir look(const struct conf *conf)
{
    struct weir weir = {0};
    struct pages *pages = pages_open_reader(conf->tracker_shm);
    if (pages == NULL) {
        weir.error = shm_table_error_of(errno);
        return weir;
    }
    weir.master = pages_live_master(pages);
    for (int i = 0; i < PAGES_NOTES; i++)
        weir.notes[i] = pages_noted(pages, (enum pages_note)i);
    pages_read_why(pages, weir.why);
    pages_close(&pages);
    return weir;
}

/* No weir was found: what is to be said of that, unless there is none and none is required. */
static int tell_absence(const struct conf *conf, const struct weir *weir, bool is_required)
{
    const char *shm = conf->tracker_shm, *why = "no weir runs with them";
    const char *address = door_find_weir(conf);
    if (weir->error != SHM_TABLE_OK && weir->error != SHM_TABLE_ABSENT)
        why = shm_table_error_text(weir->error);
    if (address != NULL)
        return weirctl_fail(WEIRCTL_REFUSED,
                            "a weir answers at %s, but its pages %s.workers do not lead to it: %s",
                            address, shm, why);
    if (weir->error == SHM_TABLE_FORBIDDEN)
        return weirctl_fail(WEIRCTL_REFUSED, "weir's pages %s.workers: %s", shm, why);
    return is_required ? weirctl_fail(EX_UNAVAILABLE, "no weir runs with table %s", shm)
                       : WEIRCTL_DONE;
}

static int send_signal(const struct weir *weir, int number)
{
    if (kill(weir->master, number) == 0)
        return WEIRCTL_DONE;
    return weirctl_fail(WEIRCTL_REFUSED, "weir (pid %d): %s", (int)weir->master, strerror(errno));
}

/* Polls until is_over is true; false after that many seconds, or when interrupted. */
static bool wait_until(const struct conf *conf, const struct weir *before, struct weir *now,
                       unsigned seconds,
                       bool (*is_over)(const struct weir *before, const struct weir *now))
{
    uint64_t due_at = clock_boot_ns() + seconds * UINT64_C(1000000000);
    weirctl_catch_interrupt();
    while (!weirctl_is_interrupted && clock_boot_ns() < due_at) {
        *now = look(conf);
        if (is_over(before, now))
            return true;
        weirctl_wait(LOOK_EVERY_S);
    }
    return false;
}

static int fail(const struct weirctl *ctl, const struct weir *weir, char *text)
{
    print_result(ctl->as_json, false, 0, text);
    int code = weirctl_fail(WEIRCTL_REFUSED, "weir (pid %d): %s", (int)weir->master, text);
    free(text);
    return code;
}

static bool was_noted(const struct weir *before, const struct weir *now, enum pages_note note)
{
    return now->notes[note] > before->notes[note];
}

/* ---- reload ---------------------------------------------------------------------------------- */

static bool has_reloaded(const struct weir *before, const struct weir *now)
{
    return was_noted(before, now, PAGES_RELOADED) || was_noted(before, now, PAGES_RELOAD_REFUSED) ||
           now->master != before->master;
}

int weir_reload(const struct weirctl *ctl, bool is_required)
{
    const struct conf *conf = ctl->conf;
    struct weir before = look(conf), now = before;
    if (before.master == 0)
        return tell_absence(conf, &before, is_required);
    int code = send_signal(&before, SIGHUP);
    if (code != WEIRCTL_DONE)
        return code;
    bool is_over = wait_until(conf, &before, &now, RELOAD_PATIENCE, has_reloaded);
    if (was_noted(&before, &now, PAGES_RELOAD_REFUSED))
        return fail(ctl, &before,
                    xasprintf("the reload was refused, it goes on as it was: %s", now.why));
    if (!is_over)
        return fail(ctl, &before,
                    xstrdup("the reload has not finished yet: its log says what it waits for"));
    if (is_required)
        print_result(ctl->as_json, true, 0, "configuration reloaded");
    return WEIRCTL_DONE;
}

/* ---- upgrade --------------------------------------------------------------------------------- */

static bool has_upgraded(const struct weir *before, const struct weir *now)
{
    return was_noted(before, now, PAGES_UPGRADE_REFUSED) ||
           (now->master != 0 && now->master != before->master);
}

int weir_run_upgrade(const struct weirctl *ctl)
{
    struct weir before = look(ctl->conf), now = before;
    if (before.master == 0)
        return tell_absence(ctl->conf, &before, true);
    int code = send_signal(&before, SIGUSR2);
    if (code != WEIRCTL_DONE)
        return code;
    bool is_over = wait_until(ctl->conf, &before, &now, UPGRADE_PATIENCE, has_upgraded);
    if (was_noted(&before, &now, PAGES_UPGRADE_REFUSED))
        return fail(ctl, &before,
                    xasprintf("the upgrade was refused, the old one goes on serving: %s", now.why));
    if (!is_over)
        return fail(ctl, &before, xstrdup("the upgrade has not finished yet: its log says more"));
    char *text = xasprintf("weir upgraded: pid %d has taken over from pid %d", (int)now.master,
                           (int)before.master);
    print_result(ctl->as_json, true, 0, text);
    free(text);
    return WEIRCTL_DONE;
}
