/* SPDX-License-Identifier: MIT */
/* Which entry is next, what the trail says of the ones before, and how it reads. */
#include <stdio.h>
#include <string.h>

#include "common/routing/trail.h"
#include "tests/unit/unit.h"

static enum outcome verdicts[4];

static enum outcome verdict(void *arg, uint32_t pair, uint64_t *rest_ms)
{
    *rest_ms = verdicts[pair] == OUTCOME_IN_COOLDOWN ? 1001 : 0;
    return verdicts[pair];
}

static uint32_t order[] = {2, 0, 3, 1};
static const struct conf_chain chain = {.pairs = order, .n_pairs = 4};

START_TEST(the_first_usable_entry_from_a_position_on)
{
    static const struct {
        enum outcome verdicts[4]; /* by pair */
        uint32_t from;
        int entry;
        uint32_t passed_by;
    } rows[] = {
        {{0}, 0, 0, 0},
        {{0}, 3, 3, 0},
        {{0}, 4, -1, 0},
        {{[2] = OUTCOME_IN_COOLDOWN}, 0, 1, 1},
        {{[2] = OUTCOME_IN_COOLDOWN, [0] = OUTCOME_NO_QUOTA, [3] = OUTCOME_IN_RECOVERY}, 0, 3, 3},
        {{OUTCOME_IN_COOLDOWN, OUTCOME_IN_COOLDOWN, OUTCOME_IN_COOLDOWN, OUTCOME_IN_COOLDOWN},
         1,
         -1,
         3},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct trail trail = TRAIL_INIT;
        memcpy(verdicts, rows[i].verdicts, sizeof(verdicts));
        ck_assert_int_eq(trail_next_entry(&trail, &chain, rows[i].from, verdict, NULL),
                         rows[i].entry);
        ck_assert_uint_eq(trail.n, rows[i].passed_by);
        for (uint32_t s = 0; s < trail.n; s++) {
            ck_assert_uint_eq(trail.steps[s].pair, order[rows[i].from + s]);
            ck_assert_int_eq(trail.steps[s].outcome, verdicts[trail.steps[s].pair]);
        }
        trail_free(&trail);
    }
}
END_TEST

static struct conf_provider provider = {.id = (char *)"p"};
static struct conf_pair pairs[] = {{.provider = &provider, .model = "a"},
                                   {.provider = &provider, .model = "b"}};
static const struct conf conf = {.pairs = pairs, .n_pairs = 2};

START_TEST(a_trail_reads_for_people_and_for_headers)
{
    struct trail trail = TRAIL_INIT;
    struct buf text = BUF_INIT;
    trail_add(&trail, 0, OUTCOME_IN_COOLDOWN)->rest_ms = 1001;
    struct trail_step *step = trail_add(&trail, 1, OUTCOME_RATE_LIMITED);
    step->status = 429;
    step->elapsed_ms = 12;
    for (int i = 0; i < 20; i++) /* grows */
        trail_add(&trail, 0, OUTCOME_NO_QUOTA);
    trail.n = 2;
    trail_describe(&trail, &conf, &text);
    ck_assert_str_eq(buf_cstr(&text), "p/a: in cooldown (2 s left); p/b: rate limited (HTTP 429)");
    buf_clear(&text);
    trail_put(&trail, &conf, &text);
    ck_assert_str_eq(buf_cstr(&text), "p/a=in_cooldown, p/b=rate_limited;12ms");
    buf_free(&text);
    trail_free(&trail);
}
END_TEST

START_TEST(a_new_pass_keeps_what_was_tried)
{
    struct trail trail = TRAIL_INIT;
    struct buf text = BUF_INIT;
    trail_add(&trail, 0, OUTCOME_IN_COOLDOWN);
    trail_add(&trail, 1, OUTCOME_SERVER_ERROR)->elapsed_ms = 5;
    trail_begin_pass(&trail);
    trail_add(&trail, 0, OUTCOME_IN_RECOVERY);
    trail_add(&trail, 1, OUTCOME_NO_QUOTA);
    trail_begin_pass(&trail);
    trail_add(&trail, 0, OUTCOME_CONNECT_ERROR)->elapsed_ms = 7;
    trail_put(&trail, &conf, &text);
    ck_assert_str_eq(buf_cstr(&text), "p/b=server_error;5ms, p/a=connect_error;7ms");
    buf_clear(&text);
    trail_describe(&trail, &conf, &text);
    ck_assert_str_eq(buf_cstr(&text), "p/a: no connection");
    buf_free(&text);
    trail_free(&trail);
}
END_TEST

START_TEST(of_a_long_trail_the_middle_is_left_out)
{
    struct trail trail = TRAIL_INIT;
    struct buf text = BUF_INIT;
    trail_add(&trail, 1, OUTCOME_RATE_LIMITED)->elapsed_ms = 1;
    for (int i = 0; i < 1000; i++)
        trail_add(&trail, 0, OUTCOME_IN_COOLDOWN);
    trail_add(&trail, 1, OUTCOME_STREAM_COMPLETED)->elapsed_ms = 2;
    buf_puts(&text, "before: ");
    trail_put(&trail, &conf, &text);
    ck_assert_uint_le(text.len, 8 + TRAIL_PUT_MAX);
    ck_assert_uint_ge(text.len, TRAIL_PUT_MAX - 100);
    ck_assert(strncmp(buf_cstr(&text), "before: p/b=rate_limited;1ms, p/a=in_cooldown, ", 47) == 0);
    ck_assert_ptr_nonnull(strstr(text.data, "p/a=in_cooldown, p/b=stream_completed;2ms"));
    const char *note = strstr(text.data, " left out, p/a=in_cooldown");
    ck_assert_ptr_nonnull(note);
    unsigned told = 0, shown = 1;
    while (note[-1] >= '0' && note[-1] <= '9')
        note--;
    sscanf(note, "%u", &told);
    for (const char *p = text.data; (p = strstr(p, ", p/")) != NULL; p++)
        shown++;
    ck_assert_uint_eq(shown + told, trail.n);
    buf_free(&text);
    trail_free(&trail);
}
END_TEST

static unsigned n_asked;

static enum outcome say(void *arg, uint32_t pair, uint64_t *rest_ms)
{
    n_asked++;
    return verdict(arg, pair, rest_ms);
}

START_TEST(at_the_gates_only_who_was_passed_by_for_them)
{
    uint32_t in_order[] = {0, 1};
    const struct conf_chain both = {.pairs = in_order, .n_pairs = 2};
    struct trail trail = TRAIL_INIT;
    ck_assert_ptr_null(trail_last(&trail, 0));
    trail_add(&trail, 0, OUTCOME_SERVER_ERROR);
    trail_add(&trail, 1, OUTCOME_IN_RECOVERY);
    verdicts[0] = OUTCOME_NONE;
    verdicts[1] = OUTCOME_IN_RECOVERY;
    n_asked = 0;
    ck_assert_int_eq(trail_next_at_gate(&trail, &both, 0, false, say, NULL), -1);
    ck_assert_uint_eq(n_asked, 1);
    ck_assert_uint_eq(trail.n, 2); /* nothing new */
    verdicts[1] = OUTCOME_NONE;
    ck_assert_int_eq(trail_next_at_gate(&trail, &both, 0, false, say, NULL), 1);
    ck_assert_int_eq(trail_next_at_gate(&trail, &both, 0, true, say, NULL), 0);
    verdicts[1] = OUTCOME_IN_COOLDOWN; /* while it waited */
    ck_assert_int_eq(trail_next_at_gate(&trail, &both, 1, false, say, NULL), -1);
    ck_assert_int_eq(trail.steps[1].outcome, OUTCOME_IN_COOLDOWN);
    ck_assert_uint_eq(trail.steps[1].rest_ms, 1001);
    /* a retry that finds its pair at rest does not overwrite what the try came to */
    verdicts[0] = OUTCOME_IN_COOLDOWN;
    ck_assert_int_eq(trail_next_at_gate(&trail, &both, 0, true, say, NULL), -1);
    ck_assert_uint_eq(trail.n, 3);
    ck_assert_int_eq(trail.steps[0].outcome, OUTCOME_SERVER_ERROR);
    ck_assert_ptr_eq(trail_last(&trail, 0), &trail.steps[2]);
    trail_begin_pass(&trail);
    ck_assert_ptr_null(trail_last(&trail, 0)); /* of another pass */
    trail_free(&trail);
}
END_TEST

UNIT_MAIN("choose", the_first_usable_entry_from_a_position_on,
          of_a_long_trail_the_middle_is_left_out, a_trail_reads_for_people_and_for_headers,
          a_new_pass_keeps_what_was_tried, at_the_gates_only_who_was_passed_by_for_them)
