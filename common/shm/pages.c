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

#define WPAGES_MAGIC     UINT64_C(0x5347415052495700) /* "\0WIRPAGS" */
#define WPAGES_VERSION   2
#define WPAGES_SUFFIX    ".workers"
#define WPAGES_SLOTS_MAX 4096
#define WPAGES_PAIRS_MAX 65536
#define STAMP_TRIES      64

struct wpages_header { /* 4096 bytes */
    uint64_t magic;    /* written last */
    uint32_t version, slots, pairs_max, zero;
    uint64_t total_bytes;
    uint64_t boot_id[BOOTID_WORDS];
    int32_t master_pid, zero2;
    uint64_t started_at;
    wcounter n_pairs; /* published after the entry it counts */
    wcounter notes[4];
    uint64_t reserved[499];
};
_Static_assert(sizeof(struct wpages_header) == 4096, "wpages layout");
_Static_assert(WPAGES_NOTES <= 4, "wpages layout");

struct wpages_pair_key { /* 256 bytes */
    uint64_t key_hash;
    char provider[64];
    char model[128];
    uint64_t reserved[7];
};
_Static_assert(sizeof(struct wpages_pair_key) == 256, "wpages layout");

struct wpages_chain_key { /* 128 bytes */
    char name[120];       /* cut when longer: then it shares with another of that beginning */
    wcounter is_used;     /* published after the name */
};
_Static_assert(sizeof(struct wpages_chain_key) == 128, "wpages layout");

struct wpages {
    struct shmobj object;
    char name[SHMOBJ_NAME_MAX];
    struct wpages_header *head;
    struct wpages_chain_key *chains;
    struct wpages_pair_key *keys;
    char *slots;
    size_t slot_bytes;
    bool is_unnamed; /* to be published by wpages_claim */
    int gid;
};

/* ---- making -------------------------------------------------------------------------------- */

static size_t slot_bytes(uint32_t pairs_max)
{
    return sizeof(struct wpages_slot) + pairs_max * sizeof(struct wpages_pair);
}

static size_t total_bytes(uint32_t slots, uint32_t pairs_max)
{
    size_t directory = (pairs_max * sizeof(struct wpages_pair_key) + 4095) / 4096 * 4096;
    return sizeof(struct wpages_header) + WPAGES_CHAINS_MAX * sizeof(struct wpages_chain_key) +
           directory + slots * slot_bytes(pairs_max);
}

static bool head_is_good(const struct wpages_header *head, size_t size)
{
    uint64_t boot_id[BOOTID_WORDS];
    bootid_read(boot_id);
    return head->magic == WPAGES_MAGIC && head->version == WPAGES_VERSION &&
           head->slots <= WPAGES_SLOTS_MAX && head->pairs_max <= WPAGES_PAIRS_MAX &&
           head->total_bytes == size && total_bytes(head->slots, head->pairs_max) == size &&
           memcmp(head->boot_id, boot_id, sizeof(boot_id)) == 0;
}

static struct wpages *wrap(const struct shmobj *object, const char *name)
{
    struct wpages *pages = xcalloc(1, sizeof(*pages));
    pages->object = *object;
    strcpy(pages->name, name);
    pages->head = object->base;
    pages->chains = (struct wpages_chain_key *)(pages->head + 1);
    pages->keys = (struct wpages_pair_key *)(pages->chains + WPAGES_CHAINS_MAX);
    pages->slot_bytes = slot_bytes(pages->head->pairs_max);
    pages->slots = (char *)object->base + object->size - pages->head->slots * pages->slot_bytes;
    return pages;
}

static struct wpages *open_named(const char *name, bool is_writable)
{
    struct shmobj object;
    if (shmobj_open(name, is_writable, sizeof(struct wpages_header), &object) != 0)
        return NULL;
    if (!head_is_good(object.base, object.size)) {
        shmobj_close(&object);
        return NULL;
    }
    return wrap(&object, name);
}

static void forget_process(struct wpages_slot *slot)
{
    atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
    wcounter_set(&slot->active_streams, 0);
    wcounter_set(&slot->connections, 0);
    for (uint32_t c = 0; c < WPAGES_CHAINS_MAX; c++)
        wcounter_set(&slot->queued[c], 0);
}

static bool is_all_zero(const char *bytes, size_t n)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* A slot that no worker has used is zero there and here, and its pages stay untouched: those are in
 * no process's memory. */
static void inherit_slot(struct wpages *pages, const struct wpages *old, uint32_t slot)
{
    const struct wpages_slot *from = wpages_slot(old, slot);
    if (is_all_zero((const char *)from, pages->slot_bytes))
        return;
    memcpy(wpages_slot(pages, slot), from, pages->slot_bytes);
    forget_process(wpages_slot(pages, slot));
}

/* What a dead master's workers counted goes on: same boot, same layout. */
static void inherit_counts(struct wpages *pages)
{
    struct wpages_header *head = pages->head;
    struct wpages *old = open_named(pages->name, false);
    if (old == NULL)
        return;
    if (old->head->slots == head->slots && old->head->pairs_max == head->pairs_max) {
        memcpy(head + 1, old->head + 1, (size_t)(pages->slots - (char *)(head + 1)));
        wcounter_set(&head->n_pairs, wcounter_get(&old->head->n_pairs));
        for (uint32_t i = 0; i < head->slots; i++)
            inherit_slot(pages, old, i);
    }
    wpages_close(&old);
}

static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static bool is_owned_by_living(const char *name)
{
    struct wpages *old = open_named(name, false);
    bool is_owned = old != NULL && wpages_live_master(old) != 0;
    wpages_close(&old);
    return is_owned;
}

static struct wpages *make(const char *name, uint32_t slots, uint32_t pairs_max, int gid)
{
    struct shmobj object;
    size_t size = total_bytes(slots, pairs_max);
    if (shmobj_create(name, size, &object) != 0)
        return NULL;
    struct wpages_header *head = object.base;
    *head = (struct wpages_header){
        .version = WPAGES_VERSION,
        .slots = slots,
        .pairs_max = pairs_max,
        .total_bytes = size,
    };
    bootid_read(head->boot_id);
    struct wpages *pages = wrap(&object, name);
    inherit_counts(pages);
    atomic_thread_fence(memory_order_release);
    head->magic = WPAGES_MAGIC;
    pages->is_unnamed = true;
    pages->gid = gid;
    return pages;
}

static bool check_request(char name[SHMOBJ_NAME_MAX], const char *table_name, uint32_t slots,
                          uint32_t pairs_max)
{
    if (slots <= WPAGES_SLOTS_MAX && pairs_max <= WPAGES_PAIRS_MAX &&
        shmobj_name(name, table_name, WPAGES_SUFFIX))
        return true;
    errno = EINVAL;
    return false;
}

struct wpages *wpages_create(const char *table_name, uint32_t slots, uint32_t pairs_max,
                             int group_gid)
{
    char name[SHMOBJ_NAME_MAX];
    pairs_max = (pairs_max + 7) / 8 * 8;
    if (!check_request(name, table_name, slots, pairs_max))
        return NULL;
    if (is_owned_by_living(name)) {
        errno = EBUSY;
        return NULL;
    }
    struct wpages *pages = make(name, slots, pairs_max, group_gid);
    if (pages != NULL && wpages_claim(pages) != 0)
        wpages_close(&pages);
    return pages;
}

struct wpages *wpages_take_over(const char *table_name, uint32_t slots, uint32_t pairs_max,
                                int group_gid)
{
    char name[SHMOBJ_NAME_MAX];
    pairs_max = (pairs_max + 7) / 8 * 8;
    if (!check_request(name, table_name, slots, pairs_max))
        return NULL;
    struct wpages *pages = open_named(name, true);
    if (pages != NULL && pages->head->slots >= slots / 2 && pages->head->pairs_max >= pairs_max / 2)
        return pages;
    wpages_close(&pages);
    return make(name, slots, pairs_max, group_gid);
}

bool wpages_is_taken_over(const struct wpages *pages)
{
    return !pages->is_unnamed;
}

void wpages_release(struct wpages *pages)
{
    struct flock lock = whole_file(F_UNLCK);
    fcntl(pages->object.fd, F_SETLK, &lock);
}

/* The lock comes before the name: no reader sees pages that nobody owns. */
int wpages_claim(struct wpages *pages)
{
    struct flock lock = whole_file(F_WRLCK);
    pages->head->master_pid = (int32_t)getpid();
    pages->head->started_at = clock_boot_ns();
    if (fcntl(pages->object.fd, F_SETLK, &lock) != 0)
        return -1;
    if (!pages->is_unnamed)
        return 0;
    pages->is_unnamed = false;
    return shmobj_publish(&pages->object, pages->name, 0640, pages->gid);
}

void wpages_give(const char *table_name, int uid)
{
    char name[SHMOBJ_NAME_MAX];
    if (shmobj_name(name, table_name, WPAGES_SUFFIX))
        shmobj_give(name, uid);
}

int wpages_restrict(struct wpages *pages, uint32_t slot)
{
    char *base = pages->object.base, *own = (char *)wpages_slot(pages, slot);
    if (own == NULL)
        return -1;
    if (mprotect(base, (size_t)(own - base), PROT_READ) != 0)
        return -1;
    char *behind = own + pages->slot_bytes;
    size_t rest = pages->object.size - (size_t)(behind - base);
    return rest == 0 ? 0 : mprotect(behind, rest, PROT_READ);
}

struct wpages *wpages_open_reader(const char *table_name)
{
    char name[SHMOBJ_NAME_MAX];
    return shmobj_name(name, table_name, WPAGES_SUFFIX) ? open_named(name, false) : NULL;
}

bool wpages_is_current(const struct wpages *pages)
{
    return shmobj_is_named(&pages->object, pages->name);
}

int32_t wpages_live_master(const struct wpages *pages)
{
    struct flock lock = whole_file(F_RDLCK);
    if (fcntl(pages->object.fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    return (int32_t)lock.l_pid;
}

void wpages_close(struct wpages **pages)
{
    if (*pages == NULL)
        return;
    shmobj_close(&(*pages)->object);
    free(*pages);
    *pages = NULL;
}

void wpages_unlink(const struct wpages *pages)
{
    shmobj_unlink(&pages->object, pages->name);
}

/* ---- the directory ------------------------------------------------------------------------- */

int wpages_pair_add(struct wpages *pages, const char *provider, const char *model)
{
    uint64_t key_hash = pair_key_hash(provider, model);
    int found = wpages_pair_find(pages, key_hash);
    uint64_t n = wcounter_get(&pages->head->n_pairs);
    if (found >= 0 || n >= pages->head->pairs_max)
        return found;
    struct wpages_pair_key *key = &pages->keys[n];
    *key = (struct wpages_pair_key){.key_hash = key_hash};
    strncpy(key->provider, provider, sizeof(key->provider) - 1);
    strncpy(key->model, model, sizeof(key->model) - 1);
    atomic_store_explicit(&pages->head->n_pairs, n + 1, memory_order_release);
    return (int)n;
}

int wpages_pair_find(const struct wpages *pages, uint64_t key_hash)
{
    uint32_t n = wpages_pairs(pages);
    for (uint32_t i = 0; i < n; i++)
        if (pages->keys[i].key_hash == key_hash)
            return (int)i;
    return -1;
}

void wpages_pair_names(const struct wpages *pages, int pair, const char **provider,
                       const char **model)
{
    *provider = pages->keys[pair].provider;
    *model = pages->keys[pair].model;
}

/* The place of the name, or the first free one, or the last. */
static uint32_t find_chain(const struct wpages *pages, const char *name)
{
    uint32_t i = 0;
    for (; i < WPAGES_CHAINS_MAX - 1; i++) {
        const struct wpages_chain_key *key = &pages->chains[i];
        if (atomic_load_explicit((wcounter *)&key->is_used, memory_order_acquire) == 0 ||
            strncmp(key->name, name, sizeof(key->name) - 1) == 0)
            break;
    }
    return i;
}

uint32_t wpages_chain_add(struct wpages *pages, const char *name)
{
    uint32_t i = find_chain(pages, name);
    struct wpages_chain_key *key = &pages->chains[i];
    if (wcounter_get(&key->is_used) != 0)
        return i;
    strncpy(key->name, i < WPAGES_CHAINS_MAX - 1 ? name : "(other)", sizeof(key->name) - 1);
    atomic_store_explicit(&key->is_used, 1, memory_order_release);
    return i;
}

uint32_t wpages_chain_find(const struct wpages *pages, const char *name)
{
    uint32_t i = find_chain(pages, name);
    return wcounter_get(&pages->chains[i].is_used) != 0 ? i : WPAGES_CHAINS_MAX - 1;
}

const char *wpages_chain_name(const struct wpages *pages, uint32_t chain)
{
    const struct wpages_chain_key *key = &pages->chains[chain];
    bool is_used = atomic_load_explicit((wcounter *)&key->is_used, memory_order_acquire) != 0;
    return is_used ? key->name : NULL;
}

uint64_t wpages_queued(const struct wpages *pages, const char *chain)
{
    uint32_t place = wpages_chain_find(pages, chain);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < wpages_slots(pages); i++) {
        const struct wpages_slot *slot = wpages_slot(pages, i);
        if (atomic_load_explicit(&slot->pid, memory_order_relaxed) != 0)
            sum += wcounter_get(&slot->queued[place]);
    }
    return sum;
}

static const int codes[WPAGES_CODES] = {0,   200, 400, 401, 404, 405, 408, 413,
                                        417, 422, 429, 431, 499, 500, 503, 504};

unsigned wpages_code_index(int status)
{
    unsigned i = WPAGES_CODES - 1;
    while (i > 0 && codes[i] != status)
        i--;
    return i;
}

int wpages_code_status(unsigned index)
{
    return index < WPAGES_CODES ? codes[index] : 0;
}

void wpages_note(struct wpages *pages, enum wpages_note what)
{
    wcounter_add(&pages->head->notes[what], 1);
}

uint64_t wpages_noted(const struct wpages *pages, enum wpages_note what)
{
    return wcounter_get(&pages->head->notes[what]);
}

uint32_t wpages_pairs_max(const struct wpages *pages)
{
    return pages->head->pairs_max;
}

uint32_t wpages_pairs(const struct wpages *pages)
{
    uint64_t n = atomic_load_explicit(&pages->head->n_pairs, memory_order_acquire);
    return n < pages->head->pairs_max ? (uint32_t)n : pages->head->pairs_max;
}

uint32_t wpages_slots(const struct wpages *pages)
{
    return pages->head->slots;
}

/* ---- slots --------------------------------------------------------------------------------- */

struct wpages_slot *wpages_slot(const struct wpages *pages, uint32_t slot)
{
    if (slot >= pages->head->slots)
        return NULL;
    return (struct wpages_slot *)(pages->slots + slot * pages->slot_bytes);
}

struct wpages_pair *wpages_pair(const struct wpages *pages, uint32_t slot, int pair)
{
    struct wpages_slot *s = wpages_slot(pages, slot);
    if (s == NULL || pair < 0 || (uint32_t)pair >= pages->head->pairs_max)
        return NULL;
    return (struct wpages_pair *)(s + 1) + pair;
}

static void stamp(struct wpages_pair *pair, wcounter *started, wcounter *ended, uint64_t started_at,
                  uint64_t ended_at)
{
    uint64_t seq = wcounter_get(&pair->stamp_seq) | 1;
    atomic_store_explicit(&pair->stamp_seq, seq, memory_order_relaxed);
    atomic_store_explicit(started, started_at, memory_order_release);
    atomic_store_explicit(ended, ended_at, memory_order_release);
    atomic_store_explicit(&pair->stamp_seq, seq + 1, memory_order_release);
}

void wpages_stamp_stream(struct wpages_pair *pair, uint64_t started_at, uint64_t ended_at)
{
    stamp(pair, &pair->last_stream_success_started_at, &pair->last_stream_success_at, started_at,
          ended_at);
}

void wpages_stamp_answer(struct wpages_pair *pair, uint64_t started_at, uint64_t ended_at)
{
    stamp(pair, &pair->last_answer_success_started_at, &pair->last_answer_success_at, started_at,
          ended_at);
}

static uint64_t load_acquire(const wcounter *c)
{
    return atomic_load_explicit((wcounter *)c, memory_order_acquire);
}

bool wpages_read_stamps(const struct wpages_pair *pair, struct wpages_stamps *out)
{
    for (int tries = 0; tries < STAMP_TRIES; tries++) {
        uint64_t seq = load_acquire(&pair->stamp_seq);
        out->stream_started_at = load_acquire(&pair->last_stream_success_started_at);
        out->stream_ended_at = load_acquire(&pair->last_stream_success_at);
        out->answer_started_at = load_acquire(&pair->last_answer_success_started_at);
        out->answer_ended_at = load_acquire(&pair->last_answer_success_at);
        if ((seq & 1) == 0 && wcounter_get(&pair->stamp_seq) == seq)
            return true;
    }
    *out = (struct wpages_stamps){0};
    return false;
}

static void add_pair(struct wpages_sum *sum, const struct wpages_pair *p)
{
    sum->requests += wcounter_get(&p->requests);
    sum->successes += wcounter_get(&p->successes);
    sum->failures += wcounter_get(&p->failures);
    sum->mid_failures += wcounter_get(&p->mid_failures);
    sum->tokens += wcounter_get(&p->tokens);
    for (int i = 0; i < WPAGES_OUTCOMES; i++)
        sum->outcomes[i] += wcounter_get(&p->outcomes[i]);
    struct wpages_stamps stamps;
    wpages_read_stamps(p, &stamps);
    if (stamps.stream_ended_at > sum->last_stream_success_at) {
        sum->last_stream_success_at = stamps.stream_ended_at;
        sum->last_stream_success_started_at = stamps.stream_started_at;
    }
    if (stamps.answer_ended_at > sum->last_answer_success_at)
        sum->last_answer_success_at = stamps.answer_ended_at;
}

void wpages_sum(const struct wpages *pages, int pair, struct wpages_sum *out)
{
    *out = (struct wpages_sum){0};
    for (uint32_t slot = 0; slot < wpages_slots(pages); slot++) {
        const struct wpages_pair *p = wpages_pair(pages, slot, pair);
        if (p != NULL)
            add_pair(out, p);
    }
}
