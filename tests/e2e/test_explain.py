"""What became of a request: X-Weir-Trail, the error event, the access log, weirctl explain."""

import json
import os
import re

import rawhttp
from daemons import wait_until
from weirtest import case, eq

EXPLAIN = {"X-Weir-Explain": "1"}


def _steps(trail):
    """[(entry, outcome, milliseconds or None)]"""
    found = []
    for step in trail.split(", "):
        match = re.fullmatch(r"(\S+)=([a-z_]+)(?:;(\d+)ms)?", step)
        assert match, f"{step!r} in the trail {trail!r}"
        found.append((match[1], match[2], match[3] and int(match[3])))
    return found


def _words(trail):
    return [(entry, outcome) for entry, outcome, _ in _steps(trail)]


def _explained(t, stream=True, **more):
    return t.post(t.body(stream), headers={**EXPLAIN, **more})


def _event_error(response):
    """The error that ended a stream."""
    eq(response.status, 200, "status")
    return rawhttp.Stream(response).error


def _log_trail(t, response):
    """The trail of the request in the access log."""
    def records():
        with open(os.path.join(t.dir, "access.log")) as f:
            text = f.read()
        lines = [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]
        return [r for r in lines if r["requestId"] == response.headers["x-request-id"]]
    return wait_until(records, what="the request's line in the access log")[0]["trail"]


def _start(t, server=None, **more):
    t.start(server={"accessLog": os.path.join(t.dir, "access.log"), **(server or {})}, **more)


@case()
def test_the_header_before_commit(t):
    _start(t, retryAttempts=1)
    t.sim.script("one", ["head-delay=120,status=500", "status=429,retry-after=30"])
    response = _explained(t, stream=False)
    response.read()
    steps = _steps(response.headers["x-weir-trail"])
    eq([s[:2] for s in steps], [("alpha/one", "server_error"), ("alpha/one", "rate_limited"),
                                ("beta/two", "answer_completed")], "the trail")
    assert steps[0][2] >= 120, f"milliseconds of a provider that takes 120: {steps[0][2]}"
    eq(_log_trail(t, response), response.headers["x-weir-trail"], "the trail in the access log")
    t.wait_row("alpha/one", status="exhausted")
    response = _explained(t)
    response.read()
    eq(_words(response.headers["x-weir-trail"]),
       [("alpha/one", "in_cooldown"), ("beta/two", "none")], "the trail when content came")
    eq(_words(_log_trail(t, response)),
       [("alpha/one", "in_cooldown"), ("beta/two", "stream_completed")], "the trail in the log")


@case()
def test_nobody_is_told_unasked(t):
    _start(t)
    t.sim.script("one", ["cut=2"])
    response = t.chat()
    error = _event_error(response)
    assert "x-weir-trail" not in response.headers
    eq(sorted(error), ["code", "message", "param", "type"], "members of error")
    eq(_words(_log_trail(t, response)), [("alpha/one", "stream_lost")], "the trail in the log")


@case()
def test_the_error_event_after_commit(t):
    _start(t)
    t.sim.script("one", ["status=503"])
    t.sim.script("two", ["cut=2"])
    response = _explained(t)
    error = _event_error(response)
    eq(sorted(error), ["code", "message", "param", "trail", "type"], "members of error")
    eq(error["code"], "stream_error", "code")
    eq(_words(response.headers["x-weir-trail"]),
       [("alpha/one", "server_error"), ("beta/two", "none")], "the header")
    eq(_words(error["trail"]), [("alpha/one", "server_error"), ("beta/two", "stream_lost")],
       "the error event")
    eq(_log_trail(t, response), error["trail"], "the trail in the log")


@case()
def test_the_error_event_after_a_heartbeat(t):
    _start(t, server={"streamHeartbeatMs": 100})
    t.sim.script("one", ["head-delay=300,status=500"])
    t.sim.script("two", ["cut=0"])
    response = _explained(t)
    assert "x-weir-trail" not in response.headers, "a trail before there is one"
    error = _event_error(response)
    eq(error["code"], "all_providers_exhausted", "code")
    eq(_words(error["trail"]), [("alpha/one", "server_error"), ("beta/two", "stream_lost")], "trail")
    t.sim.script("one", ["head-delay=300,status=404"])
    t.sim.script("two", ["status=404"])
    error = _event_error(_explained(t))
    eq(_words(error["trail"]), [("alpha/one", "client_error"), ("beta/two", "client_error")],
       "trail in the error that all agree on")


@case()
def test_a_held_answer(t):
    _start(t)
    t.sim.script("one", ["cut=3"])
    response = _explained(t, **{"X-Weir-Delivery": "complete"})
    assert rawhttp.Stream(response).is_done
    eq(_words(response.headers["x-weir-trail"]),
       [("alpha/one", "stream_lost"), ("beta/two", "stream_completed")], "the header")


@case()
def test_a_client_that_left(t):
    _start(t)
    t.sim.script("one", ["delay=200,tokens=100"])
    response = _explained(t)
    response.conn.close()
    eq(_words(_log_trail(t, response)), [("alpha/one", "client_left")], "the trail in the log")


@case()
def test_a_providers_text_is_in_no_header(t):
    provider = t.raw_provider()
    _start(t, base_urls={"alpha": provider.base_url})
    conn = t.send(t.body(), headers=EXPLAIN)
    provider.accept().answer("418 sesame", b'{"error":{"message":"sesame!"}}',
                             headers=[("X-Note", "sesame")])
    response = conn.response("POST")
    response.read()
    eq(_words(response.headers["x-weir-trail"]), [("alpha/one", "client_error"), ("beta/two", "none")],
       "the trail")
    assert "sesame" not in json.dumps(dict(response.headers)), f"headers: {response.headers}"
