/* SPDX-License-Identifier: MIT */
/* See apply.h. */
#include "trackerd/table/apply.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/killpoint.h"
#include "common/terms/pair_key.h"
#include "trackerd/table/keeper_inside.h"
#include "trackerd/table/now.h"

static void count(shm_table_word *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void publish_one(struct keeper *keeper, int row, int sender)
{
    publish_begin(&keeper->publish);
    publish_commit(&keeper->publish, keeper->table, row, &keeper->senders, sender);
    publish_end(&keeper->publish);
}

/* ---- senders --------------------------------------------------------------------------------- */

int apply_join(struct keeper *keeper, uint32_t slot, uint64_t incarnation)
{
    int sender = senders_join(&keeper->senders, slot, incarnation, clock_boot_ns());
    if (sender >= 0)
        publish_one(keeper, -1, sender);
    return sender;
}

void apply_leave(struct keeper *keeper, int sender)
{
    senders_leave(&keeper->senders, sender);
}

uint64_t apply_last_seq(const struct keeper *keeper, int sender)
{
    return keeper->senders.items[sender].seq;
}

void apply_count_refused(struct keeper *keeper)
{
    count(&keeper->segment.head->packets_refused);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* A success leaves its stamp in the worker's page at once, and its event comes later or, when the
 * row showed nothing to reset, not at all: before a failure is applied, the stamps are taken in. */
static void take_in_stamps(struct keeper *keeper, struct shm_table_state *row,
                           struct cooldown_now now, struct cooldown_changes *changes)
{
    if (keeper->pages == NULL)
        return;
    int pair = pages_pair_find(keeper->pages, row->hot.key_hash);
    for (uint32_t slot = 0; slot < pages_slots(keeper->pages); slot++) {
        const struct pages_pair *page = pages_pair(keeper->pages, slot, pair);
        struct pages_stamps stamps;
        if (page == NULL || !pages_read_stamps(page, &stamps))
            continue;
        cooldown_note_stream(row, stamps.stream_started_at, stamps.stream_ended_at, now, changes);
        cooldown_note_answer(row, stamps.answer_started_at, stamps.answer_ended_at, now, changes);
    }
}

/* A success that ended while the failure was being applied found the row without it and posted
 * nothing; but its stamp is there by now. Both sides write first and look then, with a full barrier
 * between (the worker's is in server/record/credit.c), so one of them sees the other. */
static void take_in_latest_stamps(struct keeper *keeper, int row, struct cooldown_changes *changes)
{
    struct shm_table_state *state = &keeper->table->rows[row].state, before = *state;
    atomic_thread_fence(memory_order_seq_cst);
    take_in_stamps(keeper, state, now_read(), changes);
    if (memcmp(state, &before, sizeof(before)) != 0)
        publish_one(keeper, row, -1);
}

static void apply_to_row(struct keeper *keeper, int row, int sender,
                         const struct evwire_event *event)
{
    struct shm_table_state *state = &keeper->table->rows[row].state;
    struct cooldown_now now = now_read();
    struct cooldown_changes earlier = {0}, changes = {0}, later = {0};
    bool is_failure = event->kind == EV_MID_FAILURE || event->kind == EV_PRE_FAILURE;
    if (is_failure)
        take_in_stamps(keeper, state, now, &earlier);
    KILL_POINT("stamps-read");
    cooldown_apply(state, &keeper->rules, event, now, &changes);
    publish_one(keeper, row, sender);
    if (is_failure)
        take_in_latest_stamps(keeper, row, &later);
    changes_report(&keeper->listeners, state, &earlier);
    changes_report(&keeper->listeners, state, &changes);
    changes_report(&keeper->listeners, state, &later);
    changes_log_late(state, event, &changes);
    snapshot_want(keeper->snapshot);
}

/* False: the record makes no sense. Its number counts, so that it does not come again. */
static bool apply_event(struct keeper *keeper, int sender, const struct evwire_event *event)
{
    struct sender *from = &keeper->senders.items[sender];
    struct shm_table_header *head = keeper->segment.head;
    bool is_sound = evwire_event_is_sound(event);
    int row = is_sound ? table_find(keeper->table, event->key_hash, event->row) : -1;
    if (event->seq <= from->seq) {
        count(&head->events_repeated);
        return true;
    }
    from->seq = event->seq;
    from->used_at = clock_boot_ns();
    if (row >= 0) {
        apply_to_row(keeper, row, sender, event);
        count(&head->events_applied);
    } else {
        publish_one(keeper, -1, sender);
        if (is_sound) {
            changes_log_unknown(event);
            count(&head->events_unknown);
        } else {
            apply_count_refused(keeper);
        }
    }
    return is_sound;
}

uint32_t apply_events(struct keeper *keeper, int sender, const struct evwire_event *events,
                      uint32_t n)
{
    uint32_t n_refused = 0;
    for (uint32_t i = 0; i < n; i++)
        n_refused += !apply_event(keeper, sender, &events[i]);
    return n_refused;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int find_pair(const struct keeper *keeper, const char *provider, const char *model)
{
    return table_find(keeper->table, pair_key_hash(provider, model), UINT32_MAX);
}

static void publish_change(struct keeper *keeper, int row, const struct cooldown_changes *changes)
{
    publish_one(keeper, row, -1);
    changes_report(&keeper->listeners, &keeper->table->rows[row].state, changes);
    snapshot_want(keeper->snapshot);
}

enum ev_status apply_cooldown(struct keeper *keeper, const char *provider, const char *model,
                              uint64_t duration_ms, const char *reason, bool *was_kept)
{
    int row = find_pair(keeper, provider, model);
    if (row < 0)
        return EVST_UNKNOWN_PAIR;
    struct cooldown_now now = now_read();
    struct cooldown_changes changes = {0};
    uint64_t max_ms = SHM_TABLE_REST_MAX_NS / CLOCK_NS_PER_MS;
    uint64_t ms = duration_ms < max_ms ? duration_ms : max_ms;
    *was_kept = !cooldown_start(&keeper->table->rows[row].state, CAUSE_OPERATOR,
                                reason[0] != '\0' ? reason : NULL, now.at + ms * CLOCK_NS_PER_MS,
                                now, &changes);
    if (!*was_kept)
        publish_change(keeper, row, &changes);
    return EVST_DONE;
}

static void clear_row(struct keeper *keeper, int row)
{
    struct cooldown_changes changes = {0};
    cooldown_clear(&keeper->table->rows[row].state, &changes);
    publish_change(keeper, row, &changes);
}

enum ev_status apply_clear(struct keeper *keeper, const char *provider, const char *model)
{
    int row = find_pair(keeper, provider, model);
    if (row < 0)
        return EVST_UNKNOWN_PAIR;
    clear_row(keeper, row);
    return EVST_DONE;
}

uint32_t apply_clear_all(struct keeper *keeper)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < keeper->table->capacity; i++) {
        if (keeper->table->rows[i].state.hot.key_hash == 0)
            continue;
        clear_row(keeper, (int)i);
        n++;
    }
    return n;
}
