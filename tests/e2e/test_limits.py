# SPDX-License-Identifier: MIT
"""Limits that hold over all workers and connections at once (CONTRACT 3 rateLimits, 5.2), and the
queue of requests whose chain is at rest."""

import concurrent.futures
import os
import signal
import time

from weirtest import between, case, eq, wait_until


def providers_with(**limits):
    return {"alpha": {"rateLimits": limits}}


def many(t, n, request):
    """n requests at once, each on a connection of its own; the answers in no order."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda _: request(), range(n)))


def by_pair(answers):
    found = {}
    for answer in answers:
        pair = answer.headers.get("x-weir-provider", "none")
        found[pair] = found.get(pair, 0) + 1
    return found


def queue_depth(t):
    (row,) = t.get("/v1/ratelimits").json()["queue"]
    return row["depth"]


def plain(t):
    answer = t.chat(False)
    answer.read()
    return answer


@case()
def test_requests_per_minute_hold_over_all_workers(t):
    t.start(providers=providers_with(requestsPerMinute=20), server={"workers": 4})
    eq(by_pair(many(t, 48, lambda: plain(t))), {"alpha/one": 20, "beta/two": 28}, "who served")
    eq(t.sim.model_stats("one")["requests"], 20, "requests that reached the provider")
    row = t.wait_row("alpha/one", status="exhausted")
    eq(row["reason"], "proactive: remaining requests = 0", "reason")
    between(row["cooldownRemainingMs"], 30000, 60000, "cooldown until the window ends")


@case()
def test_requests_per_day_rest_until_the_day_is_over(t):
    t.start(providers=providers_with(requestsPerDay=3), server={"workers": 4})
    eq(by_pair(many(t, 12, lambda: plain(t))), {"alpha/one": 3, "beta/two": 9}, "who served")
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 23 * 3600 * 1000, 24 * 3600 * 1000, "cooldown")


@case()
def test_tokens_per_minute_are_counted_from_usage(t):
    t.start(providers=providers_with(tokensPerMinute=60))
    # weir-sim's answers use some 35 tokens each: the second one goes past the limit.
    first, second = plain(t), plain(t)
    eq(by_pair([first, second]), {"alpha/one": 2}, "who served while tokens were left")
    row = t.wait_row("alpha/one", status="exhausted")
    eq(row["reason"], "proactive: remaining tokens = 0", "reason")
    eq(by_pair([plain(t)]), {"beta/two": 1}, "who served afterwards")


@case()
def test_concurrent_requests_hold_over_all_workers(t):
    t.start(providers=providers_with(concurrentRequests=3), server={"workers": 4})
    t.sim.script("one", ["head-delay=700"])
    eq(by_pair(many(t, 16, lambda: plain(t))), {"alpha/one": 3, "beta/two": 13}, "who served")
    eq(by_pair([plain(t)]), {"alpha/one": 1}, "who served when the places were free again")


@case()
def test_a_dead_worker_gives_its_places_back(t):
    t.start(providers=providers_with(concurrentRequests=1), server={"workers": 1})
    t.sim.script("one", ["hang", "ok"])
    hanging = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    eq(by_pair([plain(t)]), {"beta/two": 1}, "who served while the place was taken")
    (worker,) = t.weir.children()
    os.kill(worker, signal.SIGKILL)
    t.sim.wait(model="one", active=0)
    wait_until(lambda: t.weir.children() not in ([], [worker]), what="a new worker")
    eq(by_pair([plain(t)]), {"alpha/one": 1}, "who serves when the place came back")
    hanging.close()


@case()
def test_limit_headers_replace_manual_limits(t):
    """rateLimits are for providers that tell nothing of theirs."""
    t.start(providers=providers_with(requestsPerMinute=2))
    t.sim.script("one", ["header=x-ratelimit-remaining-requests/100,header=x-ratelimit-reset-requests/60s"])
    plain(t)
    t.wait_row("alpha/one", status="tracking")
    eq(by_pair([plain(t) for _ in range(4)]), {"alpha/one": 4}, "who served")


@case()
def test_a_queued_request_is_served_when_its_pair_comes_back(t):
    t.start(chains={"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=10000)
    t.ctl("cooldown", "alpha", "one", "1.5")
    t.wait_row("alpha/one", status="exhausted")
    began = time.monotonic()
    eq(by_pair(many(t, 6, lambda: plain(t))), {"alpha/one": 6}, "who served")
    between(time.monotonic() - began, 0.8, 5, "seconds in the queue")


@case()
def test_a_clear_wakes_the_queue(t):
    t.start(chains={"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=30000)
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: plain(t))
        wait_until(lambda: queue_depth(t) == 1, what="the request is in the queue")
        t.ctl("clear", "alpha", "one")
        eq(waiting.result(timeout=5).status, 200, "status")
    eq(queue_depth(t), 0, "depth afterwards")


@case()
def test_the_queue_is_bounded_in_time(t):
    t.start(chains={"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=1000)
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    began = time.monotonic()
    answer = t.chat(False)
    t.error_of(answer, 503, "queue_timeout")
    between(time.monotonic() - began, 0.95, 3, "seconds in the queue")
    assert int(answer.headers["retry-after"]) >= 50, answer.headers["retry-after"]


@case()
def test_the_queue_is_bounded_in_length(t):
    """Over all workers: each has a line of its own."""
    t.start(chains={"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=2000, queueMaxSize=2,
            server={"workers": 3})
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    waiting = [t.send_chat(False) for _ in range(2)]
    wait_until(lambda: queue_depth(t) == 2, what="the queue is full")
    codes = many(t, 12, lambda: t.chat(False).json()["error"]["code"])
    eq(codes, ["queue_full"] * 12, "codes of those who find no room, at whichever worker")
    for conn in waiting:
        t.error_of(conn.response(), 503, "queue_timeout")


@case()
def test_a_reload_leaves_the_queue_waiting_and_a_stop_does_not(t):
    t.start(chains={"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=30000)
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    conn = t.send_chat(False)
    wait_until(lambda: queue_depth(t) == 1, what="the request is in the queue")
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log("configuration reloaded")
    t.ctl("clear", "alpha", "one")
    answer = conn.response()
    eq(answer.status, 200, "status over the reload")
    answer.read()
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    conn = t.send_chat(False)
    wait_until(lambda: queue_depth(t) == 1, what="the next one is in the queue")
    t.weir.send_signal(signal.SIGTERM)
    t.error_of(conn.response(), 503, "queue_shutdown")
    eq(t.weir.wait_exit(), 0, "exit code")
    t.weir.was_stopped = True


@case()
def test_a_queued_client_that_leaves_is_forgotten(t):
    t.start(chains={"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=30000)
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    conn = t.send_chat(False)
    wait_until(lambda: queue_depth(t) == 1, what="the request is in the queue")
    conn.close()
    wait_until(lambda: queue_depth(t) == 0, what="the client that left is forgotten")
    t.ctl("clear", "alpha", "one")
    eq(by_pair([plain(t)]), {"alpha/one": 1}, "who serves")
    eq(t.sim.model_stats("one")["requests"], 1, "requests that reached the provider")
