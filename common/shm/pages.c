/* SPDX-License-Identifier: MIT */
/* See pages.h. */
#include "common/shm/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/terms/pair_key.h"

#define PAGES_SLOTS_MAX 4096
#define PAGES_PAIRS_MAX 65536
#define STAMP_TRIES     64

struct pages_header { /* 4096 bytes */
    uint64_t magic;
    uint32_t version, slots, pairs_max, zero;
    uint64_t total_bytes;
    uint64_t boot_id[2];
    int32_t master_pid, zero2;
    uint64_t started_at;
    pages_counter n_pairs; /* published after the entry it counts */
    pages_counter notes[4];
    char why[PAGES_WHY_BYTES]; /* written before the note that it explains is counted */
    uint64_t reserved[371];
};
_Static_assert(sizeof(struct pages_header) == 4096, "layout of the pages");
_Static_assert(PAGES_NOTES <= 4, "layout of the pages");

struct pages_pair_key { /* 256 bytes */
    uint64_t key_hash;
    char provider[64];
    char model[128];
    uint64_t reserved[7];
};
_Static_assert(sizeof(struct pages_pair_key) == 256, "layout of the pages");

struct pages_chain_key {   /* 128 bytes */
    char name[120];        /* cut when longer: then it shares with another of that beginning */
    pages_counter is_used; /* published after the name */
};
_Static_assert(sizeof(struct pages_chain_key) == 128, "layout of the pages");

struct pages {
    struct shm_object object;
    struct pages_header *head;
    struct pages_chain_key *chains;
    struct pages_pair_key *keys;
    char *slots;
    size_t slot_bytes;
    /* The head's, as they were when its size was checked: what is written over it later leads
     * nobody out of the mapping. */
    uint32_t n_slots, pairs_max;
};

/* ---- the object ------------------------------------------------------------------------------ */

static size_t slot_bytes(uint32_t pairs_max)
{
    return sizeof(struct pages_slot) + pairs_max * sizeof(struct pages_pair);
}

/* From the head to the first slot. */
static size_t directory_bytes(uint32_t pairs_max)
{
    return sizeof(struct pages_header) + PAGES_CHAINS_MAX * sizeof(struct pages_chain_key) +
           (pairs_max * sizeof(struct pages_pair_key) + 4095) / 4096 * 4096;
}

static size_t total_bytes(uint32_t slots, uint32_t pairs_max)
{
    return directory_bytes(pairs_max) + slots * slot_bytes(pairs_max);
}

static size_t size_of(const void *object)
{
    const struct pages_header *head = object;
    bool is_ours = head->slots <= PAGES_SLOTS_MAX && head->pairs_max <= PAGES_PAIRS_MAX &&
                   head->total_bytes == total_bytes(head->slots, head->pairs_max);
    return is_ours ? head->total_bytes : 0;
}

static void forget_process(struct pages_slot *slot)
{
    atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
    pages_counter_set(&slot->active_streams, 0);
    pages_counter_set(&slot->connections, 0);
    for (uint32_t c = 0; c < PAGES_CHAINS_MAX; c++)
        pages_counter_set(&slot->queued[c], 0);
}

static bool is_all_zero(const char *bytes, size_t n)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* What a dead master's workers counted goes on, where the layout is the same. A slot that no worker
 * has used is zero there and here, and its pages stay untouched: those are in no process's memory.
 */
static void carry_over(void *object, const void *old_object)
{
    struct pages_header *head = object;
    const struct pages_header *old = old_object;
    if (old == NULL || old->slots != head->slots || old->pairs_max != head->pairs_max)
        return;
    size_t bytes = slot_bytes(head->pairs_max), first = directory_bytes(head->pairs_max);
    memcpy(head + 1, old + 1, first - sizeof(*head));
    pages_counter_set(&head->n_pairs, pages_counter_get(&old->n_pairs));
    for (uint32_t i = 0; i < head->slots; i++) {
        const char *from = (const char *)old + first + i * bytes;
        char *to = (char *)head + first + i * bytes;
        if (is_all_zero(from, bytes))
            continue;
        memcpy(to, from, bytes);
        forget_process((struct pages_slot *)to);
    }
}

const struct shm_kind pages_kind = {
    .suffix = ".workers",
    .magic = UINT64_C(0x5347415052495700), /* "\0WIRPAGS" */
    .version = 2,
    .mode = 0640,
    .head_bytes = sizeof(struct pages_header),
    .boot_id_at = offsetof(struct pages_header, boot_id),
    .size_of = size_of,
    .fill = carry_over,
};

static struct pages *wrap(const struct shm_object *object)
{
    struct pages *pages = xcalloc(1, sizeof(*pages));
    pages->object = *object;
    pages->head = object->map.base;
    pages->chains = (struct pages_chain_key *)(pages->head + 1);
    pages->keys = (struct pages_pair_key *)(pages->chains + PAGES_CHAINS_MAX);
    pages->n_slots = pages->head->slots;
    pages->pairs_max = pages->head->pairs_max;
    pages->slot_bytes = slot_bytes(pages->pairs_max);
    pages->slots = (char *)pages->head + directory_bytes(pages->pairs_max);
    return pages;
}

static struct pages *open_named(const char *table_name, bool is_writable)
{
    struct shm_object object;
    return shm_object_open(&pages_kind, table_name, is_writable, &object) ? wrap(&object) : NULL;
}

static struct pages *make(const char *table_name, uint32_t slots, uint32_t pairs_max, int gid)
{
    struct shm_object object;
    struct pages_header head = {.slots = slots, .pairs_max = pairs_max};
    head.total_bytes = total_bytes(slots, pairs_max);
    return shm_object_make(&pages_kind, table_name, &head, gid, &object) ? wrap(&object) : NULL;
}

struct pages *pages_create(const char *table_name, uint32_t slots, uint32_t pairs_max, int gid)
{
    struct pages *old = open_named(table_name, false);
    bool is_owned_by_living = old != NULL && pages_live_master(old) != 0;
    pages_close(&old);
    if (is_owned_by_living) {
        errno = EBUSY;
        return NULL;
    }
    struct pages *pages = make(table_name, slots, (pairs_max + 7) / 8 * 8, gid);
    if (pages != NULL && !pages_take_name(pages))
        pages_close(&pages);
    return pages;
}

struct pages *pages_take_over(const char *table_name, uint32_t slots, uint32_t pairs_max, int gid)
{
    pairs_max = (pairs_max + 7) / 8 * 8;
    struct pages *pages = open_named(table_name, true);
    if (pages != NULL && pages->n_slots >= slots / 2 && pages->pairs_max >= pairs_max / 2)
        return pages;
    pages_close(&pages);
    return make(table_name, slots, pairs_max, gid);
}

bool pages_is_taken_over(const struct pages *pages)
{
    return !pages->object.is_unnamed;
}

static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

void pages_release(struct pages *pages)
{
    struct flock lock = whole_file(F_UNLCK);
    fcntl(pages->object.map.fd, F_SETLK, &lock);
}

/* The lock comes before the name: no reader sees pages that nobody owns. */
bool pages_take_name(struct pages *pages)
{
    struct flock lock = whole_file(F_WRLCK);
    pages->head->master_pid = (int32_t)getpid();
    pages->head->started_at = clock_boot_ns();
    return fcntl(pages->object.map.fd, F_SETLK, &lock) == 0 && shm_object_take_name(&pages->object);
}

bool pages_restrict(struct pages *pages, uint32_t slot)
{
    const struct pages_slot *own = pages_slot(pages, slot);
    return own != NULL && shm_object_restrict(&pages->object, own, pages->slot_bytes);
}

struct pages *pages_open_reader(const char *table_name)
{
    return open_named(table_name, false);
}

bool pages_is_current(const struct pages *pages)
{
    return shm_object_is_named(&pages->object);
}

int32_t pages_live_master(const struct pages *pages)
{
    struct flock lock = whole_file(F_RDLCK);
    if (fcntl(pages->object.map.fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    return (int32_t)lock.l_pid;
}

void pages_close(struct pages **pages)
{
    if (*pages == NULL)
        return;
    shm_object_close(&(*pages)->object);
    free(*pages);
    *pages = NULL;
}

void pages_unlink(const struct pages *pages)
{
    shm_object_unlink(&pages->object);
}

/* ---- the directory ------------------------------------------------------------------------- */

int pages_pair_add(struct pages *pages, const char *provider, const char *model)
{
    uint64_t key_hash = pair_key_hash(provider, model);
    int found = pages_pair_find(pages, key_hash);
    uint64_t n = pages_counter_get(&pages->head->n_pairs);
    if (found >= 0 || n >= pages->pairs_max)
        return found;
    struct pages_pair_key *key = &pages->keys[n];
    *key = (struct pages_pair_key){.key_hash = key_hash};
    strncpy(key->provider, provider, sizeof(key->provider) - 1);
    strncpy(key->model, model, sizeof(key->model) - 1);
    atomic_store_explicit(&pages->head->n_pairs, n + 1, memory_order_release);
    return (int)n;
}

int pages_pair_find(const struct pages *pages, uint64_t key_hash)
{
    uint32_t n = pages_pairs(pages);
    for (uint32_t i = 0; i < n; i++)
        if (pages->keys[i].key_hash == key_hash)
            return (int)i;
    return -1;
}

void pages_pair_names(const struct pages *pages, int pair, const char **provider,
                      const char **model)
{
    *provider = pages->keys[pair].provider;
    *model = pages->keys[pair].model;
}

/* The place of the name, or the first free one, or the last. */
static uint32_t find_chain(const struct pages *pages, const char *name)
{
    uint32_t i = 0;
    for (; i < PAGES_CHAINS_MAX - 1; i++) {
        const struct pages_chain_key *key = &pages->chains[i];
        if (atomic_load_explicit((pages_counter *)&key->is_used, memory_order_acquire) == 0 ||
            strncmp(key->name, name, sizeof(key->name) - 1) == 0)
            break;
    }
    return i;
}

uint32_t pages_chain_add(struct pages *pages, const char *name)
{
    uint32_t i = find_chain(pages, name);
    struct pages_chain_key *key = &pages->chains[i];
    if (pages_counter_get(&key->is_used) != 0)
        return i;
    strncpy(key->name, i < PAGES_CHAINS_MAX - 1 ? name : "(other)", sizeof(key->name) - 1);
    atomic_store_explicit(&key->is_used, 1, memory_order_release);
    return i;
}

uint32_t pages_chain_find(const struct pages *pages, const char *name)
{
    uint32_t i = find_chain(pages, name);
    return pages_counter_get(&pages->chains[i].is_used) != 0 ? i : PAGES_CHAINS_MAX - 1;
}

const char *pages_chain_name(const struct pages *pages, uint32_t chain)
{
    const struct pages_chain_key *key = &pages->chains[chain];
    bool is_used = atomic_load_explicit((pages_counter *)&key->is_used, memory_order_acquire) != 0;
    return is_used ? key->name : NULL;
}

static const int codes[PAGES_CODES] = {0,   200, 400, 401, 404, 405, 408, 413,
                                       417, 422, 429, 431, 499, 500, 503, 504};

unsigned pages_code_index(int status)
{
    unsigned i = PAGES_CODES - 1;
    while (i > 0 && codes[i] != status)
        i--;
    return i;
}

int pages_code_status(unsigned index)
{
    return index < PAGES_CODES ? codes[index] : 0;
}

const char *pages_answer_word(enum pages_answer answer)
{
    static const char *const words[] = {
        [PAGES_ANSWER_COMPLETE] = "complete",
        [PAGES_ANSWER_ERROR] = "error",
        [PAGES_ANSWER_BROKEN] = "broken",
        [PAGES_ANSWER_LEFT] = "left",
    };
    return words[answer];
}

void pages_note(struct pages *pages, enum pages_note what)
{
    pages_counter_add(&pages->head->notes[what], 1);
}

void pages_note_refusal(struct pages *pages, enum pages_note what, const char *why)
{
    snprintf(pages->head->why, PAGES_WHY_BYTES, "%s", why);
    atomic_thread_fence(memory_order_release);
    pages_note(pages, what);
}

void pages_read_why(const struct pages *pages, char out[PAGES_WHY_BYTES])
{
    atomic_thread_fence(memory_order_acquire);
    memcpy(out, pages->head->why, PAGES_WHY_BYTES);
    out[PAGES_WHY_BYTES - 1] = '\0';
}

uint64_t pages_noted(const struct pages *pages, enum pages_note what)
{
    return pages_counter_get(&pages->head->notes[what]);
}

uint32_t pages_pairs_max(const struct pages *pages)
{
    return pages->pairs_max;
}

uint32_t pages_pairs(const struct pages *pages)
{
    uint64_t n = atomic_load_explicit(&pages->head->n_pairs, memory_order_acquire);
    return n < pages->pairs_max ? (uint32_t)n : pages->pairs_max;
}

uint32_t pages_slots(const struct pages *pages)
{
    return pages->n_slots;
}

/* ---- slots --------------------------------------------------------------------------------- */

struct pages_slot *pages_slot(const struct pages *pages, uint32_t slot)
{
    if (slot >= pages->n_slots)
        return NULL;
    return (struct pages_slot *)(pages->slots + slot * pages->slot_bytes);
}

struct pages_pair *pages_pair(const struct pages *pages, uint32_t slot, int pair)
{
    struct pages_slot *s = pages_slot(pages, slot);
    if (s == NULL || pair < 0 || (uint32_t)pair >= pages->pairs_max)
        return NULL;
    return (struct pages_pair *)(s + 1) + pair;
}

static void stamp(struct pages_pair *pair, pages_counter *started, pages_counter *ended,
                  uint64_t started_at, uint64_t ended_at)
{
    uint64_t seq = pages_counter_get(&pair->stamp_seq) | 1;
    atomic_store_explicit(&pair->stamp_seq, seq, memory_order_relaxed);
    atomic_store_explicit(started, started_at, memory_order_release);
    atomic_store_explicit(ended, ended_at, memory_order_release);
    atomic_store_explicit(&pair->stamp_seq, seq + 1, memory_order_release);
}

void pages_stamp_stream(struct pages_pair *pair, uint64_t started_at, uint64_t ended_at)
{
    stamp(pair, &pair->last_stream_success_started_at, &pair->last_stream_success_at, started_at,
          ended_at);
}

void pages_stamp_answer(struct pages_pair *pair, uint64_t started_at, uint64_t ended_at)
{
    stamp(pair, &pair->last_answer_success_started_at, &pair->last_answer_success_at, started_at,
          ended_at);
}

static uint64_t load_acquire(const pages_counter *c)
{
    return atomic_load_explicit((pages_counter *)c, memory_order_acquire);
}

bool pages_read_stamps(const struct pages_pair *pair, struct pages_stamps *out)
{
    for (int tries = 0; tries < STAMP_TRIES; tries++) {
        uint64_t seq = load_acquire(&pair->stamp_seq);
        out->stream_started_at = load_acquire(&pair->last_stream_success_started_at);
        out->stream_ended_at = load_acquire(&pair->last_stream_success_at);
        out->answer_started_at = load_acquire(&pair->last_answer_success_started_at);
        out->answer_ended_at = load_acquire(&pair->last_answer_success_at);
        if ((seq & 1) == 0 && pages_counter_get(&pair->stamp_seq) == seq)
            return true;
    }
    *out = (struct pages_stamps){0};
    return false;
}
