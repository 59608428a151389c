# SPDX-License-Identifier: MIT
"""The outcome table of CONTRACT 5.1: what the client gets, what the tracker does."""

import email.utils
import time

from daemons import SLOW
from weirtest import between, case, eq


def _moved_on(t, is_stream):
    """One request that alpha/one fails and beta/two serves."""
    if is_stream:
        s = t.stream()
        assert s.is_done and not s.errors
        response = s
    else:
        response = t.answer()
    eq(response.headers["x-weir-provider"], "beta/two", "provider")
    eq(response.headers["x-weir-attempts"], "2", "attempts")


NO_REST = {f"status-{code}": f"status={code}" for code in (500, 502, 503, 504, 507, 529, 408, 404, 409, 422)}
NO_REST.update({"reset": "reset", "closed": "close", "300": "status=300", "204": "status=204"})


@case(params=NO_REST.items())
def test_moves_on_without_a_rest(t, fault):
    t.start()
    t.sim.script("one", [fault])
    for is_stream in (True, False):
        _moved_on(t, is_stream)
    row = t.row()
    eq((row["status"], row["cooldowns"], row["midStreamFailures"]), ("available", 0, 0), "row")


@case()
def test_nobody_listens(t):
    port = t.ports.take()
    t.start(base_urls={"alpha": f"http://127.0.0.1:{port}/v1"})
    for is_stream in (True, False):
        started = time.monotonic()
        _moved_on(t, is_stream)
        assert time.monotonic() - started < 2 * SLOW
    eq(t.row()["status"], "available", "status")


@case()
def test_a_name_that_does_not_resolve(t):
    t.start(base_urls={"alpha": "http://no-such-host.invalid/v1"}, requestTimeoutMs=3000)
    _moved_on(t, True)
    eq(t.row()["status"], "available", "status")


@case()
def test_tls_against_a_plain_port(t):
    t.start_sim()
    t.start(base_urls={"alpha": f"https://127.0.0.1:{t.sim.port}/v1", "beta": t.sim.base_url},
            requestTimeoutMs=3000)
    _moved_on(t, True)
    eq(t.row()["status"], "available", "status")


RESTS = {
    "429": ("status=429", 55000, 60000),
    "429-seconds": ("status=429,retry-after=7", 6000, 7000),
    "429-ms": ("status=429,header=retry-after-ms/4500", 3500, 4500),
    "429-ms-wins": ("status=429,retry-after=100,header=retry-after-ms/4500", 3500, 4500),
    "402": ("status=402", 295000, 300000),
    "401": ("status=401", 55000, 60000),
    "403": ("status=403", 55000, 60000),
    "503-with-wait": ("status=503,retry-after=9", 8000, 9000),
    "529-with-wait": ("status=529,retry-after=9", 8000, 9000),
}


@case(params=RESTS.items())
def test_rests(t, param):
    """The pair rests at once, for that long; the counter of mid-stream failures stays."""
    fault, low, high = param
    t.start(cooldownDefaultMs=60000)
    t.sim.script("one", ["cut=1", fault])
    t.fail_midstream(1)
    t.wait_row("alpha/one", midStreamFailures=1)
    _moved_on(t, True)
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], low - 3000 * (SLOW - 1), high, "cooldownRemainingMs")
    eq(row["cooldowns"], 1, "cooldowns")
    assert row["reason"], "no reason"
    _moved_on(t, False)
    eq(t.sim.model_stats("one")["requests"], 2, "requests while it rests")


@case()
def test_retry_after_as_a_date(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    at = time.time() + 20
    p.accept().answer(429, b'{"error":{"message":"slow"}}',
                      headers=[("Retry-After", email.utils.formatdate(at, usegmt=True))])
    eq(conn.response().headers["x-weir-provider"], "beta/two", "provider")
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 15000, 20500, "cooldownRemainingMs")


@case()
def test_a_failed_answer_counts_before_the_stream_only(t):
    """preStreamFailureThreshold: consecutive 5xx and timeouts; a success ends the row."""
    t.start(preStreamFailureThreshold=3, midStreamCooldownMs=20000, requestTimeoutMs=1000)
    t.sim.script("one", ["status=500", "hang", "ok", "status=500", "status=502", "hang"])
    for _ in range(2):
        _moved_on(t, True)
    assert t.stream().is_done
    t.wait_row("alpha/one", successes=1)
    for _ in range(2):
        _moved_on(t, True)
    eq(t.row()["status"], "available", "status after two more")
    _moved_on(t, True)
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 15000, 20000, "cooldownRemainingMs")


@case()
def test_without_that_threshold_failures_before_the_stream_never_rest_a_pair(t):
    t.start()
    t.sim.script("one", ["status=500"])
    for _ in range(12):
        _moved_on(t, True)
    eq(t.row()["status"], "available", "status")


@case()
def test_limit_headers_of_a_success(t):
    t.start()
    t.sim.script("one", ["header=x-ratelimit-remaining-requests/41,header=x-ratelimit-limit-requests/60,"
                         "header=x-ratelimit-reset-requests/12s"])
    assert t.stream().is_done
    row = t.wait_row("alpha/one", status="tracking")
    eq(row["quota"]["remainingRequests"], 41, "remainingRequests")
    eq(sorted(row["quota"]), ["lastUpdated", "remainingRequests", "remainingTokens", "resetRequestsMs",
                              "resetTokensMs"], "members of quota")


@case()
def test_a_remaining_of_nought_rests_the_pair(t):
    t.start()
    t.sim.script("one", ["header=x-ratelimit-remaining-requests/0,header=x-ratelimit-reset-requests/12s"])
    s = t.stream()
    assert s.is_done
    eq(s.headers["x-weir-provider"], "alpha/one", "provider")
    row = t.wait_row("alpha/one", status="exhausted")
    eq(row["reason"], "proactive: remaining requests = 0", "reason")
    between(row["cooldownRemainingMs"], 9000, 12000, "cooldownRemainingMs")


@case()
def test_redirects_are_not_followed(t):
    t.start()
    t.sim.script("one", [f"status=307,header=location/http://127.0.0.1:{t.sim.port}/v1/chat/completions"])
    _moved_on(t, True)
    eq(t.sim.model_stats("one")["requests"], 1, "requests")


@case()
def test_a_post_is_never_sent_twice(t):
    """A provider that reads a request on a reused connection and closes: it sees it once."""
    t.start()
    t.sim.script("one", ["ok", "head-delay=500,close", "ok"])
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider")

    _moved_on(t, True)
    eq(t.sim.model_stats("one")["requests"], 2, "requests")


@case()
def test_a_dead_pooled_connection_does_not_count(t):
    """The provider restarts between two requests: the next one is served by it all the same."""
    p = t.raw_provider()
    t.start({"default": ["alpha/one"]}, base_urls={"alpha": p.base_url}, server={"workers": 1})
    body = b'{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}'
    head = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            + str(len(body)).encode() + b"\r\n\r\n")
    for how in ("fin", "rst"):
        conn = t.send_chat(stream=False)
        x = p.accept()
        x.send(head + body)
        eq(conn.response().read(), body, "first answer")
        x.reset() if how == "rst" else x.close()
        conn = t.send_chat(stream=False)
        y = p.accept()
        y.send(head + body)
        eq(conn.response().read(), body, f"answer after {how}")
        y.close()
    row = t.row()
    eq((row["failures"], row["status"]), (0, "available"), "row")
