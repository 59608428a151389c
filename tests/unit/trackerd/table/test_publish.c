/* SPDX-License-Identifier: MIT */
/* trackerd/table/publish.c, segment.c and common/shm/table.c together, with real processes: a
 * writer that is killed or stopped at every chosen point and at random instants, readers that look
 * meanwhile, and the next trackerd that takes over. Each row is written with one number in all its
 * words, so that a mixture of two images shows. Compiled with kill points, whatever configure said.
 */
#include "trackerd/table/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/shm/lock.h"
#include "common/terms/pair_key.h"
#include "tests/unit/unit.h"

#define CAPACITY 4
#define ROW      1
#define SENDER   2

static char name[64];
static uint64_t key;

static void choose_name(void)
{
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    key = pair_key_hash("prov", "mod");
}

static void remove_objects(void)
{
    static const char *const suffixes[] = {"", ".lock", ".guard", ".new", ".lock.new"};
    for (size_t i = 0; i < UNIT_ROWS(suffixes); i++) {
        char full[80];
        snprintf(full, sizeof(full), "%s%s", name, suffixes[i]);
        shm_unlink(full);
    }
}

/* ---- a tracker in miniature ------------------------------------------------------------------ */

struct mini {
    struct segment seg;
    struct publish pub;
    struct table *table;
    struct senders senders;
    struct publish_loaded loaded;
    enum shm_table_error origin;
};

static void set_number(struct shm_table_state *state, uint64_t k)
{
    *state = (struct shm_table_state){
        .hot = {.key_hash = key,
                .cooldown_until_at = k,
                .cooldown_began_at = k,
                .incident = k,
                .mid_failures = (uint32_t)k,
                .pre_failures = (uint32_t)k,
                .flags = (uint32_t)k,
                .recovery_concurrency = (uint32_t)k},
        .provider = "prov",
        .model = "mod",
        .cooldowns = k,
        .mid_failures_total = k,
        .last_success_at = k,
        .oldest_pre = k,
    };
    for (int i = 0; i < SHM_TABLE_RECENT_PRE; i++)
        state->recent_pre[i] = k;
}

static bool is_number(const struct shm_table_state *state, uint64_t k)
{
    struct shm_table_state want;
    set_number(&want, k);
    return memcmp(state, &want, sizeof(want)) == 0;
}

static bool is_hot_number(const struct shm_table_hot *hot, uint64_t k)
{
    struct shm_table_state want;
    set_number(&want, k);
    return memcmp(hot, &want.hot, sizeof(*hot)) == 0;
}

static int mini_open(struct mini *m)
{
    *m = (struct mini){0};
    if (!segment_open(&m->seg, name, -1, &m->origin))
        return -1;
    m->pub.seg = &m->seg;
    m->table = table_new(CAPACITY);
    if (m->origin == SHM_TABLE_OK) {
        m->loaded = publish_load(&m->pub, m->table, &m->senders);
        return 0;
    }
    struct shm_table_header *head = segment_prepare(&m->seg, CAPACITY);
    if (head == NULL)
        return -1;
    publish_fill(head, m->table, &m->senders);
    return segment_switch(&m->seg) ? 0 : -1;
}

static void mini_close(struct mini *m)
{
    segment_close(&m->seg);
    table_free(&m->table);
}

/* Row and sender get number k in one step. */
static void mini_commit(struct mini *m, uint64_t k)
{
    set_number(&m->table->rows[ROW].state, k);
    m->senders.items[SENDER] = (struct sender){.who = 1, .incarnation = 99, .seq = k, .used_at = k};
    publish_begin(&m->pub);
    publish_commit(&m->pub, m->table, ROW, &m->senders, SENDER);
    publish_end(&m->pub);
}

/* A child that writes 1, 2, 3... until n, or for ever when n is 0. */
static pid_t start_writer(const char *variable, const char *point, uint64_t n)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct mini m;
    if (mini_open(&m) != 0)
        _exit(3);
    uint64_t from = m.table->rows[ROW].state.cooldowns;
    if (point != NULL)
        setenv(variable, point, 1);
    for (uint64_t k = from + 1; n == 0 || k <= from + n; k++)
        mini_commit(&m, k);
    unsetenv(variable);
    mini_close(&m);
    _exit(0);
}

static int wait_for(pid_t pid, int options)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, options), pid);
    return status;
}

static uint64_t elapsed_ms(uint64_t since)
{
    return (clock_boot_ns() - since) / CLOCK_NS_PER_MS;
}

static void setup(void)
{
    choose_name();
    remove_objects();
    struct mini m;
    ck_assert_int_eq(mini_open(&m), 0);
    mini_commit(&m, 1);
    mini_close(&m);
}

/* ---- points ---------------------------------------------------------------------------------- */

static const char *const points[] = {
    "locked",   "commit",   "journal-filled", "journal-valid", "row-odd",
    "row-half", "row-full", "row-done",       "sender-done",   "committed",
};

/* What a reader sees while nobody has repaired anything: one of the two images, whole. */
static uint64_t look(const struct shm_table *tab, const char *point)
{
    struct shm_table_hot hot;
    struct shm_table_state state;
    ck_assert_msg(shm_table_read_hot(tab, ROW, key, &hot), "%s: hot part unreadable", point);
    ck_assert_msg(is_hot_number(&hot, hot.incident), "%s: hot part torn", point);
    ck_assert_msg(shm_table_read(tab, ROW, &state), "%s: row unreadable", point);
    ck_assert_msg(is_number(&state, hot.incident), "%s: row torn", point);
    return hot.incident;
}

START_TEST(killed_at_each_point)
{
    for (size_t i = 0; i < UNIT_ROWS(points); i++) {
        for (int pass = 1; pass <= 3; pass++) {
            char at[64];
            struct shm_table *tab = NULL;
            struct mini m;
            snprintf(at, sizeof(at), "%s:%d", points[i], pass);
            setup();
            ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
            int status = wait_for(start_writer("WEIR_KILL_AT", at, 5), 0);
            ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s", at);
            uint64_t seen = look(tab, at);
            ck_assert_int_eq(mini_open(&m), 0);
            ck_assert_int_eq(m.origin, SHM_TABLE_OK);
            ck_assert_uint_eq(m.loaded.damaged_rows, 0);
            uint64_t k = m.table->rows[ROW].state.cooldowns;
            /* the event is in the row if and only if its number is in the sender */
            ck_assert_msg(is_number(&m.table->rows[ROW].state, k), "%s: torn after repair", at);
            ck_assert_msg(k == 1 || m.senders.items[SENDER].seq == k, "%s: row %lu, sender %lu", at,
                          (unsigned long)k, (unsigned long)m.senders.items[SENDER].seq);
            ck_assert_msg(k >= seen, "%s: a reader saw what was lost afterwards", at);
            ck_assert_uint_eq(look(tab, at), k);
            mini_commit(&m, k + 1);
            ck_assert_uint_eq(look(tab, at), k + 1);
            mini_close(&m);
            shm_table_close(&tab);
        }
    }
    remove_objects();
}
END_TEST

/* Stopped with the lock in its hand: readers of single rows do not notice, one of all rows waits
 * its two milliseconds and goes on. */
START_TEST(stopped_at_each_point)
{
    for (size_t i = 0; i < UNIT_ROWS(points); i++) {
        struct shm_table *tab = NULL;
        struct shm_table_state all[CAPACITY];
        setup();
        ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
        pid_t pid = start_writer("WEIR_STOP_AT", points[i], 3);
        ck_assert(WIFSTOPPED(wait_for(pid, WUNTRACED)));
        uint64_t start = clock_boot_ns();
        for (int n = 0; n < 1000; n++)
            look(tab, points[i]);
        shm_table_read_all(tab, all, CAPACITY);
        ck_assert_msg(elapsed_ms(start) < 1000, "%s: readers were held up", points[i]);
        ck_assert(is_number(&all[ROW], all[ROW].cooldowns));
        kill(pid, SIGCONT);
        ck_assert(WIFEXITED(wait_for(pid, 0)));
        ck_assert_uint_eq(look(tab, points[i]), 4);
        shm_table_close(&tab);
    }
    remove_objects();
}
END_TEST

/* ---- random instants ------------------------------------------------------------------------- */

#define STORM_KILLS 150

/* A reader in a process of its own, which reads as fast as it can until the table is at *stop. */
static pid_t start_reader(volatile int *stop)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct shm_table *tab = NULL;
    if (shm_table_open_reader(name, &tab) != SHM_TABLE_OK)
        _exit(2);
    uint64_t last = 0;
    while (!*stop) {
        struct shm_table_hot hot;
        struct shm_table_state state;
        if (!shm_table_read_hot(tab, ROW, key, &hot) || !shm_table_read(tab, ROW, &state))
            _exit(4); /* unreadable: only damage may do that */
        if (!is_hot_number(&hot, hot.incident) || !is_number(&state, state.cooldowns))
            _exit(5); /* torn */
        if (hot.incident < last || state.cooldowns < hot.incident)
            _exit(6); /* went back: a change was lost */
        last = hot.incident;
    }
    _exit(0);
}

START_TEST(storm_of_kills)
{
    volatile int *stop =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne((void *)stop, MAP_FAILED);
    setup();
    pid_t reader = start_reader(stop);
    uint64_t k = 1;
    unsigned unfinished = 0;
    srand(7);
    for (int i = 0; i < STORM_KILLS; i++) {
        pid_t writer = start_writer("X", NULL, 0);
        struct timespec pause = {0, 1000000 + rand() % 3000000};
        nanosleep(&pause, NULL); /* a random instant is what is wanted here */
        kill(writer, SIGKILL);
        wait_for(writer, 0);
        struct mini m;
        ck_assert_int_eq(mini_open(&m), 0);
        ck_assert_uint_eq(m.loaded.damaged_rows, 0);
        unfinished += m.loaded.had_journal;
        uint64_t now = m.table->rows[ROW].state.cooldowns;
        ck_assert(is_number(&m.table->rows[ROW].state, now));
        ck_assert(now == 1 || m.senders.items[SENDER].seq == now);
        ck_assert_uint_ge(now, k);
        k = now;
        mini_close(&m);
    }
    *stop = 1;
    ck_assert_int_eq(wait_for(reader, 0), 0);
    ck_assert_uint_gt(k, STORM_KILLS);
    printf("publish: %d kills, %u in the middle of a change, %lu changes\n", STORM_KILLS,
           unfinished, (unsigned long)k);
    munmap((void *)stop, 4096);
    remove_objects();
}
END_TEST

/* ---- the lock -------------------------------------------------------------------------------- */

START_TEST(dead_owner)
{
    setup();
    struct mini m;
    wait_for(start_writer("WEIR_KILL_AT", "locked", 1), 0);
    ck_assert_int_eq(mini_open(&m), 0);
    ck_assert_int_eq(shm_lock_take(m.seg.lock), SHM_LOCK_TAKEN);
    shm_lock_release(m.seg.lock);
    mini_close(&m);
    /* a reader that finds the owner dead leaves a lock that works */
    wait_for(start_writer("WEIR_KILL_AT", "locked", 1), 0);
    struct shm_table *tab = NULL;
    struct shm_table_state all[CAPACITY];
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
    shm_table_read_all(tab, all, CAPACITY);
    shm_table_close(&tab);
    ck_assert_int_eq(mini_open(&m), 0);
    ck_assert_int_eq(shm_lock_take(m.seg.lock), SHM_LOCK_TAKEN);
    shm_lock_release(m.seg.lock);
    mini_close(&m);
    remove_objects();
}
END_TEST

/* Somebody else was stopped with the lock: the tracker goes on without it. */
START_TEST(held_by_a_stopped_reader)
{
    setup();
    struct mini m;
    ck_assert_int_eq(mini_open(&m), 0);
    pid_t holder = fork();
    if (holder == 0) {
        shm_lock_take(m.seg.lock);
        raise(SIGSTOP);
        shm_lock_release(m.seg.lock);
        _exit(0);
    }
    wait_for(holder, WUNTRACED);
    uint64_t start = clock_boot_ns();
    for (uint64_t k = 2; k < 1000; k++)
        mini_commit(&m, k);
    ck_assert_uint_lt(elapsed_ms(start), 1000); /* it waits once, then only tries */
    ck_assert_uint_gt(m.seg.head->lock_timeouts, 0);
    kill(holder, SIGCONT);
    wait_for(holder, 0);
    mini_commit(&m, 1000);
    ck_assert(!m.pub.is_lock_contended);
    mini_close(&m);
    remove_objects();
}
END_TEST

/* ---- one at a time, damage, retirement ------------------------------------------------------- */

/* By another process: the guard is locked for the whole of ours. */
static void assert_second_is_refused(void)
{
    struct mini second;
    pid_t pid = fork();
    if (pid == 0)
        _exit(mini_open(&second) == -1 && errno == EBUSY ? 0 : 1);
    ck_assert_int_eq(wait_for(pid, 0), 0);
}

START_TEST(second_tracker_is_refused)
{
    setup();
    struct mini m, second;
    ck_assert_int_eq(mini_open(&m), 0);
    assert_second_is_refused();
    mini_close(&m);
    ck_assert_int_eq(mini_open(&second), 0);
    mini_close(&second);
    remove_objects();
}
END_TEST

/* Writes a byte into the table as somebody with the rights, and no sense, could. */
static void scribble(off_t offset)
{
    char path[80], byte;
    snprintf(path, sizeof(path), "/dev/shm%s", name);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
    byte = (char)(byte ^ 0x55);
    ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

START_TEST(damaged_identity_is_rebuilt)
{
    static const off_t offsets[] = {
        0,  /* magic */
        16, /* row size */
        20, /* capacity */
        32, /* total size */
        48, /* boot id */
        72, /* checksum */
    };
    for (size_t i = 0; i < UNIT_ROWS(offsets); i++) {
        struct shm_table *tab = NULL, *none = NULL;
        struct mini m;
        setup();
        ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
        scribble(offsets[i]);
        ck_assert_msg(shm_table_open_reader(name, &none) == SHM_TABLE_DAMAGED, "offset %d",
                      (int)offsets[i]);
        ck_assert_int_eq(mini_open(&m), 0);
        ck_assert_int_eq(m.origin, SHM_TABLE_DAMAGED);
        ck_assert(shm_table_is_retired(tab)); /* who has the old one open looks for the new one */
        ck_assert_int_eq(shm_table_open_reader(name, &none), SHM_TABLE_OK);
        shm_table_close(&none);
        shm_table_close(&tab);
        mini_close(&m);
    }
    remove_objects();
}
END_TEST

START_TEST(another_version_is_rebuilt)
{
    struct shm_table *none = NULL;
    struct mini m;
    setup();
    scribble(8);
    ck_assert_int_eq(shm_table_open_reader(name, &none), SHM_TABLE_OTHER_VERSION);
    ck_assert_int_eq(mini_open(&m), 0);
    ck_assert_int_eq(m.origin, SHM_TABLE_OTHER_VERSION);
    ck_assert_int_eq(shm_table_open_reader(name, &none), SHM_TABLE_OK);
    shm_table_close(&none);
    mini_close(&m);
    remove_objects();
}
END_TEST

START_TEST(wrong_size_is_rebuilt)
{
    static const off_t sizes[] = {0, 100, 4096, 1 << 20};
    for (size_t i = 0; i < UNIT_ROWS(sizes); i++) {
        struct shm_table *tab = NULL;
        struct mini m;
        char path[80];
        setup();
        snprintf(path, sizeof(path), "/dev/shm%s", name);
        ck_assert_int_eq(truncate(path, sizes[i]), 0);
        ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_DAMAGED);
        ck_assert_int_eq(mini_open(&m), 0);
        ck_assert_int_eq(m.origin, SHM_TABLE_DAMAGED);
        mini_close(&m);
        ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
        shm_table_close(&tab);
    }
    remove_objects();
}
END_TEST

START_TEST(damaged_row)
{
    struct shm_table *tab = NULL;
    struct shm_table_hot hot;
    struct mini m;
    uint32_t next = 3;
    off_t row = SHM_TABLE_HEADER_BYTES + ROW * (off_t)sizeof(struct shm_table_row);
    setup();
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
    scribble(row + 16);                                  /* the cooldown's end */
    ck_assert(!shm_table_read_hot(tab, ROW, key, &hot)); /* counts as available */
    ck_assert_int_eq(mini_open(&m), 0);
    ck_assert_int_eq(m.origin, SHM_TABLE_OK);
    ck_assert_uint_eq(m.loaded.damaged_rows, 1);
    /* while a tracker runs it writes the row anew from its own copy */
    mini_commit(&m, 5);
    scribble(row + 16);
    scribble(row + 300);
    ck_assert_uint_eq(publish_repair(&m.pub, m.table, &m.senders, &next), 1);
    ck_assert_uint_eq(look(tab, "repair"), 5);
    ck_assert_uint_eq(publish_repair(&m.pub, m.table, &m.senders, &next), 0);
    scribble(row); /* an odd sequence out of nowhere */
    ck_assert_uint_eq(publish_repair(&m.pub, m.table, &m.senders, &next), 1);
    ck_assert_uint_eq(look(tab, "repair"), 5);
    mini_close(&m);
    shm_table_close(&tab);
    remove_objects();
}
END_TEST

/* Every byte of the segment in turn: a reader never crashes and never believes a changed row. */
START_TEST(every_byte_damaged)
{
    setup();
    struct shm_table *tab = NULL;
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
    for (off_t at = 0; at < SHM_TABLE_HEADER_BYTES + 2 * (off_t)sizeof(struct shm_table_row);
         at++) {
        struct shm_table_hot hot;
        struct shm_table_state state;
        scribble(at);
        if (shm_table_read_hot(tab, ROW, key, &hot) && !is_hot_number(&hot, 1))
            ck_abort_msg("byte %d: a damaged hot part was believed", (int)at);
        if (shm_table_read(tab, ROW, &state) && !is_number(&state, 1))
            ck_abort_msg("byte %d: a damaged row was believed", (int)at);
        scribble(at);
    }
    shm_table_close(&tab);
    remove_objects();
}
END_TEST

START_TEST(killed_while_making)
{
    static const char *const making[] = {"segment-sealed", "segment-published"};
    choose_name();
    for (size_t i = 0; i < UNIT_ROWS(making); i++) {
        struct mini m;
        remove_objects();
        pid_t pid = fork();
        if (pid == 0) {
            setenv("WEIR_KILL_AT", making[i], 1);
            mini_open(&m);
            _exit(0);
        }
        ck_assert(WIFSIGNALED(wait_for(pid, 0)));
        ck_assert_int_eq(mini_open(&m), 0);
        mini_commit(&m, 9);
        mini_close(&m);
    }
    remove_objects();
}
END_TEST

/* Replaced while readers have the old one: that says so and keeps its last contents. */
START_TEST(retirement)
{
    struct shm_table *old = NULL, *new = NULL;
    struct shm_table_hot hot;
    struct mini m;
    setup();
    ck_assert_int_eq(shm_table_open_reader(name, &old), SHM_TABLE_OK);
    ck_assert_int_eq(mini_open(&m), 0);
    struct shm_table_header *head = segment_prepare(&m.seg, CAPACITY);
    set_number(&m.table->rows[ROW].state, 8);
    publish_fill(head, m.table, &m.senders);
    ck_assert(!shm_table_is_retired(old));
    ck_assert(segment_switch(&m.seg));
    ck_assert(shm_table_is_retired(old));
    ck_assert(shm_table_read_hot(old, ROW, key, &hot));
    ck_assert_uint_eq(hot.incident, 1);
    ck_assert_int_eq(shm_table_open_reader(name, &new), SHM_TABLE_OK);
    ck_assert(shm_table_read_hot(new, ROW, key, &hot));
    ck_assert_uint_eq(hot.incident, 8);
    ck_assert(segment_is_sound(&m.seg));
    shm_unlink(name);
    ck_assert(!segment_is_sound(&m.seg));
    shm_table_close(&old);
    shm_table_close(&new);
    mini_close(&m);
    remove_objects();
}
END_TEST

/* Cut short while it is mapped: neither reader nor writer dies, and both notice. */
START_TEST(cut_short_while_mapped)
{
    struct shm_table *tab = NULL;
    struct shm_table_hot hot;
    struct shm_table_state state;
    struct mini m;
    char path[80];
    setup();
    ck_assert_int_eq(shm_table_open_reader(name, &tab), SHM_TABLE_OK);
    ck_assert_int_eq(mini_open(&m), 0);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(path, sizeof(path), "/dev/shm%s", name);
        bool was_readable = shm_table_read_hot(tab, ROW, key, &hot) && !shm_table_is_retired(tab);
        bool was_sound = segment_is_sound(&m.seg);
        if (truncate(path, 0) != 0)
            _exit(2);
        bool is_readable =
            shm_table_read_hot(tab, ROW, key, &hot) || shm_table_read(tab, ROW, &state);
        mini_commit(&m, 7); /* goes nowhere */
        _exit(was_readable && was_sound && !is_readable && shm_table_is_retired(tab) &&
                      !segment_is_sound(&m.seg)
                  ? 0
                  : 1);
    }
    ck_assert_int_eq(wait_for(pid, 0), 0);
    shm_table_close(&tab);
    mini_close(&m);
    remove_objects();
}
END_TEST

/* Removing the guard's name does not let a second tracker in. */
START_TEST(guard_is_kept)
{
    char full[80];
    struct mini m;
    setup();
    ck_assert_int_eq(mini_open(&m), 0);
    snprintf(full, sizeof(full), "%s.guard", name);
    shm_unlink(full);
    segment_keep_guard(&m.seg);
    assert_second_is_refused();
    snprintf(full, sizeof(full), "%s.lock", name);
    ck_assert(segment_lock_is_sound(&m.seg));
    shm_unlink(full);
    ck_assert(!segment_lock_is_sound(&m.seg));
    mini_close(&m);
    remove_objects();
}
END_TEST

START_TEST(lock_renewed)
{
    setup();
    struct mini m;
    ck_assert_int_eq(mini_open(&m), 0);
    memset(&m.seg.lock->mutex, 0xff, sizeof(m.seg.lock->mutex)); /* as a mad worker might */
    mini_commit(&m, 2);                                          /* neither hangs nor dies */
    ck_assert(segment_renew_lock(&m.seg));
    ck_assert_int_eq(shm_lock_take(m.seg.lock), SHM_LOCK_TAKEN);
    shm_lock_release(m.seg.lock);
    mini_close(&m);
    remove_objects();
}
END_TEST

/* Modes are the gate, whatever the umask. */
START_TEST(modes)
{
    struct stat st;
    char path[80];
    mode_t old = umask(077);
    choose_name();
    remove_objects();
    setup();
    umask(old);
    snprintf(path, sizeof(path), "/dev/shm%s", name);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    strcat(path, ".lock");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    remove_objects();
}
END_TEST

UNIT_MAIN("publish", killed_at_each_point, stopped_at_each_point, storm_of_kills, dead_owner,
          held_by_a_stopped_reader, second_tracker_is_refused, damaged_identity_is_rebuilt,
          another_version_is_rebuilt, wrong_size_is_rebuilt, damaged_row, every_byte_damaged,
          killed_while_making, retirement, cut_short_while_mapped, guard_is_kept, lock_renewed,
          modes)
