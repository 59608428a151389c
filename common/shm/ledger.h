/* SPDX-License-Identifier: MIT */
/* What the workers must agree on at once, without asking anybody: places of a pair (how many
 * requests may try it while it recovers, how many may run at all) and budgets (requests and tokens
 * a minute, requests a day). A shared memory object NAME.ledger, made by the weir master before it
 * forks; workers inherit the mapping and may write to all of it. Only common/routing/claims.c
 * claims and spends, and only the master reaps.
 *
 * The layout is that of ledger.c, in the machine's byte order:
 *
 *   0      struct ledger_header   4096 bytes: struct shm_head (object.h), extent = pairs
 *   4096   struct ledger_pair     8192 bytes each, by the pair's index in the workers' pages: three
 *          budgets of 8 bytes (start of the window in s of the boot clock << 32 | used), at 128 the
 *          64 places of recovery, at 640 the 944 of concurrent requests, 8 bytes each
 *
 * A place is one word: 0, or its owner (slot and incarnation of the worker). It is claimed by one
 * compare-and-swap, so a worker may be killed at any instant: either it has the place, and the
 * master gives it back when it reaps the worker, or it has not. From a worker that has stopped
 * claims.c takes the places of recovery.
 *
 * Known to be weak: a worker gone mad can give away the places of others and use up their budgets,
 * and nothing worse. A window begins with weir's first request in it, not by the provider's clock;
 * a weir on another host has budgets of its own. */
#ifndef WEIR_COMMON_SHM_LEDGER_H
#define WEIR_COMMON_SHM_LEDGER_H

#include "common/base/attributes.h"
#include "common/shm/object.h"

enum ledger_kind {
    LEDGER_RECOVERY,   /* requests without content at a recovering pair: recoveryConcurrency */
    LEDGER_CONCURRENT, /* requests under way: rateLimits.concurrentRequests */
    LEDGER_KINDS
};
/* More places than these cannot be told apart: a larger limit counts as this one. */
#define LEDGER_RECOVERY_MAX   64
#define LEDGER_CONCURRENT_MAX 944

enum ledger_budget {
    LEDGER_REQUESTS_MINUTE,
    LEDGER_TOKENS_MINUTE,
    LEDGER_REQUESTS_DAY,
    LEDGER_BUDGETS
};

struct ledger;
extern const struct shm_kind ledger_kind;

/* Master: makes a new one, for pairs 0..pairs_max-1. Budgets of a dead master of this boot go on;
 * places do not. NULL with errno. */
struct ledger *ledger_create(const char *table_name, uint32_t pairs_max, int gid);
/* Master that is to follow a living one: its ledger when it is for as many pairs, so that places
 * and budgets are shared while both have workers; else a new one with its budgets, still without
 * its name. NULL with errno. ledger_take_name, once the other is told to go, gives it its name:
 * false with errno. */
struct ledger *ledger_take_over(const char *table_name, uint32_t pairs_max, int gid);
WEIR_MUST_CHECK bool ledger_take_name(struct ledger *ledger);
/* Everybody else: maps it read-only, for looking (ledger_has_place, ledger_has_left) and nothing
 * else. NULL when absent, or not of this layout and boot. */
struct ledger *ledger_open_reader(const char *table_name);
void ledger_close(struct ledger **ledger);
/* Master, at its end: removes the name if it is still ours. */
void ledger_unlink(const struct ledger *ledger);

/* The owner of a worker's claims: made once in each worker. */
uint64_t ledger_owner(uint32_t slot, uint64_t incarnation);

#define LEDGER_REFUSED (-1)
/* Takes one of the pair's first `limit` places: a number to give back, or LEDGER_REFUSED if all
 * are taken. limit 0, or a pair without an index (-1), is no limit: LEDGER_UNLIMITED, which may be
 * given back like any other. */
#define LEDGER_UNLIMITED INT32_MAX
int32_t ledger_claim(struct ledger *ledger, int pair, enum ledger_kind kind, uint32_t limit,
                     uint64_t owner);
/* Gives a place back. Harmless if it no longer is the owner's, for LEDGER_UNLIMITED and for
 * LEDGER_REFUSED. */
void ledger_release(struct ledger *ledger, int32_t place, uint64_t owner);
uint32_t ledger_in_use(const struct ledger *ledger, int pair, enum ledger_kind kind);
/* Who has the place `index` of the pair's: 0 = nobody. *place is its number, to give it back. */
uint64_t ledger_owner_of(const struct ledger *ledger, int pair, enum ledger_kind kind,
                         uint32_t index, int32_t *place);
/* The worker's slot in an owner. */
uint32_t ledger_slot_of(uint64_t owner);
/* Would ledger_claim find a place? */
bool ledger_has_place(const struct ledger *ledger, int pair, enum ledger_kind kind, uint32_t limit);

/* Master, when a worker has ended: its places of pairs 0..n_pairs-1, those that are in use, are
 * free again, whatever its incarnation. Returns how many it had. The pages of further pairs are not
 * even looked at: a page that nobody has touched is in no process's memory. */
uint32_t ledger_reap(struct ledger *ledger, uint32_t slot, uint32_t n_pairs);

/* Takes `amount` from a budget of `limit` a window, when that much is left of it. The window begins
 * with the first taking after the last one ended. False: nothing was taken, and *reset_at is when
 * the window ends (boot clock ns). limit 0 is no limit. */
WEIR_MUST_CHECK bool ledger_take(struct ledger *ledger, int pair, enum ledger_budget budget,
                                 uint32_t limit, uint32_t amount, uint64_t now_at,
                                 uint64_t *reset_at);
/* Books what was spent already (tokens, once an answer has their number), even past the limit.
 * Returns false when that used the budget up, with *reset_at as above. */
bool ledger_spend(struct ledger *ledger, int pair, enum ledger_budget budget, uint32_t limit,
                  uint32_t amount, uint64_t now_at, uint64_t *reset_at);
/* A look without taking: is any of it left? *reset_at as above. */
bool ledger_has_left(const struct ledger *ledger, int pair, enum ledger_budget budget,
                     uint32_t limit, uint64_t now_at, uint64_t *reset_at);

#endif
