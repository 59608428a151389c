/* SPDX-License-Identifier: MIT */
/* See recent.h. */
#include "common/shm/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/alloc.h"
#include "common/shm/bootid.h"
#include "common/shm/object.h"
#include "common/terms/outcome.h"

#define RECENT_MAGIC     UINT64_C(0x5443455249455700) /* "\0WEIRECT" */
#define RECENT_VERSION   1
#define RECENT_SUFFIX    ".recent"
#define RECENT_MODE      0640
#define RECENT_SLOTS_MAX 4096
#define RECENTS_A_PAGE   (4096 / sizeof(struct recent_record))

struct recent_header { /* 4096 bytes */
    uint64_t magic;
    uint32_t version, slots, capacity; /* capacity: records in a slot's ring */
    uint32_t outcomes;                 /* OUTCOME_COUNT: steps hold its numbers */
    uint64_t boot_id[BOOTID_WORDS];
    uint64_t reserved[507];
};
_Static_assert(sizeof(struct recent_header) == 4096, "layout of the recent requests");

struct recent {
    struct shm_object object;
    char name[SHM_OBJECT_NAME_MAX];
    uint32_t slots, capacity; /* as its header had them; that is gone when memory was short */
    bool is_unnamed;
    int gid;
};

/* ---- making ---------------------------------------------------------------------------------- */

static size_t ring_bytes(uint32_t capacity)
{
    return sizeof(struct recent_ring) + capacity * sizeof(struct recent_record);
}

static size_t total_bytes(uint32_t slots, uint32_t capacity)
{
    return sizeof(struct recent_header) + slots * ring_bytes(capacity);
}

/* Whole pages, so that a worker can give up writing to all rings but its own. */
static uint32_t capacity_for(uint32_t workers)
{
    uint32_t n = RECENT_REQUESTS / workers;
    n = n > RECENT_SLOT_MIN ? n : RECENT_SLOT_MIN;
    return (n + RECENTS_A_PAGE - 1) / RECENTS_A_PAGE * RECENTS_A_PAGE;
}

static struct recent_ring *ring_of(const struct recent *recent, uint32_t slot)
{
    char *rings = (char *)recent->object.base + sizeof(struct recent_header);
    return (struct recent_ring *)(rings + slot * ring_bytes(recent->capacity));
}

static bool head_is_good(const struct recent_header *head, size_t size)
{
    uint64_t boot_id[BOOTID_WORDS];
    bootid_read(boot_id);
    return head->magic == RECENT_MAGIC && head->version == RECENT_VERSION &&
           head->outcomes == OUTCOME_COUNT && head->slots <= RECENT_SLOTS_MAX &&
           head->capacity > 0 && head->capacity <= RECENT_REQUESTS &&
           total_bytes(head->slots, head->capacity) == size &&
           memcmp(head->boot_id, boot_id, sizeof(boot_id)) == 0;
}

static struct recent *wrap(const struct shm_object *object, const char *name)
{
    const struct recent_header *head = object->base;
    struct recent *recent = xcalloc(1, sizeof(*recent));
    recent->object = *object;
    strcpy(recent->name, name);
    recent->slots = head->slots;
    recent->capacity = head->capacity;
    return recent;
}

static struct recent *open_named(const char *name, bool is_writable)
{
    struct shm_object object;
    if (shm_object_open(name, is_writable, sizeof(struct recent_header), &object) != 0)
        return NULL;
    if (!head_is_good(object.base, object.size)) {
        shm_object_close(&object);
        errno = EPROTO;
        return NULL;
    }
    return wrap(&object, name);
}

static void copy_record(void *writer, const struct recent_request *request)
{
    recent_put(writer, &request->head, request->steps, request->id);
}

static void inherit(struct recent *recent)
{
    struct recent *old = open_named(recent->name, false);
    if (old == NULL)
        return;
    for (uint32_t i = 0; i < old->slots; i++) {
        struct recent_writer writer = recent_writer(recent, i % recent->slots);
        recent_each(ring_of(old, i), old->capacity, copy_record, &writer);
    }
    recent_close(&old);
}

struct recent *recent_create(const char *table_name, uint32_t slots, uint32_t workers, int gid)
{
    char name[SHM_OBJECT_NAME_MAX];
    struct shm_object object;
    uint32_t capacity = capacity_for(workers);
    if (slots > RECENT_SLOTS_MAX || !shm_object_name(name, table_name, RECENT_SUFFIX)) {
        errno = EINVAL;
        return NULL;
    }
    if (shm_object_create_sparse(name, total_bytes(slots, capacity), &object) != 0)
        return NULL;
    struct recent_header *head = object.base;
    *head = (struct recent_header){
        .version = RECENT_VERSION,
        .slots = slots,
        .capacity = capacity,
        .outcomes = OUTCOME_COUNT,
    };
    bootid_read(head->boot_id);
    struct recent *recent = wrap(&object, name);
    inherit(recent);
    head->magic = RECENT_MAGIC;
    recent->is_unnamed = true;
    recent->gid = gid;
    return recent;
}

struct recent *recent_take_over(const char *table_name, uint32_t slots)
{
    char name[SHM_OBJECT_NAME_MAX];
    struct recent *recent =
        shm_object_name(name, table_name, RECENT_SUFFIX) ? open_named(name, true) : NULL;
    if (recent != NULL && recent->slots != slots) {
        recent_close(&recent);
        errno = EPROTO;
    }
    return recent;
}

int recent_take_name(struct recent *recent)
{
    if (!recent->is_unnamed)
        return 0;
    recent->is_unnamed = false;
    return shm_object_publish(&recent->object, recent->name, RECENT_MODE, recent->gid);
}

void recent_give(const char *table_name, int uid)
{
    char name[SHM_OBJECT_NAME_MAX];
    if (shm_object_name(name, table_name, RECENT_SUFFIX))
        shm_object_give(name, uid);
}

int recent_restrict(struct recent *recent, uint32_t slot)
{
    char *base = recent->object.base, *own = (char *)ring_of(recent, slot);
    char *behind = own + ring_bytes(recent->capacity);
    size_t rest = recent->object.size - (size_t)(behind - base);
    if (mprotect(base, (size_t)(own - base), PROT_READ) != 0)
        return -1;
    return rest == 0 ? 0 : mprotect(behind, rest, PROT_READ);
}

struct recent_writer recent_writer(struct recent *recent, uint32_t slot)
{
    return recent_writer_on(ring_of(recent, slot), recent->capacity);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct recent *recent_open_reader(const char *table_name)
{
    char name[SHM_OBJECT_NAME_MAX];
    return shm_object_name(name, table_name, RECENT_SUFFIX) ? open_named(name, false) : NULL;
}

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
        recent_each(ring_of(recent, i), recent->capacity, add, &list);
    if (list.n > 0)
        qsort(list.items, list.n, sizeof(*list.items), by_end);
    *n = list.n;
    return list.items;
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
    shm_object_unlink(&recent->object, recent->name);
}
