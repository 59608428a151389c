/* SPDX-License-Identifier: MIT */
/* The last requests of one worker as they lie in shared memory: a ring of fixed records, which that
 * worker alone writes and weirctl reads while it does (recent.h has the object). Pure.
 *
 *   ring     0    written: records ever written, atomic; the rest of 4096 bytes is reserved
 *            4096 struct recent_record, 512 bytes each, `capacity` of them; number n lies at
 *                 n modulo capacity
 *   record   0    seq: odd while the record is being written; 0 = never
 *            8    struct recent_head, 80 bytes
 *            88   struct recent_step[RECENT_STEPS], 24 bytes each
 *            376  the request's id, RECENT_ID_BYTES without a NUL
 *            504  reserved
 *
 * Of steps and id only what the head announces is written: what lies behind is of older requests. A
 * reader takes a record only when seq was even and the same before and after it was copied; all
 * words are atomics, stored with release and loaded with acquire order, as in table_layout.h. A
 * worker that is killed half-way through leaves one record that nobody reads; the next one in its
 * slot overwrites it. */
#ifndef WEIR_COMMON_SHM_RECENT_RING_H
#define WEIR_COMMON_SHM_RECENT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"

#define RECENT_STEPS         12 /* of a longer trail the last one is kept, and the first ones */
#define RECENT_ID_BYTES      128
#define RECENT_OUTCOME_BYTES 24 /* of a word, with its NUL */

struct recent_head {                /* 80 bytes */
    uint64_t received_at, ended_at; /* boot clock ns */
    uint64_t bytes;                 /* of the answer's body */
    uint64_t chain_hash;            /* conf_chain's name_hash; 0 = none */
    uint32_t first_token_us;        /* since received_at; 0 = never; the maximum: that or longer */
    int32_t prompt_tokens, completion_tokens; /* -1 = unknown */
    uint16_t status;                          /* HTTP; 499: the client left */
    uint16_t n_steps;                         /* of the trail, also those that are not kept */
    uint8_t is_stream, delivery;              /* delivery: enum delivery */
    uint8_t id_bytes;
    uint8_t zero[5];
    char outcome[RECENT_OUTCOME_BYTES]; /* an outcome's word, or a code of weir's own errors */
};
_Static_assert(sizeof(struct recent_head) == 80, "record layout");

struct recent_step {     /* 24 bytes: an attempt, or an entry that was passed by */
    uint64_t key_hash;   /* pair_key_hash */
    uint32_t elapsed_ms; /* of the attempt, or of the wait at a gate before it */
    uint32_t rest_ms;    /* how long the pair rests for it; passed by: still had to rest */
    uint16_t status;     /* HTTP status of the provider; 0 = none */
    uint8_t outcome;     /* enum outcome */
    uint8_t zero[5];
};
_Static_assert(sizeof(struct recent_step) == 24, "record layout");

#define RECENT_HEAD_WORDS (sizeof(struct recent_head) / 8)
#define RECENT_STEP_WORDS (sizeof(struct recent_step) / 8)
#define RECENT_ID_WORDS   (RECENT_ID_BYTES / 8)

typedef _Atomic uint64_t recent_word;

struct recent_record { /* 512 bytes */
    recent_word seq;
    recent_word head[RECENT_HEAD_WORDS];
    recent_word steps[RECENT_STEPS][RECENT_STEP_WORDS];
    recent_word id[RECENT_ID_WORDS];
    recent_word reserved;
};
_Static_assert(sizeof(struct recent_record) == 512, "record layout");
_Static_assert(offsetof(struct recent_record, id) == 376, "record layout");

struct recent_ring { /* 4096 bytes and the records */
    recent_word written;
    uint64_t reserved[511];
    struct recent_record records[];
};
_Static_assert(sizeof(struct recent_ring) == 4096, "ring layout");

/* The worker's side. */
struct recent_writer {
    struct recent_ring *ring;
    uint32_t capacity;
    uint32_t at; /* where the next record goes */
};
/* Goes on where the last worker of the slot stopped. */
struct recent_writer recent_writer_on(struct recent_ring *ring, uint32_t capacity);
/* Writes a record over the oldest one; head holds how many steps (as many as are kept) and bytes of
 * the id follow. Some tens of nanoseconds; no allocation, no system call. */
void recent_put(struct recent_writer *writer, const struct recent_head *head,
                const struct recent_step *steps, const char *id);

/* How many steps of a trail of n are kept. */
static inline uint32_t recent_kept(uint32_t n)
{
    return n < RECENT_STEPS ? n : RECENT_STEPS;
}

/* A record as a reader has it: texts end, and hold printable ASCII only; the rest is as the worker
 * wrote it. */
struct recent_request {
    struct recent_head head;
    struct recent_step steps[RECENT_STEPS]; /* recent_kept(head.n_steps) of them */
    char id[RECENT_ID_BYTES + 1];
};
/* False: never written, or being written, or left half-way by a worker that was killed. */
WEIR_MUST_CHECK bool recent_get(const struct recent_record *record, struct recent_request *out);
/* Hands out the ring's records, the oldest first; `request` lives as long as the call. */
void recent_each(const struct recent_ring *ring, uint32_t capacity,
                 void (*each)(void *arg, const struct recent_request *request), void *arg);

#endif
