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

static void remove_at(struct backlog *backlog, uint32_t index)
{
    backlog->n--;
    memmove(&backlog->items[index], &backlog->items[index + 1],
            (backlog->n - index) * sizeof(backlog->items[0]));
    backlog->n_sent -= index < backlog->n_sent;
}

/* Index of the first event that was never sent. */
static uint32_t first_unsent(const struct backlog *backlog)
{
    uint32_t i = backlog->n_sent;
    while (i < backlog->n && backlog->items[i].seq <= backlog->sent_seq)
        i++;
    return i;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* Does the success make the earlier event pointless? Not if the success might be history and the
 * event not: then it would reset nothing. */
static bool supersedes(const struct evwire_event *success, const struct evwire_event *old)
{
    bool is_reset = success->kind == EV_STREAM_SUCCESS
                        ? is_failure(old) || is_success(old)
                        : old->kind == EV_PRE_FAILURE || old->kind == EV_ANSWER_SUCCESS;
    return is_reset && old->key_hash == success->key_hash && old->incident <= success->incident &&
           old->started_at <= success->started_at && old->ended_at <= success->ended_at;
}

static void drop_superseded(struct backlog *backlog, const struct evwire_event *success)
{
    for (uint32_t i = first_unsent(backlog); i < backlog->n;) {
        if (supersedes(success, &backlog->items[i]))
            remove_at(backlog, i);
        else
            i++;
    }
}

/* The latest event of the same pair, kind and incident that was never sent, unless a success of the
 * pair came after it: a failure must not move across one. */
static struct evwire_event *find_equal(struct backlog *backlog, const struct evwire_event *event)
{
    for (uint32_t i = backlog->n, first = first_unsent(backlog); i-- > first;) {
        struct evwire_event *old = &backlog->items[i];
        if (old->key_hash != event->key_hash)
            continue;
        if (old->kind == event->kind && old->incident == event->incident)
            return old;
        if (is_failure(event) && is_success(old))
            return NULL;
    }
    return NULL;
}

/* The record takes the later instants; failures add up; of two rests the one that ends later stays.
 */
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

/* How much is lost with an event, the least first. */
static int worth(const struct evwire_event *event)
{
    if (event->kind == EV_QUOTA)
        return 0;
    if (is_success(event))
        return 1;
    return event->kind == EV_PRE_FAILURE ? 2 : 3;
}

static void drop_one(struct backlog *backlog)
{
    uint32_t victim = 0;
    for (uint32_t i = 1; i < backlog->n; i++)
        if (worth(&backlog->items[i]) < worth(&backlog->items[victim]))
            victim = i;
    remove_at(backlog, victim);
    backlog->dropped++;
}

uint64_t backlog_post(struct backlog *backlog, const struct evwire_event *event)
{
    if (backlog->n >= BACKLOG_MERGE && is_success(event)) {
        drop_superseded(backlog, event);
    } else if (backlog->n >= BACKLOG_MERGE) {
        struct evwire_event *equal = find_equal(backlog, event);
        if (equal != NULL) {
            merge(equal, event);
            return equal->seq;
        }
    }
    if (backlog->n == BACKLOG_MAX)
        drop_one(backlog);
    struct evwire_event *last = &backlog->items[backlog->n++];
    *last = *event;
    last->seq = ++backlog->last_seq;
    return last->seq;
}

/* ---- sending --------------------------------------------------------------------------------- */

const struct evwire_event *backlog_unsent(const struct backlog *backlog, uint32_t max, uint32_t *n)
{
    *n = backlog->n - backlog->n_sent < max ? backlog->n - backlog->n_sent : max;
    return *n > 0 ? &backlog->items[backlog->n_sent] : NULL;
}

void backlog_sent(struct backlog *backlog, uint32_t n)
{
    backlog->n_sent += n;
    if (backlog->n_sent > 0 && backlog->items[backlog->n_sent - 1].seq > backlog->sent_seq)
        backlog->sent_seq = backlog->items[backlog->n_sent - 1].seq;
}

void backlog_rewind(struct backlog *backlog)
{
    backlog->n_sent = 0;
}

void backlog_acknowledge(struct backlog *backlog, uint64_t seq)
{
    uint32_t done = 0;
    while (done < backlog->n && backlog->items[done].seq <= seq)
        done++;
    backlog->n -= done;
    backlog->n_sent -= done < backlog->n_sent ? done : backlog->n_sent;
    memmove(backlog->items, backlog->items + done, backlog->n * sizeof(backlog->items[0]));
}

bool backlog_has_failure(const struct backlog *backlog, uint64_t key_hash)
{
    for (uint32_t i = 0; i < backlog->n; i++)
        if (is_failure(&backlog->items[i]) && backlog->items[i].key_hash == key_hash)
            return true;
    return false;
}
