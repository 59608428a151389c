/* SPDX-License-Identifier: MIT */
/* See tableview.h. */
#include "common/tableview/tableview.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"

struct tableview {
    const struct conf *conf;
    struct shm_table *tab;
    uint64_t rows_generation;
    int *rows;                  /* of each configured pair; -1 = none */
    enum shm_table_error error; /* of the latest opening */
};

struct tableview *tableview_new(const struct conf *conf)
{
    struct tableview *view = xcalloc(1, sizeof(*view));
    view->conf = conf;
    view->rows = xcalloc(conf->n_pairs, sizeof(*view->rows));
    tableview_refresh(view);
    return view;
}

void tableview_free(struct tableview **view)
{
    if ((*view)->tab != NULL)
        shm_table_close(&(*view)->tab);
    free((*view)->rows);
    free(*view);
    *view = NULL;
}

static void resolve_rows(struct tableview *view)
{
    /* Read before the search: if rows move meanwhile, the next refresh searches again. */
    view->rows_generation = shm_table_rows_generation(view->tab);
    for (uint32_t i = 0; i < view->conf->n_pairs; i++) {
        const struct conf_pair *pair = &view->conf->pairs[i];
        view->rows[i] = shm_table_find(view->tab, pair->provider->id, pair->model);
    }
}

static void open_table(struct tableview *view)
{
    view->error = shm_table_open_reader(view->conf->tracker_shm, &view->tab);
    if (view->error == SHM_TABLE_OK)
        resolve_rows(view);
}

void tableview_refresh(struct tableview *view)
{
    bool is_old =
        view->tab != NULL && (shm_table_is_retired(view->tab) || !shm_table_is_named(view->tab));
    if (is_old) {
        struct shm_table *old = view->tab;
        view->tab = NULL;
        open_table(view);
        if (view->tab == NULL)
            view->tab = old; /* still the best knowledge there is */
        else
            shm_table_close(&old);
    } else if (view->tab == NULL) {
        open_table(view);
    } else if (shm_table_rows_generation(view->tab) != view->rows_generation) {
        resolve_rows(view);
    }
}

enum shm_table_error tableview_error(const struct tableview *view)
{
    return view->error;
}

const struct shm_table *tableview_table(const struct tableview *view)
{
    return view->tab;
}

static bool read_hot(struct tableview *view, uint32_t pair, struct shm_table_hot *hot)
{
    if (view->tab == NULL)
        return false;
    if (shm_table_rows_generation(view->tab) != view->rows_generation)
        resolve_rows(view);
    return view->rows[pair] >= 0 &&
           shm_table_read_hot(view->tab, view->rows[pair], view->conf->pairs[pair].key_hash, hot);
}

enum outcome tableview_verdict(struct tableview *view, uint32_t pair, uint64_t now_at,
                               struct pair_seen *seen, uint64_t *rest_ms)
{
    struct shm_table_hot hot;
    *seen = (struct pair_seen){.row = UINT32_MAX};
    if (!read_hot(view, pair, &hot))
        return OUTCOME_NONE;
    *seen = (struct pair_seen){
        .row = (uint32_t)view->rows[pair],
        .incident = hot.incident,
        .is_recovering = (hot.flags & SHM_TABLE_RECOVERING) != 0,
        .has_quota = (hot.flags & SHM_TABLE_QUOTA) != 0,
        .recovery_concurrency = hot.recovery_concurrency,
    };
    uint64_t rest_ns = shm_table_rest_ns(&hot, now_at); /* 0 for an absurd one, too */
    if (rest_ns == 0)
        return OUTCOME_NONE;
    *rest_ms = (rest_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    return OUTCOME_IN_COOLDOWN;
}

uint64_t tableview_rest_since(struct tableview *view, uint32_t pair, uint64_t since_at)
{
    struct shm_table_hot hot;
    if (!read_hot(view, pair, &hot) || hot.cooldown_began_at < since_at)
        return 0;
    return shm_table_rest_ns(&hot, hot.cooldown_began_at) / CLOCK_NS_PER_MS;
}

bool tableview_wants_reset(struct tableview *view, uint32_t pair)
{
    struct shm_table_hot hot;
    return read_hot(view, pair, &hot) && (hot.mid_failures != 0 || hot.pre_failures != 0 ||
                                          (hot.flags & SHM_TABLE_RECOVERING) != 0);
}
