/* SPDX-License-Identifier: MIT */
/* The workers' pages: a shared memory object NAME.workers, made by the weir master, in which each
 * worker alone writes its own slot: statistics, last-success stamps, heartbeat. trackerd reads the
 * stamps (a success that overtook a failure is not lost); page_sums.h makes the sums over all slots
 * that status, metrics and weirctl show. It needs no tracker, and counts survive a worker's death:
 * the next worker in a slot goes on adding.
 *
 * The layout is this file's and the top of pages.c's, in the machine's byte order:
 *
 *   0        struct pages_header                      4096 bytes: magic and version (object.h), 12
 *            slots, 16 pairs_max, 24 total bytes, 32 boot id, 48 the master's pid, 56 its start, 64
 *            pairs in the directory, 72 notes, 104 why the latest
 *            refusal (1024 bytes)
 *   4096     struct pages_chain_key[PAGES_CHAINS_MAX] 128 bytes each: the chains' directory
 *   12288    struct pages_pair_key[pairs_max]         256 bytes each: the pairs' directory
 *   then     slots: struct pages_slot (12288 bytes), struct pages_pair[pairs_max] (512 bytes each)
 *
 * All counters are relaxed 64-bit atomics with one writer: plain adds, no locked instructions. A
 * slot's part is a multiple of the page size, so that a worker can give up writing to all others.
 *
 * Known to be weak: counters are not read together, so a reader may see a request in one and not
 * yet in another. Nothing leaves the directory of pairs and chains while the object lives; when it
 * is full, new ones are not counted by name. The master's lock is an fcntl lock: a master that
 * opened its own pages a second time, and closed them, would lose it. */
#ifndef WEIR_COMMON_SHM_PAGES_H
#define WEIR_COMMON_SHM_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/shm/object.h"
#include "common/terms/outcome.h"

#define PAGES_HISTOGRAM_BUCKETS 32
#define PAGES_CHAINS_MAX        64
#define PAGES_CODES             16
#define PAGES_OUTCOMES          40 /* room for enum outcome */

_Static_assert(OUTCOME_COUNT <= PAGES_OUTCOMES, "layout of the pages");

typedef _Atomic uint64_t pages_counter;

struct pages_pair { /* 512 bytes: one pair in one slot */
    pages_counter requests, successes, failures;
    /* Boot clock ns: when the latest successful stream ended, and when that one started. */
    pages_counter last_stream_success_at;
    pages_counter last_stream_success_started_at;
    pages_counter last_answer_success_at;
    pages_counter mid_failures;
    pages_counter tokens;
    pages_counter outcomes[PAGES_OUTCOMES];
    pages_counter last_answer_success_started_at;
    pages_counter stamp_seq; /* odd while a stamp and its start are being written: pages_stamp_* */
    pages_counter finishes_seen; /* 1: one of its streams was finished by a finish_reason */
    pages_counter reserved[13];
};
_Static_assert(sizeof(struct pages_pair) == 512, "layout of the pages");

/* Bucket i counts what took at most 2^i microseconds and more than 2^(i-1); the last one the rest.
 */
struct pages_histogram {
    pages_counter buckets[PAGES_HISTOGRAM_BUCKETS];
    pages_counter sum_us;
};

/* What the client got. */
enum pages_answer {
    PAGES_ANSWER_COMPLETE, /* all of it; also an error that is the request's own */
    PAGES_ANSWER_ERROR,    /* an error in place of an answer: nobody could serve */
    PAGES_ANSWER_BROKEN,   /* a part, and then an error */
    PAGES_ANSWER_LEFT,     /* it left before */
    PAGES_ANSWERS
};
const char *pages_answer_word(enum pages_answer answer);

struct pages_slot {      /* 12288 bytes */
    _Atomic int32_t pid; /* 0 = nobody */
    uint32_t zero;
    pages_counter incarnation; /* start of that process, boot clock ns */
    pages_counter heartbeat_at;
    pages_counter active_streams, connections;
    pages_counter restarts; /* of this slot; written by the master */
    struct pages_histogram ttft, overhead;
    pages_counter queued[PAGES_CHAINS_MAX]; /* requests that wait for a pair of the chain */
    /* Whose listeners it serves: worker `index` of the generation that began at generation_at. 0 =
     * nobody's: it has not begun, or accepts no more. */
    pages_counter generation_at, index;
    pages_counter crumb; /* what it began last: server/loop/crumb.h */
    pages_counter reserved[117];
    pages_counter answers[PAGES_CHAINS_MAX][PAGES_ANSWERS];
    pages_counter requests[PAGES_CHAINS_MAX][PAGES_CODES]; /* pages_chain_add, pages_code_index */
};
_Static_assert(sizeof(struct pages_slot) == 12288, "layout of the pages");

struct pages; /* a mapping */
extern const struct shm_kind pages_kind;

/* Master: makes a new object (an old one of a dead master is replaced; its counters are kept
 * when layout and boot id match). NULL with errno; EBUSY: another weir master lives that has this
 * table's pages. `gid` (or -1) gets read access. pairs_max is rounded up to a multiple of 8.
 * The life of the master shows in an fcntl lock: it must not open the object a second time. */
struct pages *pages_create(const char *table_name, uint32_t slots, uint32_t pairs_max, int gid);
/* Master that is to follow a living one: the living one's pages, so that the workers of both count
 * into the same, when they have this layout and at least half of the slots and pairs that are
 * wanted. Else new ones with what was counted so far, still without their name. NULL with errno. */
struct pages *pages_take_over(const char *table_name, uint32_t slots, uint32_t pairs_max, int gid);
/* After it: are these the living one's own pages? */
bool pages_is_taken_over(const struct pages *pages);
/* The living master lets go; the one that follows it makes them its own, with their name. False
 * with errno. */
void pages_release(struct pages *pages);
WEIR_MUST_CHECK bool pages_take_name(struct pages *pages);
/* Worker, after the fork: from now on this process can write to this slot only. False with errno.
 */
WEIR_MUST_CHECK bool pages_restrict(struct pages *pages, uint32_t slot);
/* Everybody else: maps it read-only. NULL when absent or not of this layout and boot. */
struct pages *pages_open_reader(const char *table_name);
/* False once a new master has made pages of its own: the name leads to those. */
bool pages_is_current(const struct pages *pages);
/* The pid of the living master that owns the pages, 0 when there is none. Not for the master. */
int32_t pages_live_master(const struct pages *pages);
void pages_close(struct pages **pages);
/* Master, at its end: removes the name if it is still ours. */
void pages_unlink(const struct pages *pages);

/* Master: index of the pair in the directory, adding it when new. -1 when the directory is full
 * (the pair then has no statistics of its own; routing is not affected). */
int pages_pair_add(struct pages *pages, const char *provider, const char *model);
/* Index of a pair, or -1. */
WEIR_MUST_CHECK int pages_pair_find(const struct pages *pages, uint64_t key_hash);
/* Names of the pair at an index, valid until close. */
void pages_pair_names(const struct pages *pages, int pair, const char **provider,
                      const char **model);

/* Master: index of a chain in its directory, adding it when new. Chains beyond PAGES_CHAINS_MAX
 * share the last place, whose name is "(other)". The name "" stands for requests without a chain.
 */
uint32_t pages_chain_add(struct pages *pages, const char *name);
/* The same for readers and workers: a name that is not there gets the last place. */
uint32_t pages_chain_find(const struct pages *pages, const char *name);
/* Name of a place, valid until close; NULL where there is none yet. */
const char *pages_chain_name(const struct pages *pages, uint32_t chain);

/* Where a status is counted, and the status of a place; 0 = all others. */
unsigned pages_code_index(int status);
int pages_code_status(unsigned index);

/* What the master did, for those who asked it by a signal and wait for the answer. */
enum pages_note {
    PAGES_RELOADED,
    PAGES_RELOAD_REFUSED,
    PAGES_UPGRADE_REFUSED,
    PAGES_NOTES
};
void pages_note(struct pages *pages, enum pages_note what);
/* A refusal, with its reason: one line, cut where it is too long. */
void pages_note_refusal(struct pages *pages, enum pages_note what, const char *why);
/* How often it was noted. */
uint64_t pages_noted(const struct pages *pages, enum pages_note what);
/* Why the latest refusal; "" when there was none. */
#define PAGES_WHY_BYTES 1024
void pages_read_why(const struct pages *pages, char out[PAGES_WHY_BYTES]);

uint32_t pages_slots(const struct pages *pages);
uint32_t pages_pairs_max(const struct pages *pages);
/* How many pairs are in the directory: their indexes are below. */
uint32_t pages_pairs(const struct pages *pages);
/* Pointers into the mapping; valid until close. The pair's may be NULL for index -1. */
struct pages_slot *pages_slot(const struct pages *pages, uint32_t slot);
struct pages_pair *pages_pair(const struct pages *pages, uint32_t slot, int pair);

/* Leaves the stamp of a success in the worker's own page: when the stream (or answer) ended and
 * when it started, seen together by trackerd. */
void pages_stamp_stream(struct pages_pair *pair, uint64_t started_at, uint64_t ended_at);
void pages_stamp_answer(struct pages_pair *pair, uint64_t started_at, uint64_t ended_at);
/* Both stamps of one slot. False, with zeros, when the worker stopped half-way through writing. */
struct pages_stamps {
    uint64_t stream_started_at, stream_ended_at, answer_started_at, answer_ended_at;
};
bool pages_read_stamps(const struct pages_pair *pair, struct pages_stamps *out);

/* One writer per counter: an atomic load and store, without a lock prefix. */
static inline void pages_counter_add(pages_counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline uint64_t pages_counter_get(const pages_counter *c)
{
    return atomic_load_explicit((pages_counter *)c, memory_order_relaxed);
}
static inline void pages_counter_set(pages_counter *c, uint64_t v)
{
    atomic_store_explicit(c, v, memory_order_relaxed);
}

static inline void pages_observe_us(struct pages_histogram *h, uint64_t us)
{
    unsigned i = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);
    pages_counter_add(&h->buckets[i < PAGES_HISTOGRAM_BUCKETS ? i : PAGES_HISTOGRAM_BUCKETS - 1],
                      1);
    pages_counter_add(&h->sum_us, us);
}

#endif
