/* SPDX-License-Identifier: MIT */
/* See pages.h. */
#include "common/shm/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/shm/bootid.h"
#include "common/shm/object.h"
#include "common/terms/pair_key.h"

#define PAGES_MAGIC     UINT64_C(0x5347415052495700) /* "\0WIRPAGS" */
#define PAGES_VERSION   2
#define PAGES_SUFFIX    ".workers"
#define PAGES_SLOTS_MAX 4096
#define PAGES_PAIRS_MAX 65536
#define STAMP_TRIES     64

struct pages_header { /* 4096 bytes */
    uint64_t magic;   /* written last */
    uint32_t version, slots, pairs_max, zero;
    uint64_t total_bytes;
    uint64_t boot_id[BOOTID_WORDS];
    int32_t master_pid, zero2;
    uint64_t started_at;
    pages_counter n_pairs; /* published after the entry it counts */
    pages_counter notes[4];
    uint64_t reserved[499];
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
    char name[SHM_OBJECT_NAME_MAX];
    struct pages_header *head;
    struct pages_chain_key *chains;
    struct pages_pair_key *keys;
    char *slots;
    size_t slot_bytes;
    bool is_unnamed; /* to be published by pages_take_name */
    int gid;
};

/* ---- making -------------------------------------------------------------------------------- */

static size_t slot_bytes(uint32_t pairs_max)
{
    return sizeof(struct pages_slot) + pairs_max * sizeof(struct pages_pair);
}

static size_t total_bytes(uint32_t slots, uint32_t pairs_max)
{
    size_t directory = (pairs_max * sizeof(struct pages_pair_key) + 4095) / 4096 * 4096;
    return sizeof(struct pages_header) + PAGES_CHAINS_MAX * sizeof(struct pages_chain_key) +
           directory + slots * slot_bytes(pairs_max);
}

static bool head_is_good(const struct pages_header *head, size_t size)
{
    uint64_t boot_id[BOOTID_WORDS];
    bootid_read(boot_id);
    return head->magic == PAGES_MAGIC && head->version == PAGES_VERSION &&
           head->slots <= PAGES_SLOTS_MAX && head->pairs_max <= PAGES_PAIRS_MAX &&
           head->total_bytes == size && total_bytes(head->slots, head->pairs_max) == size &&
           memcmp(head->boot_id, boot_id, sizeof(boot_id)) == 0;
}

static struct pages *wrap(const struct shm_object *object, const char *name)
{
    struct pages *pages = xcalloc(1, sizeof(*pages));
    pages->object = *object;
    strcpy(pages->name, name);
    pages->head = object->base;
    pages->chains = (struct pages_chain_key *)(pages->head + 1);
    pages->keys = (struct pages_pair_key *)(pages->chains + PAGES_CHAINS_MAX);
    pages->slot_bytes = slot_bytes(pages->head->pairs_max);
    pages->slots = (char *)object->base + object->size - pages->head->slots * pages->slot_bytes;
    return pages;
}

static struct pages *open_named(const char *name, bool is_writable)
{
    struct shm_object object;
    if (shm_object_open(name, is_writable, sizeof(struct pages_header), &object) != 0)
        return NULL;
    if (!head_is_good(object.base, object.size)) {
        shm_object_close(&object);
        return NULL;
    }
    return wrap(&object, name);
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

/* A slot that no worker has used is zero there and here, and its pages stay untouched: those are in
 * no process's memory. */
static void inherit_slot(struct pages *pages, const struct pages *old, uint32_t slot)
{
    const struct pages_slot *from = pages_slot(old, slot);
    if (is_all_zero((const char *)from, pages->slot_bytes))
        return;
    memcpy(pages_slot(pages, slot), from, pages->slot_bytes);
    forget_process(pages_slot(pages, slot));
}

/* What a dead master's workers counted goes on: same boot, same layout. */
static void inherit_counts(struct pages *pages)
{
    struct pages_header *head = pages->head;
    struct pages *old = open_named(pages->name, false);
    if (old == NULL)
        return;
    if (old->head->slots == head->slots && old->head->pairs_max == head->pairs_max) {
        memcpy(head + 1, old->head + 1, (size_t)(pages->slots - (char *)(head + 1)));
        pages_counter_set(&head->n_pairs, pages_counter_get(&old->head->n_pairs));
        for (uint32_t i = 0; i < head->slots; i++)
            inherit_slot(pages, old, i);
    }
    pages_close(&old);
}

static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static bool is_owned_by_living(const char *name)
{
    struct pages *old = open_named(name, false);
    bool is_owned = old != NULL && pages_live_master(old) != 0;
    pages_close(&old);
    return is_owned;
}

static struct pages *make(const char *name, uint32_t slots, uint32_t pairs_max, int gid)
{
    struct shm_object object;
    size_t size = total_bytes(slots, pairs_max);
    if (shm_object_create(name, size, &object) != 0)
        return NULL;
    struct pages_header *head = object.base;
    *head = (struct pages_header){
        .version = PAGES_VERSION,
        .slots = slots,
        .pairs_max = pairs_max,
        .total_bytes = size,
    };
    bootid_read(head->boot_id);
    struct pages *pages = wrap(&object, name);
    inherit_counts(pages);
    atomic_thread_fence(memory_order_release);
    head->magic = PAGES_MAGIC;
    pages->is_unnamed = true;
    pages->gid = gid;
    return pages;
}

static bool check_request(char name[SHM_OBJECT_NAME_MAX], const char *table_name, uint32_t slots,
                          uint32_t pairs_max)
{
    if (slots <= PAGES_SLOTS_MAX && pairs_max <= PAGES_PAIRS_MAX &&
        shm_object_name(name, table_name, PAGES_SUFFIX))
        return true;
    errno = EINVAL;
    return false;
}

struct pages *pages_create(const char *table_name, uint32_t slots, uint32_t pairs_max,
                           int group_gid)
{
    char name[SHM_OBJECT_NAME_MAX];
    pairs_max = (pairs_max + 7) / 8 * 8;
    if (!check_request(name, table_name, slots, pairs_max))
        return NULL;
    if (is_owned_by_living(name)) {
        errno = EBUSY;
        return NULL;
    }
    struct pages *pages = make(name, slots, pairs_max, group_gid);
    if (pages != NULL && pages_take_name(pages) != 0)
        pages_close(&pages);
    return pages;
}

struct pages *pages_take_over(const char *table_name, uint32_t slots, uint32_t pairs_max,
                              int group_gid)
{
    char name[SHM_OBJECT_NAME_MAX];
    pairs_max = (pairs_max + 7) / 8 * 8;
    if (!check_request(name, table_name, slots, pairs_max))
        return NULL;
    struct pages *pages = open_named(name, true);
    if (pages != NULL && pages->head->slots >= slots / 2 && pages->head->pairs_max >= pairs_max / 2)
        return pages;
    pages_close(&pages);
    return make(name, slots, pairs_max, group_gid);
}

bool pages_is_taken_over(const struct pages *pages)
{
    return !pages->is_unnamed;
}

void pages_release(struct pages *pages)
{
    struct flock lock = whole_file(F_UNLCK);
    fcntl(pages->object.fd, F_SETLK, &lock);
}

/* The lock comes before the name: no reader sees pages that nobody owns. */
int pages_take_name(struct pages *pages)
{
    struct flock lock = whole_file(F_WRLCK);
    pages->head->master_pid = (int32_t)getpid();
    pages->head->started_at = clock_boot_ns();
    if (fcntl(pages->object.fd, F_SETLK, &lock) != 0)
        return -1;
    if (!pages->is_unnamed)
        return 0;
    pages->is_unnamed = false;
    return shm_object_publish(&pages->object, pages->name, 0640, pages->gid);
}

void pages_give(const char *table_name, int uid)
{
    char name[SHM_OBJECT_NAME_MAX];
    if (shm_object_name(name, table_name, PAGES_SUFFIX))
        shm_object_give(name, uid);
}

int pages_restrict(struct pages *pages, uint32_t slot)
{
    char *base = pages->object.base, *own = (char *)pages_slot(pages, slot);
    if (own == NULL)
        return -1;
    if (mprotect(base, (size_t)(own - base), PROT_READ) != 0)
        return -1;
    char *behind = own + pages->slot_bytes;
    size_t rest = pages->object.size - (size_t)(behind - base);
    return rest == 0 ? 0 : mprotect(behind, rest, PROT_READ);
}

struct pages *pages_open_reader(const char *table_name)
{
    char name[SHM_OBJECT_NAME_MAX];
    return shm_object_name(name, table_name, PAGES_SUFFIX) ? open_named(name, false) : NULL;
}

bool pages_is_current(const struct pages *pages)
{
    return shm_object_is_named(&pages->object, pages->name);
}

int32_t pages_live_master(const struct pages *pages)
{
    struct flock lock = whole_file(F_RDLCK);
    if (fcntl(pages->object.fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
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
    shm_object_unlink(&pages->object, pages->name);
}

/* ---- the directory ------------------------------------------------------------------------- */

int pages_pair_add(struct pages *pages, const char *provider, const char *model)
{
    uint64_t key_hash = pair_key_hash(provider, model);
    int found = pages_pair_find(pages, key_hash);
    uint64_t n = pages_counter_get(&pages->head->n_pairs);
    if (found >= 0 || n >= pages->head->pairs_max)
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

void pages_note(struct pages *pages, enum pages_note what)
{
    pages_counter_add(&pages->head->notes[what], 1);
}

uint64_t pages_noted(const struct pages *pages, enum pages_note what)
{
    return pages_counter_get(&pages->head->notes[what]);
}

uint32_t pages_pairs_max(const struct pages *pages)
{
    return pages->head->pairs_max;
}

uint32_t pages_pairs(const struct pages *pages)
{
    uint64_t n = atomic_load_explicit(&pages->head->n_pairs, memory_order_acquire);
    return n < pages->head->pairs_max ? (uint32_t)n : pages->head->pairs_max;
}

uint32_t pages_slots(const struct pages *pages)
{
    return pages->head->slots;
}

/* ---- slots --------------------------------------------------------------------------------- */

struct pages_slot *pages_slot(const struct pages *pages, uint32_t slot)
{
    if (slot >= pages->head->slots)
        return NULL;
    return (struct pages_slot *)(pages->slots + slot * pages->slot_bytes);
}

struct pages_pair *pages_pair(const struct pages *pages, uint32_t slot, int pair)
{
    struct pages_slot *s = pages_slot(pages, slot);
    if (s == NULL || pair < 0 || (uint32_t)pair >= pages->head->pairs_max)
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
