/* SPDX-License-Identifier: MIT */
/* See keeper.h. */
#include "trackerd/table/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "trackerd/table/keeper_inside.h"
#include "trackerd/table/now.h"

static void show_life(const struct keeper *keeper, struct shm_table_header *head)
{
    publish_life(head, getpid(), keeper->started_at, clock_boot_ns());
}

/* ---- making ---------------------------------------------------------------------------------- */

/* A new segment with all we know takes the name. On failure errno, and the old one in place. */
static bool make_segment(struct keeper *keeper)
{
    struct table *table = keeper->table;
    struct shm_table_header *head = segment_prepare(&keeper->segment, table->capacity);
    if (head == NULL)
        return false;
    publish_fill(head, table, &keeper->senders);
    if (keeper->segment.head != NULL)
        publish_carry_counts(head, keeper->segment.head);
    show_life(keeper, head);
    if (!segment_switch(&keeper->segment))
        return false;
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->rows[i].is_dirty) /* leaves the memory of free rows untouched */
            table->rows[i].is_dirty = false;
    keeper->published_moves = table->moves;
    return true;
}

/* ---- fitting to the configuration ------------------------------------------------------------ */

static void fit_rows(struct keeper *keeper)
{
    const struct conf *conf = keeper->conf;
    uint32_t n = conf->n_pairs;
    struct table_pair *pairs = xcalloc(n, sizeof(*pairs));
    for (uint32_t i = 0; i < n; i++)
        pairs[i] = (struct table_pair){
            .provider = conf->pairs[i].provider->id,
            .model = conf->pairs[i].model,
            .key_hash = conf->pairs[i].key_hash,
        };
    keeper->homeless = table_configure(keeper->table, pairs, n, &keeper->rules, clock_boot_ns());
    free(pairs);
    if (keeper->homeless > 0)
        log_error("no room for %u of %u pairs in a table of %u (tracker.capacity): they are not "
                  "tracked and always count as available",
                  keeper->homeless, n, keeper->table->capacity);
}

static struct table *copy_rows(const struct table *from, uint32_t capacity)
{
    struct table *to = table_new(capacity);
    unsigned lost = 0;
    for (uint32_t i = 0; i < from->capacity; i++)
        if (from->rows[i].state.hot.key_hash != 0)
            lost += table_adopt(to, &from->rows[i].state) < 0;
    if (lost > 0)
        log_warn("%u rows have no room in a table of %u and are forgotten", lost, capacity);
    return to;
}

/* A segment of the configured capacity. When it cannot be had, the one there is goes on. */
static void resize(struct keeper *keeper)
{
    struct table *other = copy_rows(keeper->table, keeper->conf->tracker_capacity);
    table_swap(keeper->table, other);
    fit_rows(keeper);
    if (!make_segment(keeper)) {
        log_error("table %s keeps its room for %u pairs: %s", keeper->segment.name, other->capacity,
                  strerror(errno));
        table_swap(keeper->table, other);
    }
    table_free(&other);
}

static void set_rules(struct keeper *keeper)
{
    const struct conf *conf = keeper->conf;
    keeper->rules = (struct cooldown_rules){
        .mid_threshold = conf->mid_stream_failure_threshold,
        .mid_cooldown_ms = conf->mid_stream_cooldown_ms,
        .mid_cooldown_max_ms = conf->mid_stream_cooldown_max_ms,
        .pre_threshold = conf->pre_stream_failure_threshold,
        .recovery_concurrency = conf->recovery_concurrency,
    };
}

static void fit_to_conf(struct keeper *keeper)
{
    set_rules(keeper);
    if (keeper->table->capacity != keeper->conf->tracker_capacity)
        resize(keeper);
    fit_rows(keeper);
    publish_dirty(&keeper->publish, keeper->table, &keeper->published_moves);
}

const struct conf *keeper_conf(const struct keeper *keeper)
{
    return keeper->conf;
}

void keeper_configure(struct keeper *keeper, struct conf *conf)
{
    struct conf *old = keeper->conf;
    keeper->conf = conf;
    fit_to_conf(keeper);
    snapshot_want(keeper->snapshot);
    conf_free(&old);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void restore(struct keeper *keeper)
{
    const char *path = keeper->conf->tracker_state_file;
    unsigned restored = snapshot_restore(path, keeper->table, now_read());
    if (restored > 0)
        log_info("%u pairs restored from the state file %s", restored, path);
}

/* Goes on with the living table of an earlier trackerd. */
static void go_on_with_table(struct keeper *keeper)
{
    const char *name = keeper->segment.name;
    keeper->table = table_new(keeper->segment.capacity);
    struct publish_loaded loaded = publish_load(&keeper->publish, keeper->table, &keeper->senders);
    if (loaded.had_journal)
        log_info("a change that the last trackerd did not finish was %s",
                 loaded.had_damaged_journal ? "not whole and is dropped" : "finished");
    if (loaded.damaged_rows > 0) {
        log_warn("%u rows of table %s are damaged and were made anew", loaded.damaged_rows, name);
        restore(keeper);
    }
    show_life(keeper, keeper->segment.head);
    keeper->published_moves = keeper->table->moves - 1; /* readers look again in any case */
    log_info("attached to table %s with %u rows in use", name, loaded.rows);
    fit_to_conf(keeper);
}

static bool make_table(struct keeper *keeper, enum shm_table_error origin)
{
    const char *name = keeper->segment.name;
    keeper->table = table_new(keeper->conf->tracker_capacity);
    if (origin != SHM_TABLE_ABSENT)
        log_warn("table %s: %s; it is rebuilt", name, shm_table_error_text(origin));
    restore(keeper);
    set_rules(keeper);
    fit_rows(keeper);
    if (!make_segment(keeper))
        return false;
    log_info("made table %s for %u pairs", name, keeper->table->capacity);
    return true;
}

static bool open_table(struct keeper *keeper, int gid)
{
    enum shm_table_error origin;
    if (!segment_open(&keeper->segment, keeper->conf->tracker_shm, gid, &origin))
        return false;
    keeper->publish = (struct publish){.seg = &keeper->segment};
    if (origin != SHM_TABLE_OK)
        return make_table(keeper, origin);
    go_on_with_table(keeper);
    return true;
}

struct keeper *keeper_open(struct event_base *base, struct conf *conf, int gid)
{
    struct keeper *keeper = xcalloc(1, sizeof(*keeper));
    keeper->conf = conf;
    keeper->started_at = clock_boot_ns();
    LIST_INIT(&keeper->listeners);
    if (!open_table(keeper, gid)) {
        log_error("table %s: %s", conf->tracker_shm,
                  errno == EBUSY ? "another weir-trackerd owns it" : strerror(errno));
        keeper_close(&keeper);
        return NULL;
    }
    keeper->snapshot = snapshot_new(base, conf->tracker_state_file, keeper->table);
    keeper_find_pages(keeper);
    return keeper;
}

void keeper_close(struct keeper **keeper_p)
{
    struct keeper *keeper = *keeper_p;
    if (keeper == NULL)
        return;
    *keeper_p = NULL;
    snapshot_free(&keeper->snapshot);
    if (keeper->segment.head != NULL)
        publish_end_of_life(keeper->segment.head);
    segment_close(&keeper->segment);
    table_free(&keeper->table);
    pages_close(&keeper->pages);
    conf_free(&keeper->conf);
    free(keeper);
}

/* ---- keeping --------------------------------------------------------------------------------- */

static void remake(struct keeper *keeper, const char *why)
{
    const char *name = keeper->segment.name;
    if (make_segment(keeper))
        log_warn("table %s %s: it is rebuilt", name, why);
    else
        log_error("table %s %s, and cannot be rebuilt: %s", name, why, strerror(errno));
}

static void renew_lock(struct keeper *keeper)
{
    if (!segment_renew_lock(&keeper->segment)) {
        log_error("the lock of table %s is broken and cannot be made anew: %s",
                  keeper->segment.name, strerror(errno));
        return;
    }
    keeper->publish.is_lock_broken = false;
    remake(keeper, "had a broken lock"); /* so that all its readers open both again */
}

static void sweep(struct keeper *keeper)
{
    if (table_sweep(keeper->table, clock_boot_ns()) == 0)
        return;
    if (keeper->homeless > 0)
        fit_rows(keeper); /* the homeless may have room now */
    publish_dirty(&keeper->publish, keeper->table, &keeper->published_moves);
}

void keeper_tick(struct keeper *keeper)
{
    struct segment *segment = &keeper->segment;
    segment_keep_guard(segment);
    if (keeper->publish.is_lock_broken || !segment_lock_is_sound(segment))
        renew_lock(keeper);
    if (!segment_is_sound(segment))
        remake(keeper, "is gone or damaged");
    show_life(keeper, segment->head);
    sweep(keeper);
    uint32_t repaired =
        publish_repair(&keeper->publish, keeper->table, &keeper->senders, &keeper->next_repair);
    if (repaired > 0)
        log_warn("%u damaged rows of table %s were written anew", repaired, segment->name);
    keeper_find_pages(keeper);
}

void keeper_find_pages(struct keeper *keeper)
{
    if (keeper->pages != NULL && pages_is_current(keeper->pages))
        return;
    struct pages *pages = pages_open_reader(keeper->conf->tracker_shm);
    if (pages == NULL)
        return; /* the old ones, if any, still say what was */
    pages_close(&keeper->pages);
    keeper->pages = pages;
}

void keeper_flush(struct keeper *keeper)
{
    snapshot_flush(keeper->snapshot);
}

void keeper_reap(struct keeper *keeper)
{
    snapshot_reap(keeper->snapshot);
}

void keeper_listen(struct keeper *keeper, struct change_listener *listener)
{
    changes_listen(&keeper->listeners, listener);
}
