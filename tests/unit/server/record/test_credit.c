/* SPDX-License-Identifier: MIT */
/* What is posted to trackerd for each outcome: every event is one that trackerd accepts, and of
 * attempts that count for nothing there is none. */
#include "server/record/credit.h"

#include "common/wire/evwire.h"
#include "tests/unit/unit.h"

#define EVENTS_MAX 8
#define STARTED_AT UINT64_C(5000000000)
#define ENDED_AT   UINT64_C(6000000000)

static struct evwire_event events[EVENTS_MAX];
static unsigned n_events;
static struct conf_pair pair = {.model = "m", .key_hash = 7};
static struct conf conf = {.pairs = &pair, .n_pairs = 1};
static struct credit *credit;

/* ---- stand-ins ------------------------------------------------------------------------------- */

uint64_t tracker_link_post(struct tracker_link *link, const struct evwire_event *event)
{
    ck_assert_uint_lt(n_events, EVENTS_MAX);
    events[n_events++] = *event;
    return n_events;
}

bool tracker_link_has_failure(const struct tracker_link *link, uint64_t key_hash)
{
    return true;
}

bool tableview_wants_reset(struct tableview *view, uint32_t index)
{
    return false;
}

enum outcome tableview_verdict(struct tableview *view, uint32_t index, uint64_t now_at,
                               struct pair_seen *seen, uint64_t *rest_ms)
{
    return OUTCOME_NONE;
}

/* ---- helpers --------------------------------------------------------------------------------- */

/* An attempt's end, as bad as can be: with a rest and, for the outcomes that have one, a quota. */
static uint64_t end(enum outcome outcome, uint64_t rest_ms, bool has_quota)
{
    return credit_ended(credit, &(struct credit_result){
                                    .outcome = outcome,
                                    .seen = {.row = UINT32_MAX},
                                    .started_at = STARTED_AT,
                                    .ended_at = ENDED_AT,
                                    .rest_ms = rest_ms,
                                    .quota = {.is_known = has_quota,
                                              .remaining_requests = 0,
                                              .remaining_tokens = QUOTA_UNKNOWN,
                                              .reset_requests_ms = 1000},
                                    .tokens = -1,
                                });
}

static void begin(void)
{
    n_events = 0;
    credit = credit_new(&conf, NULL, 0, NULL, NULL);
}

static void assert_accepted(const char *by)
{
    char packet[EVWIRE_PACKET_MAX];
    enum ev_status status;
    for (unsigned i = 0; i < n_events; i++) {
        events[i].seq = i + 1; /* as the link gives it */
        size_t len =
            evwire_pack(packet, sizeof(packet), EVWIRE_EVENTS, &events[i], sizeof(events[i]), 1);
        ck_assert_msg(evwire_check(packet, len, &status) != NULL, "%s: event %u of kind %u", by, i,
                      events[i].kind);
    }
}

static unsigned count(enum ev_kind kind)
{
    unsigned n = 0;
    for (unsigned i = 0; i < n_events; i++)
        n += events[i].kind == kind;
    return n;
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(trackerd_accepts_what_any_outcome_posts)
{
    for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
        const char *word = outcome_info((enum outcome)outcome)->word;
        begin();
        end((enum outcome)outcome, 60000, true);
        assert_accepted(word);
        ck_assert_msg(count(EV_QUOTA) == !outcome_is_not_the_providers((enum outcome)outcome), "%s",
                      word);
        credit_free(&credit);
    }
}
END_TEST

/* Not even the limit that the head of an answer told: what became of it is not known. */
START_TEST(what_counts_for_nothing_posts_nothing)
{
    static const struct {
        enum outcome outcome;
        bool has_quota;
    } rows[] = {{OUTCOME_CLIENT_LEFT, true},     {OUTCOME_DEADLINE, true},
                {OUTCOME_SHUTDOWN, true},        {OUTCOME_EVENT_TOO_LARGE, true},
                {OUTCOME_CLIENT_ERROR, false},   {OUTCOME_CONTENT_FILTERED, false},
                {OUTCOME_STREAM_UNPROVED, false}};
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        begin();
        ck_assert_uint_eq(end(rows[i].outcome, 60000, rows[i].has_quota), 0);
        ck_assert_msg(n_events == 0, "%s", outcome_info(rows[i].outcome)->word);
        credit_free(&credit);
    }
}
END_TEST

START_TEST(each_outcome_posts_its_kind)
{
    static const struct {
        enum outcome outcome;
        enum ev_kind kind;
        enum cooldown_cause cause; /* of the cooldown beside it, or alone; CAUSE_NONE = none */
    } rows[] = {
        {OUTCOME_STREAM_COMPLETED, EV_STREAM_SUCCESS, CAUSE_NONE},
        {OUTCOME_ANSWER_COMPLETED, EV_ANSWER_SUCCESS, CAUSE_NONE},
        {OUTCOME_CONNECT_ERROR, EV_PRE_FAILURE, CAUSE_NONE},
        {OUTCOME_STREAM_LOST, EV_MID_FAILURE, CAUSE_NONE},
        {OUTCOME_OVERLOADED, EV_PRE_FAILURE, CAUSE_OVERLOADED},
        {OUTCOME_RATE_LIMITED, EV_COOLDOWN, CAUSE_RATE_LIMITED},
        {OUTCOME_PAYMENT_REQUIRED, EV_COOLDOWN, CAUSE_PAYMENT_REQUIRED},
        {OUTCOME_AUTH_FAILED, EV_COOLDOWN, CAUSE_AUTH_FAILED},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        const char *word = outcome_info(rows[i].outcome)->word;
        bool rests = rows[i].cause != CAUSE_NONE;
        begin();
        uint64_t last = end(rows[i].outcome, rests ? 2000 : 0, false);
        ck_assert_msg(last == n_events && count(rows[i].kind) == 1, "%s", word);
        ck_assert_msg(count(EV_COOLDOWN) == rests, "%s", word);
        if (rests) {
            ck_assert_msg(events[n_events - 1].cause == rows[i].cause, "%s", word);
            ck_assert_uint_eq(events[n_events - 1].until_at, ENDED_AT + UINT64_C(2000000000));
        }
        credit_free(&credit);
    }
}
END_TEST

START_TEST(used_up_limits_are_cooldowns_that_trackerd_accepts)
{
    const struct claims_used_up used_up = {.requests = true,
                                           .tokens = true,
                                           .requests_reset_at = ENDED_AT + 1,
                                           .tokens_reset_at = ENDED_AT + 2};
    const struct pair_seen seen = {.row = UINT32_MAX};
    begin();
    credit_used_up(credit, 0, &seen, &used_up, ENDED_AT);
    ck_assert_uint_eq(count(EV_COOLDOWN), 2);
    ck_assert_int_eq(events[0].cause, CAUSE_QUOTA_REQUESTS);
    ck_assert_int_eq(events[1].cause, CAUSE_QUOTA_TOKENS);
    assert_accepted("used up");
    credit_free(&credit);
}
END_TEST

/* Behind content load brings its rest and no strike. */
START_TEST(load_behind_content_is_no_strike)
{
    begin();
    credit_ended(credit, &(struct credit_result){.outcome = OUTCOME_OVERLOADED,
                                                 .seen = {.row = UINT32_MAX},
                                                 .started_at = STARTED_AT,
                                                 .ended_at = ENDED_AT,
                                                 .rest_ms = 1000,
                                                 .tokens = -1,
                                                 .has_content = true});
    ck_assert_uint_eq(count(EV_COOLDOWN), 1);
    ck_assert_uint_eq(n_events, 1);
    credit_free(&credit);
}
END_TEST

UNIT_MAIN("credit", load_behind_content_is_no_strike, trackerd_accepts_what_any_outcome_posts,
          what_counts_for_nothing_posts_nothing, each_outcome_posts_its_kind,
          used_up_limits_are_cooldowns_that_trackerd_accepts)
