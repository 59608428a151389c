/* SPDX-License-Identifier: MIT */
/* The bytes of the shared table: what trackerd writes (trackerd/table/segment.c, publish.c) and
 * table.c reads. Everybody else uses table.h.
 *
 *   NAME       0          struct shmtab_header   4096 bytes: identity, live words, journal
 *              4096       struct shmtab_row      640 bytes each, `capacity` of them
 *              after them struct shmtab_sender   64 bytes each, SHMTAB_SENDERS of them
 *   NAME.lock  0          struct shmtab_lock     4096 bytes: the robust mutex
 *
 *   header     0    identity: magic, versions, sizes, generation, boot id, and their checksum
 *              128  live words: retired, rows generation, trackerd's pid, start, heartbeat, counts
 *              512  the journal: one row and one sender as they are about to be
 *   row        0    seq: odd while the row changes
 *              8    hot words (struct shmtab_hot), 56 their checksum
 *              64   cold words: the rest of struct shmtab_state; 608: checksum of hot and cold
 *   sender     0    who (slot + 1), incarnation, last applied event, last use, checksum
 *
 * How a change is made, so that SIGKILL at any instant neither loses nor repeats it: the journal is
 * filled and marked valid; then row and sender are written; then the mark goes. Whoever finds the
 * mark (the next trackerd) writes row and sender again from the journal. A row that stays odd
 * therefore always has its new image in the journal, and that is where readers find it.
 *
 * Every word that can change while somebody reads is an atomic. Row words are stored with release
 * and loaded with acquire order: that makes the sequence counter a sound seqlock in C11 without
 * fences (a payload store cannot move before the store that made seq odd, nor after the one that
 * makes it even; the same for loads). */
#ifndef WEIR_COMMON_SHM_TABLE_LAYOUT_H
#define WEIR_COMMON_SHM_TABLE_LAYOUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shm/table.h"

#define SHMTAB_MAGIC        UINT64_C(0x4c42545249455700) /* "\0WEIRTBL" */
#define SHMTAB_LOCK_MAGIC   UINT64_C(0x4b434c5249455700)
#define SHMTAB_VERSION      1
#define SHMTAB_HEADER_BYTES 4096
#define SHMTAB_SENDERS      1024
#define SHMTAB_NONE         UINT64_MAX /* "no row", "no sender" in the journal */
#define SHMTAB_LOCK_SUFFIX  ".lock"

#define SHMTAB_HOT_WORDS   (sizeof(struct shmtab_hot) / 8)
#define SHMTAB_STATE_WORDS (sizeof(struct shmtab_state) / 8)
#define SHMTAB_COLD_WORDS  (SHMTAB_STATE_WORDS - SHMTAB_HOT_WORDS)

_Static_assert(sizeof(struct shmtab_hot) == 48, "row layout");
_Static_assert(sizeof(struct shmtab_state) == 592, "row layout");
_Static_assert(offsetof(struct shmtab_state, hot) == 0, "the hot words come first");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics in shared memory must not need a lock");

typedef _Atomic uint64_t shmtab_word;

struct shmtab_row { /* 640 bytes */
    shmtab_word seq;
    shmtab_word hot[SHMTAB_HOT_WORDS];
    shmtab_word hot_check;
    shmtab_word cold[SHMTAB_COLD_WORDS];
    shmtab_word check;
    shmtab_word reserved[3];
};
_Static_assert(sizeof(struct shmtab_row) == 640, "row layout");
_Static_assert(offsetof(struct shmtab_row, cold) == 64, "the hot part is one cache line");

/* The last event applied of one worker process: none is applied twice. */
struct shmtab_sender { /* 64 bytes */
    shmtab_word who;   /* slot of its page + 1; 0 = free */
    shmtab_word incarnation;
    shmtab_word seq;
    shmtab_word used_at;
    shmtab_word check;
    shmtab_word reserved[3];
};
_Static_assert(sizeof(struct shmtab_sender) == 64, "sender layout");
#define SHMTAB_SENDER_WORDS 4 /* the checked ones */

struct shmtab_journal { /* 704 bytes */
    shmtab_word valid;
    shmtab_word row, sender; /* indexes, or SHMTAB_NONE */
    shmtab_word sender_words[SHMTAB_SENDER_WORDS];
    shmtab_word image[SHMTAB_STATE_WORDS];
    shmtab_word image_hot_check; /* as the row gets it */
    shmtab_word check;           /* of row, sender, sender_words and image */
    shmtab_word reserved[5];
};
_Static_assert(sizeof(struct shmtab_journal) == 704, "journal layout");
/* What journal.check covers, from `row` on, and where in it the image starts. */
#define SHMTAB_JOURNAL_WORDS (2 + SHMTAB_SENDER_WORDS + SHMTAB_STATE_WORDS)
#define SHMTAB_JOURNAL_IMAGE (2 + SHMTAB_SENDER_WORDS)

/* Fixed for the life of a segment. */
struct shmtab_identity { /* 80 bytes */
    uint64_t magic;      /* published last */
    uint32_t version, header_bytes;
    uint32_t row_bytes, capacity;
    uint32_t sender_bytes, senders;
    uint64_t total_bytes;
    uint64_t generation; /* when it was made, boot clock ns */
    uint64_t boot_id[2];
    uint64_t reserved;
    uint64_t check; /* of all before it */
};
_Static_assert(sizeof(struct shmtab_identity) == 80, "header layout");

struct shmtab_header {
    struct shmtab_identity identity;
    uint64_t gap1[6];
    /* 128 */
    shmtab_word retired; /* not 0: a newer segment has the name */
    shmtab_word rows_generation;
    shmtab_word tracker_pid; /* 0 after a clean stop */
    shmtab_word started_at, heartbeat_at;
    shmtab_word events_applied, events_repeated, events_unknown, packets_refused, lock_timeouts;
    uint64_t gap2[38];
    /* 512 */
    struct shmtab_journal journal;
    uint64_t gap3[360];
};
_Static_assert(offsetof(struct shmtab_header, retired) == 128, "header layout");
_Static_assert(offsetof(struct shmtab_header, journal) == 512, "header layout");
_Static_assert(sizeof(struct shmtab_header) == SHMTAB_HEADER_BYTES, "header layout");

struct shmtab_lock {
    uint64_t magic;
    uint32_t version, bytes;
    uint64_t boot_id[2];
    uint64_t reserved[4];
    pthread_mutex_t mutex;
};
_Static_assert(offsetof(struct shmtab_lock, mutex) == 64, "lock layout");
_Static_assert(sizeof(struct shmtab_lock) <= 4096, "lock layout");
#define SHMTAB_LOCK_BYTES 4096

static inline size_t shmtab_total_bytes(uint32_t capacity)
{
    return SHMTAB_HEADER_BYTES + (size_t)capacity * sizeof(struct shmtab_row) +
           SHMTAB_SENDERS * sizeof(struct shmtab_sender);
}

static inline struct shmtab_row *shmtab_rows_of(struct shmtab_header *head)
{
    return (struct shmtab_row *)((char *)head + SHMTAB_HEADER_BYTES);
}

static inline struct shmtab_sender *shmtab_senders_of(struct shmtab_header *head, uint32_t capacity)
{
    return (struct shmtab_sender *)(shmtab_rows_of(head) + capacity);
}

/* A checksum of an even number of words: three multiplications for the hot part, which every
 * consultation of the table pays. Against accidents and torn copies, not against an enemy. */
static inline uint64_t shmtab_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t shmtab_checksum(const uint64_t *words, size_t n)
{
    uint64_t sum = UINT64_C(0x9e3779b97f4a7c15) * (n + 1);
    for (size_t i = 0; i + 1 < n; i += 2)
        sum = (sum << 7 | sum >> 57) ^ shmtab_mix(words[i] ^ UINT64_C(0xa0761d6478bd642f),
                                                  words[i + 1] ^ UINT64_C(0xe7037ed1a0b428db));
    return sum;
}

_Static_assert(SHMTAB_HOT_WORDS % 2 == 0 && SHMTAB_STATE_WORDS % 2 == 0, "checksums take pairs");
_Static_assert(SHMTAB_SENDER_WORDS % 2 == 0, "checksums take pairs");

/* Gives the identity of a filled segment its checksum, and its magic last. */
void shmtab_identity_seal(struct shmtab_identity *identity);
/* Is the identity of a mapping of `size` bytes whole, of this layout and of this boot? */
bool shmtab_identity_is_good(const struct shmtab_identity *identity, size_t size,
                             const uint64_t boot_id[2]);

#endif
