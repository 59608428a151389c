/* SPDX-License-Identifier: MIT */
/* The bytes of the shared table: what trackerd writes (trackerd/table/segment.c, publish.c) and
 * table.c reads. Everybody else uses table.h.
 *
 *   NAME       0          struct shm_table_header   4096 bytes: identity, live words, journal
 *              4096       struct shm_table_row      640 bytes each, `capacity` of them
 *              after them struct shm_table_sender   64 bytes each, SHM_TABLE_SENDERS of them
 *   NAME.lock  0          struct shm_lock           4096 bytes: the robust mutex
 *
 *   header     0    identity: magic, versions, sizes, generation, boot id, and their checksum
 *              128  live words: retired, rows generation, trackerd's pid, start, heartbeat, counts
 *              512  the journal: one row and one sender as they are about to be
 *   row        0    seq: odd while the row changes
 *              8    hot words (struct shm_table_hot), 56 their checksum
 *              64   cold words: the rest of struct shm_table_state; 608: checksum of hot and cold
 *   sender     0    who (slot + 1), incarnation, last applied event, last use, checksum
 *
 * How a change is made, so that SIGKILL at any instant neither loses nor repeats it: the journal is
 * filled and marked valid; then row and sender are written; then the mark goes. A trackerd
 * that finds the mark at its start writes row and sender again from the journal. A row that stays
 * odd therefore always has its new image in the journal, and that is where readers find it.
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

#include "common/shm/object.h"
#include "common/shm/table.h"

#define SHM_TABLE_MAGIC        UINT64_C(0x4c42545249455700) /* "\0WEIRTBL" */
#define SHM_LOCK_MAGIC         UINT64_C(0x4b434c5249455700) /* "\0WEIRLCK" */
#define SHM_TABLE_VERSION      1
#define SHM_TABLE_HEADER_BYTES 4096
#define SHM_TABLE_SENDERS      1024
#define SHM_TABLE_NONE         UINT64_MAX /* "no row", "no sender" in the journal */

#define SHM_TABLE_HOT_WORDS   (sizeof(struct shm_table_hot) / 8)
#define SHM_TABLE_STATE_WORDS (sizeof(struct shm_table_state) / 8)
#define SHM_TABLE_COLD_WORDS  (SHM_TABLE_STATE_WORDS - SHM_TABLE_HOT_WORDS)

_Static_assert(sizeof(struct shm_table_hot) == 48, "row layout");
_Static_assert(sizeof(struct shm_table_state) == 592, "row layout");
_Static_assert(offsetof(struct shm_table_state, hot) == 0, "the hot words come first");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics in shared memory must not need a lock");

typedef _Atomic uint64_t shm_table_word;

struct shm_table_row { /* 640 bytes */
    shm_table_word seq;
    shm_table_word hot[SHM_TABLE_HOT_WORDS];
    shm_table_word hot_check;
    shm_table_word cold[SHM_TABLE_COLD_WORDS];
    shm_table_word check;
    shm_table_word reserved[3];
};
_Static_assert(sizeof(struct shm_table_row) == 640, "row layout");
_Static_assert(offsetof(struct shm_table_row, cold) == 64, "the hot part is one cache line");

/* The last event applied of one worker process: none is applied twice. */
struct shm_table_sender { /* 64 bytes */
    shm_table_word who;   /* slot of its page + 1; 0 = free */
    shm_table_word incarnation;
    shm_table_word seq;
    shm_table_word used_at;
    shm_table_word check;
    shm_table_word reserved[3];
};
_Static_assert(sizeof(struct shm_table_sender) == 64, "sender layout");
#define SHM_TABLE_SENDER_WORDS 4 /* the checked ones */

struct shm_table_journal { /* 704 bytes */
    shm_table_word valid;
    shm_table_word row, sender; /* indexes, or SHM_TABLE_NONE */
    shm_table_word sender_words[SHM_TABLE_SENDER_WORDS];
    shm_table_word image[SHM_TABLE_STATE_WORDS];
    shm_table_word image_hot_check; /* as the row gets it */
    shm_table_word check;           /* of row, sender, sender_words and image */
    shm_table_word reserved[5];
};
_Static_assert(sizeof(struct shm_table_journal) == 704, "journal layout");
/* What journal.check covers, from `row` on, and where in it the image starts. */
#define SHM_TABLE_JOURNAL_WORDS (2 + SHM_TABLE_SENDER_WORDS + SHM_TABLE_STATE_WORDS)
#define SHM_TABLE_JOURNAL_IMAGE (2 + SHM_TABLE_SENDER_WORDS)

/* Fixed for the life of a segment. */
struct shm_table_identity { /* 80 bytes */
    uint64_t magic;         /* published last */
    uint32_t version, header_bytes;
    uint32_t row_bytes, capacity;
    uint32_t sender_bytes, senders;
    uint64_t total_bytes;
    uint64_t generation; /* when it was made, boot clock ns */
    uint64_t boot_id[2];
    uint64_t reserved;
    uint64_t check; /* of all before it */
};
_Static_assert(sizeof(struct shm_table_identity) == 80, "header layout");

struct shm_table_header {
    struct shm_table_identity identity;
    uint64_t gap1[6];
    /* 128 */
    shm_table_word retired; /* not 0: a newer segment has the name */
    shm_table_word rows_generation;
    shm_table_word tracker_pid; /* 0 after a clean stop */
    shm_table_word started_at, heartbeat_at;
    shm_table_word events_applied, events_repeated, events_unknown, packets_refused, lock_timeouts;
    uint64_t gap2[38];
    /* 512 */
    struct shm_table_journal journal;
    uint64_t gap3[360];
};
_Static_assert(offsetof(struct shm_table_header, retired) == 128, "header layout");
_Static_assert(offsetof(struct shm_table_header, journal) == 512, "header layout");
_Static_assert(sizeof(struct shm_table_header) == SHM_TABLE_HEADER_BYTES, "header layout");

struct shm_lock {         /* 4096 bytes, the rest of which is reserved */
    struct shm_head head; /* extent: SHM_LOCK_BYTES */
    uint64_t reserved[4];
    pthread_mutex_t mutex;
};
_Static_assert(offsetof(struct shm_lock, mutex) == 64, "lock layout");
_Static_assert(sizeof(struct shm_lock) <= 4096, "lock layout");
#define SHM_LOCK_BYTES 4096

static inline size_t shm_table_total_bytes(uint32_t capacity)
{
    return SHM_TABLE_HEADER_BYTES + (size_t)capacity * sizeof(struct shm_table_row) +
           SHM_TABLE_SENDERS * sizeof(struct shm_table_sender);
}

static inline struct shm_table_row *shm_table_rows_of(struct shm_table_header *head)
{
    return (struct shm_table_row *)((char *)head + SHM_TABLE_HEADER_BYTES);
}

static inline struct shm_table_sender *shm_table_senders_of(struct shm_table_header *head,
                                                            uint32_t capacity)
{
    return (struct shm_table_sender *)(shm_table_rows_of(head) + capacity);
}

/* A checksum of an even number of words: three multiplications for the hot part, which every
 * consultation of the table pays. Against accidents and torn copies, not against an enemy. */
static inline uint64_t shm_table_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t shm_table_checksum(const uint64_t *words, size_t n)
{
    uint64_t sum = UINT64_C(0x9e3779b97f4a7c15) * (n + 1);
    for (size_t i = 0; i + 1 < n; i += 2)
        sum = (sum << 7 | sum >> 57) ^ shm_table_mix(words[i] ^ UINT64_C(0xa0761d6478bd642f),
                                                     words[i + 1] ^ UINT64_C(0xe7037ed1a0b428db));
    return sum;
}

_Static_assert(SHM_TABLE_HOT_WORDS % 2 == 0 && SHM_TABLE_STATE_WORDS % 2 == 0,
               "checksums take pairs");
_Static_assert(SHM_TABLE_SENDER_WORDS % 2 == 0, "checksums take pairs");

extern const struct shm_kind shm_table_kind;
/* A new table of empty rows, for trackerd to fill, seal and name. False with errno. */
WEIR_MUST_CHECK bool shm_table_prepare(const char *name, uint32_t capacity, int gid,
                                       struct shm_object *out);

#endif
