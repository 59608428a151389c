/* SPDX-License-Identifier: MIT */
/* common/shm/object.c: the life of an object, shown on a kind of its own: whatever is in no
 * descriptor is the same for all kinds. */
#include "common/shm/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/shm/ledger.h"
#include "common/shm/lock.h"
#include "common/shm/pages.h"
#include "common/shm/recent.h"
#include "tests/unit/unit.h"

#define PAGE 4096

static char name[64];

struct thing { /* two pages at least: the head's, and `extent` of numbers */
    struct shm_head head;
    uint64_t check;
    char rest[PAGE - sizeof(struct shm_head) - 8];
    uint64_t numbers[];
};

static size_t size_of(const void *head)
{
    uint32_t extent = ((const struct shm_head *)head)->extent;
    return extent < 10 ? sizeof(struct thing) + (size_t)extent * PAGE : 0;
}

static void fill(void *object, const void *old)
{
    ((struct thing *)object)->numbers[0] = old != NULL ? ((struct thing *)old)->numbers[0] + 1 : 1;
}

static void seal(void *head)
{
    struct thing *thing = head;
    thing->check = thing->head.extent * 7 + thing->head.version;
}

static const struct shm_kind kind = {
    .suffix = ".thing",
    .magic = 77,
    .version = 3,
    .mode = 0640,
    .head_bytes = sizeof(struct thing),
    .boot_id_at = offsetof(struct thing, head.boot_id),
    .size_of = size_of,
    .fill = fill,
    .seal = seal,
};

static struct shm_object make(uint32_t extent)
{
    struct thing head = {.head.extent = extent};
    struct shm_object object;
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    ck_assert(shm_object_make(&kind, name, &head, -1, &object));
    return object;
}

static struct shm_object make_named(uint32_t extent)
{
    struct shm_object object = make(extent);
    ck_assert(shm_object_take_name(&object));
    return object;
}

static uint64_t number(const struct shm_object *object)
{
    return ((const struct thing *)object->map.base)->numbers[0];
}

static void assert_refused(int error)
{
    struct shm_object object;
    ck_assert(!shm_object_open(&kind, name, true, &object));
    ck_assert_int_eq(errno, error);
    ck_assert_int_eq(object.map.fd, -1);
}

static void give_up(struct shm_object *object)
{
    shm_object_unlink(object);
    shm_object_close(object);
    shm_object_close(object); /* of nothing: nothing */
}

START_TEST(unseen_until_it_takes_its_name)
{
    struct shm_object object = make(1), reader;
    struct stat st;
    char path[96];
    assert_refused(ENOENT);
    ck_assert(object.is_unnamed);
    ck_assert(!shm_object_is_named(&object));
    ck_assert(shm_object_take_name(&object));
    ck_assert(shm_object_take_name(&object)); /* it has it */
    ck_assert(shm_object_is_sound(&object));
    snprintf(path, sizeof(path), "/dev/shm%s.thing", name);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    ck_assert(shm_object_open(&kind, name, false, &reader));
    ck_assert(!reader.is_unnamed);
    ck_assert_uint_eq(reader.map.size, 2 * PAGE);
    ck_assert_uint_eq(number(&reader), 1);
    shm_object_close(&reader);
    give_up(&object);
    assert_refused(ENOENT);
}
END_TEST

/* What the one that bears the name leaves goes on in the next, whatever its extent; and the old one
 * removes no name that is not its own any more. */
START_TEST(filled_from_its_predecessor)
{
    struct shm_object first = make_named(1), second = make(4);
    ck_assert(shm_object_is_named(&first));
    ck_assert(shm_object_take_name(&second));
    ck_assert_uint_eq(number(&second), 2);
    ck_assert(!shm_object_is_sound(&first));
    give_up(&first);
    ck_assert(shm_object_is_sound(&second));
    ((struct thing *)second.map.base)->head.version = 2; /* as good as none */
    struct shm_object third = make_named(4);
    ck_assert_uint_eq(number(&third), 1);
    shm_object_close(&second);
    give_up(&third);
}
END_TEST

START_TEST(damaged_ones_are_refused)
{
    struct shm_object object = make_named(2), writer;
    struct thing *thing = object.map.base, whole = *thing;
    static const struct {
        size_t at;
        int error;
    } rows[] = {
        {offsetof(struct thing, head.version), EPROTONOSUPPORT},
        {offsetof(struct thing, head.extent), EPROTO},
        {offsetof(struct thing, check), EPROTO},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        ((char *)thing)[rows[i].at] ^= 1;
        ck_assert(!shm_object_is_sound(&object));
        assert_refused(rows[i].error);
        memcpy(thing, &whole, sizeof(*thing));
        ck_assert(shm_object_is_sound(&object));
    }
    thing->head.magic = 1;
    assert_refused(EPROTO);
    thing->head.magic = 0;
    assert_refused(EAGAIN);
    thing->head.magic = 77;
    ck_assert(shm_object_open(&kind, name, true, &writer));
    ck_assert_int_eq(fchmod(object.map.fd, 0666), 0);
    assert_refused(EPERM);
    ck_assert_int_eq(ftruncate(object.map.fd, 3 * PAGE + 1), 0);
    ck_assert(!shm_object_is_named(&object));
    ck_assert_int_eq(fchmod(object.map.fd, 0600), 0);
    assert_refused(EPROTO);
    ck_assert_int_eq(ftruncate(object.map.fd, 100), 0);
    assert_refused(EPROTO);
    ck_assert(!shm_object_is_sound(&object));
    shm_object_close(&writer);
    shm_object_close(&object);
    object = make_named(1); /* takes the name over all the same */
    give_up(&object);
}
END_TEST

/* Two mount namespaces may see boot ids that differ: in memory, which ends with its kernel, the id
 * says nothing. In a file that is none it is all there is to tell by. */
/* Anybody may make a file of that name before we do. */
START_TEST(a_strangers_is_refused)
{
    const int stranger = 65534;
    struct shm_object object = make(1), seen;
    if (geteuid() != 0) /* only root can give a file away */
        return;
    ck_assert(shm_object_take_name(&object));
    ck_assert(shm_object_open(&kind, name, false, &seen));
    shm_object_close(&seen);
    ck_assert_int_eq(fchown(object.map.fd, (uid_t)stranger, (gid_t)-1), 0);
    ck_assert(!shm_object_open(&kind, name, false, &seen));
    ck_assert_int_eq(errno, EPERM);
    ck_assert(!shm_object_open(&kind, name, true, &seen));
    shm_trust_uid(stranger); /* the configuration names this user */
    ck_assert(shm_object_open(&kind, name, false, &seen));
    shm_object_close(&seen);
    shm_object_unlink(&object);
    shm_object_close(&object);
}
END_TEST

START_TEST(of_this_boot_or_of_an_earlier_one)
{
    struct shm_object object = make_named(2);
    struct thing *thing = object.map.base;
    thing->head.boot_id[0] ^= 1;
    ck_assert(shm_object_is_sound(&object));
    struct shm_object reader;
    ck_assert(shm_object_open(&kind, name, false, &reader));
    shm_object_close(&reader);
    int memory = object.map.fd;
    object.map.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(object.map.fd, 0);
    ck_assert(!shm_object_is_sound(&object));
    thing->head.boot_id[0] ^= 1;
    ck_assert(shm_object_is_sound(&object));
    close(object.map.fd);
    object.map.fd = memory;
    give_up(&object);
}
END_TEST

START_TEST(prepared_by_hand)
{
    struct thing head = {.head.extent = 1};
    struct shm_object object, other;
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    ck_assert(shm_object_prepare(&kind, name, &head, -1, &object));
    ck_assert_uint_eq(number(&object), 0);
    ck_assert(shm_object_take_name(&object));
    assert_refused(EAGAIN);
    shm_object_seal(&object);
    ck_assert(shm_object_is_sound(&object));
    give_up(&object);
    head.head.extent = 10;
    ck_assert(!shm_object_make(&kind, name, &head, -1, &other));
    ck_assert_int_eq(errno, EINVAL);
    char long_name[SHM_NAME_MAX];
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    head.head.extent = 1;
    ck_assert(!shm_object_make(&kind, long_name, &head, -1, &other));
    ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

/* Where the heads of the kinds have what all heads have: a weir of another build looks there too.
 */
START_TEST(heads_stay_where_they_are)
{
    static const struct {
        const struct shm_kind *kind;
        const char *suffix;
        uint64_t magic;
        uint32_t version;
        size_t boot_id_at;
        mode_t mode;
    } rows[] = {
        {&shm_table_kind, "", UINT64_C(0x4c42545249455700), 1, 48, 0640},
        {&shm_lock_kind, ".lock", UINT64_C(0x4b434c5249455700), 1, 16, 0660},
        {&pages_kind, ".workers", UINT64_C(0x5347415052495700), 2, 32, 0640},
        {&ledger_kind, ".ledger", UINT64_C(0x52474c5249455700), 1, 16, 0640},
        {&recent_kind, ".recent", UINT64_C(0x5443455249455700), 1, 24, 0640},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const struct shm_kind *k = rows[i].kind;
        ck_assert_str_eq(k->suffix, rows[i].suffix);
        ck_assert_uint_eq(k->magic, rows[i].magic);
        ck_assert_uint_eq(k->version, rows[i].version);
        ck_assert_uint_eq(k->boot_id_at, rows[i].boot_id_at);
        ck_assert_uint_eq(k->mode, rows[i].mode);
        ck_assert_uint_le(k->head_bytes, SHM_HEAD_BYTES_MAX);
    }
}
END_TEST

UNIT_MAIN("shm_object", unseen_until_it_takes_its_name, filled_from_its_predecessor,
          damaged_ones_are_refused, a_strangers_is_refused, of_this_boot_or_of_an_earlier_one,
          prepared_by_hand, heads_stay_where_they_are)
