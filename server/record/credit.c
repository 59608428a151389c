/* SPDX-License-Identifier: MIT */
/* See credit.h. Order matters: the stamp of a success is in the page before the row is read, so
 * that trackerd, which compares stamps when it applies a failure, cannot miss both. */
#include "server/record/credit.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"

/* A pair's quota: the numbers that its headers had last, what was sent to trackerd last and when,
 * and a change since then that is held back. */
struct sent_quota {
    bool is_sent, has_late;
    int64_t seen_requests, seen_tokens;
    struct evwire_event last, late;
    uint64_t last_at;
};

struct credit {
    const struct conf *conf;
    const struct pages *pages; /* NULL = none */
    struct tableview *view;
    struct tracker_link *tracker_link;
    struct pages_pair **pairs; /* of each configured pair in our slot; NULL = none */
    struct pages_pair nobody;  /* takes the counts of a pair without a place */
    struct sent_quota *quotas; /* of each configured pair */
    bool *refuses_usage;       /* the same */
    uint32_t n_late;           /* of them with a change that waits */
};

struct credit *credit_new(const struct conf *conf, struct pages *pages, uint32_t slot,
                          struct tableview *view, struct tracker_link *tracker_link)
{
    struct credit *c = xcalloc(1, sizeof(*c));
    c->conf = conf;
    c->pages = pages;
    c->view = view;
    c->tracker_link = tracker_link;
    c->pairs = xcalloc(conf->n_pairs, sizeof(*c->pairs));
    c->quotas = xcalloc(conf->n_pairs, sizeof(*c->quotas));
    c->refuses_usage = xcalloc(conf->n_pairs, sizeof(*c->refuses_usage));
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        if (pages != NULL)
            c->pairs[i] = pages_pair(pages, slot, pages_pair_find(pages, conf->pairs[i].key_hash));
        if (c->pairs[i] == NULL)
            c->pairs[i] = &c->nobody;
    }
    return c;
}

void credit_free(struct credit **credit)
{
    free((*credit)->pairs);
    free((*credit)->quotas);
    free((*credit)->refuses_usage);
    free(*credit);
    *credit = NULL;
}

void credit_started(struct credit *c, uint32_t pair)
{
    pages_counter_add(&c->pairs[pair]->requests, 1);
}

/* Load and keys blame the pair by a rest alone; the request's fault, refused content and limits of
 * weir's own leave no trace. */
static bool is_failure(enum outcome outcome)
{
    const struct outcome_info *info = outcome_info(outcome);
    return info->credit == CREDIT_PRE_FAILURE || info->credit == CREDIT_MID_FAILURE ||
           info->rest != REST_NONE;
}

static void count(struct pages_pair *page, const struct credit_result *r)
{
    enum outcome_credit credit = outcome_info(r->outcome)->credit;
    pages_counter_add(&page->outcomes[r->outcome], 1);
    if (r->tokens > 0)
        pages_counter_add(&page->tokens, (uint64_t)r->tokens);
    if (credit == CREDIT_STREAM_SUCCESS || credit == CREDIT_ANSWER_SUCCESS)
        pages_counter_add(&page->successes, 1);
    else if (is_failure(r->outcome))
        pages_counter_add(&page->failures, 1);
    if (credit == CREDIT_MID_FAILURE)
        pages_counter_add(&page->mid_failures, 1);
    if (r->has_finish && pages_counter_get(&page->finishes_seen) == 0)
        pages_counter_set(&page->finishes_seen, 1);
}

static void stamp(struct pages_pair *page, const struct credit_result *r)
{
    enum outcome_credit credit = outcome_info(r->outcome)->credit;
    if (credit == CREDIT_STREAM_SUCCESS)
        pages_stamp_stream(page, r->started_at, r->ended_at);
    if (credit == CREDIT_STREAM_SUCCESS || credit == CREDIT_ANSWER_SUCCESS)
        pages_stamp_answer(page, r->started_at, r->ended_at);
    /* The row is read after this: neither may move across the other. */
    atomic_thread_fence(memory_order_seq_cst);
}

static struct evwire_event event_of(const struct credit *c, const struct credit_result *r,
                                    enum ev_kind kind)
{
    return (struct evwire_event){
        .key_hash = c->conf->pairs[r->pair].key_hash,
        .row = r->seen.row,
        .kind = (uint16_t)kind,
        .outcome = (uint16_t)r->outcome,
        .count = 1,
        .incident = r->seen.incident,
        .started_at = r->started_at,
        .ended_at = r->ended_at,
    };
}

static uint64_t post(struct credit *c, const struct evwire_event *event)
{
    return tracker_link_post(c->tracker_link, event);
}

/* In the table, or on its way there. */
static bool has_something_to_reset(const struct credit *c, uint32_t pair)
{
    return tableview_wants_reset(c->view, pair) ||
           tracker_link_has_failure(c->tracker_link, c->conf->pairs[pair].key_hash);
}

static uint64_t post_credit(struct credit *c, const struct credit_result *r)
{
    static const enum ev_kind kinds[] = {
        [CREDIT_STREAM_SUCCESS] = EV_STREAM_SUCCESS,
        [CREDIT_ANSWER_SUCCESS] = EV_ANSWER_SUCCESS,
        [CREDIT_PRE_FAILURE] = EV_PRE_FAILURE,
        [CREDIT_MID_FAILURE] = EV_MID_FAILURE,
    };
    enum outcome_credit credit = outcome_info(r->outcome)->credit;
    bool is_success = credit == CREDIT_STREAM_SUCCESS || credit == CREDIT_ANSWER_SUCCESS;
    /* Behind content load is no strike: only its rest counts. */
    bool is_load = credit == CREDIT_PRE_FAILURE && r->has_content;
    if (credit == CREDIT_NOTHING || is_load || (is_success && !has_something_to_reset(c, r->pair)))
        return 0;
    struct evwire_event event = event_of(c, r, kinds[credit]);
    return post(c, &event);
}

static uint64_t post_rest(struct credit *c, const struct credit_result *r)
{
    enum cooldown_cause cause = cooldown_cause_of(r->outcome);
    if (r->rest_ms == 0 || cause == CAUSE_NONE) /* trackerd accepts no cooldown without a cause */
        return 0;
    struct evwire_event event = event_of(c, r, EV_COOLDOWN);
    event.cause = cause;
    event.until_at = r->ended_at + r->rest_ms * CLOCK_NS_PER_MS;
    return post(c, &event);
}

static uint64_t reset_at(uint64_t ended_at, uint64_t reset_ms)
{
    return reset_ms != 0 ? ended_at + reset_ms * CLOCK_NS_PER_MS : 0;
}

static bool is_used_up(const struct quota *quota)
{
    return quota->remaining_requests == 0 || quota->remaining_tokens == 0;
}

/* Notes the numbers. Has one of them just reached 0? */
static bool see_quota(struct sent_quota *sent, const struct quota *quota)
{
    bool has_reached_0 = (quota->remaining_requests == 0 && sent->seen_requests != 0) ||
                         (quota->remaining_tokens == 0 && sent->seen_tokens != 0);
    sent->seen_requests = quota->remaining_requests;
    sent->seen_tokens = quota->remaining_tokens;
    return has_reached_0 || !sent->is_sent;
}

static bool is_due(const struct sent_quota *sent, uint64_t now_at)
{
    return now_at >= sent->last_at + CREDIT_QUOTA_EVERY_MS * CLOCK_NS_PER_MS;
}

static bool differs(const struct evwire_event *a, const struct evwire_event *b)
{
    return a->remaining_requests != b->remaining_requests ||
           a->remaining_tokens != b->remaining_tokens;
}

static void set_late(struct credit *c, struct sent_quota *sent, const struct evwire_event *event)
{
    c->n_late -= sent->has_late;
    sent->has_late = event != NULL;
    c->n_late += sent->has_late;
    if (event != NULL)
        sent->late = *event;
}

static uint64_t send_quota(struct credit *c, struct sent_quota *sent,
                           const struct evwire_event *event, uint64_t now_at)
{
    uint64_t seq = post(c, event);
    sent->is_sent = true;
    sent->last = *event;
    sent->last_at = now_at;
    set_late(c, sent, NULL);
    return seq;
}

/* A quota that reached 0 is sent at once. Anything else is rate limited and sent only if it
 * changed, or is still 0 (its reset time may have moved). Returns the number of an event that the
 * request's end should wait for: others must pass a pair that is used up, while what remains of one
 * that is not is only for display. */
static uint64_t post_quota(struct credit *c, const struct credit_result *r)
{
    const struct quota *quota = &r->quota;
    struct sent_quota *sent = &c->quotas[r->pair];
    if (!quota->is_known)
        return 0;
    struct evwire_event event = event_of(c, r, EV_QUOTA);
    event.remaining_requests = quota->remaining_requests;
    event.remaining_tokens = quota->remaining_tokens;
    event.reset_requests_at = reset_at(r->ended_at, quota->reset_requests_ms);
    event.reset_tokens_at = reset_at(r->ended_at, quota->reset_tokens_ms);
    bool is_news = differs(&event, &sent->last) || is_used_up(quota);
    if (see_quota(sent, quota) || (is_news && is_due(sent, r->ended_at))) {
        uint64_t seq = send_quota(c, sent, &event, r->ended_at);
        return is_used_up(quota) ? seq : 0;
    }
    set_late(c, sent, is_news ? &event : NULL);
    return 0;
}

void credit_send_late_quotas(struct credit *c, uint64_t now_at)
{
    for (uint32_t i = 0; c->n_late > 0 && i < c->conf->n_pairs; i++)
        if (c->quotas[i].has_late && is_due(&c->quotas[i], now_at))
            send_quota(c, &c->quotas[i], &c->quotas[i].late, now_at);
}

uint64_t credit_ended(struct credit *c, const struct credit_result *r)
{
    struct pages_pair *page = c->pairs[r->pair];
    count(page, r);
    if (outcome_is_not_the_providers(r->outcome))
        return 0;
    stamp(page, r);
    uint64_t last = post_credit(c, r);
    uint64_t rest = post_rest(c, r);
    uint64_t quota = post_quota(c, r);
    last = rest != 0 ? rest : last;
    return quota != 0 ? quota : last;
}

bool credit_expects_finish(const struct credit *c, uint32_t pair)
{
    int index = c->pages != NULL ? pages_pair_find(c->pages, c->conf->pairs[pair].key_hash) : -1;
    if (index < 0)
        return pages_counter_get(&c->pairs[pair]->finishes_seen) != 0;
    for (uint32_t slot = 0; slot < pages_slots(c->pages); slot++) {
        const struct pages_pair *page = pages_pair((struct pages *)c->pages, slot, index);
        if (page != NULL && pages_counter_get(&page->finishes_seen) != 0)
            return true;
    }
    return false;
}

void credit_usage_was_refused(struct credit *c, uint32_t pair)
{
    c->refuses_usage[pair] = true;
}

bool credit_may_ask_usage(const struct credit *c, uint32_t pair)
{
    return c->conf->pairs[pair].provider->stream_usage && !c->refuses_usage[pair];
}

static void post_used_up(struct credit *c, uint32_t pair, const struct pair_seen *seen,
                         enum cooldown_cause cause, uint64_t until_at, uint64_t now_at)
{
    struct credit_result r = {.pair = pair,
                              .outcome = OUTCOME_NO_QUOTA,
                              .seen = *seen,
                              .started_at = now_at,
                              .ended_at = now_at};
    struct evwire_event event = event_of(c, &r, EV_COOLDOWN);
    event.cause = cause;
    event.until_at = until_at;
    post(c, &event);
}

uint64_t credit_used_up(struct credit *c, uint32_t pair, const struct pair_seen *seen,
                        const struct claims_used_up *u, uint64_t now_at)
{
    if (u->requests)
        post_used_up(c, pair, seen, CAUSE_QUOTA_REQUESTS, u->requests_reset_at, now_at);
    if (u->tokens)
        post_used_up(c, pair, seen, CAUSE_QUOTA_TOKENS, u->tokens_reset_at, now_at);
    return claims_rest_ms(u, now_at);
}
