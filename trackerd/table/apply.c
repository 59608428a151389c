/* SPDX-License-Identifier: MIT */
/* See apply.h. */
#include "trackerd/table/apply.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/killpoint.h"
#include "common/terms/pair_key.h"
#include "trackerd/table/changes.h"
#include "trackerd/table/snapshot.h"

static void count(shm_table_word *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* A success leaves its stamp in the worker's page at once, and its event comes later or, when the
 * row showed nothing to reset, not at all: before a failure is applied, the stamps are taken in. */
static void take_in_stamps(struct trackerd *td, struct shm_table_state *row,
                           struct cooldown_now now, struct cooldown_changes *changes)
{
    if (td->pages == NULL)
        return;
    int pair = pages_pair_find(td->pages, row->hot.key_hash);
    for (uint32_t slot = 0; slot < pages_slots(td->pages); slot++) {
        const struct pages_pair *page = pages_pair(td->pages, slot, pair);
        struct pages_stamps stamps;
        if (page == NULL || !pages_read_stamps(page, &stamps))
            continue;
        cooldown_note_stream(row, stamps.stream_started_at, stamps.stream_ended_at, now, changes);
        cooldown_note_answer(row, stamps.answer_started_at, stamps.answer_ended_at, now, changes);
    }
}

static bool is_failure(const struct evwire_event *event)
{
    return event->kind == EV_MID_FAILURE || event->kind == EV_PRE_FAILURE;
}

static void publish_one(struct trackerd *td, int row, int sender)
{
    publish_begin(&td->publish);
    publish_commit(&td->publish, td->table, row, &td->senders, sender);
    publish_end(&td->publish);
}

/* A success that ended while the failure was being applied found the row without it and posted
 * nothing; but its stamp is there by now. Both sides write first and look then, with a full barrier
 * between (the worker's is in server/record/credit.c), so one of them sees the other. */
static void take_in_latest(struct trackerd *td, int row, struct cooldown_changes *changes)
{
    struct shm_table_state *state = &td->table->rows[row].state, before = *state;
    atomic_thread_fence(memory_order_seq_cst);
    take_in_stamps(td, state, trackerd_now(), changes);
    if (memcmp(state, &before, sizeof(before)) != 0)
        publish_one(td, row, -1);
}

static void apply_to_row(struct trackerd *td, int row, int sender, const struct evwire_event *event)
{
    struct shm_table_state *state = &td->table->rows[row].state;
    struct cooldown_now now = trackerd_now();
    struct cooldown_changes earlier = {0}, changes = {0}, later = {0};
    if (is_failure(event))
        take_in_stamps(td, state, now, &earlier);
    KILL_POINT("stamps-read");
    cooldown_apply(state, &td->rules, event, now, &changes);
    publish_one(td, row, sender);
    if (is_failure(event))
        take_in_latest(td, row, &later);
    changes_tell(td, state, &earlier);
    changes_tell(td, state, &changes);
    changes_tell(td, state, &later);
    changes_note_late(state, event, &changes);
    snapshot_want(td->snapshot);
}

static void apply_event(struct trackerd *td, int sender, const struct evwire_event *event)
{
    struct sender *from = &td->senders.items[sender];
    struct shm_table_header *head = td->segment.head;
    int row = table_find(td->table, event->key_hash, event->row);
    if (event->seq <= from->seq) {
        count(&head->events_repeated);
        return;
    }
    from->seq = event->seq;
    from->used_at = clock_boot_ns();
    if (row >= 0) {
        apply_to_row(td, row, sender, event);
        count(&head->events_applied);
    } else {
        publish_one(td, -1, sender);
        changes_note_unknown(event);
        count(&head->events_unknown);
    }
}

void apply_events(struct trackerd *td, int sender, const struct evwire_event *events, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        apply_event(td, sender, &events[i]);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void publish_change(struct trackerd *td, int row, const struct cooldown_changes *changes)
{
    publish_one(td, row, -1);
    changes_tell(td, &td->table->rows[row].state, changes);
    snapshot_want(td->snapshot);
}

enum ev_status apply_rest(struct trackerd *td, const char *provider, const char *model,
                          uint64_t duration_ms, const char *reason, bool *was_kept)
{
    int row = table_find(td->table, pair_key_hash(provider, model), UINT32_MAX);
    if (row < 0)
        return EVST_UNKNOWN_PAIR;
    struct cooldown_now now = trackerd_now();
    struct cooldown_changes changes = {0};
    uint64_t max_ms = SHM_TABLE_REST_MAX_NS / CLOCK_NS_PER_MS;
    uint64_t ms = duration_ms < max_ms ? duration_ms : max_ms;
    *was_kept = !cooldown_rest(&td->table->rows[row].state, CAUSE_OPERATOR,
                               reason[0] != '\0' ? reason : NULL, now.at + ms * CLOCK_NS_PER_MS,
                               now, &changes);
    if (!*was_kept)
        publish_change(td, row, &changes);
    return EVST_DONE;
}

static void clear_row(struct trackerd *td, int row)
{
    struct cooldown_changes changes = {0};
    cooldown_clear(&td->table->rows[row].state, &changes);
    publish_change(td, row, &changes);
}

enum ev_status apply_clear(struct trackerd *td, const char *provider, const char *model)
{
    int row = table_find(td->table, pair_key_hash(provider, model), UINT32_MAX);
    if (row < 0)
        return EVST_UNKNOWN_PAIR;
    clear_row(td, row);
    return EVST_DONE;
}

uint32_t apply_clear_all(struct trackerd *td)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < td->table->capacity; i++) {
        if (td->table->rows[i].state.hot.key_hash == 0)
            continue;
        clear_row(td, (int)i);
        n++;
    }
    return n;
}
