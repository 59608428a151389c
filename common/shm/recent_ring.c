/* SPDX-License-Identifier: MIT */
/* See recent_ring.h. */
#include "common/shm/recent_ring.h"

#include <string.h>

#define READ_TRIES 64

/* ---- writing --------------------------------------------------------------------------------- */

struct recent_writer recent_writer_on(struct recent_ring *ring, uint32_t capacity)
{
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    return (struct recent_writer){ring, capacity, (uint32_t)(written % capacity)};
}

static void store_words(recent_word *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * sizeof(word), sizeof(word));
        atomic_store_explicit(&to[i], word, memory_order_release);
    }
}

/* The last word is filled up with zeros. */
static void store_text(recent_word *to, const char *text, size_t len)
{
    uint64_t last = 0;
    size_t whole = len / sizeof(last);
    store_words(to, text, whole);
    if (len % sizeof(last) == 0)
        return;
    memcpy(&last, text + whole * sizeof(last), len % sizeof(last));
    atomic_store_explicit(&to[whole], last, memory_order_release);
}

void recent_put(struct recent_writer *w, const struct recent_head *head,
                const struct recent_step *steps, const char *id)
{
    struct recent_record *record = &w->ring->records[w->at];
    uint64_t seq = atomic_load_explicit(&record->seq, memory_order_relaxed) | 1;
    atomic_store_explicit(&record->seq, seq, memory_order_relaxed);
    store_words(record->head, head, RECENT_HEAD_WORDS);
    store_words(record->steps[0], steps, recent_kept(head->n_steps) * RECENT_STEP_WORDS);
    store_text(record->id, id, head->id_bytes);
    atomic_store_explicit(&record->seq, seq + 1, memory_order_release);
    w->at = w->at + 1 < w->capacity ? w->at + 1 : 0;
    uint64_t written = atomic_load_explicit(&w->ring->written, memory_order_relaxed);
    atomic_store_explicit(&w->ring->written, written + 1, memory_order_relaxed);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void load_words(void *to, const recent_word *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t word = atomic_load_explicit((recent_word *)&from[i], memory_order_acquire);
        memcpy((char *)to + i * sizeof(word), &word, sizeof(word));
    }
}

static void load_record(const struct recent_record *record, struct recent_request *out)
{
    load_words(&out->head, record->head, RECENT_HEAD_WORDS);
    load_words(out->steps, record->steps[0], RECENT_STEPS * RECENT_STEP_WORDS);
    load_words(out->id, record->id, RECENT_ID_WORDS);
}

static void clean(char *text, size_t len)
{
    text[len] = '\0';
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

bool recent_get(const struct recent_record *record, struct recent_request *out)
{
    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint64_t seq = atomic_load_explicit((recent_word *)&record->seq, memory_order_acquire);
        if (seq == 0)
            return false;
        load_record(record, out);
        if ((seq & 1) != 0 ||
            atomic_load_explicit((recent_word *)&record->seq, memory_order_relaxed) != seq)
            continue;
        clean(out->head.outcome, RECENT_OUTCOME_BYTES - 1);
        clean(out->id, out->head.id_bytes < RECENT_ID_BYTES ? out->head.id_bytes : RECENT_ID_BYTES);
        return true;
    }
    return false;
}

void recent_each(const struct recent_ring *ring, uint32_t capacity,
                 void (*each)(void *arg, const struct recent_request *request), void *arg)
{
    uint64_t written = atomic_load_explicit((recent_word *)&ring->written, memory_order_acquire);
    uint32_t n = written < capacity ? (uint32_t)written : capacity;
    uint32_t at = written < capacity ? 0 : (uint32_t)(written % capacity);
    for (uint32_t i = 0; i < n; i++) {
        struct recent_request request;
        if (recent_get(&ring->records[at], &request))
            each(arg, &request);
        at = at + 1 < capacity ? at + 1 : 0;
    }
}
