# SPDX-License-Identifier: MIT
"""What became of a request: X-Weir-Trail, the error event, the access log, weirctl explain."""

import json
import os
import re
import signal
import time

import rawhttp
from daemons import SLOW, wait_until
from weirtest import between, case, eq

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


# ---- weirctl explain -------------------------------------------------------------------------


def _found(t, *args):
    """What weirctl --json explain tells, an object a request."""
    code, out, err = t.ctl("--json", "explain", *args)
    eq((code, err), (0, ""), "exit code, standard error")
    return [json.loads(line) for line in out.splitlines()]


def _find(t, response):
    """The one record of that request."""
    found = _found(t, response.headers["x-request-id"])
    eq(len(found), 1, "requests of that id")
    return found[0]


def _trail_words(record):
    return [(f"{s['provider']}/{s['model']}", s["outcome"]) for s in record["trail"]]


@case()
def test_a_request_is_explained(t):
    t.start(retryAttempts=1)
    t.sim.script("one", ["head-delay=60,status=500", "status=429,retry-after=30"])
    began = time.time() * 1000
    response = t.chat()
    body = response.read()
    record = _find(t, response)
    eq(_trail_words(record), [("alpha/one", "server_error"), ("alpha/one", "rate_limited"),
                              ("beta/two", "stream_completed")], "the trail")
    eq([s["status"] for s in record["trail"]], [500, 429, 200], "status of each try")
    eq([s["restMs"] for s in record["trail"]], [0, 30000, 0], "rest of each try")
    between(record["trail"][0]["elapsedMs"], 60, 5000 * SLOW, "ms of the first try")
    for key, expected in {"chain": "default", "status": 200, "outcome": "stream_completed",
                          "bytes": len(body), "stream": True, "delivery": "stream",
                          "trailLeftOut": 0}.items():
        eq(record[key], expected, key)
    between(record["time"], began - 1000, began + 10000 * SLOW, "when it came")
    between(record["firstTokenMs"], 60, record["durationMs"], "first token")
    assert record["promptTokens"] > 0 and record["completionTokens"] > 0, f"tokens: {record}"
    code, out, err = t.ctl("explain", response.headers["x-request-id"])
    eq((code, err), (0, ""), "exit code, standard error")
    for pattern in (rf"^request +{record['requestId']}$", r"^received +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$",
                    r"^chain +default$", rf"^answer +200 stream_completed, {len(body)} bytes after ",
                    r"^  1  alpha/one +server_error +500 +\S+ +-$",
                    r"^  2  alpha/one +rate_limited +429 +\S+ +30\.0s$",
                    r"^  3  beta/two +stream_completed +200 +\S+ +-$"):
        assert re.search(pattern, out, re.M), f"{pattern!r} is not in {out}"


@case()
def test_ends_of_all_kinds_are_explained(t):
    t.start(server={"streamHeartbeatMs": 100})
    t.sim.script("one", ["cut=2"])
    response = t.chat()
    response.read()
    record = _find(t, response)
    eq((record["status"], record["outcome"]), (200, "stream_lost"), "a broken stream")
    response = t.answer()
    record = _find(t, response)
    eq((record["outcome"], record["stream"], record["delivery"]), ("answer_completed", False, None),
       "an answer")
    t.sim.script("one", ["head-delay=300,status=500"])
    t.sim.script("two", ["status=500"])
    response = t.chat()
    response.read()
    record = _find(t, response)
    eq((record["status"], record["outcome"]), (200, "all_providers_exhausted"), "after a heartbeat")
    eq(_trail_words(record), [("alpha/one", "server_error"), ("beta/two", "server_error")], "trail")
    response = t.post(b"{")
    response.read()
    record = _find(t, response)
    eq((record["status"], record["outcome"], record["chain"], record["trail"]),
       (400, "invalid_request", None, []), "a bad request")
    t.sim.script("one", ["delay=200,tokens=100"])
    response = t.post(t.body(), headers={"X-Request-Id": "one-that-leaves"})
    response.conn.close()
    record = wait_until(lambda: t.ctl("explain", "one-that-leaves")[0] == 0
                        and _found(t, "one-that-leaves"), what="the record of a client that left")[0]
    eq((record["status"], record["outcome"]), (499, "client_left"), "a client that left")


@case()
def test_the_cooldown_that_followed_is_explained(t):
    t.start(midStreamCooldownMs=45000)
    t.sim.script("one", ["cut=1"])
    rests = []
    for _ in range(3):
        response = t.chat()
        response.read()
        rests.append(_find(t, response)["trail"][0]["restMs"])
    eq(rests[:2], [0, 0], "rest after failures below the threshold")
    between(rests[2], 44990, 45000, "rest after the third")
    response = t.chat()
    response.read()
    record = _find(t, response)
    eq(_trail_words(record)[0], ("alpha/one", "in_cooldown"), "the fourth")
    between(record["trail"][0]["restMs"], 45000 - 20000 * SLOW, 45000, "what was left of it")
    eq(record["trail"][0]["elapsedMs"], None, "ms of no attempt")


@case()
def test_the_latest_are_listed(t):
    t.start()
    ids = []
    for i in range(23):
        ids.append(f"number-{i}")
        t.post(t.body(False), headers={"X-Request-Id": ids[-1]}).read()
    eq([r["requestId"] for r in _found(t)], ids[-20:], "the latest requests, of both workers")
    code, out, err = t.ctl("explain")
    eq((code, err), (0, ""), "exit code, standard error")
    lines = out.splitlines()
    eq(len(lines), 21, "lines")
    for word in ("RECEIVED", "STATUS", "OUTCOME", "TIME", "REQUEST"):
        assert word in lines[0], f"{word} is not in {lines[0]!r}"
    assert re.search(r"200 +answer_completed .* number-22 +alpha/one$", lines[-1]), lines[-1]


@case()
def test_several_of_one_id(t):
    t.start()
    t.sim.script("one", ["status=500", "ok"])
    for _ in range(2):
        t.post(t.body(False), headers={"X-Request-Id": "twice"}).read()
    eq([_trail_words(r)[-1][0] for r in _found(t, "twice")], ["beta/two", "alpha/one"], "served by")
    code, out, err = t.ctl("explain", "twice")
    eq(len(re.findall(r"^request +twice$", out, re.M)), 2, "requests told")


@case()
def test_what_cannot_be_explained(t):
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    code, out, err = t.ctl("explain")
    eq((code, out), (69, ""), "without a weir")
    assert err, "nothing on standard error"
    t.start_trackerd()
    t.start_weir()
    eq(t.ctl("explain", "a", "b")[0], 64, "exit code with two ids")
    code, out, err = t.ctl("explain", "no\033[2Jbody")
    eq((code, out), (1, ""), "an unknown request")
    assert "no?[2Jbody" in err and "\033" not in err, f"standard error {err!r}"
    # What is no sane id is replaced; the client is told the one that is found.
    response = t.post(t.body(False), headers={"X-Request-Id": "no \xe4 id"})
    response.read()
    assert response.headers["x-request-id"].isalnum(), response.headers["x-request-id"]
    _find(t, response)


@case()
def test_a_record_that_cannot_be(t):
    """Of a worker gone mad: it ended before it was received."""
    t.start()
    response = t.answer()
    _find(t, response)
    with open("/dev/shm" + t.shm + ".recent", "r+b") as f:
        record = f.read().index(response.headers["x-request-id"].encode()) - 376
        f.seek(record + 16)  # recent_ring.h: ended_at
        f.write(bytes(8))
    eq(_find(t, response)["durationMs"], 0, "durationMs")
    out = t.ctl("explain", response.headers["x-request-id"])[1]
    assert re.search(r"bytes after 0ms$", out, re.M), out


@case()
def test_without_tracker_and_after_a_kill(t):
    """It needs nobody: not trackerd, not the worker that served, not even weir."""
    t.start()
    found = []
    for _ in range(4 * t.workers):
        found.append(t.answer())
    t.trackerd.kill()
    for response in found:
        eq(_trail_words(_find(t, response)), [("alpha/one", "answer_completed")], "trail")
    t.weir.kill()
    for response in found:
        _find(t, response)
    t.start_trackerd()
    t.start_weir()
    found.append(t.answer())
    for response in found:
        _find(t, response)


@case()
def test_a_worker_is_killed(t):
    """What it served is still told; what it was serving is not; its follower goes on."""
    t.start()
    found = [t.answer() for _ in range(4 * t.workers)]
    t.sim.script("one", ["delay=100,tokens=1000"])
    response = t.post(t.body(), headers={"X-Request-Id": "cut-short"})
    t.sim.wait(model="one", active=1)
    for pid in t.weir.children():
        os.kill(pid, signal.SIGKILL)
    response.conn.close()
    t.sim.script("one", ["ok"])
    t.weir.wait_log(r"died: Killed", count=t.workers)
    t.wait_ready()
    found += [t.answer() for _ in range(4 * t.workers)]
    for answer in found:
        _find(t, answer)
    eq(t.ctl("explain", "cut-short")[0], 1, "exit code for a request that died with its worker")


@case()
def test_a_reload_and_a_new_chain(t):
    """Requests stay; chains and pairs keep their names when the configuration has lost them."""
    t.start({"default": ["alpha/one"], "old": ["beta/two"]})
    before = t.answer(model="old")
    old = set(t.weir.children())
    t.conf["chains"] = t.conf["chains"][:1]
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    wait_until(lambda: not old & set(t.weir.children()), 15, "the old workers have left")
    after = t.answer()
    record = _find(t, before)
    eq((record["chain"], _trail_words(record)), ("old", [("beta/two", "answer_completed")]),
       "a request of a chain that is gone")
    eq(_find(t, after)["chain"], "default", "chain")
