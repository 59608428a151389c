/* SPDX-License-Identifier: MIT */
/* The queue's order, bounds and turns. */
#include "server/exchange/queue.h"
#include "tests/unit/unit.h"

#define WAITERS 6

static struct queue_waiter waiters[WAITERS];
static int order[32], n_order;
static struct queue *queue;
static int usable[2]; /* how many of each chain may go */
static bool returns;  /* a woken waiter comes back to the head */

static void on_wake(void *arg)
{
    struct queue_waiter *w = arg;
    order[n_order++] = (int)(w - waiters);
    if (returns)
        ck_assert(queue_join(queue, w, true));
    else
        usable[w->chain]--;
}

static bool may_go(void *arg, uint32_t chain)
{
    return usable[chain] > 0;
}

static void begin(uint32_t max)
{
    queue = queue_new(2, max);
    n_order = 0;
    returns = false;
    usable[0] = usable[1] = 0;
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = (struct queue_waiter){.wake = on_wake, .arg = &waiters[i], .chain = i % 2};
}

static void end(void)
{
    for (int i = 0; i < WAITERS; i++)
        queue_leave(queue, &waiters[i]);
    ck_assert(queue_is_empty(queue));
    queue_free(&queue);
}

START_TEST(first_come_first_served_in_each_chain)
{
    begin(10);
    for (int i = 0; i < WAITERS; i++)
        ck_assert(queue_join(queue, &waiters[i], false));
    usable[1] = 2;
    queue_run(queue, may_go, NULL);
    ck_assert_int_eq(n_order, 2);
    ck_assert_int_eq(order[0], 1);
    ck_assert_int_eq(order[1], 3);
    usable[0] = 5;
    queue_run(queue, may_go, NULL);
    ck_assert_int_eq(n_order, 5);
    ck_assert_int_eq(order[2], 0);
    ck_assert_int_eq(order[4], 4);
    ck_assert_uint_eq(queue_depth(queue, 0), 0);
    ck_assert_uint_eq(queue_depth(queue, 1), 1);
    end();
}
END_TEST

START_TEST(each_chain_has_its_own_bound)
{
    begin(2);
    ck_assert(queue_join(queue, &waiters[0], false));
    ck_assert(queue_join(queue, &waiters[2], false));
    ck_assert(!queue_join(queue, &waiters[4], false));
    ck_assert(queue_join(queue, &waiters[1], false));
    ck_assert(queue_join(queue, &waiters[4],
                         true)); /* one that was woken in vain fits, though the queue is full */
    usable[0] = 1;
    queue_run(queue, may_go, NULL);
    ck_assert_int_eq(order[0], 4);
    end();
}
END_TEST

START_TEST(one_that_comes_back_ends_the_turn)
{
    begin(10);
    returns = true;
    usable[0] = 1;
    ck_assert(queue_join(queue, &waiters[0], false));
    ck_assert(queue_join(queue, &waiters[2], false));
    queue_run(queue, may_go, NULL);
    ck_assert_int_eq(n_order, 1);
    ck_assert_uint_eq(queue_depth(queue, 0), 2);
    end();
}
END_TEST

START_TEST(whoever_left_is_not_woken)
{
    begin(10);
    usable[0] = 5;
    ck_assert(queue_join(queue, &waiters[0], false));
    queue_leave(queue, &waiters[0]);
    queue_leave(queue, &waiters[0]);
    queue_run(queue, may_go, NULL);
    ck_assert_int_eq(n_order, 0);
    end();
}
END_TEST

UNIT_MAIN("queue", first_come_first_served_in_each_chain, each_chain_has_its_own_bound,
          one_that_comes_back_ends_the_turn, whoever_left_is_not_woken)
