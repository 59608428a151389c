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

struct shmtab {
    struct shmobj object, lock_object;
    struct shmtab_header *head; /* mapped read-only; not const for the sake of atomic_load */
    struct shmtab_row *rows;
    struct shmtab_lock *lock; /* NULL: not ours to take */
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

enum pair_status shmtab_status(const struct shmtab_hot *hot, uint64_t now_at)
{
    if (shmtab_rest_ns(hot, now_at) > 0)
        return PAIR_EXHAUSTED;
    if ((hot->flags & SHMTAB_RECOVERING) != 0)
        return PAIR_RECOVERING;
    return (hot->flags & SHMTAB_QUOTA) != 0 ? PAIR_TRACKING : PAIR_AVAILABLE;
}

const char *shmtab_error_text(enum shmtab_error error)
{
    static const char *const texts[] = {
        [SHMTAB_OK] = "no error",
        [SHMTAB_ABSENT] = "there is no such table, or it is not ours to read",
        [SHMTAB_NOT_READY] = "the table is being made",
        [SHMTAB_DAMAGED] = "the table is damaged, of another version, or of another boot",
    };
    return texts[(unsigned)error <= SHMTAB_DAMAGED ? error : SHMTAB_DAMAGED];
}

/* ---- opening ------------------------------------------------------------------------------- */

static uint64_t identity_sum(const struct shmtab_identity *identity)
{
    uint64_t words[sizeof(*identity) / sizeof(uint64_t)];
    memcpy(words, identity, sizeof(words));
    words[offsetof(struct shmtab_identity, check) / sizeof(uint64_t)] = 0;
    return shmtab_checksum(words, sizeof(words) / sizeof(words[0]));
}

void shmtab_identity_seal(struct shmtab_identity *identity)
{
    struct shmtab_identity sealed = *identity;
    sealed.magic = SHMTAB_MAGIC;
    identity->check = identity_sum(&sealed);
    atomic_thread_fence(memory_order_release);
    identity->magic = SHMTAB_MAGIC;
}

bool shmtab_identity_is_good(const struct shmtab_identity *id, size_t size,
                             const uint64_t boot_id[2])
{
    return id->magic == SHMTAB_MAGIC && id->version == SHMTAB_VERSION &&
           id->header_bytes == SHMTAB_HEADER_BYTES && id->row_bytes == sizeof(struct shmtab_row) &&
           id->sender_bytes == sizeof(struct shmtab_sender) && id->senders == SHMTAB_SENDERS &&
           id->total_bytes == shmtab_total_bytes(id->capacity) && id->total_bytes == size &&
           id->boot_id[0] == boot_id[0] && id->boot_id[1] == boot_id[1] &&
           id->check == identity_sum(id);
}

static void open_lock(struct shmtab *tab, const char *name, const uint64_t boot_id[2])
{
    char lock_name[SHMOBJ_NAME_MAX];
    if (!shmobj_name(lock_name, name, SHMTAB_LOCK_SUFFIX) ||
        shmobj_open(lock_name, true, SHMTAB_LOCK_BYTES, &tab->lock_object) != 0)
        return;
    if (shmlock_is_good(tab->lock_object.base, boot_id))
        tab->lock = tab->lock_object.base;
}

enum shmtab_error shmtab_open_reader(const char *name, struct shmtab **out)
{
    struct shmobj object;
    uint64_t boot_id[BOOTID_WORDS];
    if (shmobj_open(name, false, SHMTAB_HEADER_BYTES, &object) != 0)
        return errno == EPROTO || errno == EPERM ? SHMTAB_DAMAGED : SHMTAB_ABSENT;
    bootid_read(boot_id);
    struct shmtab_header *head = object.base;
    if (!shmtab_identity_is_good(&head->identity, object.size, boot_id)) {
        bool is_empty = head->identity.magic == 0;
        shmobj_close(&object);
        return is_empty ? SHMTAB_NOT_READY : SHMTAB_DAMAGED;
    }
    struct shmtab *tab = xcalloc(1, sizeof(*tab));
    tab->object = object;
    tab->lock_object = SHMOBJ_NONE;
    tab->head = head;
    tab->rows = shmtab_rows_of(head);
    tab->capacity = head->identity.capacity;
    open_lock(tab, name, boot_id);
    *out = tab;
    return SHMTAB_OK;
}

void shmtab_close(struct shmtab **tab)
{
    if (*tab == NULL)
        return;
    shmobj_close(&(*tab)->object);
    shmobj_close(&(*tab)->lock_object); /* never held here: read_all lets go before it returns */
    free(*tab);
    *tab = NULL;
}

/* ---- the header ---------------------------------------------------------------------------- */

static uint64_t get(const shmtab_word *word)
{
    return atomic_load_explicit((shmtab_word *)word, memory_order_relaxed);
}

bool shmtab_is_retired(const struct shmtab *tab)
{
    return get(&tab->head->retired) != 0 || tab->head->identity.magic != SHMTAB_MAGIC;
}

uint64_t shmtab_rows_generation(const struct shmtab *tab)
{
    return get(&tab->head->rows_generation);
}

struct shmtab_tracker shmtab_tracker(const struct shmtab *tab)
{
    return (struct shmtab_tracker){
        .pid = (int32_t)get(&tab->head->tracker_pid),
        .started_at = get(&tab->head->started_at),
        .heartbeat_at = get(&tab->head->heartbeat_at),
    };
}

uint32_t shmtab_capacity(const struct shmtab *tab)
{
    return tab->capacity;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static inline void copy_words(uint64_t *out, const shmtab_word *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = atomic_load_explicit((shmtab_word *)&words[i], memory_order_acquire);
}

/* The hot part of the row's new image, while the row is being changed. As long as the row's counter
 * stays at the same odd number the journal is not used for anything else: the caller looks again.
 */
static bool read_journal_hot(const struct shmtab *tab, uint64_t key_hash,
                             uint64_t words[SHMTAB_HOT_WORDS])
{
    const struct shmtab_journal *journal = &tab->head->journal;
    copy_words(words, journal->image, SHMTAB_HOT_WORDS);
    return shmtab_checksum(words, SHMTAB_HOT_WORDS) == get(&journal->image_hot_check) &&
           words[0] == key_hash;
}

/* The whole new image. The journal's own sum ties it to the row. */
static bool read_journal(const struct shmtab *tab, uint32_t row, uint64_t *words)
{
    uint64_t all[SHMTAB_JOURNAL_WORDS];
    const struct shmtab_journal *journal = &tab->head->journal;
    copy_words(all, &journal->row, SHMTAB_JOURNAL_WORDS);
    if (shmtab_checksum(all, SHMTAB_JOURNAL_WORDS) != get(&journal->check) || all[0] != row)
        return false;
    memcpy(words, all + SHMTAB_JOURNAL_IMAGE, SHMTAB_STATE_WORDS * sizeof(uint64_t));
    return true;
}

enum look {
    LOOK_WHOLE,
    LOOK_AGAIN,
    LOOK_DAMAGED
};

static inline enum look look_hot(const struct shmtab *tab, const struct shmtab_row *row,
                                 uint64_t key_hash, uint64_t words[SHMTAB_HOT_WORDS])
{
    uint64_t seq = atomic_load_explicit((shmtab_word *)&row->seq, memory_order_acquire);
    if ((seq & 1) != 0)
        return read_journal_hot(tab, key_hash, words) && get(&row->seq) == seq ? LOOK_WHOLE
                                                                               : LOOK_AGAIN;
    copy_words(words, row->hot, SHMTAB_HOT_WORDS);
    uint64_t check = atomic_load_explicit((shmtab_word *)&row->hot_check, memory_order_acquire);
    if (get(&row->seq) != seq)
        return LOOK_AGAIN;
    return shmtab_checksum(words, SHMTAB_HOT_WORDS) == check ? LOOK_WHOLE : LOOK_DAMAGED;
}

static enum look look_whole(const struct shmtab *tab, uint32_t index,
                            uint64_t words[SHMTAB_STATE_WORDS])
{
    const struct shmtab_row *row = &tab->rows[index];
    uint64_t seq = atomic_load_explicit((shmtab_word *)&row->seq, memory_order_acquire);
    if ((seq & 1) != 0)
        return read_journal(tab, index, words) && get(&row->seq) == seq ? LOOK_WHOLE : LOOK_AGAIN;
    copy_words(words, row->hot, SHMTAB_HOT_WORDS);
    copy_words(words + SHMTAB_HOT_WORDS, row->cold, SHMTAB_COLD_WORDS);
    uint64_t check = atomic_load_explicit((shmtab_word *)&row->check, memory_order_acquire);
    if (get(&row->seq) != seq)
        return LOOK_AGAIN;
    return shmtab_checksum(words, SHMTAB_STATE_WORDS) == check ? LOOK_WHOLE : LOOK_DAMAGED;
}

/* The fallback of a reader that a busy writer outran READ_TRIES times: the lock, within its time
 * limit. A writer that is stopped or dead never leads here: its row reads whole from the journal.
 */
static enum shmlock_result hold_writer(const struct shmtab *tab)
{
    return tab->lock != NULL ? shmlock_take(tab->lock) : SHMLOCK_BUSY;
}

static void let_writer_go(const struct shmtab *tab, enum shmlock_result lock)
{
    if (shmlock_is_held(lock))
        shmlock_release(tab->lock);
}

bool shmtab_read_hot(const struct shmtab *tab, int row, uint64_t key_hash, struct shmtab_hot *out)
{
    if (row < 0 || (uint32_t)row >= tab->capacity)
        return false;
    uint64_t words[SHMTAB_HOT_WORDS];
    enum look look = LOOK_AGAIN;
    for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
        look = look_hot(tab, &tab->rows[row], key_hash, words);
    if (look == LOOK_AGAIN) {
        enum shmlock_result lock = hold_writer(tab);
        for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
            look = look_hot(tab, &tab->rows[row], key_hash, words);
        let_writer_go(tab, lock);
    }
    if (look != LOOK_WHOLE)
        return false;
    memcpy(out, words, sizeof(*out));
    return out->key_hash == key_hash && key_hash != 0;
}

bool shmtab_read(const struct shmtab *tab, int row, struct shmtab_state *out)
{
    if (row < 0 || (uint32_t)row >= tab->capacity)
        return false;
    uint64_t words[SHMTAB_STATE_WORDS];
    enum look look = LOOK_AGAIN;
    for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
        look = look_whole(tab, (uint32_t)row, words);
    if (look == LOOK_AGAIN) {
        enum shmlock_result lock = hold_writer(tab);
        for (int tries = 0; look == LOOK_AGAIN && tries < READ_TRIES; tries++)
            look = look_whole(tab, (uint32_t)row, words);
        let_writer_go(tab, lock);
    }
    if (look != LOOK_WHOLE)
        return false;
    memcpy(out, words, sizeof(*out));
    return out->hot.key_hash != 0;
}

void shmtab_read_all(const struct shmtab *tab, struct shmtab_state *out, uint32_t n)
{
    enum shmlock_result lock = hold_writer(tab);
    for (uint32_t i = 0; i < n; i++)
        if (!shmtab_read(tab, (int)i, &out[i]))
            out[i].hot.key_hash = 0;
    let_writer_go(tab, lock);
}

int shmtab_find(const struct shmtab *tab, const char *provider, const char *model)
{
    uint64_t key_hash = pair_key_hash(provider, model);
    for (uint32_t i = 0; i < tab->capacity; i++) {
        struct shmtab_state state;
        if (get(&tab->rows[i].hot[0]) == key_hash && shmtab_read(tab, (int)i, &state) &&
            strcmp(state.provider, provider) == 0 && strcmp(state.model, model) == 0)
            return (int)i;
    }
    return -1;
}
