/* SPDX-License-Identifier: MIT */
/* The shared cooldown table as its readers see it: workers and weirctl map it read-only; its only
 * writer is weir-trackerd (trackerd/table/publish.c). The bytes are in table_layout.h.
 *
 * Two POSIX shared memory objects: NAME (header, rows, senders; 0640) and NAME.lock (one page with
 * the robust process-shared mutex, 0660; apart because a process that may write a robust mutex may
 * write into the memory of one that unlocks it). No pointers in them; native byte order.
 *
 * A row is read without the lock: a sequence counter is odd while it changes, checksums show a torn
 * or damaged copy. A reader that meets an odd counter takes the row's new image from the journal in
 * the header, which is complete before the row is touched; so a writer that was stopped or killed
 * half-way holds nobody up. What cannot be read counts as "available".
 *
 * Known to be weak: a row is found by its names in linear time (resolve once, not per request);
 * rows copied without the lock may be of different moments. */
#ifndef WEIR_COMMON_SHM_TABLE_H
#define WEIR_COMMON_SHM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/terms/cause.h"

#define SHM_TABLE_PROVIDER_BYTES 64 /* with its NUL */
#define SHM_TABLE_MODEL_BYTES    128
#define SHM_TABLE_REASON_BYTES   96
#define SHM_TABLE_CAUSES         16 /* room for enum cooldown_cause */
#define SHM_TABLE_RECENT_MID     8
#define SHM_TABLE_RECENT_PRE     4

/* No pair rests longer than this: trackerd cuts it, and a reader that finds more takes it for
 * damage and the pair for available. */
#define SHM_TABLE_REST_MAX_NS (UINT64_C(31) * 24 * 3600 * 1000000000)

/* row flags */
#define SHM_TABLE_RECOVERING UINT32_C(1) /* a cooldown began since the last success */
#define SHM_TABLE_QUOTA      UINT32_C(2) /* quota fields are known: state `tracking` */

/* What routing needs of a row: the row's first 64 bytes. */
struct shm_table_hot {
    uint64_t key_hash;          /* 0 = free row */
    uint64_t cooldown_until_at; /* CLOCK_BOOTTIME ns; the cooldown ends by the clock */
    uint64_t cooldown_began_at;
    uint64_t incident;                   /* grows by one each time a cooldown begins */
    uint32_t mid_failures, pre_failures; /* consecutive, since the last reset */
    uint32_t flags;
    uint32_t recovery_concurrency; /* as configured for trackerd; 0 = no limit */
};

/* The whole row, a consistent copy. */
struct shm_table_state {
    struct shm_table_hot hot;
    char provider[SHM_TABLE_PROVIDER_BYTES];
    char model[SHM_TABLE_MODEL_BYTES];
    char reason[SHM_TABLE_REASON_BYTES]; /* of the latest cooldown; "" = none yet */
    uint32_t cause;                      /* enum cooldown_cause of the latest cooldown */
    uint32_t escalation;                 /* cooldowns since the last success, for the doubling */
    uint64_t cooldowns;                  /* ever begun */
    uint64_t mid_failures_total;         /* ever counted, history included */
    uint64_t last_success_at;            /* latest stream success that trackerd knows of */
    int64_t quota_remaining_requests, quota_remaining_tokens; /* QUOTA_UNKNOWN */
    uint64_t quota_reset_requests_wall_ms, quota_reset_tokens_wall_ms, quota_updated_wall_ms;
    uint64_t last_answer_success_at; /* the same without streaming */
    uint32_t cooldowns_by_cause[SHM_TABLE_CAUSES];
    /* When the counted failures ended: the oldest, and the latest ones, newest first; 0 = none.
     * They tell what a success that is reported late must leave standing. */
    uint64_t oldest_mid, oldest_pre;
    uint64_t recent_mid[SHM_TABLE_RECENT_MID], recent_pre[SHM_TABLE_RECENT_PRE];
};
_Static_assert(CAUSE_COUNT <= SHM_TABLE_CAUSES, "row layout");

enum pair_status {
    PAIR_AVAILABLE,
    PAIR_TRACKING,
    PAIR_EXHAUSTED,
    PAIR_RECOVERING
};
const char *pair_status_word(enum pair_status status);
/* The contract's status of a row at `now` (CLOCK_BOOTTIME ns); pure. */
enum pair_status shm_table_status(const struct shm_table_hot *hot, uint64_t now_at);

/* What is left of a row's cooldown, in ns; 0 when none runs, or when it is absurd. Pure. */
static inline uint64_t shm_table_rest_ns(const struct shm_table_hot *hot, uint64_t now_at)
{
    uint64_t rest = hot->cooldown_until_at > now_at ? hot->cooldown_until_at - now_at : 0;
    return rest <= SHM_TABLE_REST_MAX_NS ? rest : 0;
}

struct shm_table; /* a mapping of both objects; one per process that looks */

enum shm_table_error {
    SHM_TABLE_OK,
    SHM_TABLE_ABSENT,    /* no such object */
    SHM_TABLE_FORBIDDEN, /* not readable by us */
    SHM_TABLE_NOT_READY, /* being made */
    SHM_TABLE_DAMAGED,   /* magic, size or checksum do not match; or anybody may write to it */
    SHM_TABLE_OTHER_VERSION,
    SHM_TABLE_OTHER_BOOT,
    SHM_TABLE_ERRORS
};
/* Of the errno with which an object could not be opened: a kind's, not only the table's. */
enum shm_table_error shm_table_error_of(int error);
/* What is said of "table NAME: ". */
const char *shm_table_error_text(enum shm_table_error error);

/* Maps the table read-only. *out is set on SHM_TABLE_OK only; the caller closes it. */
enum shm_table_error shm_table_open_reader(const char *name, struct shm_table **out);
void shm_table_close(struct shm_table **tab);

/* The tracker made a newer table under the same name: open again. */
bool shm_table_is_retired(const struct shm_table *tab);
/* False also when it lost its name without being told so: a tracker was killed between the two
 * steps of a switch, or somebody removed the name. A system call. */
bool shm_table_is_named(const struct shm_table *tab);
/* Changes whenever rows were given to other pairs: resolve row indexes again. */
uint64_t shm_table_rows_generation(const struct shm_table *tab);
/* trackerd's pid, start (boot clock) and last sign of life; any may be 0. */
struct shm_table_tracker {
    int32_t pid;
    uint64_t started_at, heartbeat_at;
};
struct shm_table_tracker shm_table_tracker(const struct shm_table *tab);

uint32_t shm_table_capacity(const struct shm_table *tab);
/* The row of a pair, or -1. Linear: resolve once, not per request. */
WEIR_MUST_CHECK int shm_table_find(const struct shm_table *tab, const char *provider,
                                   const char *model);

/* The hot part, in tens of nanoseconds, without the lock. False: unreadable, or the row belongs to
 * another pair now (key_hash differs): treat the pair as available. */
WEIR_MUST_CHECK bool shm_table_read_hot(const struct shm_table *tab, int row, uint64_t key_hash,
                                        struct shm_table_hot *out);
/* The whole row. False as above, and for a free row. */
WEIR_MUST_CHECK bool shm_table_read(const struct shm_table *tab, int row,
                                    struct shm_table_state *out);
/* Rows 0..n-1 as they stood at one moment: taken under the lock, unless that is not to be had
 * within 2 ms; then each row is sound by itself. A row that is free or unreadable has key_hash 0.
 */
void shm_table_read_all(const struct shm_table *tab, struct shm_table_state *out, uint32_t n);

#endif
