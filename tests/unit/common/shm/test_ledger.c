/* SPDX-License-Identifier: MIT */
/* common/shm/ledger.c: places and budgets shared by processes that may die at any instant. */
#include "common/shm/ledger.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define S    UINT64_C(1000000000)
#define NOW  (UINT64_C(5000) * S)
#define PAIR 1

static char name[64];

static struct ledger *create(void)
{
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    struct ledger *ledger = ledger_create(name, 3, -1);
    ck_assert_ptr_nonnull(ledger);
    return ledger;
}

static void destroy(struct ledger **ledger)
{
    ledger_unlink(*ledger);
    ledger_close(ledger);
}

START_TEST(no_more_than_the_limit)
{
    struct ledger *ledger = create();
    static const enum ledger_kind kinds[] = {LEDGER_RECOVERY, LEDGER_CONCURRENT};
    for (size_t k = 0; k < UNIT_ROWS(kinds); k++) {
        for (uint32_t limit = 1; limit <= 70; limit += 23) {
            int32_t places[71];
            uint32_t n = 0, most = kinds[k] == LEDGER_RECOVERY && limit > LEDGER_RECOVERY_MAX
                                       ? LEDGER_RECOVERY_MAX
                                       : limit;
            uint64_t owner = ledger_owner(2, 77);
            while ((places[n] = ledger_claim(ledger, PAIR, kinds[k], limit, owner)) >= 0)
                n++;
            ck_assert_uint_eq(n, most);
            ck_assert_uint_eq(ledger_in_use(ledger, PAIR, kinds[k]), most);
            ck_assert_uint_eq(ledger_in_use(ledger, 0, kinds[k]), 0);
            /* any one given back is there for the next */
            ledger_release(ledger, places[n / 2], owner);
            ck_assert_int_eq(ledger_claim(ledger, PAIR, kinds[k], limit, owner), places[n / 2]);
            for (uint32_t i = 0; i < n; i++)
                ledger_release(ledger, places[i], owner);
            ck_assert_uint_eq(ledger_in_use(ledger, PAIR, kinds[k]), 0);
        }
    }
    destroy(&ledger);
}
END_TEST

START_TEST(no_limit)
{
    struct ledger *ledger = create();
    ck_assert_int_eq(ledger_claim(ledger, PAIR, LEDGER_RECOVERY, 0, 5), LEDGER_UNLIMITED);
    ck_assert_int_eq(ledger_claim(ledger, -1, LEDGER_RECOVERY, 1, 5), LEDGER_UNLIMITED);
    ck_assert_int_eq(ledger_claim(ledger, 3, LEDGER_RECOVERY, 1, 5), LEDGER_UNLIMITED);
    ledger_release(ledger, LEDGER_UNLIMITED, 5);
    ledger_release(ledger, LEDGER_REFUSED, 5);
    destroy(&ledger);
}
END_TEST

START_TEST(only_the_owner_gives_back)
{
    struct ledger *ledger = create();
    uint64_t old = ledger_owner(1, 100), new = ledger_owner(1, 200);
    int32_t found, place = ledger_claim(ledger, PAIR, LEDGER_RECOVERY, 1, old);
    ck_assert_uint_eq(ledger_owner_of(ledger, PAIR, LEDGER_RECOVERY, 0, &found), old);
    ck_assert_int_eq(found, place);
    ck_assert_uint_eq(ledger_owner_of(ledger, PAIR, LEDGER_RECOVERY, 1, &found), 0);
    ck_assert_uint_eq(ledger_owner_of(ledger, PAIR, LEDGER_RECOVERY, 99999, &found), 0);
    ck_assert_uint_eq(ledger_owner_of(ledger, -1, LEDGER_RECOVERY, 0, &found), 0);
    ck_assert_uint_eq(ledger_slot_of(ledger_owner(13, 1)), 13);
    ck_assert_uint_eq(ledger_reap(ledger, 1, 3), 1);
    ck_assert_int_eq(ledger_claim(ledger, PAIR, LEDGER_RECOVERY, 1, new), place);
    ledger_release(ledger, place, old); /* too late: it is another's */
    ck_assert_uint_eq(ledger_in_use(ledger, PAIR, LEDGER_RECOVERY), 1);
    destroy(&ledger);
}
END_TEST

START_TEST(reaping_one_slot)
{
    struct ledger *ledger = create();
    for (uint32_t slot = 0; slot < 4; slot++)
        for (int pair = 0; pair < 3; pair++)
            ck_assert_int_ge(
                ledger_claim(ledger, pair, LEDGER_CONCURRENT, 100, ledger_owner(slot, 9)), 0);
    ck_assert_uint_eq(ledger_reap(ledger, 2, 2), 2);
    ck_assert_uint_eq(ledger_reap(ledger, 2, 5), 1); /* there are no more than three */
    ck_assert_uint_eq(ledger_reap(ledger, 2, 3), 0);
    ck_assert_uint_eq(ledger_in_use(ledger, 0, LEDGER_CONCURRENT), 3);
    destroy(&ledger);
}
END_TEST

/* ---- many processes -------------------------------------------------------------------------- */

#define WORKERS 3
#define LIMIT   2
#define ROUNDS  20000

struct arena {
    _Atomic int inside, most, refused, done;
};

static struct arena *make_arena(void)
{
    struct arena *arena =
        mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(arena, MAP_FAILED);
    return arena;
}

static void work(struct ledger *ledger, struct arena *arena, uint32_t slot)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t owner = ledger_owner(slot, 1);
        int32_t place = ledger_claim(ledger, PAIR, LEDGER_RECOVERY, LIMIT, owner);
        if (place < 0) {
            arena->refused++;
            continue;
        }
        int inside = ++arena->inside, most = arena->most;
        while (inside > most && !atomic_compare_exchange_weak(&arena->most, &most, inside))
            ;
        arena->inside--;
        arena->done++;
        ledger_release(ledger, place, owner);
    }
}

START_TEST(never_more_inside)
{
    struct ledger *ledger = create();
    struct arena *arena = make_arena();
    pid_t pids[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            work(ledger, arena, i);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        waitpid(pids[i], NULL, 0);
    ck_assert_int_le(arena->most, LIMIT);
    ck_assert_int_eq(arena->done + arena->refused, WORKERS * ROUNDS);
    ck_assert_uint_eq(ledger_in_use(ledger, PAIR, LEDGER_RECOVERY), 0);
    munmap(arena, sizeof(*arena));
    destroy(&ledger);
}
END_TEST

/* Killed anywhere, in a claim or a release: after the reaping nothing of it is left. */
START_TEST(killed_workers_leave_nothing)
{
    struct ledger *ledger = create();
    struct arena *arena = make_arena();
    int32_t kept = ledger_claim(ledger, PAIR, LEDGER_RECOVERY, LIMIT, ledger_owner(9, 1));
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (pid == 0)
            for (;;)
                work(ledger, arena, 0);
        struct timespec pause = {0, 200000 + i * 7919 % 400000};
        nanosleep(&pause, NULL); /* a random instant is what is wanted here */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        ledger_reap(ledger, 0, 3);
        ck_assert_uint_eq(ledger_in_use(ledger, PAIR, LEDGER_RECOVERY), 1);
    }
    ledger_release(ledger, kept, ledger_owner(9, 1));
    ck_assert_uint_eq(ledger_in_use(ledger, PAIR, LEDGER_RECOVERY), 0);
    munmap(arena, sizeof(*arena));
    destroy(&ledger);
}
END_TEST

/* ---- budgets --------------------------------------------------------------------------------- */

START_TEST(budget_of_a_window)
{
    struct ledger *ledger = create();
    uint64_t reset = 0;
    for (int i = 0; i < 5; i++)
        ck_assert(ledger_take(ledger, PAIR, LEDGER_REQUESTS_MINUTE, 5, 1, NOW + 10 * S, &reset));
    ck_assert(!ledger_take(ledger, PAIR, LEDGER_REQUESTS_MINUTE, 5, 1, NOW + 69 * S, &reset));
    ck_assert_uint_eq(reset, NOW + 70 * S);
    ck_assert(ledger_take(ledger, PAIR, LEDGER_REQUESTS_DAY, 5, 1, NOW, &reset)); /* another one */
    ck_assert(ledger_take(ledger, PAIR, LEDGER_REQUESTS_MINUTE, 5, 5, NOW + 70 * S, &reset));
    ck_assert(!ledger_take(ledger, PAIR, LEDGER_REQUESTS_MINUTE, 5, 1, NOW + 71 * S, &reset));
    ck_assert_uint_eq(reset, NOW + 130 * S);
    ck_assert(ledger_take(ledger, PAIR, LEDGER_REQUESTS_MINUTE, 0, 1000, NOW, &reset));
    ck_assert(ledger_take(ledger, -1, LEDGER_REQUESTS_MINUTE, 1, 1000, NOW, &reset));
    destroy(&ledger);
}
END_TEST

START_TEST(tokens_are_known_afterwards)
{
    struct ledger *ledger = create();
    uint64_t reset = 0;
    ck_assert(ledger_spend(ledger, PAIR, LEDGER_TOKENS_MINUTE, 1000, 999, NOW, &reset));
    ck_assert(!ledger_spend(ledger, PAIR, LEDGER_TOKENS_MINUTE, 1000, 500, NOW + 1 * S, &reset));
    ck_assert_uint_eq(reset, NOW + 60 * S);
    ck_assert(!ledger_take(ledger, PAIR, LEDGER_TOKENS_MINUTE, 1000, 1, NOW + 59 * S, &reset));
    ck_assert(!ledger_spend(ledger, PAIR, LEDGER_TOKENS_MINUTE, 1000, UINT32_MAX, NOW + 59 * S,
                            &reset)); /* stays at its most, does not begin anew */
    ck_assert(!ledger_take(ledger, PAIR, LEDGER_TOKENS_MINUTE, 1000, 1, NOW + 59 * S, &reset));
    ck_assert(ledger_take(ledger, PAIR, LEDGER_TOKENS_MINUTE, 1000, 1, NOW + 60 * S, &reset));
    destroy(&ledger);
}
END_TEST

START_TEST(budget_is_exact_over_processes)
{
    struct ledger *ledger = create();
    struct arena *arena = make_arena();
    uint64_t reset;
    pid_t pids[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (int n = 0; n < 5000; n++)
                arena->done += ledger_take(ledger, PAIR, LEDGER_REQUESTS_DAY, 7000, 1, NOW, &reset);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        waitpid(pids[i], NULL, 0);
    ck_assert_int_eq(arena->done, 7000);
    munmap(arena, sizeof(*arena));
    destroy(&ledger);
}
END_TEST

/* A new master: the day goes on, places do not. */
START_TEST(budgets_outlive_the_master)
{
    struct ledger *first = create(), *second;
    uint64_t reset;
    ck_assert(ledger_take(first, PAIR, LEDGER_REQUESTS_DAY, 10, 9, NOW, &reset));
    ledger_claim(first, PAIR, LEDGER_RECOVERY, 1, 5);
    second = ledger_create(name, 3, -1);
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(ledger_in_use(second, PAIR, LEDGER_RECOVERY), 0);
    ck_assert(ledger_take(second, PAIR, LEDGER_REQUESTS_DAY, 10, 1, NOW, &reset));
    ck_assert(!ledger_take(second, PAIR, LEDGER_REQUESTS_DAY, 10, 1, NOW, &reset));
    ledger_unlink(first); /* not its name any more */
    ledger_close(&first);
    first = ledger_create(name, 4, -1); /* another layout: from nothing */
    ck_assert(ledger_take(first, PAIR, LEDGER_REQUESTS_DAY, 10, 10, NOW, &reset));
    destroy(&first);
    ledger_close(&second);
}
END_TEST

UNIT_MAIN("ledger", no_more_than_the_limit, no_limit, only_the_owner_gives_back, reaping_one_slot,
          never_more_inside, killed_workers_leave_nothing, budget_of_a_window,
          tokens_are_known_afterwards, budget_is_exact_over_processes, budgets_outlive_the_master)
