/* SPDX-License-Identifier: MIT */
/* See table.h, and table_layout.h for the bytes. */
#include "common/shm/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/shm/lock.h"
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
        [SHM_TABLE_ABSENT] = "there is none",
        [SHM_TABLE_FORBIDDEN] = "not ours to read; root may, and group weir",
        [SHM_TABLE_NOT_READY] = "it is being made",
        [SHM_TABLE_DAMAGED] = "it is damaged",
        [SHM_TABLE_OTHER_VERSION] = "it is of another version of weir",
        [SHM_TABLE_OTHER_BOOT] = "it is of an earlier boot",
    };
    return texts[(unsigned)error < SHM_TABLE_ERRORS ? error : SHM_TABLE_DAMAGED];
}

/* ---- the object ------------------------------------------------------------------------------ */

static size_t size_of(const void *head)
{
    const struct shm_table_identity *id = head;
    size_t size = shm_table_total_bytes(id->capacity);
    bool is_ours = id->header_bytes == SHM_TABLE_HEADER_BYTES &&
                   id->row_bytes == sizeof(struct shm_table_row) &&
                   id->sender_bytes == sizeof(struct shm_table_sender) &&
                   id->senders == SHM_TABLE_SENDERS && id->total_bytes == size;
    return is_ours ? size : 0;
}

static void seal(void *head)
{
    struct shm_table_identity *identity = head;
    uint64_t words[sizeof(*identity) / sizeof(uint64_t)];
    memcpy(words, identity, sizeof(words));
    words[0] = SHM_TABLE_MAGIC; /* which is not there yet */
    words[offsetof(struct shm_table_identity, check) / sizeof(uint64_t)] = 0;
    identity->check = shm_table_checksum(words, sizeof(words) / sizeof(words[0]));
}

const struct shm_kind shm_table_kind = {
    .suffix = "",
    .magic = SHM_TABLE_MAGIC,
    .version = SHM_TABLE_VERSION,
    .mode = 0640,
    .head_bytes = sizeof(struct shm_table_identity),
    .boot_id_at = offsetof(struct shm_table_identity, boot_id),
    .size_of = size_of,
    .seal = seal,
};

bool shm_table_prepare(const char *name, uint32_t capacity, int gid, struct shm_object *out)
{
    struct shm_table_identity identity = {
        .header_bytes = SHM_TABLE_HEADER_BYTES,
        .row_bytes = sizeof(struct shm_table_row),
        .capacity = capacity,
        .sender_bytes = sizeof(struct shm_table_sender),
        .senders = SHM_TABLE_SENDERS,
        .total_bytes = shm_table_total_bytes(capacity),
        .generation = clock_boot_ns(),
    };
    return shm_object_prepare(&shm_table_kind, name, &identity, gid, out);
}

enum shm_table_error shm_table_error_of(int error)
{
    switch (error) {
    case EACCES:
        return SHM_TABLE_FORBIDDEN;
    case EAGAIN:
        return SHM_TABLE_NOT_READY;
    case EPROTO:
    case EPERM:
        return SHM_TABLE_DAMAGED;
    case EPROTONOSUPPORT:
        return SHM_TABLE_OTHER_VERSION;
    case ESTALE:
        return SHM_TABLE_OTHER_BOOT;
    default:
        return SHM_TABLE_ABSENT;
    }
}

enum shm_table_error shm_table_open_reader(const char *name, struct shm_table **out)
{
    struct shm_object object;
    if (!shm_object_open(&shm_table_kind, name, false, &object))
        return shm_table_error_of(errno);
    struct shm_table *tab = xcalloc(1, sizeof(*tab));
    tab->object = object;
    tab->head = object.map.base;
    tab->rows = shm_table_rows_of(tab->head);
    tab->capacity = tab->head->identity.capacity;
    if (shm_object_open(&shm_lock_kind, name, true, &tab->lock_object))
        tab->lock = tab->lock_object.map.base;
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

bool shm_table_is_named(const struct shm_table *tab)
{
    return shm_object_is_named(&tab->object);
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
