/* SPDX-License-Identifier: MIT */
/* common/shm/recent_ring.c: records of requests, written and read, torn and left half-way. */
#include "common/shm/recent_ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/terms/outcome.h"
#include "tests/unit/unit.h"

#define CAPACITY 8

static struct recent_ring *new_ring(void)
{
    return calloc(1, sizeof(struct recent_ring) + CAPACITY * sizeof(struct recent_record));
}

/* A request of which every word tells its number. */
static void put(struct recent_writer *writer, uint32_t number, uint32_t n_steps, const char *id)
{
    struct recent_step steps[RECENT_STEPS];
    memset(steps, 0, sizeof(steps));
    for (uint32_t i = 0; i < recent_kept(n_steps); i++)
        steps[i] = (struct recent_step){.key_hash = number + i, .elapsed_ms = number + i};
    struct recent_head head = {.received_at = number,
                               .ended_at = number + UINT64_C(1),
                               .bytes = number,
                               .first_token_us = number,
                               .n_steps = (uint16_t)n_steps,
                               .id_bytes = (uint8_t)strlen(id)};
    strcpy(head.outcome, "stream_completed");
    recent_put(writer, &head, steps, id);
}

static bool is_whole(const struct recent_request *r)
{
    uint64_t number = r->head.received_at;
    bool is_whole = r->head.ended_at == number + 1 && r->head.bytes == number &&
                    r->head.first_token_us == number;
    for (uint32_t i = 0; i < recent_kept(r->head.n_steps); i++)
        is_whole =
            is_whole && r->steps[i].key_hash == number + i && r->steps[i].elapsed_ms == number + i;
    return is_whole;
}

START_TEST(what_was_written_is_read)
{
    struct recent_ring *ring = new_ring();
    struct recent_writer writer = recent_writer_on(ring, CAPACITY);
    struct recent_request r;
    char longest[RECENT_ID_BYTES + 1];
    memset(longest, 'x', RECENT_ID_BYTES);
    longest[RECENT_ID_BYTES] = '\0';
    const char *ids[] = {"a", "12345678", "123456789", longest};
    ck_assert(!recent_get(&ring->records[0], &r));
    for (uint32_t i = 0; i < UNIT_ROWS(ids); i++) {
        put(&writer, 7 * i, i * 5, ids[i]);
        ck_assert(recent_get(&ring->records[i], &r));
        ck_assert_str_eq(r.id, ids[i]);
        ck_assert_str_eq(r.head.outcome, "stream_completed");
        ck_assert_uint_eq(r.head.n_steps, i * 5);
        ck_assert(is_whole(&r));
    }
    ck_assert(!recent_get(&ring->records[UNIT_ROWS(ids)], &r));
    free(ring);
}
END_TEST

/* A shorter request over a longer one: nothing of the old one shows. */
START_TEST(a_record_is_written_over)
{
    struct recent_ring *ring = new_ring();
    struct recent_writer writer = recent_writer_on(ring, CAPACITY);
    struct recent_request r;
    for (uint32_t i = 0; i < CAPACITY; i++)
        put(&writer, i, RECENT_STEPS, "a-rather-long-id");
    put(&writer, 100, 1, "short");
    ck_assert(recent_get(&ring->records[0], &r));
    ck_assert_str_eq(r.id, "short");
    ck_assert_uint_eq(r.head.n_steps, 1);
    ck_assert(is_whole(&r));
    free(ring);
}
END_TEST

struct seen {
    uint32_t numbers[CAPACITY];
    uint32_t n;
};

static void see(void *arg, const struct recent_request *request)
{
    struct seen *seen = arg;
    ck_assert(is_whole(request));
    seen->numbers[seen->n++] = (uint32_t)request->head.received_at;
}

static void assert_seen(const struct recent_ring *ring, uint32_t from, uint32_t n)
{
    struct seen seen = {.n = 0};
    recent_each(ring, CAPACITY, see, &seen);
    ck_assert_uint_eq(seen.n, n);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_uint_eq(seen.numbers[i], from + i);
}

START_TEST(the_oldest_comes_first_and_goes_first)
{
    struct recent_ring *ring = new_ring();
    struct recent_writer writer = recent_writer_on(ring, CAPACITY);
    assert_seen(ring, 0, 0);
    for (uint32_t i = 0; i < 3 * CAPACITY; i++) {
        put(&writer, i, i % 4, "id");
        assert_seen(ring, i < CAPACITY ? 0 : i + 1 - CAPACITY, i < CAPACITY ? i + 1 : CAPACITY);
    }
    free(ring);
}
END_TEST

/* The worker was killed within recent_put: its record is not read, the others are; the next worker
 * of the slot goes on, and soon all are read again. */
START_TEST(half_a_record_is_not_read)
{
    struct recent_ring *ring = new_ring();
    struct recent_writer writer = recent_writer_on(ring, CAPACITY);
    for (uint32_t i = 0; i < CAPACITY + 3; i++)
        put(&writer, i, 2, "id");
    struct recent_record *half = &ring->records[3];
    atomic_fetch_add(&half->seq, 1);
    atomic_store(&half->head[1], 12345);
    assert_seen(ring, 4, CAPACITY - 1);
    struct recent_writer next = recent_writer_on(ring, CAPACITY);
    put(&next, CAPACITY + 3, 2, "id");
    assert_seen(ring, 4, CAPACITY);
    put(&next, CAPACITY + 4, 2, "id");
    assert_seen(ring, 5, CAPACITY);
    free(ring);
}
END_TEST

/* A worker gone mad may write anything into its ring: no reader believes it, nor shows it raw. */
START_TEST(what_a_worker_wrote_is_not_trusted)
{
    struct recent_ring *ring = new_ring();
    struct recent_writer writer = recent_writer_on(ring, CAPACITY);
    struct recent_request r;
    put(&writer, 1, UINT16_MAX, "evil\033[2Jid\x7f\xc2\x9b");
    ck_assert(recent_get(&ring->records[0], &r));
    ck_assert_str_eq(r.id, "evil?[2Jid???");
    memset(&ring->records[0].head, 0xff, sizeof(ring->records[0].head));
    ck_assert(recent_get(&ring->records[0], &r));
    ck_assert_uint_lt(strlen(r.head.outcome), RECENT_OUTCOME_BYTES);
    ck_assert_uint_le(strlen(r.id), RECENT_ID_BYTES);
    ck_assert_int_eq(r.head.outcome[0], '?');
    atomic_store(&ring->written, UINT64_MAX);
    struct seen seen = {.n = 0};
    atomic_store(&ring->records[0].seq, 0);
    recent_each(ring, CAPACITY, see, &seen);
    ck_assert_uint_eq(seen.n, 0);
    free(ring);
}
END_TEST

START_TEST(every_outcome_fits)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        ck_assert_uint_lt(strlen(outcome_info((enum outcome)i)->word), RECENT_OUTCOME_BYTES);
    ck_assert_int_le(OUTCOME_COUNT, UINT8_MAX);
}
END_TEST

/* ---- litmus: what --enable-sanitizers=thread watches ----------------------------------------- */

#define PUTS 100000

static struct recent_ring *raced;
static _Atomic int is_over;

static void count_torn(void *arg, const struct recent_request *request)
{
    unsigned long *torn = arg;
    *torn += !is_whole(request);
}

static void *read_ring(void *arg)
{
    while (!is_over)
        recent_each(raced, CAPACITY, count_torn, arg);
    return NULL;
}

START_TEST(records_are_read_whole)
{
    pthread_t reader;
    unsigned long torn = 0;
    is_over = 0;
    raced = new_ring();
    struct recent_writer writer = recent_writer_on(raced, CAPACITY);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_ring, &torn), 0);
    for (uint32_t i = 0; i < PUTS; i++)
        put(&writer, i, i % (RECENT_STEPS + 3), "an-id-of-some-length");
    is_over = 1;
    pthread_join(reader, NULL);
    ck_assert_uint_eq(torn, 0);
    free(raced);
}
END_TEST

UNIT_MAIN("recent_ring", what_was_written_is_read, a_record_is_written_over,
          the_oldest_comes_first_and_goes_first, half_a_record_is_not_read,
          what_a_worker_wrote_is_not_trusted, every_outcome_fits, records_are_read_whole)
