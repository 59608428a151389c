/* SPDX-License-Identifier: MIT */
/* common/routing/claims.c: a look says beforehand what a request would be told that takes, and
 * takes nothing. The ledger and the pages are real; the table is a stand-in. */
#include "common/routing/claims.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/terms/pair_key.h"
#include "tests/unit/unit.h"

#define S    UINT64_C(1000000000)
#define NOW  (UINT64_C(5000) * S)
#define PAIR 0

/* How the table has the pair. */
static struct pair_seen table;
static uint64_t table_rest_ms;

enum outcome tableview_verdict(struct tableview *view, uint32_t pair, uint64_t now_at,
                               struct pair_seen *seen, uint64_t *rest_ms)
{
    *seen = table;
    *rest_ms = table_rest_ms;
    return table_rest_ms != 0 ? OUTCOME_IN_COOLDOWN : OUTCOME_NONE;
}

static struct conf_provider provider;
static struct conf_pair pairs[] = {{.provider = &provider, .model = "m"}};
static const struct conf conf = {.pairs = pairs, .n_pairs = 1};

static char name[64];
static struct ledger *ledger, *read_only;
static struct pages *pages;
static struct claims *claims, *looker; /* a worker's, and weirctl's */
static struct claim claim;
static struct claims_used_up used_up;

static void set_up(void)
{
    table = (struct pair_seen){0};
    table_rest_ms = 0;
    provider = (struct conf_provider){.id = (char *)"p"};
    pairs[0].key_hash = pair_key_hash("p", "m");
    snprintf(name, sizeof(name), "/weir-test-%d", (int)getpid());
    pages = pages_create(name, 2, 8, -1);
    ck_assert_ptr_nonnull(pages);
    pages_pair_add(pages, "p", "m");
    ledger = ledger_create(name, 8, -1);
    ck_assert_ptr_nonnull(ledger);
    read_only = ledger_open_reader(name);
    ck_assert_ptr_nonnull(read_only);
    claims = claims_new(&conf, ledger, pages, ledger_owner(0, 1));
    looker = claims_new(&conf, read_only, pages, 0);
}

static void tear_down(void)
{
    claims_free(&claims);
    claims_free(&looker);
    ledger_unlink(ledger);
    ledger_close(&ledger);
    ledger_close(&read_only);
    pages_unlink(pages);
    pages_close(&pages);
}

static enum outcome take(uint64_t now_at)
{
    return claims_take(claims, PAIR, &table, now_at, &claim, &used_up);
}

static void look(uint64_t now_at, enum outcome outcome, uint64_t rest_ms, const char *setting)
{
    struct claims_look seen = claims_look(looker, NULL, PAIR, now_at);
    ck_assert_int_eq(seen.outcome, outcome);
    ck_assert_uint_eq(seen.rest_ms, rest_ms);
    ck_assert_pstr_eq(seen.setting, setting);
}

START_TEST(the_table_speaks_first)
{
    set_up();
    provider.requests_per_minute = 1;
    ck_assert_int_eq(take(NOW), OUTCOME_NONE);
    table_rest_ms = 1234;
    look(NOW, OUTCOME_IN_COOLDOWN, 1234, NULL);
    tear_down();
}
END_TEST

START_TEST(places)
{
    static const struct {
        struct pair_seen seen;
        uint32_t concurrent_requests;
        enum outcome outcome;
        const char *setting;
    } rows[] = {
        {{0}, 0, OUTCOME_NONE, NULL},
        {{.recovery_concurrency = 1}, 0, OUTCOME_NONE, NULL}, /* does not recover */
        {{.is_recovering = true}, 0, OUTCOME_NONE, NULL},     /* no limit */
        {{.is_recovering = true, .recovery_concurrency = 1},
         0,
         OUTCOME_IN_RECOVERY,
         "recoveryConcurrency"},
        {{.is_recovering = true, .recovery_concurrency = 2}, 0, OUTCOME_NONE, NULL},
        {{0}, 1, OUTCOME_NO_QUOTA, "concurrentRequests"},
        {{0}, 2, OUTCOME_NONE, NULL},
        {{.is_recovering = true, .recovery_concurrency = 1},
         1,
         OUTCOME_IN_RECOVERY,
         "recoveryConcurrency"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        set_up();
        table = rows[i].seen;
        provider.concurrent_requests = rows[i].concurrent_requests;
        look(NOW, OUTCOME_NONE, 0, NULL);
        ck_assert_int_eq(take(NOW), OUTCOME_NONE);
        look(NOW, rows[i].outcome, 0, rows[i].setting);
        struct claim first = claim;
        ck_assert_int_eq(take(NOW), rows[i].outcome); /* as it was said */
        claims_release(claims, &claim);
        claims_release(claims, &first);
        look(NOW, OUTCOME_NONE, 0, NULL);
        tear_down();
    }
}
END_TEST

START_TEST(budgets)
{
    set_up();
    provider.requests_per_minute = 2;
    provider.requests_per_day = 3;
    for (int i = 0; i < 5; i++)
        look(NOW, OUTCOME_NONE, 0, NULL); /* costs nothing, and begins no window */
    ck_assert_int_eq(take(NOW + 10 * S), OUTCOME_NONE);
    ck_assert_int_eq(take(NOW + 11 * S), OUTCOME_NONE);
    look(NOW + 30 * S, OUTCOME_NO_QUOTA, 40000, "requestsPerMinute");
    ck_assert_int_eq(take(NOW + 30 * S), OUTCOME_NO_QUOTA);
    ck_assert_uint_eq(claims_rest_ms(&used_up, NOW + 30 * S), 40000);
    look(NOW + 70 * S, OUTCOME_NONE, 0, NULL);
    ck_assert_int_eq(take(NOW + 70 * S), OUTCOME_NONE);
    look(NOW + 71 * S, OUTCOME_NO_QUOTA, (86400 - 61) * 1000, "requestsPerDay");
    table.has_quota = true; /* what the provider tells itself is better */
    look(NOW + 71 * S, OUTCOME_NONE, 0, NULL);
    tear_down();
}
END_TEST

START_TEST(tokens)
{
    set_up();
    provider.tokens_per_minute = 100;
    ck_assert_int_eq(take(NOW), OUTCOME_NONE);
    claims_spend_tokens(claims, PAIR, &claim, 500, NOW + 1 * S, &used_up);
    ck_assert(used_up.tokens);
    look(NOW + 20 * S, OUTCOME_NO_QUOTA, 40000, "tokensPerMinute");
    look(NOW + 60 * S, OUTCOME_NONE, 0, NULL);
    tear_down();
}
END_TEST

/* A probe: no limit stops it, and yet it counts. */
START_TEST(taking_anyway)
{
    set_up();
    table = (struct pair_seen){.is_recovering = true, .recovery_concurrency = 1};
    provider.concurrent_requests = 2;
    provider.requests_per_minute = 1;
    struct claim probes[3];
    for (int i = 0; i < 3; i++) {
        claims_take_anyway(claims, PAIR, &table, NOW, &probes[i], &used_up);
        ck_assert(used_up.requests && !used_up.tokens);
    }
    ck_assert_uint_eq(ledger_in_use(read_only, 0, LEDGER_RECOVERY), 1);
    ck_assert_uint_eq(ledger_in_use(read_only, 0, LEDGER_CONCURRENT), 2);
    look(NOW, OUTCOME_IN_RECOVERY, 0, "recoveryConcurrency");
    for (int i = 2; i >= 0; i--)
        claims_release(claims, &probes[i]);
    ck_assert_uint_eq(ledger_in_use(read_only, 0, LEDGER_RECOVERY), 0);
    ck_assert_uint_eq(ledger_in_use(read_only, 0, LEDGER_CONCURRENT), 0);
    look(NOW, OUTCOME_NO_QUOTA, 60000, "requestsPerMinute");
    look(NOW + 60 * S, OUTCOME_NONE, 0, NULL);
    tear_down();
}
END_TEST

START_TEST(the_first_content_opens_the_gate)
{
    set_up();
    table = (struct pair_seen){.is_recovering = true, .recovery_concurrency = 1};
    provider.concurrent_requests = 2;
    ck_assert_int_eq(take(NOW), OUTCOME_NONE);
    struct claim first = claim;
    claims_open_gate(claims, &first);
    look(NOW, OUTCOME_NONE, 0, NULL);
    ck_assert_int_eq(take(NOW), OUTCOME_NONE); /* the next one has the place now */
    claims_open_gate(claims, &first);
    claims_release(claims, &first);
    look(NOW, OUTCOME_IN_RECOVERY, 0, "recoveryConcurrency");
    ck_assert_uint_eq(ledger_in_use(read_only, 0, LEDGER_CONCURRENT), 1);
    claims_release(claims, &claim);
    look(NOW, OUTCOME_NONE, 0, NULL);
    tear_down();
}
END_TEST

/* Its heartbeat tells. A worker that has never had one is only just beginning. */
START_TEST(a_worker_that_has_stopped_holds_no_gate)
{
    static const uint64_t stopped_ns = CLAIMS_STOPPED_MS * UINT64_C(1000000);
    set_up();
    table = (struct pair_seen){.is_recovering = true, .recovery_concurrency = 1};
    provider.concurrent_requests = 1;
    struct claims *other = claims_new(&conf, ledger, pages, ledger_owner(1, 7));
    ck_assert_int_eq(claims_take(other, PAIR, &table, NOW, &claim, &used_up), OUTCOME_NONE);
    struct claim stopped = claim;
    look(NOW + 2 * stopped_ns, OUTCOME_IN_RECOVERY, 0, "recoveryConcurrency");
    pages_counter_set(&pages_slot(pages, 1)->heartbeat_at, NOW);
    look(NOW + stopped_ns, OUTCOME_IN_RECOVERY, 0, "recoveryConcurrency");
    ck_assert_int_eq(take(NOW + stopped_ns), OUTCOME_IN_RECOVERY);
    /* what it does at the provider goes on: its concurrent place stays its own */
    look(NOW + stopped_ns + 1, OUTCOME_NO_QUOTA, 0, "concurrentRequests");
    provider.concurrent_requests = 0;
    look(NOW + stopped_ns + 1, OUTCOME_NONE, 0, NULL);
    ck_assert_int_eq(take(NOW + stopped_ns + 1), OUTCOME_NONE);
    claims_release(other, &stopped); /* it goes on, and gives back what is no longer its own */
    look(NOW + stopped_ns + 1, OUTCOME_IN_RECOVERY, 0, "recoveryConcurrency");
    claims_release(claims, &claim);
    look(NOW + stopped_ns + 1, OUTCOME_NONE, 0, NULL);
    claims_free(&other);
    tear_down();
}
END_TEST

START_TEST(without_a_ledger_nothing_is_limited)
{
    set_up();
    provider.concurrent_requests = 1;
    ck_assert_int_eq(take(NOW), OUTCOME_NONE);
    struct claims *blind = claims_new(&conf, NULL, NULL, 0);
    ck_assert_int_eq(claims_look(blind, NULL, PAIR, NOW).outcome, OUTCOME_NONE);
    claims_free(&blind);
    tear_down();
    ck_assert_ptr_null(ledger_open_reader(name));
}
END_TEST

UNIT_MAIN("claims", the_table_speaks_first, places, budgets, tokens, taking_anyway,
          the_first_content_opens_the_gate, a_worker_that_has_stopped_holds_no_gate,
          without_a_ledger_nothing_is_limited)
