# SPDX-License-Identifier: MIT
"""The gate of a recovering pair (CONTRACT 5.2), over workers: how many requests without content it lets
through, and that it never costs a request."""

import concurrent.futures
import time

from daemons import SLOW
from rawprovider import delta
from weirtest import between, case, eq

ONE = {"default": ["alpha/one"]}
WORKERS = {"workers": 4}
GATE_S = 5


def _rest(t, *pairs):
    """The pairs recover from a short rest."""
    for pair in pairs:
        eq(t.ctl("cooldown", *pair.split("/"), "0.1")[0], 0, "exit code of weirctl cooldown")
    for pair in pairs:
        t.wait_row(pair, status="recovering")


def _at_once(n, request):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda _: request(), range(n)))


@case()
def test_requests_in_a_row_while_the_first_stream_runs(t):
    t.start(ONE, server=WORKERS)
    t.sim.script("one", ["delay=500,tokens=10"])  # each for 5 s
    _rest(t, "alpha/one")
    streams = []
    for n in range(12):
        response = t.chat()
        eq(response.status, 200, f"status of request {n}")
        events = response.events()
        next(events)
        streams.append(events)
    eq(t.row()["status"], "recovering", "status while all of them run")
    for events in streams:
        assert list(events), "the rest of a stream"
    t.wait_row("alpha/one", status="available")


@case()
def test_forty_at_once_after_the_rests_of_both_pairs(t):
    t.start(server=WORKERS)
    t.sim.script("one", ["delay=20,tokens=20"])
    t.sim.script("two", ["delay=20,tokens=20"])
    _rest(t, "alpha/one", "beta/two")
    began = time.monotonic()
    done = _at_once(40, t.stream)
    assert all(s.is_done for s in done), "every stream comes to its end"
    assert time.monotonic() - began < GATE_S * SLOW, "nobody has to wait until the last moment"


@case()
def test_forty_at_once_at_one_pair_that_thinks_first(t):
    t.start(ONE, server=WORKERS)
    t.sim.script("one", ["head-delay=1000,delay=100,tokens=30"])
    _rest(t, "alpha/one")
    done = _at_once(40, lambda: t.stream(timeout=30 * SLOW))
    assert all(s.is_done for s in done), "every stream comes to its end"


@case()
def test_one_without_content_at_a_time_and_the_last_resort(t):
    t.start_sim()
    p = t.raw_provider()
    t.start(ONE, base_urls={"alpha": p.base_url, "beta": t.sim.base_url}, server=WORKERS)
    _rest(t, "alpha/one")
    conns = [t.send_chat()]
    first = p.accept()
    conns += [t.send_chat() for _ in range(3)]
    began = time.monotonic()
    assert p.is_idle(0.5), "a second one tries while the first has no content"
    first.start_stream()
    first.send_event(delta())
    assert p.is_idle(0.3), "a role is no content"
    first.send_event(delta("hi"))
    second = p.accept(within=1 * SLOW)
    assert p.is_idle(0.5), "a third one tries while the second has no content"
    second.reset()  # before its content: the place is free, and its own request fails
    others = [p.accept(within=1 * SLOW)]
    assert p.is_idle(0.3), "a fourth one tries while the third has no content"
    others.append(p.accept(within=(GATE_S + 1) * SLOW))
    between(time.monotonic() - began, GATE_S - 0.5, GATE_S + 1 * SLOW, "when it tried all the same")
    for exchange in others:
        exchange.start_stream()
        exchange.send_event(delta("hi"))
    for exchange in [first, *others]:
        exchange.end_stream()
    statuses = []
    for conn in conns:
        response = conn.response("POST")
        response.read()
        statuses.append(response.status)
    eq(sorted(statuses), [200, 200, 200, 503], "answers")
    t.wait_row("alpha/one", status="available")


@case()
def test_a_stream_that_fails_leaves_the_next_its_place(t):
    """Behind content it holds no place; a pair that goes on failing rests again."""
    t.start(ONE, server=WORKERS, midStreamFailureThreshold=2, midStreamCooldownMs=20000)
    t.sim.script("one", ["cut=1"])
    _rest(t, "alpha/one")
    for n in range(2):
        response = t.chat()
        eq(response.status, 200, f"status of stream {n}")
        assert b"stream_error" in response.read()
    t.wait_row("alpha/one", status="exhausted")
    answer = t.chat()
    eq((answer.status, answer.headers["retry-after"]), (503, "20"), "answer while it rests")
    answer.read()
