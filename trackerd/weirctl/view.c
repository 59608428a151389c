/* SPDX-License-Identifier: MIT */
/* See view.h. */
#include "trackerd/weirctl/view.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/shm/pages.h"
#include "trackerd/weirctl/print.h"
#include "trackerd/weirctl/tracker.h"

#define TOP_INTERVAL_S   1.0
#define TOP_INTERVAL_MIN 0.1

static bool pair_matches(const struct conf_pair *pair, const char *pattern)
{
    size_t len = strlen(pair->provider->id);
    if (strncmp(pattern, pair->provider->id, len) != 0)
        return false;
    return pattern[len] == '\0' ||
           (pattern[len] == '/' && strcmp(pattern + len + 1, pair->model) == 0);
}

struct view { /* what status looks at */
    struct shm_table *tab;
    struct pages *pages;
    struct pair_row *rows;
    size_t n;
};

static int view_open(struct view *view, const struct conf *conf)
{
    enum shm_table_error error = shm_table_open_reader(conf->tracker_shm, &view->tab);
    if (error != SHM_TABLE_OK)
        return weirctl_fail(EX_UNAVAILABLE, "table %s: %s", conf->tracker_shm,
                            shm_table_error_text(error));
    view->pages = pages_open_reader(conf->tracker_shm);
    view->rows = xcalloc(conf->n_pairs, sizeof(*view->rows));
    return 0;
}

static void view_close(struct view *view)
{
    shm_table_close(&view->tab);
    pages_close(&view->pages);
    free(view->rows);
}

static void view_read(struct view *view, const struct conf *conf, const char *pattern)
{
    view->n = 0;
    pair_rows_read(conf, view->tab, view->pages, view->rows);
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        if (pattern == NULL || pair_matches(&conf->pairs[i], pattern))
            view->rows[view->n++] = view->rows[i];
}

static void print_view(const struct weirctl *ctl, const struct view *view,
                       void (*print_text)(const struct tracker *tracker,
                                          const struct pair_row *rows, size_t n))
{
    struct tracker tracker = tracker_look(view->tab, ctl->conf);
    if (ctl->as_json)
        print_status_json(&tracker, view->rows, view->n);
    else
        print_text(&tracker, view->rows, view->n);
}

static int fail_pattern(const struct conf *conf, const char *pattern)
{
    const char *slash = strchr(pattern, '/');
    char *provider = xstrndup(pattern, slash != NULL ? (size_t)(slash - pattern) : strlen(pattern));
    int code = weirctl_fail(WEIRCTL_REFUSED, "no pair is called %s%s", pattern,
                            weirctl_hint_pair(conf, provider, slash != NULL ? slash + 1 : ""));
    free(provider);
    return code;
}

int view_run_status(const struct weirctl *ctl)
{
    struct view view = {0};
    int code = view_open(&view, ctl->conf);
    if (code != 0)
        return code;
    char *pattern = ctl->argc == 2   ? xasprintf("%s/%s", ctl->argv[0], ctl->argv[1])
                    : ctl->argc == 1 ? xstrdup(ctl->argv[0])
                                     : NULL;
    view_read(&view, ctl->conf, pattern);
    if (view.n > 0 || pattern == NULL)
        print_view(ctl, &view, print_status_text);
    else
        code = fail_pattern(ctl->conf, pattern);
    free(pattern);
    view_close(&view);
    return code;
}

/* Changes to newer objects when there are any; the old ones are read until then. */
static void view_refresh(struct view *view, const struct conf *conf)
{
    struct shm_table *tab = NULL;
    if (shm_table_is_retired(view->tab) &&
        shm_table_open_reader(conf->tracker_shm, &tab) == SHM_TABLE_OK) {
        shm_table_close(&view->tab);
        view->tab = tab;
    }
    if (view->pages != NULL && pages_is_current(view->pages))
        return;
    struct pages *pages = pages_open_reader(conf->tracker_shm);
    if (pages != NULL) {
        pages_close(&view->pages);
        view->pages = pages;
    }
}

/* Nothing to do but interrupt the wait: the next picture has the new size. */
static void on_resize(int signal)
{
}

int view_run_top(const struct weirctl *ctl)
{
    struct view view = {0};
    double interval = TOP_INTERVAL_S;
    if (ctl->argc > 0 &&
        (!weirctl_parse_seconds(ctl->argv[0], &interval) || interval < TOP_INTERVAL_MIN))
        return weirctl_fail(EX_USAGE, "%s is not a number of seconds of at least %.1f",
                            ctl->argv[0], TOP_INTERVAL_MIN);
    int code = view_open(&view, ctl->conf);
    weirctl_catch_interrupt();
    signal(SIGWINCH, on_resize);
    while (code == 0 && !weirctl_is_interrupted) {
        view_refresh(&view, ctl->conf);
        view_read(&view, ctl->conf, NULL);
        print_view(ctl, &view, print_top_text);
        if (fflush(stdout) != 0)
            break; /* nobody reads any more */
        weirctl_wait(interval);
    }
    view_close(&view);
    return code;
}
