/* SPDX-License-Identifier: MIT */
/* See backlog.h. */
#include "server/tracker/backlog.h"

#include <string.h>

static bool is_success(const struct evwire_event *event)
{
    return event->kind == EV_STREAM_SUCCESS || event->kind == EV_ANSWER_SUCCESS;
}

static bool is_failure(const struct evwire_event *event)
{
    return event->kind == EV_MID_FAILURE || event->kind == EV_PRE_FAILURE;
}

static void remove_at(struct evqueue *queue, uint32_t index)
{
    queue->n--;
    memmove(&queue->items[index], &queue->items[index + 1],
            (queue->n - index) * sizeof(queue->items[0]));
    queue->n_sent -= index < queue->n_sent;
}

/* Index of the first event that was never sent. */
static uint32_t first_unsent(const struct evqueue *queue)
{
    uint32_t i = queue->n_sent;
    while (i < queue->n && queue->items[i].seq <= queue->sent_seq)
        i++;
    return i;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* Does the success make the earlier event pointless? Never when the success could be history where
 * the event is not: then it would reset nothing. */
static bool supersedes(const struct evwire_event *success, const struct evwire_event *old)
{
    bool is_reset = success->kind == EV_STREAM_SUCCESS
                        ? is_failure(old) || is_success(old)
                        : old->kind == EV_PRE_FAILURE || old->kind == EV_ANSWER_SUCCESS;
    return is_reset && old->key_hash == success->key_hash && old->incident <= success->incident &&
           old->started_at <= success->started_at && old->ended_at <= success->ended_at;
}

static void drop_superseded(struct evqueue *queue, const struct evwire_event *success)
{
    for (uint32_t i = first_unsent(queue); i < queue->n;) {
        if (supersedes(success, &queue->items[i]))
            remove_at(queue, i);
        else
            i++;
    }
}

/* The latest event of the same pair, kind and incident that was never sent, unless a success of the
 * pair came after it: a failure must not move across one. */
static struct evwire_event *find_equal(struct evqueue *queue, const struct evwire_event *event)
{
    for (uint32_t i = queue->n, first = first_unsent(queue); i-- > first;) {
        struct evwire_event *old = &queue->items[i];
        if (old->key_hash != event->key_hash)
            continue;
        if (old->kind == event->kind && old->incident == event->incident)
            return old;
        if (is_failure(event) && is_success(old))
            return NULL;
    }
    return NULL;
}

/* The record takes the later instants; failures add up; the rest that ends later stays. */
static void merge(struct evwire_event *into, const struct evwire_event *event)
{
    struct evwire_event old = *into;
    *into = *event;
    into->seq = old.seq;
    if (is_failure(event))
        into->count = old.count + event->count;
    if (event->kind == EV_COOLDOWN && old.until_at > event->until_at) {
        into->until_at = old.until_at;
        into->cause = old.cause;
    }
}

/* ---- making room ----------------------------------------------------------------------------- */

/* How much is lost with an event, from the least on. */
static int worth(const struct evwire_event *event)
{
    if (event->kind == EV_QUOTA)
        return 0;
    if (is_success(event))
        return 1;
    return event->kind == EV_PRE_FAILURE ? 2 : 3;
}

static void drop_one(struct evqueue *queue)
{
    uint32_t victim = 0;
    for (uint32_t i = 1; i < queue->n; i++)
        if (worth(&queue->items[i]) < worth(&queue->items[victim]))
            victim = i;
    remove_at(queue, victim);
    queue->dropped++;
}

uint64_t evqueue_post(struct evqueue *queue, const struct evwire_event *event)
{
    if (queue->n >= EVQUEUE_MERGE && is_success(event)) {
        drop_superseded(queue, event);
    } else if (queue->n >= EVQUEUE_MERGE) {
        struct evwire_event *equal = find_equal(queue, event);
        if (equal != NULL) {
            merge(equal, event);
            return equal->seq;
        }
    }
    if (queue->n == EVQUEUE_MAX)
        drop_one(queue);
    struct evwire_event *last = &queue->items[queue->n++];
    *last = *event;
    last->seq = ++queue->last_seq;
    return last->seq;
}

/* ---- sending --------------------------------------------------------------------------------- */

const struct evwire_event *evqueue_unsent(const struct evqueue *queue, uint32_t max, uint32_t *n)
{
    *n = queue->n - queue->n_sent < max ? queue->n - queue->n_sent : max;
    return *n > 0 ? &queue->items[queue->n_sent] : NULL;
}

void evqueue_sent(struct evqueue *queue, uint32_t n)
{
    queue->n_sent += n;
    if (queue->n_sent > 0 && queue->items[queue->n_sent - 1].seq > queue->sent_seq)
        queue->sent_seq = queue->items[queue->n_sent - 1].seq;
}

void evqueue_rewind(struct evqueue *queue)
{
    queue->n_sent = 0;
}

void evqueue_acknowledge(struct evqueue *queue, uint64_t seq)
{
    uint32_t done = 0;
    while (done < queue->n && queue->items[done].seq <= seq)
        done++;
    queue->n -= done;
    queue->n_sent -= done < queue->n_sent ? done : queue->n_sent;
    memmove(queue->items, queue->items + done, queue->n * sizeof(queue->items[0]));
}

bool evqueue_has_failure(const struct evqueue *queue, uint64_t key_hash)
{
    for (uint32_t i = 0; i < queue->n; i++)
        if (is_failure(&queue->items[i]) && queue->items[i].key_hash == key_hash)
            return true;
    return false;
}
