/* SPDX-License-Identifier: MIT */
/* See ledger.h. */
#include "common/shm/ledger.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/alloc.h"

#define LEDGER_PAIRS_MAX 65536

#define NS_PER_S UINT64_C(1000000000)

typedef _Atomic uint64_t word;

struct ledger_header {    /* 4096 bytes */
    struct shm_head head; /* extent: pairs */
    uint64_t reserved[508];
};
_Static_assert(sizeof(struct ledger_header) == 4096, "ledger layout");

struct ledger_pair { /* 8192 bytes */
    /* start of the window in seconds of the boot clock << 32 | used in it */
    word budgets[LEDGER_BUDGETS];
    word reserved[13];
    word recovery[LEDGER_RECOVERY_MAX];
    word concurrent[LEDGER_CONCURRENT_MAX];
};
_Static_assert(sizeof(struct ledger_pair) == 8192, "ledger layout");
#define PLACES_PER_PAIR (LEDGER_RECOVERY_MAX + LEDGER_CONCURRENT_MAX)

static const uint32_t window_s[LEDGER_BUDGETS] = {
    [LEDGER_REQUESTS_MINUTE] = 60,
    [LEDGER_TOKENS_MINUTE] = 60,
    [LEDGER_REQUESTS_DAY] = 24 * 3600,
};

struct ledger {
    struct shm_object object;
    struct ledger_pair *pairs;
    uint32_t pairs_max;
    uint32_t hints[LEDGER_KINDS]; /* where a free place was last seen; this process's own */
};

/* ---- the object ------------------------------------------------------------------------------ */

static size_t size_of(const void *object)
{
    const struct ledger_header *header = object;
    uint32_t pairs_max = header->head.extent;
    bool is_ours = pairs_max <= LEDGER_PAIRS_MAX;
    return is_ours ? sizeof(*header) + pairs_max * sizeof(struct ledger_pair) : 0;
}

/* A day's budget must not start again because the master did. What was never used stays untouched.
 */
static void carry_over(void *object, const void *old_object)
{
    struct ledger_header *header = object;
    const struct ledger_header *old = old_object;
    if (old == NULL || old->head.extent != header->head.extent)
        return;
    struct ledger_pair *to = (struct ledger_pair *)(header + 1);
    const struct ledger_pair *from = (const struct ledger_pair *)(old + 1);
    for (uint32_t i = 0; i < header->head.extent; i++) {
        for (int b = 0; b < LEDGER_BUDGETS; b++) {
            uint64_t value = atomic_load((word *)&from[i].budgets[b]);
            if (value != 0)
                atomic_store(&to[i].budgets[b], value);
        }
    }
}

const struct shm_kind ledger_kind = {
    .suffix = ".ledger",
    .magic = UINT64_C(0x52474c5249455700), /* "\0WEIRLGR" */
    .version = 1,
    .mode = 0640,
    .head_bytes = sizeof(struct ledger_header),
    .boot_id_at = offsetof(struct ledger_header, head.boot_id),
    .size_of = size_of,
    .fill = carry_over,
};

static struct ledger *wrap(const struct shm_object *object)
{
    struct ledger *ledger = xcalloc(1, sizeof(*ledger));
    struct ledger_header *header = object->map.base;
    ledger->object = *object;
    ledger->pairs = (struct ledger_pair *)(header + 1);
    ledger->pairs_max = header->head.extent;
    return ledger;
}

static struct ledger *open_named(const char *table_name, bool is_writable)
{
    struct shm_object object;
    return shm_object_open(&ledger_kind, table_name, is_writable, &object) ? wrap(&object) : NULL;
}

static struct ledger *make(const char *table_name, uint32_t pairs_max, int gid)
{
    struct shm_object object;
    struct ledger_header header = {.head.extent = pairs_max};
    return shm_object_make(&ledger_kind, table_name, &header, gid, &object) ? wrap(&object) : NULL;
}

struct ledger *ledger_create(const char *table_name, uint32_t pairs_max, int gid)
{
    struct ledger *ledger = make(table_name, pairs_max, gid);
    if (ledger != NULL && !ledger_take_name(ledger))
        ledger_close(&ledger);
    return ledger;
}

struct ledger *ledger_take_over(const char *table_name, uint32_t pairs_max, int gid)
{
    struct ledger *ledger = open_named(table_name, true);
    if (ledger != NULL && ledger->pairs_max == pairs_max)
        return ledger;
    ledger_close(&ledger);
    return make(table_name, pairs_max, gid);
}

struct ledger *ledger_open_reader(const char *table_name)
{
    return open_named(table_name, false);
}

bool ledger_take_name(struct ledger *ledger)
{
    return shm_object_take_name(&ledger->object);
}

void ledger_close(struct ledger **ledger)
{
    if (*ledger == NULL)
        return;
    shm_object_close(&(*ledger)->object);
    free(*ledger);
    *ledger = NULL;
}

void ledger_unlink(const struct ledger *ledger)
{
    shm_object_unlink(&ledger->object);
}

/* ---- places ---------------------------------------------------------------------------------- */

uint64_t ledger_owner(uint32_t slot, uint64_t incarnation)
{
    return ((uint64_t)slot + 1) << 48 | (incarnation & UINT64_C(0xffffffffffff));
}

uint32_t ledger_slot_of(uint64_t owner)
{
    return (uint32_t)(owner >> 48) - 1;
}

static word *places_of(const struct ledger *ledger, int pair, enum ledger_kind kind, uint32_t *max)
{
    struct ledger_pair *p = &ledger->pairs[pair];
    *max = kind == LEDGER_RECOVERY ? LEDGER_RECOVERY_MAX : LEDGER_CONCURRENT_MAX;
    return kind == LEDGER_RECOVERY ? p->recovery : p->concurrent;
}

/* Places are numbered through all pairs and kinds. */
static int32_t number_of(int pair, enum ledger_kind kind, uint32_t index)
{
    uint32_t first = kind == LEDGER_RECOVERY ? 0 : LEDGER_RECOVERY_MAX;
    return (int32_t)((uint32_t)pair * PLACES_PER_PAIR + first + index);
}

static word *place_at(const struct ledger *ledger, int32_t place)
{
    uint32_t index = (uint32_t)place % PLACES_PER_PAIR;
    struct ledger_pair *p = &ledger->pairs[(uint32_t)place / PLACES_PER_PAIR];
    return index < LEDGER_RECOVERY_MAX ? &p->recovery[index]
                                       : &p->concurrent[index - LEDGER_RECOVERY_MAX];
}

int32_t ledger_claim(struct ledger *ledger, int pair, enum ledger_kind kind, uint32_t limit,
                     uint64_t owner)
{
    uint32_t max;
    if (limit == 0 || pair < 0 || (uint32_t)pair >= ledger->pairs_max)
        return LEDGER_UNLIMITED;
    word *places = places_of(ledger, pair, kind, &max);
    uint32_t n = limit < max ? limit : max;
    uint32_t start = ledger->hints[kind] % n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = start + i < n ? start + i : start + i - n;
        uint64_t nobody = 0;
        if (atomic_load_explicit(&places[index], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&places[index], &nobody, owner)) {
            ledger->hints[kind] = index + 1;
            return number_of(pair, kind, index);
        }
    }
    return LEDGER_REFUSED;
}

void ledger_release(struct ledger *ledger, int32_t place, uint64_t owner)
{
    if (place < 0 || (uint32_t)place >= ledger->pairs_max * PLACES_PER_PAIR)
        return;
    uint64_t mine = owner;
    atomic_compare_exchange_strong(place_at(ledger, place), &mine, 0);
}

bool ledger_has_place(const struct ledger *ledger, int pair, enum ledger_kind kind, uint32_t limit)
{
    uint32_t max;
    if (limit == 0 || pair < 0 || (uint32_t)pair >= ledger->pairs_max)
        return true;
    word *places = places_of(ledger, pair, kind, &max);
    for (uint32_t i = 0; i < limit && i < max; i++)
        if (atomic_load_explicit(&places[i], memory_order_relaxed) == 0)
            return true;
    return false;
}

uint64_t ledger_owner_of(const struct ledger *ledger, int pair, enum ledger_kind kind,
                         uint32_t index, int32_t *place)
{
    uint32_t max;
    if (pair < 0 || (uint32_t)pair >= ledger->pairs_max)
        return 0;
    word *places = places_of(ledger, pair, kind, &max);
    if (index >= max)
        return 0;
    *place = number_of(pair, kind, index);
    return atomic_load_explicit(&places[index], memory_order_relaxed);
}

uint32_t ledger_in_use(const struct ledger *ledger, int pair, enum ledger_kind kind)
{
    uint32_t max, n = 0;
    if (pair < 0 || (uint32_t)pair >= ledger->pairs_max)
        return 0;
    word *places = places_of(ledger, pair, kind, &max);
    for (uint32_t i = 0; i < max; i++)
        n += atomic_load_explicit(&places[i], memory_order_relaxed) != 0;
    return n;
}

uint32_t ledger_reap(struct ledger *ledger, uint32_t slot, uint32_t n_pairs)
{
    uint32_t n = 0, pairs = n_pairs < ledger->pairs_max ? n_pairs : ledger->pairs_max;
    for (uint32_t i = 0; i < pairs * PLACES_PER_PAIR; i++) {
        word *place = place_at(ledger, (int32_t)i);
        uint64_t owner = atomic_load_explicit(place, memory_order_relaxed);
        if (owner != 0 && ledger_slot_of(owner) == slot)
            n += atomic_compare_exchange_strong(place, &owner, 0);
    }
    return n;
}

/* ---- budgets --------------------------------------------------------------------------------- */

struct window {
    uint64_t start_s;
    uint64_t used;
};

static struct window window_at(uint64_t value, uint32_t length_s, uint64_t now_s)
{
    struct window w = {.start_s = value >> 32, .used = value & UINT32_MAX};
    /* One that begins in the future is nothing that a worker of this boot has written. */
    if (value == 0 || now_s >= w.start_s + length_s || now_s < w.start_s)
        w = (struct window){.start_s = now_s};
    return w;
}

/* Adds amount; with `may_pass` even past the limit. *left: is any of the budget left then? */
static bool book(struct ledger *ledger, int pair, enum ledger_budget budget, uint32_t limit,
                 uint32_t amount, uint64_t now_at, bool may_pass, uint64_t *reset_at, bool *left)
{
    word *at = &ledger->pairs[pair].budgets[budget];
    uint64_t old = atomic_load(at), now_s = now_at / NS_PER_S;
    for (;;) {
        struct window w = window_at(old, window_s[budget], now_s);
        *reset_at = (w.start_s + window_s[budget]) * NS_PER_S;
        *left = w.used + amount < limit;
        if (!may_pass && w.used + amount > limit)
            return false;
        uint64_t used = w.used + amount < UINT32_MAX ? w.used + amount : UINT32_MAX;
        if (atomic_compare_exchange_weak(at, &old, w.start_s << 32 | used))
            return true;
    }
}

static bool is_limited(const struct ledger *ledger, int pair, uint32_t limit)
{
    return limit != 0 && pair >= 0 && (uint32_t)pair < ledger->pairs_max;
}

bool ledger_take(struct ledger *ledger, int pair, enum ledger_budget budget, uint32_t limit,
                 uint32_t amount, uint64_t now_at, uint64_t *reset_at)
{
    bool left;
    return !is_limited(ledger, pair, limit) ||
           book(ledger, pair, budget, limit, amount, now_at, false, reset_at, &left);
}

bool ledger_spend(struct ledger *ledger, int pair, enum ledger_budget budget, uint32_t limit,
                  uint32_t amount, uint64_t now_at, uint64_t *reset_at)
{
    bool left = true;
    if (is_limited(ledger, pair, limit))
        book(ledger, pair, budget, limit, amount, now_at, true, reset_at, &left);
    return left;
}

bool ledger_has_left(const struct ledger *ledger, int pair, enum ledger_budget budget,
                     uint32_t limit, uint64_t now_at, uint64_t *reset_at)
{
    if (!is_limited(ledger, pair, limit))
        return true;
    struct window w = window_at(atomic_load(&ledger->pairs[pair].budgets[budget]), window_s[budget],
                                now_at / NS_PER_S);
    *reset_at = (w.start_s + window_s[budget]) * NS_PER_S;
    return w.used < limit;
}
