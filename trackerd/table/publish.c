/* SPDX-License-Identifier: MIT */
/* See publish.h. */
#include "trackerd/table/publish.h"

#include <string.h>

#include "common/base/killpoint.h"
#include "common/shm/lock.h"
#include "common/terms/pair_key.h"

static void store(shm_table_word *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

static uint64_t load(const shm_table_word *word)
{
    return atomic_load_explicit((shm_table_word *)word, memory_order_acquire);
}

static void store_words(shm_table_word *to, const uint64_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        store(&to[i], from[i]);
}

static void load_words(uint64_t *to, const shm_table_word *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = load(&from[i]);
}

/* ---- single rows and senders ----------------------------------------------------------------- */

static void write_row(struct shm_table_row *row, const uint64_t *image)
{
    uint64_t seq = load(&row->seq) | 1; /* odd already when a change was cut short */
    store(&row->seq, seq);
    KILL_POINT("row-odd");
    store_words(row->hot, image, SHM_TABLE_HOT_WORDS);
    KILL_POINT("row-half");
    store(&row->hot_check, shm_table_checksum(image, SHM_TABLE_HOT_WORDS));
    store_words(row->cold, image + SHM_TABLE_HOT_WORDS, SHM_TABLE_COLD_WORDS);
    store(&row->check, shm_table_checksum(image, SHM_TABLE_STATE_WORDS));
    KILL_POINT("row-full");
    store(&row->seq, seq + 1);
}

static void write_sender(struct shm_table_sender *sender, const uint64_t *words)
{
    store_words(&sender->who, words, SHM_TABLE_SENDER_WORDS);
    store(&sender->check, shm_table_checksum(words, SHM_TABLE_SENDER_WORDS));
}

static bool row_matches(const struct shm_table_row *row, const struct shm_table_state *state)
{
    uint64_t words[SHM_TABLE_STATE_WORDS];
    load_words(words, row->hot, SHM_TABLE_HOT_WORDS);
    load_words(words + SHM_TABLE_HOT_WORDS, row->cold, SHM_TABLE_COLD_WORDS);
    return (load(&row->seq) & 1) == 0 && memcmp(words, state, sizeof(*state)) == 0 &&
           load(&row->hot_check) == shm_table_checksum(words, SHM_TABLE_HOT_WORDS) &&
           load(&row->check) == shm_table_checksum(words, SHM_TABLE_STATE_WORDS);
}

static bool sender_matches(const struct shm_table_sender *sender, const struct sender *copy)
{
    uint64_t words[SHM_TABLE_SENDER_WORDS];
    load_words(words, &sender->who, SHM_TABLE_SENDER_WORDS);
    return memcmp(words, copy, sizeof(*copy)) == 0 &&
           load(&sender->check) == shm_table_checksum(words, SHM_TABLE_SENDER_WORDS);
}

/* ---- the journal ----------------------------------------------------------------------------- */

static void fill_journal(struct shm_table_journal *journal, uint64_t row, const uint64_t *image,
                         uint64_t sender, const uint64_t *sender_words)
{
    uint64_t all[SHM_TABLE_JOURNAL_WORDS] = {row, sender};
    memcpy(&all[2], sender_words, SHM_TABLE_SENDER_WORDS * sizeof(uint64_t));
    memcpy(&all[SHM_TABLE_JOURNAL_IMAGE], image, SHM_TABLE_STATE_WORDS * sizeof(uint64_t));
    store_words(&journal->row, all, SHM_TABLE_JOURNAL_WORDS);
    store(&journal->image_hot_check, shm_table_checksum(image, SHM_TABLE_HOT_WORDS));
    store(&journal->check, shm_table_checksum(all, SHM_TABLE_JOURNAL_WORDS));
}

/* Writes what the journal says. Harmless when repeated. */
static void play_journal(struct segment *seg)
{
    uint64_t all[SHM_TABLE_JOURNAL_WORDS];
    load_words(all, &seg->head->journal.row, SHM_TABLE_JOURNAL_WORDS);
    if (all[0] < seg->capacity)
        write_row(&seg->rows[all[0]], &all[SHM_TABLE_JOURNAL_IMAGE]);
    KILL_POINT("row-done");
    if (all[1] < SHM_TABLE_SENDERS)
        write_sender(&seg->senders[all[1]], &all[2]);
    KILL_POINT("sender-done");
    store(&seg->head->journal.valid, 0);
}

static bool journal_is_whole(const struct shm_table_journal *journal)
{
    uint64_t all[SHM_TABLE_JOURNAL_WORDS];
    load_words(all, &journal->row, SHM_TABLE_JOURNAL_WORDS);
    return shm_table_checksum(all, SHM_TABLE_JOURNAL_WORDS) == load(&journal->check);
}

void publish_commit(struct publish *pub, struct table *table, int row,
                    const struct senders *senders, int sender)
{
    static const struct shm_table_state no_state;
    static const struct sender no_sender;
    const struct shm_table_state *state = row >= 0 ? &table->rows[row].state : &no_state;
    const struct sender *from = sender >= 0 ? &senders->items[sender] : &no_sender;
    uint64_t image[SHM_TABLE_STATE_WORDS], words[SHM_TABLE_SENDER_WORDS];
    memcpy(image, state, sizeof(image));
    memcpy(words, from, sizeof(words));
    struct shm_table_journal *journal = &pub->seg->head->journal;
    KILL_POINT("commit");
    fill_journal(journal, row >= 0 ? (uint64_t)row : SHM_TABLE_NONE, image,
                 sender >= 0 ? (uint64_t)sender : SHM_TABLE_NONE, words);
    KILL_POINT("journal-filled");
    store(&journal->valid, 1);
    KILL_POINT("journal-valid");
    play_journal(pub->seg);
    KILL_POINT("committed");
    if (row >= 0)
        table->rows[row].is_dirty = false;
}

/* ---- the lock -------------------------------------------------------------------------------- */

void publish_begin(struct publish *pub)
{
    if (pub->is_lock_broken)
        return;
    enum shm_lock_result result =
        pub->is_lock_contended ? shm_lock_try(pub->seg->lock) : shm_lock_take(pub->seg->lock);
    pub->is_locked = shm_lock_is_held(result);
    pub->is_lock_broken = result == SHM_LOCK_BROKEN;
    pub->is_lock_contended = result == SHM_LOCK_BUSY;
    /* Without it we go on: there is one writer, and every row is sound by itself. Only a reader of
     * several rows may see them from different moments. */
    if (!pub->is_locked)
        atomic_fetch_add_explicit(&pub->seg->head->lock_timeouts, 1, memory_order_relaxed);
    KILL_POINT("locked");
}

void publish_end(struct publish *pub)
{
    if (pub->is_locked)
        shm_lock_release(pub->seg->lock);
    pub->is_locked = false;
}

/* ---- many rows ------------------------------------------------------------------------------- */

void publish_dirty(struct publish *pub, struct table *table, uint64_t *published_moves)
{
    publish_begin(pub);
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->rows[i].is_dirty)
            publish_commit(pub, table, (int)i, NULL, -1);
    if (*published_moves != table->moves)
        atomic_fetch_add_explicit(&pub->seg->head->rows_generation, 1, memory_order_release);
    *published_moves = table->moves;
    publish_end(pub);
}

void publish_fill(struct shm_table_header *head, const struct table *table,
                  const struct senders *senders)
{
    struct shm_table_row *rows = shm_table_rows_of(head);
    struct shm_table_sender *to = shm_table_senders_of(head, table->capacity);
    for (uint32_t i = 0; i < table->capacity; i++) {
        uint64_t image[SHM_TABLE_STATE_WORDS];
        memcpy(image, &table->rows[i].state, sizeof(image));
        write_row(&rows[i], image);
    }
    for (int i = 0; i < SHM_TABLE_SENDERS; i++) {
        uint64_t words[SHM_TABLE_SENDER_WORDS];
        memcpy(words, &senders->items[i], sizeof(words));
        write_sender(&to[i], words);
    }
    store(&head->rows_generation, head->identity.generation);
}

void publish_carry_counts(struct shm_table_header *head, const struct shm_table_header *from)
{
    store(&head->events_applied, load(&from->events_applied));
    store(&head->events_repeated, load(&from->events_repeated));
    store(&head->events_unknown, load(&from->events_unknown));
    store(&head->packets_refused, load(&from->packets_refused));
    store(&head->lock_timeouts, load(&from->lock_timeouts));
}

void publish_life(struct shm_table_header *head, pid_t pid, uint64_t started_at, uint64_t now_at)
{
    store(&head->tracker_pid, (uint64_t)pid);
    store(&head->started_at, started_at);
    store(&head->heartbeat_at, now_at);
}

void publish_end_of_life(struct shm_table_header *head)
{
    store(&head->tracker_pid, 0);
}

static uint32_t repair_rows(struct publish *pub, struct table *table, uint32_t *next)
{
    uint32_t repaired = 0;
    uint32_t n = table->capacity < PUBLISH_REPAIR_ROWS ? table->capacity : PUBLISH_REPAIR_ROWS;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = *next < table->capacity ? *next : 0;
        *next = row + 1;
        if (row_matches(&pub->seg->rows[row], &table->rows[row].state))
            continue;
        publish_commit(pub, table, (int)row, NULL, -1);
        repaired++;
    }
    return repaired;
}

static uint32_t repair_senders(struct publish *pub, const struct senders *senders)
{
    uint32_t repaired = 0;
    for (int i = 0; i < SHM_TABLE_SENDERS; i++) {
        if (sender_matches(&pub->seg->senders[i], &senders->items[i]))
            continue;
        publish_commit(pub, NULL, -1, senders, i);
        repaired++;
    }
    return repaired;
}

uint32_t publish_repair(struct publish *pub, struct table *table, const struct senders *senders,
                        uint32_t *next)
{
    publish_begin(pub);
    uint32_t repaired = repair_rows(pub, table, next) + repair_senders(pub, senders);
    publish_end(pub);
    return repaired;
}

/* ---- loading ----------------------------------------------------------------------------- */

static bool is_text(const char *field, size_t size)
{
    return memchr(field, '\0', size) != NULL;
}

static bool state_is_sane(const struct shm_table_state *state)
{
    return is_text(state->provider, sizeof(state->provider)) &&
           is_text(state->model, sizeof(state->model)) &&
           is_text(state->reason, sizeof(state->reason)) &&
           (state->hot.key_hash == 0 ||
            pair_key_hash(state->provider, state->model) == state->hot.key_hash);
}

static bool load_row(struct shm_table_row *row, struct shm_table_state *out)
{
    uint64_t words[SHM_TABLE_STATE_WORDS];
    load_words(words, row->hot, SHM_TABLE_HOT_WORDS);
    load_words(words + SHM_TABLE_HOT_WORDS, row->cold, SHM_TABLE_COLD_WORDS);
    memcpy(out, words, sizeof(*out));
    return row_matches(row, out) && state_is_sane(out);
}

static void load_senders(struct segment *seg, struct senders *senders)
{
    for (int i = 0; i < SHM_TABLE_SENDERS; i++) {
        uint64_t words[SHM_TABLE_SENDER_WORDS];
        load_words(words, &seg->senders[i].who, SHM_TABLE_SENDER_WORDS);
        if (load(&seg->senders[i].check) == shm_table_checksum(words, SHM_TABLE_SENDER_WORDS))
            memcpy(&senders->items[i], words, sizeof(senders->items[i]));
    }
}

struct publish_loaded publish_load(struct publish *pub, struct table *table,
                                   struct senders *senders)
{
    struct segment *seg = pub->seg;
    struct publish_loaded loaded = {0};
    publish_begin(pub);
    if (load(&seg->head->journal.valid) != 0) {
        loaded.had_journal = true;
        if (journal_is_whole(&seg->head->journal))
            play_journal(seg);
        else
            loaded.had_damaged_journal = true;
    }
    for (uint32_t i = 0; i < seg->capacity; i++) {
        struct shm_table_state state;
        if (!load_row(&seg->rows[i], &state)) {
            loaded.damaged_rows++;
            table->rows[i].is_dirty = true;
        } else if (state.hot.key_hash != 0) {
            loaded.rows++;
            table->rows[i].state = state;
        }
    }
    load_senders(seg, senders);
    publish_end(pub);
    return loaded;
}
