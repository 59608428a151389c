/* SPDX-License-Identifier: MIT */
/* See recent.h. */
#include "common/shm/recent.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/terms/outcome.h"

#define RECENT_SLOTS_MAX 4096
#define RECENTS_A_PAGE   (4096 / sizeof(struct recent_record))

struct recent_header { /* 4096 bytes */
    uint64_t magic;
    uint32_t version, slots, capacity; /* capacity: records in a slot's ring */
    uint32_t outcomes;                 /* OUTCOME_COUNT: steps hold its numbers */
    uint64_t boot_id[2];
    uint64_t reserved[507];
};
_Static_assert(sizeof(struct recent_header) == 4096, "layout of the recent requests");

struct recent {
    struct shm_object object;
    uint32_t slots, capacity; /* as its header had them; that is gone when memory was short */
};

/* ---- the object ------------------------------------------------------------------------------ */

static size_t ring_bytes(uint32_t capacity)
{
    return sizeof(struct recent_ring) + capacity * sizeof(struct recent_record);
}

static struct recent_ring *ring_of(const void *object, uint32_t capacity, uint32_t slot)
{
    char *rings = (char *)object + sizeof(struct recent_header);
    return (struct recent_ring *)(rings + slot * ring_bytes(capacity));
}

/* Whole pages, so that a worker can give up writing to all rings but its own. */
static uint32_t capacity_for(uint32_t workers)
{
    uint32_t n = RECENT_REQUESTS / workers;
    n = n > RECENT_SLOT_MIN ? n : RECENT_SLOT_MIN;
    return (n + RECENTS_A_PAGE - 1) / RECENTS_A_PAGE * RECENTS_A_PAGE;
}

static size_t size_of(const void *object)
{
    const struct recent_header *head = object;
    bool is_ours = head->outcomes == OUTCOME_COUNT && head->slots <= RECENT_SLOTS_MAX &&
                   head->capacity > 0 && head->capacity <= RECENT_REQUESTS;
    return is_ours ? sizeof(*head) + head->slots * ring_bytes(head->capacity) : 0;
}

static void copy_record(void *writer, const struct recent_request *request)
{
    recent_put(writer, &request->head, request->steps, request->id);
}

static void carry_over(void *object, const void *old_object)
{
    const struct recent_header *head = object, *old = old_object;
    if (old == NULL)
        return;
    uint32_t capacity = old->capacity, slots = old->slots; /* gone when somebody cuts it short */
    for (uint32_t i = 0; i < slots; i++) {
        struct recent_ring *ring = ring_of(object, head->capacity, i % head->slots);
        struct recent_writer writer = recent_writer_on(ring, head->capacity);
        recent_each(ring_of(old, capacity, i), capacity, copy_record, &writer);
    }
}

const struct shm_kind recent_kind = {
    .suffix = ".recent",
    .magic = UINT64_C(0x5443455249455700), /* "\0WEIRECT" */
    .version = 1,
    .mode = 0640,
    .is_sparse = true,
    .head_bytes = sizeof(struct recent_header),
    .boot_id_at = offsetof(struct recent_header, boot_id),
    .size_of = size_of,
    .fill = carry_over,
};

static struct recent *wrap(const struct shm_object *object)
{
    const struct recent_header *head = object->map.base;
    struct recent *recent = xcalloc(1, sizeof(*recent));
    recent->object = *object;
    recent->slots = head->slots;
    recent->capacity = head->capacity;
    return recent;
}

static struct recent *open_named(const char *table_name, bool is_writable)
{
    struct shm_object object;
    return shm_object_open(&recent_kind, table_name, is_writable, &object) ? wrap(&object) : NULL;
}

struct recent *recent_create(const char *table_name, uint32_t slots, uint32_t workers, int gid)
{
    struct shm_object object;
    struct recent_header head = {
        .slots = slots,
        .capacity = capacity_for(workers),
        .outcomes = OUTCOME_COUNT,
    };
    return shm_object_make(&recent_kind, table_name, &head, gid, &object) ? wrap(&object) : NULL;
}

struct recent *recent_take_over(const char *table_name, uint32_t slots)
{
    struct recent *recent = open_named(table_name, true);
    if (recent != NULL && recent->slots != slots) {
        recent_close(&recent);
        errno = EPROTO;
    }
    return recent;
}

bool recent_take_name(struct recent *recent)
{
    return shm_object_take_name(&recent->object);
}

bool recent_restrict(struct recent *recent, uint32_t slot)
{
    const struct recent_ring *own = ring_of(recent->object.map.base, recent->capacity, slot);
    return shm_object_restrict(&recent->object, own, ring_bytes(recent->capacity));
}

struct recent_writer recent_writer(struct recent *recent, uint32_t slot)
{
    struct recent_ring *ring = ring_of(recent->object.map.base, recent->capacity, slot);
    return recent_writer_on(ring, recent->capacity);
}

struct recent *recent_open_reader(const char *table_name)
{
    return open_named(table_name, false);
}

void recent_close(struct recent **recent)
{
    if (*recent == NULL)
        return;
    shm_object_close(&(*recent)->object);
    free(*recent);
    *recent = NULL;
}

void recent_unlink(const struct recent *recent)
{
    shm_object_unlink(&recent->object);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct list {
    struct recent_request *items;
    size_t n, cap;
};

static void add(void *arg, const struct recent_request *request)
{
    struct list *list = arg;
    if (list->n == list->cap) {
        list->cap = list->cap != 0 ? list->cap * 2 : RECENT_SLOT_MIN;
        list->items = xreallocarray(list->items, list->cap, sizeof(*list->items));
    }
    list->items[list->n++] = *request;
}

static int by_end(const void *a, const void *b)
{
    uint64_t x = ((const struct recent_request *)a)->head.ended_at;
    uint64_t y = ((const struct recent_request *)b)->head.ended_at;
    return (x > y) - (x < y);
}

struct recent_request *recent_read(const struct recent *recent, size_t *n)
{
    struct list list = {NULL, 0, 0};
    for (uint32_t i = 0; i < recent->slots; i++)
        recent_each(ring_of(recent->object.map.base, recent->capacity, i), recent->capacity, add,
                    &list);
    if (list.n > 0)
        qsort(list.items, list.n, sizeof(*list.items), by_end);
    *n = list.n;
    return list.items;
}
