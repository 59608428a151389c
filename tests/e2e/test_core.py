# SPDX-License-Identifier: MIT
"""The core behaviour: consecutive mid-stream failures rest a pair, the chain's next entry serves,
the pair comes back; what counts, and what never does."""

import time

from daemons import SLOW, wait_until
from rawprovider import delta
from weirtest import between, case, eq, messages_matching

REASON = "mid-stream failures exceeded threshold"


@case()
def test_three_failures_rest_the_pair(t):
    t.start(midStreamCooldownMs=2000)
    t.sim.script("one", ["cut=3"])
    for n in (1, 2):
        s = t.stream()
        eq(s.headers["x-weir-provider"], "alpha/one", "provider")
        eq(s.headers["x-weir-attempts"], "1", "attempts")
        eq(s.text, "t0 t1 t2 ", "content before the failure")
        eq(s.error["code"], "stream_error", "code")
        row = t.wait_row("alpha/one", midStreamFailures=n)
        eq(row["status"], "available", "status below the threshold")
        eq(row["cooldownUntil"], None, "cooldownUntil below the threshold")
    began = time.time()
    eq(t.stream().error["code"], "stream_error", "code")
    row = t.wait_row("alpha/one", status="exhausted")
    eq(row["midStreamFailures"], 0, "counter after the cooldown began")
    eq(row["reason"], REASON, "reason")
    eq(row["cooldowns"], 1, "cooldowns")
    between(row["cooldownRemainingMs"], 1, 2000, "cooldownRemainingMs")
    between(row["cooldownUntil"] / 1000, began + 1.9, began + 2.1 + SLOW, "cooldownUntil")
    for _ in range(3):
        s = t.stream()
        assert s.is_done and not s.errors, "the next entry serves a whole stream"
        eq(s.headers["x-weir-provider"], "beta/two", "provider during the cooldown")
        eq(s.headers["x-weir-attempts"], "2", "attempts: the skipped entry counts")
    eq(t.sim.model_stats("one")["requests"], 3, "requests that reached the resting pair")
    t.sim.script("one", ["ok"])
    row = t.wait_row("alpha/one", within=4, status="recovering")
    assert time.time() >= began + 2.0, "the cooldown ended early"
    eq(row["cooldownUntil"], None, "cooldownUntil after its end")
    eq(row["reason"], None, "reason after its end")
    s = t.stream()
    eq(s.headers["x-weir-provider"], "alpha/one", "provider after the cooldown")
    assert s.is_done, "the recovered pair serves"
    t.wait_row("alpha/one", status="available", midStreamFailures=0)


@case()
def test_the_very_next_request_is_skipped(t):
    """A client that waits for nothing between its requests sees the cooldown at once."""
    pairs = 12
    t.start({f"c{i}": [f"alpha/m{i}", "beta/spare"] for i in range(pairs)})
    for i in range(pairs):
        t.sim.script(f"m{i}", ["cut=1"])
        t.fail_midstream(3, f"c{i}")
        eq(t.stream(f"c{i}").headers["x-weir-provider"], "beta/spare", f"fourth request, pair {i}")


@case()
def test_the_very_next_request_on_one_connection(t):
    pairs = 12
    t.start({f"c{i}": [f"alpha/m{i}", "beta/spare"] for i in range(pairs)})
    conn = t.connect()
    for i in range(pairs):
        t.sim.script(f"m{i}", ["cut=1"])
        for _ in range(3):
            assert t.stream(f"c{i}", conn=conn).error
        s = t.stream(f"c{i}", conn=conn)
        eq(s.headers["x-weir-provider"], "beta/spare", f"fourth request, pair {i}")


@case()
def test_defaults_are_three_and_thirty_seconds(t):
    t.start()
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(2)
    eq(t.wait_row("alpha/one", midStreamFailures=2)["status"], "available", "status after two")
    t.fail_midstream(1)
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 25000, 30000, "cooldownRemainingMs")


@case()
def test_threshold_and_duration_come_from_the_settings(t):
    t.start(midStreamFailureThreshold=5, midStreamCooldownMs=61000)
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(4)
    eq(t.wait_row("alpha/one", midStreamFailures=4)["status"], "available", "status after four")
    t.fail_midstream(1)
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 55000, 61000, "cooldownRemainingMs")


@case()
def test_a_threshold_of_one(t):
    t.start(midStreamFailureThreshold=1)
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", status="exhausted")


@case()
def test_a_completed_stream_resets(t):
    t.start()
    t.sim.script("one", ["cut=2", "cut=2", "ok", "cut=2", "cut=2", "cut=2"])
    t.fail_midstream(2)
    t.wait_row("alpha/one", midStreamFailures=2)
    assert t.stream().is_done
    t.wait_row("alpha/one", midStreamFailures=0)
    t.fail_midstream(2)
    eq(t.wait_row("alpha/one", midStreamFailures=2)["status"], "available", "status")
    t.fail_midstream(1)
    t.wait_row("alpha/one", status="exhausted")


@case()
def test_a_reset_shows_at_once(t):
    """fail, fail, good, fail, fail, good ... with no pause never rests the pair."""
    t.start()
    t.sim.script("one", ["cut=1", "cut=1", "ok"], repeat="loop")
    for _ in range(10):
        t.fail_midstream(2)
        s = t.stream()
        eq(s.headers["x-weir-provider"], "alpha/one", "provider")
        assert s.is_done
    eq(t.row()["cooldowns"], 0, "cooldowns")


@case()
def test_an_answer_without_streaming_does_not_reset(t):
    t.start()
    t.sim.script("one", ["cut=2", "cut=2", "ok", "cut=2"])
    t.fail_midstream(2)
    t.wait_row("alpha/one", midStreamFailures=2)
    answer = t.answer()
    eq(answer.headers["x-weir-provider"], "alpha/one", "provider")
    row = t.wait_row("alpha/one", successes=1)
    eq(row["midStreamFailures"], 2, "counter after an answer without streaming")
    t.fail_midstream(1)
    t.wait_row("alpha/one", status="exhausted")


@case()
def test_failures_before_the_stream_leave_the_counter(t):
    """Neither mid-stream failures nor successes."""
    t.start()
    t.sim.script("one", ["cut=2", "cut=2", "status=500", "status=408", "error-200", "cut=2"])
    t.fail_midstream(2)
    for _ in range(3):
        s = t.stream()
        eq(s.headers["x-weir-provider"], "beta/two", "provider")
        assert s.is_done
    row = t.row()
    eq((row["midStreamFailures"], row["status"]), (2, "available"), "counter, status")
    t.fail_midstream(1)
    t.wait_row("alpha/one", status="exhausted")


@case()
def test_a_stream_that_fails_before_content_counts(t):
    """The client sees nothing of it, the counter does."""
    t.start()
    t.sim.script("one", ["cut=0"])
    for n in (1, 2):
        s = t.stream()
        assert s.is_done and not s.errors
        eq(s.headers["x-weir-provider"], "beta/two", "provider")
        eq(s.headers["x-weir-attempts"], "2", "attempts")
        t.wait_row("alpha/one", midStreamFailures=n, status="available")
    t.stream()
    t.wait_row("alpha/one", status="exhausted", reason=REASON)


@case()
def test_a_timeout_before_the_stream_moves_on_and_does_not_count(t):
    t.start(requestTimeoutMs=1000)
    t.sim.script("one", ["hang"])
    for _ in range(4):
        started = time.monotonic()
        s = t.stream()
        between(time.monotonic() - started, 0.95, 1.6 * SLOW, "seconds until the next entry")
        eq(s.headers["x-weir-provider"], "beta/two", "provider")
        assert s.is_done
    row = t.row()
    eq((row["midStreamFailures"], row["status"], row["cooldowns"]), (0, "available", 0), "row")
    t.sim.wait(model="one", aborted=4)


@case()
def test_a_provider_timeout_replaces_the_setting(t):
    t.start(providers={"alpha": {"timeout": 1000}}, requestTimeoutMs=20000)
    t.sim.script("one", ["hang"])
    started = time.monotonic()
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    between(time.monotonic() - started, 0.95, 1.6 * SLOW, "seconds until the next entry")


def _leave(conn, how):
    conn.reset() if how == "rst" else conn.close()


LEAVING = [(f"{how},{when}", (how, when))
           for how in ("fin", "rst")
           for when in ("before-head", "before-content", "mid-stream", "mid-stream-silent")]


@case(params=LEAVING)
def test_a_client_that_leaves(t, param):
    """It never counts, and the provider's request is aborted at once."""
    how, when = param
    t.start()
    fault = {
        "before-head": "hang", "before-content": "role-only-delay=60000",
        "mid-stream": "tokens=100000,delay=20", "mid-stream-silent": "stall=2",
    }[when]
    t.sim.script("one", [fault])
    for n in range(1, 5):
        conn = t.connect()
        if when.startswith("mid-stream"):
            response = t.chat(conn=conn)
            assert next(response.events()).data is not None
        else:
            t.send_chat(conn=conn)
            t.sim.wait(model="one", requests=n)
        left_at = time.monotonic()
        _leave(conn, how)
        t.sim.wait(model="one", aborted=n)
        assert time.monotonic() - left_at < 1.0 * SLOW, "the provider's request was not aborted at once"
    row = t.row()
    eq((row["midStreamFailures"], row["status"], row["cooldowns"], row["failures"]),
       (0, "available", 0, 0), "counter, status, cooldowns, failures")
    eq(t.sim.model_stats("two")["requests"], 0, "requests to the next entry")


@case()
def test_a_client_that_leaves_without_streaming(t):
    t.start()
    t.sim.script("one", ["head-delay=60000"])
    for n in range(1, 4):
        conn = t.send_chat(stream=False)
        t.sim.wait(model="one", requests=n)
        conn.close()
        t.sim.wait(model="one", aborted=n, within=1.0)
    row = t.row()
    eq((row["midStreamFailures"], row["status"], row["failures"]), (0, "available", 0), "row")


@case()
def test_a_client_that_leaves_does_not_reset_either(t):
    t.start()
    t.sim.script("one", ["cut=1", "cut=1", "tokens=100000,delay=20", "cut=1"])
    t.fail_midstream(2)
    conn = t.connect()
    next(t.chat(conn=conn).events())
    conn.close()
    t.sim.wait(model="one", aborted=1)
    eq(t.row()["midStreamFailures"], 2, "counter")
    t.fail_midstream(1)
    t.wait_row("alpha/one", status="exhausted")


@case()
def test_a_client_that_leaves_after_done_is_a_success(t):
    """What counts is the verified end of the provider's stream, not the client's last read."""
    t.start()
    t.sim.script("one", ["cut=1", "ok"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", midStreamFailures=1)
    conn = t.connect()
    for event in t.chat(conn=conn).events():
        if event.data == b"[DONE]":
            break
    conn.close()
    t.wait_row("alpha/one", midStreamFailures=0)


@case()
def test_the_counter_is_one_for_all_workers(t):
    """Failures on connections spread over four workers add up exactly."""
    t.start(server={"workers": 4}, midStreamFailureThreshold=40)
    t.sim.script("one", ["cut=1"])
    for n in range(39):
        t.fail_midstream(1)
    row = t.wait_row("alpha/one", midStreamFailures=39)
    eq(row["status"], "available", "status after 39 of 40")
    seen = {r["pid"] for r in messages_matching(t.weir.log(), ".") if r["pid"] != t.weir.pid}
    assert len(seen) >= 2, f"only {seen} have logged: no test of several workers"
    t.fail_midstream(1)
    row = t.wait_row("alpha/one", status="exhausted")
    eq((row["midStreamFailures"], row["cooldowns"]), (0, 1), "counter, cooldowns")


@case()
def test_a_success_on_any_worker_resets(t):
    t.start(server={"workers": 4}, midStreamFailureThreshold=30)
    t.sim.script("one", ["cut=1"] * 20 + ["ok"] + ["cut=1"] * 20)
    t.fail_midstream(20)
    t.wait_row("alpha/one", midStreamFailures=20)
    assert t.stream().is_done
    t.wait_row("alpha/one", midStreamFailures=0)
    t.fail_midstream(20)
    eq(t.wait_row("alpha/one", midStreamFailures=20)["cooldowns"], 0, "cooldowns")


@case()
def test_streams_that_die_together_are_one_incident(t):
    t.start(streamIdleTimeoutMs=1000, midStreamCooldownMs=3000)
    t.sim.script("one", ["stall=1"] * 10 + ["ok"])
    responses = [t.chat() for _ in range(10)]
    for r in responses:
        next(r.events())
    t.sim.wait(model="one", active=10)
    for r in responses:
        error = [e.json() for e in r.events() if e.data and b'"error"' in e.data]
        eq(error[0]["error"]["code"], "stream_idle_timeout", "code")
    row = t.wait_row("alpha/one", failures=10)
    eq((row["cooldowns"], row["status"], row["midStreamFailures"]), (1, "exhausted", 0),
       "cooldowns, status, counter")
    between(row["cooldownRemainingMs"], 1, 3000, "cooldownRemainingMs")
    t.wait_row("alpha/one", within=5, status="recovering")
    eq(t.row()["midStreamFailures"], 0, "counter after the cooldown")
    assert t.stream().is_done
    t.wait_row("alpha/one", status="available")


def _begin_stream(t, provider):
    """A stream through weir of which one content event has arrived: (its events, provider's side)."""
    conn = t.send_chat()
    x = provider.accept()
    x.start_stream()
    x.send_event(delta("a"))
    events = conn.response().events()
    assert next(events).json()["choices"][0]["delta"]["content"] == "a"
    return events, x


@case()
def test_an_outcome_from_before_the_cooldown_is_history(t):
    """A failure, and a success, of streams older than the cooldown change neither counter nor
    cooldown."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url}, midStreamCooldownMs=60000)
    old = [_begin_stream(t, p) for _ in range(2)]
    for _ in range(3):
        events, x = _begin_stream(t, p)
        x.reset()
        assert list(events)[-1].json()["error"]
    before = t.wait_row("alpha/one", status="exhausted", cooldowns=1)
    (good, x), (bad, y) = old
    x.end_stream()
    eq(list(good)[-1].data, b"[DONE]", "end of the old good stream")
    y.reset()
    assert list(bad)[-1].json()["error"], "end of the old bad stream"
    after = t.wait_row("alpha/one", failures=4, successes=1)
    for member in ("status", "midStreamFailures", "cooldowns"):
        eq(after[member], before[member], member)
    # Both are computed from the boot clock at the time of asking: equal within its rounding.
    between(after["cooldownUntil"], before["cooldownUntil"] - 5, before["cooldownUntil"] + 5,
            "cooldownUntil")


@case()
def test_a_cooldown_ends_by_the_clock_without_a_tracker(t):
    t.start(midStreamCooldownMs=1500)
    t.sim.script("one", ["cut=1"] * 3 + ["ok"])
    t.fail_midstream(3)
    began = time.monotonic()
    t.wait_row("alpha/one", status="exhausted")
    t.trackerd.kill()
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider during the cooldown")
    served = wait_until(lambda: t.stream().headers["x-weir-provider"] == "alpha/one", 5,
                        "alpha serves again", every=0.05)
    assert served and time.monotonic() - began >= 1.45, "the cooldown ended early"


@case()
def test_a_cooldown_never_shortens_a_longer_one(t):
    t.start()
    t.sim.script("one", ["status=429,retry-after=1,head-delay=700"])
    conn = t.send_chat()
    t.sim.wait(model="one", requests=1)
    eq(t.ctl("cooldown", "alpha", "one", "50")[0], 0, "exit code of weirctl cooldown")
    eq(conn.response().headers["x-weir-provider"], "beta/two", "provider")
    row = t.row()
    eq(row["status"], "exhausted", "status")
    between(row["cooldownRemainingMs"], 40000, 50000, "cooldownRemainingMs")


@case()
def test_one_request_at_a_time_tries_a_recovering_pair(t):
    t.start(midStreamFailureThreshold=1, midStreamCooldownMs=1000)
    t.sim.script("one", ["cut=1", "hang", "ok"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", within=5, status="recovering")
    first = t.send_chat()
    t.sim.wait(model="one", active=1)
    for _ in range(6):
        s = t.stream()
        eq(s.headers["x-weir-provider"], "beta/two", "provider while it is tried")
    first.close()
    t.sim.wait(model="one", active=0)
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider of the next that tries")
    t.wait_row("alpha/one", status="available")
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider after it succeeded")


@case()
def test_a_client_that_leaves_gives_the_recovery_place_back(t):
    t.start(midStreamFailureThreshold=1, midStreamCooldownMs=1000)
    t.sim.script("one", ["cut=1", "stall=1", "ok"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", within=5, status="recovering")
    conn = t.connect()
    next(t.chat(conn=conn).events())
    conn.close()
    t.sim.wait(model="one", aborted=1)
    eq(t.row()["status"], "recovering", "status after the client left")
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider of the next that tries")
    t.wait_row("alpha/one", status="available")


@case()
def test_failures_after_a_cooldown_count_from_nought(t):
    t.start(midStreamCooldownMs=1000)
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(3)
    t.wait_row("alpha/one", status="exhausted")
    t.wait_row("alpha/one", within=5, status="recovering")
    t.fail_midstream(2)
    row = t.wait_row("alpha/one", midStreamFailures=2)
    eq((row["status"], row["cooldowns"]), ("recovering", 1), "status, cooldowns")
    t.fail_midstream(1)
    t.wait_row("alpha/one", status="exhausted", cooldowns=2)


@case()
def test_cooldowns_double_up_to_the_maximum(t):
    t.start(midStreamFailureThreshold=1, midStreamCooldownMs=1000, midStreamCooldownMaxMs=3000)
    t.sim.script("one", ["cut=1"])
    for n, low, high in ((1, 500, 1000), (2, 1200, 2000), (3, 2200, 3000), (4, 2200, 3000)):
        t.fail_midstream(1)
        row = t.wait_row("alpha/one", status="exhausted", cooldowns=n)
        between(row["cooldownRemainingMs"], low, high, f"length of cooldown {n}")
        t.wait_row("alpha/one", within=6, status="recovering")
    t.sim.script("one", ["ok", "cut=1"])
    assert t.stream().is_done
    t.wait_row("alpha/one", status="available")
    t.fail_midstream(1)
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 300, 1000, "length after a success")


@case()
def test_without_a_maximum_cooldowns_do_not_double(t):
    t.start(midStreamFailureThreshold=1, midStreamCooldownMs=1000)
    t.sim.script("one", ["cut=1"])
    for n in (1, 2, 3):
        t.fail_midstream(1)
        row = t.wait_row("alpha/one", status="exhausted", cooldowns=n)
        between(row["cooldownRemainingMs"], 1, 1000, f"length of cooldown {n}")
        t.wait_row("alpha/one", within=6, status="recovering")


@case()
def test_all_entries_resting_is_503_with_the_wait(t):
    t.start(midStreamCooldownMs=20000)
    t.ctl("cooldown", "alpha", "one", "7")
    t.ctl("cooldown", "beta", "two", "3")
    for is_stream in (True, False):
        response = t.chat(is_stream)
        error = t.error_of(response, 503, "all_providers_exhausted")
        for pair in ("alpha/one", "beta/two"):
            assert pair in error["message"], f"{pair} is not in {error['message']!r}"
        ms = int(response.headers["retry-after-ms"])
        between(ms, 1500, 3000, "retry-after-ms: until the soonest end")
        between(int(response.headers["retry-after"]), -(-ms // 1000), 3, "Retry-After, rounded up")
    eq(t.sim.stats()["requests"], 0, "requests that reached a provider")


@case()
def test_a_chain_walks_all_its_entries_in_order(t):
    t.start({"default": ["alpha/m1", "beta/m2", "alpha/m3", "beta/m4"]})
    t.sim.script("m1", ["status=500"])
    t.sim.script("m2", ["status=404"])
    t.sim.script("m3", ["cut=0"])
    s = t.stream()
    eq((s.headers["x-weir-provider"], s.headers["x-weir-attempts"]), ("beta/m4", "4"), "served by")
    assert s.is_done
    order = [r["model"] for r in t.sim.requests()]
    eq(order, ["m1", "m2", "m3", "m4"], "order of the attempts")
