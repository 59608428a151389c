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
#include "trackerd/table/snapshot.h"

static void put(shm_table_word *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

static void show_life(struct trackerd *td, struct shm_table_header *head)
{
    put(&head->tracker_pid, (uint64_t)getpid());
    put(&head->started_at, td->started_at);
    put(&head->heartbeat_at, clock_boot_ns());
}

/* ---- making ---------------------------------------------------------------------------------- */

static void carry_counts(struct shm_table_header *to, const struct shm_table_header *from)
{
    if (from == NULL)
        return;
    put(&to->events_applied, from->events_applied);
    put(&to->events_repeated, from->events_repeated);
    put(&to->events_unknown, from->events_unknown);
    put(&to->packets_refused, from->packets_refused);
    put(&to->lock_timeouts, from->lock_timeouts);
}

/* A new segment with all we know takes the name. 0, or -1 with errno and the old one in place. */
static int make_segment(struct trackerd *td)
{
    struct shm_table_header *head = segment_prepare(&td->segment, td->table->capacity);
    if (head == NULL)
        return -1;
    publish_fill(head, td->table, &td->senders);
    carry_counts(head, td->segment.head);
    put(&head->rows_generation, head->identity.generation);
    show_life(td, head);
    if (segment_switch(&td->segment) != 0)
        return -1;
    for (uint32_t i = 0; i < td->table->capacity; i++)
        if (td->table->rows[i].is_dirty) /* no page is written to for a free row */
            td->table->rows[i].is_dirty = false;
    td->published_moves = td->table->moves;
    return 0;
}

/* ---- fitting to the configuration ------------------------------------------------------------ */

static void set_rules(struct trackerd *td)
{
    const struct conf *conf = td->conf;
    td->rules = (struct cooldown_rules){
        .mid_threshold = conf->mid_stream_failure_threshold,
        .mid_cooldown_ms = conf->mid_stream_cooldown_ms,
        .mid_cooldown_max_ms = conf->mid_stream_cooldown_max_ms,
        .pre_threshold = conf->pre_stream_failure_threshold,
        .recovery_concurrency = conf->recovery_concurrency,
    };
}

static void fit_rows(struct trackerd *td)
{
    uint32_t n = td->conf->n_pairs;
    struct table_pair *pairs = xcalloc(n, sizeof(*pairs));
    for (uint32_t i = 0; i < n; i++)
        pairs[i] = (struct table_pair){
            .provider = td->conf->pairs[i].provider->id,
            .model = td->conf->pairs[i].model,
            .key_hash = td->conf->pairs[i].key_hash,
        };
    td->homeless = table_configure(td->table, pairs, n, &td->rules, clock_boot_ns());
    free(pairs);
    if (td->homeless > 0)
        log_error("no room for %u of %u pairs in a table of %u (tracker.capacity): they are not "
                  "tracked and always count as available",
                  td->homeless, n, td->table->capacity);
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
static void resize(struct trackerd *td)
{
    struct table *old = td->table;
    td->table = copy_rows(old, td->conf->tracker_capacity);
    fit_rows(td);
    if (make_segment(td) == 0) {
        table_free(&old);
        return;
    }
    log_error("table %s keeps its room for %u pairs: %s", td->segment.name, old->capacity,
              strerror(errno));
    table_free(&td->table);
    td->table = old;
}

void tablekeeper_configure(struct trackerd *td)
{
    set_rules(td);
    if (td->table->capacity != td->conf->tracker_capacity)
        resize(td);
    fit_rows(td);
    publish_dirty(&td->publish, td->table, &td->published_moves);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void log_restored(const struct trackerd *td, unsigned restored)
{
    if (restored > 0)
        log_info("%u pairs restored from the state file %s", restored,
                 td->conf->tracker_state_file);
}

static void take_over(struct trackerd *td)
{
    td->table = table_new(td->segment.capacity);
    struct publish_loaded loaded = publish_load(&td->publish, td->table, &td->senders);
    if (loaded.had_journal)
        log_info("a change that the last trackerd did not finish was %s",
                 loaded.had_damaged_journal ? "not whole and is dropped" : "finished");
    if (loaded.damaged_rows > 0) {
        log_warn("%u rows of table %s are damaged and were made anew", loaded.damaged_rows,
                 td->segment.name);
        log_restored(td, snapshot_restore(td));
    }
    show_life(td, td->segment.head);
    td->published_moves = td->table->moves - 1; /* readers look again, whatever we have changed */
    log_info("attached to table %s with %u rows in use", td->segment.name, loaded.rows);
}

static int make_first(struct trackerd *td, enum segment_origin origin)
{
    td->table = table_new(td->conf->tracker_capacity);
    if (origin == SEGMENT_DAMAGED)
        log_warn("table %s is damaged, of another version or of another boot: it is rebuilt",
                 td->segment.name);
    log_restored(td, snapshot_restore(td));
    fit_rows(td);
    if (make_segment(td) != 0)
        return -1;
    log_info("made table %s for %u pairs", td->segment.name, td->table->capacity);
    return 0;
}

int tablekeeper_open(struct trackerd *td)
{
    enum segment_origin origin;
    if (segment_open(&td->segment, td->conf->tracker_shm, td->gid, &origin) != 0)
        return -1;
    td->publish = (struct publish){.seg = &td->segment};
    set_rules(td);
    if (origin != SEGMENT_ATTACHED)
        return make_first(td, origin);
    take_over(td);
    tablekeeper_configure(td);
    return 0;
}

void tablekeeper_close(struct trackerd *td)
{
    if (td->segment.head != NULL)
        put(&td->segment.head->tracker_pid, 0);
    segment_close(&td->segment);
    table_free(&td->table);
}

/* ---- keeping --------------------------------------------------------------------------------- */

static void remake(struct trackerd *td, const char *why)
{
    if (make_segment(td) == 0)
        log_warn("table %s %s: it is rebuilt", td->segment.name, why);
    else
        log_error("table %s %s, and cannot be rebuilt: %s", td->segment.name, why, strerror(errno));
}

static void renew_lock(struct trackerd *td)
{
    if (segment_renew_lock(&td->segment) != 0) {
        log_error("the lock of table %s is broken and cannot be made anew: %s", td->segment.name,
                  strerror(errno));
        return;
    }
    td->publish.is_lock_broken = false;
    remake(td, "had a broken lock"); /* so that all its readers open both again */
}

static void sweep(struct trackerd *td)
{
    if (table_sweep(td->table, clock_boot_ns()) == 0)
        return;
    if (td->homeless > 0)
        fit_rows(td); /* those who wait for room */
    publish_dirty(&td->publish, td->table, &td->published_moves);
}

void tablekeeper_tick(struct trackerd *td)
{
    segment_keep_guard(&td->segment);
    if (td->publish.is_lock_broken || !segment_lock_is_sound(&td->segment))
        renew_lock(td);
    if (!segment_is_sound(&td->segment))
        remake(td, "is gone or damaged");
    show_life(td, td->segment.head);
    sweep(td);
    uint32_t repaired = publish_repair(&td->publish, td->table, &td->senders, &td->next_repair);
    if (repaired > 0)
        log_warn("%u damaged rows of table %s were written anew", repaired, td->segment.name);
}
