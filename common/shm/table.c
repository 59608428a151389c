/* SPDX-License-Identifier: MIT */
/* See table.h, and table_layout.h for the bytes. Reader side only. */
#include "common/shm/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/shm/bootid.h"
#include "common/shm/lock.h"
#include "common/shm/object.h"
#include "common/shm/table_layout.h"
#include "common/terms/pair_key.h"

/* How often a row that changes under the reader's eyes is read again. A writer that was stopped or
 * killed never makes a reader try twice: the journal has the row. Only one that changes this very
 * row without a pause does, and a change takes less than a microsecond. */
#define READ_TRIES 1000

struct shm_table {
    struct shm_object object, lock_object;
    struct shm_table_header *head; /* mapped read-only; not const for the sake of atomic_load */
    struct shm_table_row *rows;
    struct shm_lock *lock; /* NULL: not ours to take */
    uint32_t capacity;
};

static const char *const status_words[] = {
    [PAIR_AVAILABLE] = "available",
    [PAIR_TRACKING] = "tracking",
    [PAIR_EXHAUSTED] = "exhausted",
    [PAIR_RECOVERING] = "recovering",
};

const char *pair_status_word(enum pair_status status)
{
    return status_words[(unsigned)status <= PAIR_RECOVERING ? status : PAIR_AVAILABLE];
}

enum pair_status shm_table_status(const struct shm_table_hot *hot, uint64_t now_at)
{
    if (shm_table_rest_ns(hot, now_at) > 0)
        return PAIR_EXHAUSTED;
    if ((hot->flags & SHM_TABLE_RECOVERING) != 0)
        return PAIR_RECOVERING;
    return (hot->flags & SHM_TABLE_QUOTA) != 0 ? PAIR_TRACKING : PAIR_AVAILABLE;
}

const char *shm_table_error_text(enum shm_table_error error)
{
    static const char *const texts[] = {
        [SHM_TABLE_OK] = "no error",
        [SHM_TABLE_ABSENT] = "there is no such table, or it is not ours to read",
        [SHM_TABLE_NOT_READY] = "the table is being made",
        [SHM_TABLE_DAMAGED] = "the table is damaged, of another version, or of another boot",
    };
    return texts[(unsigned)error <= SHM_TABLE_DAMAGED ? error : SHM_TABLE_DAMAGED];
}

/* ---- opening ------------------------------------------------------------------------------- */

static uint64_t identity_sum(const struct shm_table_identity *identity)
{
    uint64_t words[sizeof(*identity) / sizeof(uint64_t)];
    memcpy(words, identity, sizeof(words));
    words[offsetof(struct shm_table_identity, check) / sizeof(uint64_t)] = 0;
    return shm_table_checksum(words, sizeof(words) / sizeof(words[0]));
}

void shm_table_identity_seal(struct shm_table_identity *identity)
{
    struct shm_table_identity sealed = *identity;
    sealed.magic = SHM_TABLE_MAGIC;
    identity->check = identity_sum(&sealed);
    atomic_thread_fence(memory_order_release);
    identity->magic = SHM_TABLE_MAGIC;
}

bool shm_table_identity_is_good(const struct shm_table_identity *id, size_t size,
                                const uint64_t boot_id[2])
{
    return id->magic == SHM_TABLE_MAGIC && id->version == SHM_TABLE_VERSION &&
           id->header_bytes == SHM_TABLE_HEADER_BYTES &&
           id->row_bytes == sizeof(struct shm_table_row) &&
           id->sender_bytes == sizeof(struct shm_table_sender) &&
           id->senders == SHM_TABLE_SENDERS &&
           id->total_bytes == shm_table_total_bytes(id->capacity) && id->total_bytes == size &&
           id->boot_id[0] == boot_id[0] && id->boot_id[1] == boot_id[1] &&
           id->check == identity_sum(id);
}

static void open_lock(struct shm_table *tab, const char *name, const uint64_t boot_id[2])
{
    char lock_name[SHM_OBJECT_NAME_MAX];
    if (!shm_object_name(lock_name, name, SHM_LOCK_SUFFIX) ||
        shm_object_open(lock_name, true, SHM_LOCK_BYTES, &tab->lock_object) != 0)
        return;
    if (shm_lock_is_good(tab->lock_object.base, boot_id))
        tab->lock = tab->lock_object.base;
}

enum shm_table_error shm_table_open_reader(const char *name, struct shm_table **out)
{
    struct shm_object object;
    uint64_t boot_id[BOOTID_WORDS];
    if (shm_object_open(name, false, SHM_TABLE_HEADER_BYTES, &object) != 0)
        return errno == EPROTO || errno == EPERM ? SHM_TABLE_DAMAGED : SHM_TABLE_ABSENT;
    bootid_read(boot_id);
    struct shm_table_header *head = object.base;
    if (!shm_table_identity_is_good(&head->identity, object.size, boot_id)) {
        bool is_empty = head->identity.magic == 0;
        shm_object_close(&object);
        return is_empty ? SHM_TABLE_NOT_READY : SHM_TABLE_DAMAGED;
    }
    struct shm_table *tab = xcalloc(1, sizeof(*tab));
    tab->object = object;
    tab->lock_object = SHM_OBJECT_NONE;
    tab->head = head;
    tab->rows = shm_table_rows_of(head);
    tab->capacity = head->identity.capacity;
    open_lock(tab, name, boot_id);
    *out = tab;
    return SHM_TABLE_OK;
}

void shm_table_close(struct shm_table **tab)
{
    if (*tab == NULL)
        return;
    shm_object_close(&(*tab)->object);
    shm_object_close(&(*tab)->lock_object); /* never held: read_all lets go before it returns */
    free(*tab);
    *tab = NULL;
}

/* ---- the header ---------------------------------------------------------------------------- */

static uint64_t get(const shm_table_word *word)
{
    return atomic_load_explicit((shm_table_word *)word, memory_order_relaxed);
}

bool shm_table_is_retired(const struct shm_table *tab)
{
    return get(&tab->head->retired) != 0 || tab->head->identity.magic != SHM_TABLE_MAGIC;
}

uint64_t shm_table_rows_generation(const struct shm_table *tab)
{
    return get(&tab->head->rows_generation);
}

struct shm_table_tracker shm_table_tracker(const struct shm_table *tab)
{
    return (struct shm_table_tracker){
        .pid = (int32_t)get(&tab->head->tracker_pid),
        .started_at = get(&tab->head->started_at),
        .heartbeat_at = get(&tab->head->heartbeat_at),
    };
}

uint32_t shm_table_capacity(const struct shm_table *tab)
{
    return tab->capacity;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static inline void copy_words(uint64_t *out, const shm_table_word *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = atomic_load_explicit((shm_table_word *)&words[i], memory_order_acquire);
}

/* The hot part of the row's new image, while the row is being changed. As long as the row's counter
 * stays at the same odd number the journal is not used for anything else: the caller looks again.
 */
static bool read_journal_hot(const struct shm_table *tab, uint64_t key_hash,
                             uint64_t words[SHM_TABLE_HOT_WORDS])
{
    const struct shm_table_journal *journal = &tab->head->journal;
    copy_words(words, journal->image, SHM_TABLE_HOT_WORDS);
    return shm_table_checksum(words, SHM_TABLE_HOT_WORDS) == get(&journal->image_hot_check) &&
           words[0] == key_hash;
}

/* The whole new image. The journal's own sum ties it to the row. */
static bool read_journal(const struct shm_table *tab, uint32_t row, uint64_t *words)
{
    uint64_t all[SHM_TABLE_JOURNAL_WORDS];
    const struct shm_table_journal *journal = &tab->head->journal;
    copy_words(all, &journal->row, SHM_TABLE_JOURNAL_WORDS);
    if (shm_table_checksum(all, SHM_TABLE_JOURNAL_WORDS) != get(&journal->check) || all[0] != row)
        return false;
    memcpy(words, all + SHM_TABLE_JOURNAL_IMAGE, SHM_TABLE_STATE_WORDS * sizeof(uint64_t));
    return true;
}

enum look {
    LOOK_WHOLE,
    LOOK_AGAIN,
    LOOK_DAMAGED
};

static inline enum look look_hot(const struct shm_table *tab, const struct shm_table_row *row,
                                 uint64_t key_hash, uint64_t words[SHM_TABLE_HOT_WORDS])
{
    uint64_t seq = atomic_load_explicit((shm_table_word *)&row->seq, memory_order_acquire);
    if ((seq & 1) != 0)
        return read_journal_hot(tab, key_hash, words) && get(&row->seq) == seq ? LOOK_WHOLE
                                                                               : LOOK_AGAIN;
    copy_words(words, row->hot, SHM_TABLE_HOT_WORDS);
    uint64_t check = atomic_load_explicit((shm_table_word *)&row->hot_check, memory_order_acquire);
    if (get(&row->seq) != seq)
        return LOOK_AGAIN;
    return shm_table_checksum(words, SHM_TABLE_HOT_WORDS) == check ? LOOK_WHOLE : LOOK_DAMAGED;
}

static enum look look_whole(const struct shm_table *tab, uint32_t index,
                            uint64_t words[SHM_TABLE_STATE_WORDS])
{
    const struct shm_table_row *row = &tab->rows[index];
    uint64_t seq = atomic_load_explicit((shm_table_word *)&row->seq, memory_order_acquire);
    if ((seq & 1) != 0)
        return read_journal(tab, index, words) && get(&row->seq) == seq ? LOOK_WHOLE : LOOK_AGAIN;
    copy_words(words, row->hot, SHM_TABLE_HOT_WORDS);
    copy_words(words + SHM_TABLE_HOT_WORDS, row->cold, SHM_TABLE_COLD_WORDS);
    uint64_t check = atomic_load_explicit((shm_table_word *)&row->check, memory_order_acquire);
    if (get(&row->seq) != seq)
        return LOOK_AGAIN;
    return shm_table_checksum(words, SHM_TABLE_STATE_WORDS) == check ? LOOK_WHOLE : LOOK_DAMAGED;
}

/* The fallback of a reader that a busy writer outran READ_TRIES times: the lock, within its time
 * limit. A writer that is stopped or dead never leads here: its row reads whole from the journal.
 */
static enum shm_lock_result hold_writer(const struct shm_table *tab)
{
    return tab->lock != NULL ? shm_lock_take(tab->lock) : SHM_LOCK_BUSY;
}

static void let_writer_go(const struct shm_table *tab, enum shm_lock_result lock)
{
    if (shm_lock_is_held(lock))
        shm_lock_release(tab->lock);
}

bool shm_table_read_hot(const struct shm_table *tab, int row, uint64_t key_hash,
                        struct shm_table_hot *out)
{
    if (row < 0 || (uint32_t)row >= tab->capacity)
        return false;
    uint64_t words[SHM_TABLE_HOT_WORDS];
    enum look look = LOOK_AGAIN;
    for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
        look = look_hot(tab, &tab->rows[row], key_hash, words);
    if (look == LOOK_AGAIN) {
        enum shm_lock_result lock = hold_writer(tab);
        for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
            look = look_hot(tab, &tab->rows[row], key_hash, words);
        let_writer_go(tab, lock);
    }
    if (look != LOOK_WHOLE)
        return false;
    memcpy(out, words, sizeof(*out));
    return out->key_hash == key_hash && key_hash != 0;
}

bool shm_table_read(const struct shm_table *tab, int row, struct shm_table_state *out)
{
    if (row < 0 || (uint32_t)row >= tab->capacity)
        return false;
    uint64_t words[SHM_TABLE_STATE_WORDS];
    enum look look = LOOK_AGAIN;
    for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
        look = look_whole(tab, (uint32_t)row, words);
    if (look == LOOK_AGAIN) {
        enum shm_lock_result lock = hold_writer(tab);
        for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
            look = look_whole(tab, (uint32_t)row, words);
        let_writer_go(tab, lock);
    }
    if (look != LOOK_WHOLE)
        return false;
    memcpy(out, words, sizeof(*out));
    return out->hot.key_hash != 0;
}

void shm_table_read_all(const struct shm_table *tab, struct shm_table_state *out, uint32_t n)
{
    enum shm_lock_result lock = hold_writer(tab);
    for (uint32_t i = 0; i < n; i++)
        if (!shm_table_read(tab, (int)i, &out[i]))
            out[i].hot.key_hash = 0;
    let_writer_go(tab, lock);
}

int shm_table_find(const struct shm_table *tab, const char *provider, const char *model)
{
    uint64_t key_hash = pair_key_hash(provider, model);
    for (uint32_t i = 0; i < tab->capacity; i++) {
        struct shm_table_state state;
        if (get(&tab->rows[i].hot[0]) == key_hash && shm_table_read(tab, (int)i, &state) &&
            strcmp(state.provider, provider) == 0 && strcmp(state.model, model) == 0)
            return (int)i;
    }
    return -1;
}
