# SPDX-License-Identifier: MIT
"""GET /status.json: what it shows, and to whom. The page that draws it: test_statuspage.py."""

import json
import re
import socket

import rawhttp
from daemons import SLOW, wait_until
from weirtest import KEY, SECRETS, Skipped, between, case, eq

ROW = {"cooldownRemainingMs", "cooldownUntil", "cooldowns", "failures", "midStreamFailures", "model",
       "provider", "quota", "reason", "requests", "status", "successes"}
DOCUMENT = {"status", "why", "version", "time", "uptimeMs", "workers", "activeStreams", "connections",
            "tracker", "timeToFirstToken", "midStreamFailureThreshold", "recoveryConcurrency", "queued",
            "requests", "answers", "chains", "pairs"}
PATHS = ("/status", "/status.json", "/metrics")


def document(t):
    answer = t.get("/status.json", key=None)
    eq(answer.status, 200, "status of /status.json")
    return answer.json()


def pair_of(found, name="alpha/one"):
    return next(p for p in found["pairs"] if f"{p['provider']}/{p['model']}" == name)


def own_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
            address = s.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        raise Skipped("this machine has no address but loopback")
    return address


def from_elsewhere(t, path, method="GET", **headers):
    conn = rawhttp.Connection((own_address(), t.port), 20.0 * SLOW)
    try:
        conn.request(method, path, {"Connection": "close", **headers})
        answer = conn.response(method)
        answer.body = answer.read()
        return answer
    finally:
        conn.close()


# ---- the document --------------------------------------------------------------------------------


@case()
def test_a_fresh_document(t):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["beta/two", "gamma/x/y:free"]},
            midStreamFailureThreshold=4, recoveryConcurrency=2)
    answer = t.get("/status.json", key=None)
    eq((answer.status, answer.headers["content-type"]), (200, "application/json"), "status, type")
    eq((answer.headers["cache-control"], answer.headers["x-content-type-options"]),
       ("no-store", "nosniff"), "headers")
    found = answer.json()
    eq(set(found), DOCUMENT, "members")
    eq((found["status"], found["why"], found["workers"], found["activeStreams"], found["queued"],
        found["requests"]), ("ok", None, {"running": 2, "restarts": 0}, 0, 0, {}), "the whole")
    eq(found["version"], t.get("/health").json()["version"], "version")
    between(found["uptimeMs"], 1, 60000, "uptimeMs")
    eq((found["tracker"]["state"], found["tracker"]["pid"]), ("up", t.trackerd.pid), "tracker")
    between(found["tracker"]["heartbeatAgeMs"], 0, 5000 * SLOW, "heartbeat")
    eq((found["midStreamFailureThreshold"], found["recoveryConcurrency"]), (4, 2), "settings")
    eq([(c["name"], c["isDefault"], c["delivery"], c["queued"], c["requests"], c["entries"])
        for c in found["chains"]],
       [("default", True, "stream", 0, {}, [0, 1]), ("other", False, "stream", 0, {}, [1, 2])],
       "chains")
    eq([(p["provider"], p["model"]) for p in found["pairs"]],
       [("alpha", "one"), ("beta", "two"), ("gamma", "x/y:free")], "pairs")
    for pair in found["pairs"]:
        eq(set(pair), ROW | {"passedBy", "attempts", "midStreamFailuresTotal", "lastCooldown"}, "members of a pair")
        eq((pair["status"], pair["passedBy"], pair["attempts"], pair["lastCooldown"]),
           ("available", None, {}, None), "a fresh one")


@case()
def test_counts_over_all_workers(t):
    t.start()
    t.sim.script("one", ["ok", "cut=1", "status=500", "ok"])
    for _ in range(3):
        t.stream()
    t.answer()
    t.error_of(t.chat(messages=None), 400, "invalid_request")
    wait_until(lambda: pair_of(document(t))["requests"] == 4, what="4 attempts counted")
    found = wait_until(lambda: (d := document(t))["requests"].get("400") and d)
    eq(found["requests"], {"200": 4, "400": 1}, "requests")
    eq(found["chains"][0]["requests"], {"200": 4}, "requests of the chain")
    pair = pair_of(found)
    eq(pair["attempts"], {"stream_completed": 1, "answer_completed": 1, "stream_lost": 1,
                          "server_error": 1}, "attempts")
    eq((pair["midStreamFailures"], pair["midStreamFailuresTotal"]), (1, 1), "mid-stream failures")
    eq(pair_of(found, "beta/two")["attempts"], {"stream_completed": 1}, "attempts of beta/two")
    first = found["timeToFirstToken"]
    eq((first["count"], sum(first["buckets"]), len(first["buckets"])), (4, 4, 32), "first tokens")
    assert 0 < first["p50Ms"] <= first["p95Ms"] and first["meanMs"] > 0, first


@case()
def test_active_streams(t):
    t.start()
    t.sim.script("one", ["stall=1"])
    response = t.chat()
    t.sim.wait(active=1)
    wait_until(lambda: document(t)["activeStreams"] == 1, what="one active stream")
    response.conn.close()
    wait_until(lambda: document(t)["activeStreams"] == 0, what="none")


@case()
def test_a_cooldown_and_its_end(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "100", "words of the operator")
    found = document(t)
    pair = pair_of(found)
    eq((pair["status"], pair["reason"]), ("exhausted", "words of the operator"), "status, reason")
    between(pair["cooldownRemainingMs"], 60000, 100000, "remaining")
    last = pair["lastCooldown"]
    eq((last["number"], last["cause"], last["reason"]), (1, "operator", "words of the operator"), "last")
    between(last["endsAt"] - last["beganAt"], 99990, 100010, "length")
    between(last["beganAt"], found["time"] - 30000, found["time"] + 5, "began")
    t.ctl("clear", "alpha", "one")
    pair = pair_of(document(t))
    eq((pair["status"], pair["reason"], pair["cooldownRemainingMs"]), ("available", None, 0), "cleared")
    eq((pair["lastCooldown"]["number"], pair["lastCooldown"]["endsAt"]), (1, None), "last")


@case()
def test_what_passes_a_pair_by(t):
    t.start(providers={"beta": {"rateLimits": {"concurrentRequests": 1}}})
    t.sim.script("one", ["status=429,header=retry-after-ms/3000", "hang", "ok"])
    t.sim.script("two", ["stall=1", "ok"])

    def passed_by():
        return [p["passedBy"] for p in document(t)["pairs"]]

    eq(passed_by(), [None, None], "of fresh ones")
    on_two = t.chat()
    # the stream of the other pair may begin before the tracker has the failure
    wait_until(lambda: passed_by() == ["in_cooldown", "no_quota"], what="a rest, and its only place taken")
    wait_until(lambda: passed_by() == [None, "no_quota"], what="the end of the rest")
    on_one = t.send_chat()
    wait_until(lambda: passed_by() == ["in_recovery", "no_quota"], what="its only trial under way")
    for conn in (on_one, on_two.conn):
        conn.close()
    wait_until(lambda: passed_by() == [None, None], what="places given back")


@case()
def test_degraded(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "100")
    eq(document(t)["status"], "ok", "while one pair is left")
    t.ctl("cooldown", "beta", "two", "100")
    found = document(t)
    eq(found["status"], "degraded", "when none is left")
    assert found["why"].startswith("every pair of the default chain rests, the first one until "), found
    t.ctl("clear", "--all")
    t.trackerd.kill()
    t.wait_tracker_everywhere(up=False)
    found = document(t)
    eq((found["status"], found["why"], found["tracker"]["state"]), ("degraded", "no tracker", "down"),
       "without a tracker")


@case()
def test_without_a_table(t):
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    t.start_weir()
    found = document(t)
    eq((found["status"], found["tracker"]),
       ("degraded", {"state": "down", "pid": None, "uptimeMs": None, "heartbeatAgeMs": None}), "tracker")
    eq(pair_of(found)["status"], "available", "status of a pair")


@case()
def test_a_waiting_request(t):
    t.start(queueMode=True)
    t.ctl("cooldown", "alpha", "one", "100")
    t.ctl("cooldown", "beta", "two", "100")
    conn = t.send_chat()
    found = wait_until(lambda: (d := document(t))["queued"] and d, what="a request that waits")
    eq((found["queued"], found["chains"][0]["queued"]), (1, 1), "queued")
    conn.close()


# ---- to whom -------------------------------------------------------------------------------------


@case()
def test_the_rule(t):
    """This machine may look; from elsewhere it takes a key."""
    own_address()
    t.start(server={"listen": ["0.0.0.0"]})
    for path in PATHS:
        eq(t.get(path, key=None).status, 200, f"{path} from loopback")
        answer = from_elsewhere(t, path)
        t.error_of(answer_again(answer), 401, "invalid_api_key")
        answer = from_elsewhere(t, path, Authorization="Bearer wrong")
        t.error_of(answer_again(answer), 401, "invalid_api_key")
        answer = from_elsewhere(t, path, Authorization=f"Bearer {KEY}")
        eq(answer.status, 200, f"{path} from elsewhere with a key")
    answer = from_elsewhere(t, "/status.json", "HEAD")
    eq((answer.status, answer.body), (401, b""), "HEAD from elsewhere")


def answer_again(answer):
    """A read answer in the form that error_of wants."""
    body = answer.body
    answer.read = lambda: body
    return answer


@case()
def test_methods(t):
    t.start()
    for path in PATHS:
        conn = t.connect()
        head = t.get(path, conn=conn, method="HEAD")
        eq((head.status, head.body), (200, b""), f"HEAD {path}")
        assert int(head.headers["content-length"]) > 100, head.headers
        eq(t.get("/health", conn=conn).status, 200, "the connection goes on")
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = t.get(path, method=method)
            eq((answer.status, answer.headers["allow"]), (405, "GET, HEAD"), f"{method} {path}")


# ---- what others wrote ---------------------------------------------------------------------------

HOSTILE = '</script><img src=x onerror=alert(1)>"\'&<b>\\'


@case()
def test_hostile_names_stay_text(t):
    """Names and reasons are anybody's words: the document stays JSON, and has them unchanged."""
    t.start_sim()
    provider = t.provider("alpha", t.sim.base_url)
    provider["name"] = HOSTILE
    t.configure([provider], {"default": ["alpha/one"], HOSTILE: ["alpha/" + HOSTILE]})
    t.start_trackerd()
    t.start_weir()
    code, _, err = t.ctl("cooldown", "alpha", HOSTILE, "100", HOSTILE)
    eq(code, 0, f"exit code of weirctl ({err!r})")
    answer = t.get("/status.json")
    found = answer.json()
    eq(found["chains"][1]["name"], HOSTILE, "name of the chain")
    eq((found["pairs"][1]["model"], found["pairs"][1]["reason"]), (HOSTILE, HOSTILE), "model, reason")
    for secret in SECRETS:
        assert secret not in answer.body.decode(), f"{secret!r} in the document"
