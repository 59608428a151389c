/* SPDX-License-Identifier: MIT */
/* The workers' pages: a shared memory object NAME.workers, made by the weir master, in which each
 * worker alone writes its own slot: statistics, last-success stamps, heartbeat. trackerd reads the
 * stamps (a success that overtook a failure is not lost), weirctl, /v1/ratelimits and /metrics
 * read sums over all slots. It exists without a tracker, and counts survive a worker's death: the
 * next worker in a slot goes on adding.
 *
 *   0        struct wpages_header                     4096 bytes
 *   4096     struct wpages_chain_key[WPAGES_CHAINS_MAX] 128 bytes each: the chains' directory
 *   12288    struct wpages_pair_key[pairs_max]         256 bytes each: the pairs' directory
 *   then     slots: struct wpages_slot (12288 bytes), struct wpages_pair[pairs_max] (512 bytes
 * each)
 *
 * All counters are relaxed 64-bit atomics with one writer: plain adds, no locked instructions. A
 * slot's part is a multiple of the page size, so that a worker can give up writing to all others.
 */
#ifndef WEIR_COMMON_SHM_PAGES_H
#define WEIR_COMMON_SHM_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/terms/outcome.h"

#define WPAGES_HISTOGRAM_BUCKETS 32
#define WPAGES_CHAINS_MAX        64
#define WPAGES_CODES             16
#define WPAGES_OUTCOMES          40 /* room for enum outcome */

_Static_assert(OUTCOME_COUNT <= WPAGES_OUTCOMES, "wpages layout");

typedef _Atomic uint64_t wcounter;

struct wpages_pair { /* 512 bytes: one pair in one slot */
    wcounter requests, successes, failures;
    wcounter last_stream_success_at; /* boot clock ns of the end; the start of that stream below */
    wcounter last_stream_success_started_at;
    wcounter last_answer_success_at;
    wcounter mid_failures;
    wcounter tokens;
    wcounter outcomes[WPAGES_OUTCOMES];
    wcounter last_answer_success_started_at;
    wcounter stamp_seq; /* odd while a stamp and its start are being written: wpages_stamp_* */
    wcounter reserved[14];
};
_Static_assert(sizeof(struct wpages_pair) == 512, "wpages layout");

/* Bucket i counts what took at most 2^i microseconds and more than 2^(i-1); the last one the rest.
 */
struct wpages_histogram {
    wcounter buckets[WPAGES_HISTOGRAM_BUCKETS];
    wcounter sum_us;
};

struct wpages_slot {     /* 12288 bytes */
    _Atomic int32_t pid; /* 0 = nobody */
    uint32_t zero;
    wcounter incarnation; /* start of that process, boot clock ns */
    wcounter heartbeat_at;
    wcounter active_streams, connections;
    wcounter restarts; /* of this slot; written by the master */
    struct wpages_histogram ttft, overhead;
    wcounter queued[WPAGES_CHAINS_MAX]; /* requests that wait for a pair of the chain */
    wcounter reserved[376];
    wcounter requests[WPAGES_CHAINS_MAX][WPAGES_CODES]; /* wpages_chain_add, wpages_code_index */
};
_Static_assert(sizeof(struct wpages_slot) == 12288, "wpages layout");

struct wpages; /* a mapping */

/* Master: makes the object anew (an old one of a dead master is replaced; its counters are kept
 * when layout and boot id match). NULL with errno; EBUSY: another weir master lives that has this
 * table's pages. `group_gid` (or -1) gets read access. pairs_max is rounded up to a multiple of 8.
 * The life of the master shows in an fcntl lock: it must not open the object a second time. */
struct wpages *wpages_create(const char *table_name, uint32_t slots, uint32_t pairs_max,
                             int group_gid);
/* Master that is to follow a living one: the living one's pages, so that the workers of both count
 * into the same, when they have this layout and at least half of the slots and pairs that are
 * wanted. Else new ones with what was counted so far, still without their name. NULL with errno. */
struct wpages *wpages_take_over(const char *table_name, uint32_t slots, uint32_t pairs_max,
                                int group_gid);
/* After it: are these the living one's own pages? */
bool wpages_is_taken_over(const struct wpages *pages);
/* The living master lets go; the one that follows it makes them its own, with their name. 0, or -1
 * with errno. */
void wpages_release(struct wpages *pages);
int wpages_claim(struct wpages *pages);
/* As root, before leaving it: what root has left under the name goes to this user. */
void wpages_give(const char *table_name, int uid);
/* Worker, after the fork: from now on only this slot can be written to in this process. */
int wpages_restrict(struct wpages *pages, uint32_t slot);
/* Everybody else: maps it read-only. NULL when absent or not of this layout and boot. */
struct wpages *wpages_open_reader(const char *table_name);
/* False when the name leads to another object by now: a new master made its own. */
bool wpages_is_current(const struct wpages *pages);
/* The pid of the living master that owns the pages, 0 when there is none. Not for the master. */
int32_t wpages_live_master(const struct wpages *pages);
void wpages_close(struct wpages **pages);
/* Master, at its end: removes the name if it is still ours. */
void wpages_unlink(const struct wpages *pages);

/* Master: index of the pair in the directory, adding it when new. -1 when the directory is full
 * (the pair then has no statistics of its own; routing is not affected). */
int wpages_pair_add(struct wpages *pages, const char *provider, const char *model);
/* Index of a pair, or -1. */
int wpages_pair_find(const struct wpages *pages, uint64_t key_hash);
/* Names of the pair at an index, valid until close. */
void wpages_pair_names(const struct wpages *pages, int pair, const char **provider,
                       const char **model);

/* Master: index of a chain in its directory, adding it when new. Chains beyond WPAGES_CHAINS_MAX
 * share the last place, whose name is "(other)". The name "" stands for requests without a chain.
 */
uint32_t wpages_chain_add(struct wpages *pages, const char *name);
/* The same for readers and workers: a name that is not there gets the last place. */
uint32_t wpages_chain_find(const struct wpages *pages, const char *name);
/* Name of a place, valid until close; NULL where there is none yet. */
const char *wpages_chain_name(const struct wpages *pages, uint32_t chain);

/* Requests that wait for a pair of this chain now, over all living workers. */
uint64_t wpages_queued(const struct wpages *pages, const char *chain);

/* Where a status is counted, and the status of a place; 0 = all others. */
unsigned wpages_code_index(int status);
int wpages_code_status(unsigned index);

/* What the master did, for those who asked it by a signal and wait for the answer. */
enum wpages_note {
    WPAGES_RELOADED,
    WPAGES_RELOAD_REFUSED,
    WPAGES_UPGRADE_REFUSED,
    WPAGES_NOTES
};
void wpages_note(struct wpages *pages, enum wpages_note what);
/* How often it was noted. */
uint64_t wpages_noted(const struct wpages *pages, enum wpages_note what);

uint32_t wpages_slots(const struct wpages *pages);
uint32_t wpages_pairs_max(const struct wpages *pages);
/* How many pairs are in the directory: their indexes are below. */
uint32_t wpages_pairs(const struct wpages *pages);
/* Pointers into the mapping; valid until close. The pair's may be NULL for index -1. */
struct wpages_slot *wpages_slot(const struct wpages *pages, uint32_t slot);
struct wpages_pair *wpages_pair(const struct wpages *pages, uint32_t slot, int pair);

/* Leaves the stamp of a success in the worker's own page: when the stream (or answer) ended and
 * when it started, seen together by trackerd. */
void wpages_stamp_stream(struct wpages_pair *pair, uint64_t started_at, uint64_t ended_at);
void wpages_stamp_answer(struct wpages_pair *pair, uint64_t started_at, uint64_t ended_at);
/* Both stamps of one slot. False, with zeros, when the worker stopped half-way through writing. */
struct wpages_stamps {
    uint64_t stream_started_at, stream_ended_at, answer_started_at, answer_ended_at;
};
bool wpages_read_stamps(const struct wpages_pair *pair, struct wpages_stamps *out);

/* One writer per counter: an atomic load and store, without a lock prefix. */
static inline void wcounter_add(wcounter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline uint64_t wcounter_get(const wcounter *c)
{
    return atomic_load_explicit((wcounter *)c, memory_order_relaxed);
}
static inline void wcounter_set(wcounter *c, uint64_t v)
{
    atomic_store_explicit(c, v, memory_order_relaxed);
}

static inline void wpages_observe_us(struct wpages_histogram *h, uint64_t us)
{
    unsigned i = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);
    wcounter_add(&h->buckets[i < WPAGES_HISTOGRAM_BUCKETS ? i : WPAGES_HISTOGRAM_BUCKETS - 1], 1);
    wcounter_add(&h->sum_us, us);
}

/* Sums over all slots for one pair (index from wpages_pair_find; -1 gives zeros). */
struct wpages_sum {
    uint64_t requests, successes, failures, mid_failures, tokens;
    uint64_t last_stream_success_at, last_stream_success_started_at; /* the latest */
    uint64_t last_answer_success_at;
    uint64_t outcomes[WPAGES_OUTCOMES];
};
void wpages_sum(const struct wpages *pages, int pair, struct wpages_sum *out);

#endif
