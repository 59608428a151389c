# SPDX-License-Identifier: MIT
"""weirctl route: says what a request would meet now. Each case also sends the request and compares."""

import json

from daemons import wait_until
from weirtest import between, case, eq

CHAIN = {"default": ["alpha/one", "beta/two"]}


def route(t, *chain, code=0):
    got, out, err = t.ctl("--json", "route", *chain)
    eq(got, code, f"exit code of route ({out!r}, {err!r})")
    assert (got == 69) == bool(err), f"standard error: {err!r}"
    return json.loads(out)


def text(t, *chain):
    code, out, err = t.ctl("route", *chain)
    eq((code, err), (0, ""), "exit code, standard error")
    return out


def verdicts(found):
    return [(f"{e['provider']}/{e['model']}", e["verdict"]) for e in found["entries"]]


def met(t, model="default"):
    """What a request meets: [(pair, outcome)] of X-Weir-Trail."""
    answer = t.post(t.body(False, model), headers={"X-Weir-Explain": "1"})
    answer.read()
    steps = [s.split(";")[0].split("=") for s in answer.headers["x-weir-trail"].split(", ")]
    return [(pair, word) for pair, word in steps]


def agree(t, found, model="default"):
    """The entries passed by, and the one taken, are those of a request that is sent now."""
    expected = []
    for pair, verdict in verdicts(found):
        expected.append((pair, "answer_completed" if verdict == "taken" else verdict))
        if verdict == "taken":
            break
    eq(met(t, model), expected, "what a request met")


@case()
def test_all_is_well(t):
    t.start({**CHAIN, "other": ["beta/two"]})
    found = route(t)
    eq(sorted(found), ["answer", "chain", "entries", "queue", "table", "taken", "tracker", "weir"],
       "members")
    eq(sorted(found["entries"][0]), ["cause", "model", "position", "provider", "reason",
                                             "restMs", "setting", "verdict"], "members of an entry")
    eq((found["chain"], found["taken"], found["answer"], found["queue"], found["table"],
        found["weir"]), ("default", 1, None, None, True, True), "the route")
    eq(verdicts(found), [("alpha/one", "taken"), ("beta/two", "usable")], "verdicts")
    eq(found["tracker"]["pid"], t.trackerd.pid, "pid")
    agree(t, found)
    eq(verdicts(route(t, "other")), [("beta/two", "taken")], "another chain")
    out = text(t)
    assert "chain default would take alpha/one, entry 1 of 2." in out, out
    assert "weir-trackerd: running" in out, out


@case()
def test_a_pair_in_cooldown_is_passed_by(t):
    t.start()
    t.sim.script("one", ["status=429,header=retry-after/30"])
    t.stream()
    t.wait_row("alpha/one", status="exhausted")
    found = route(t)
    eq(verdicts(found), [("alpha/one", "in_cooldown"), ("beta/two", "taken")], "verdicts")
    first = found["entries"][0]
    eq((first["cause"], first["reason"], first["setting"]), ("rate_limited", "429 rate limited", None),
       "why")
    between(first["restMs"], 20000, 30000, "restMs")
    eq(found["taken"], 2, "taken")
    agree(t, found)
    out = text(t)
    assert "would take beta/two, entry 2 of 2." in out and "429 rate limited" in out, out


@case()
def test_a_recovering_pair_whose_place_is_taken(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "0.1", "planned", "work")
    t.wait_row("alpha/one", status="recovering")
    found = route(t)
    eq(verdicts(found)[0], ("alpha/one", "taken"), "while the place is free")
    eq((found["entries"][0]["cause"], found["entries"][0]["reason"]), ("operator", "planned work"),
       "what it recovers from")
    t.sim.script("one", ["hang"])
    trying = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    found = route(t)
    eq(verdicts(found), [("alpha/one", "in_recovery"), ("beta/two", "taken")], "verdicts")
    eq(found["entries"][0]["setting"], "recoveryConcurrency", "setting")
    agree(t, found)
    out = text(t)
    assert "recoveryConcurrency is reached; recovering from: planned work" in out, out
    trying.close()
    t.sim.wait(model="one", active=0)


@case()
def test_a_recovering_pair_and_nothing_else(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "0.1")
    t.ctl("cooldown", "beta", "two", "60")
    t.wait_row("alpha/one", status="recovering")
    t.sim.script("one", ["hang", "ok"])
    trying = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    found = route(t)
    eq(verdicts(found), [("alpha/one", "in_recovery"), ("beta/two", "in_cooldown")], "verdicts")
    eq((found["taken"], found["answer"], found["gate"]), (None, None, {"position": 1, "maxWaitMs": 5000}),
       "what it would do")
    out = text(t)
    assert "would wait until somebody who tries it has content, at most 5.0s, and take alpha/one, entry 1 of 2." \
        in out, out
    waiting = t.send(t.body(False), headers={"X-Weir-Explain": "1"})
    t.weir.wait_log("choose -> gate")
    trying.close()
    answer = waiting.response("POST")
    answer.read()
    eq((answer.status, answer.headers["x-weir-provider"]), (200, "alpha/one"), "answer")
    trail = json.loads(t.ctl("--json", "explain", answer.headers["x-request-id"])[1])["trail"]
    eq([(s["model"], s["outcome"]) for s in trail],
       [("one", "in_recovery"), ("two", "in_cooldown"), ("one", "answer_completed")], "trail")
    assert trail[0]["elapsedMs"] is not None and trail[1]["elapsedMs"] is None, trail


@case()
def test_concurrent_requests(t):
    t.start(providers={"alpha": {"rateLimits": {"concurrentRequests": 1}}})
    t.sim.script("one", ["hang"])
    trying = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    found = route(t)
    eq(verdicts(found), [("alpha/one", "no_quota"), ("beta/two", "taken")], "verdicts")
    eq((found["entries"][0]["setting"], found["entries"][0]["restMs"]),
       ("concurrentRequests", None), "setting, restMs")
    agree(t, found)
    trying.close()
    t.sim.wait(model="one", active=0)


@case()
def test_a_budget_without_a_tracker(t):
    """With one, the table has it as a cooldown at once; without, the ledger alone knows."""
    t.start(providers={"alpha": {"rateLimits": {"requestsPerMinute": 2}}})
    t.trackerd.kill()
    t.wait_tracker_everywhere(up=False)
    eq(met(t), [("alpha/one", "answer_completed")], "the first request")
    eq(verdicts(route(t))[0], ("alpha/one", "taken"), "one is left")
    eq(met(t), [("alpha/one", "answer_completed")], "the second request: looking costs nothing")
    found = route(t)
    eq(verdicts(found), [("alpha/one", "no_quota"), ("beta/two", "taken")], "verdicts")
    eq(found["entries"][0]["setting"], "requestsPerMinute", "setting")
    between(found["entries"][0]["restMs"], 20000, 60000, "restMs")
    eq(found["tracker"]["running"], False, "running")
    agree(t, found)
    out = text(t)
    assert "weir-trackerd: not running" in out and "requestsPerMinute is reached" in out, out


@case()
def test_none_is_usable(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "60")
    t.ctl("cooldown", "beta", "two", "30")
    found = route(t)
    eq((found["taken"], found["queue"]), (None, None), "taken, queue")
    eq((found["answer"]["status"], found["answer"]["code"]), (503, "all_providers_exhausted"), "answer")
    between(found["answer"]["retryAfterMs"], 20000, 30000, "retryAfterMs")
    answer = t.chat(False)
    t.error_of(answer, 503, "all_providers_exhausted")
    between(int(answer.headers["retry-after-ms"]), found["answer"]["retryAfterMs"] - 10000,
            found["answer"]["retryAfterMs"], "what a request is told")
    out = text(t)
    assert "would get 503 all_providers_exhausted, Retry-After: " in out, out


@case()
def test_none_is_usable_and_requests_wait(t):
    t.start({"default": ["alpha/one"]}, queueMode=True, queueMaxWaitMs=60000)
    t.ctl("cooldown", "alpha", "one", "60")
    t.wait_row("alpha/one", status="exhausted")
    waiting = t.send_chat(False)

    found = {}

    def is_waiting():
        found.update(route(t))
        return found["queue"]["depth"] == 1
    wait_until(is_waiting, what="the request is in the queue")
    eq((found["taken"], found["answer"], found["queue"]["maxWaitMs"]), (None, None, 60000), "the route")
    out = text(t)
    assert "would wait in the queue, at most 1m00s." in out, out
    assert "1 of its requests waits in the queue" in out, out
    waiting.close()


@case()
def test_without_a_table(t):
    """Then every pair counts as available, for weir as for weirctl."""
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    found = route(t, code=69)
    eq((found["table"], found["weir"], verdicts(found)), (False, False, [("alpha/one", "taken")]),
       "without weir")
    t.start_weir()
    found = route(t, code=69)
    eq((found["table"], found["weir"], found["tracker"]["running"]), (False, True, False), "with weir")
    agree(t, found)
    code, out, err = t.ctl("route")
    eq(code, 69, "exit code")
    assert "every pair counts as available" in err and "would take alpha/one" in out, (out, err)


@case()
def test_a_table_that_outlives_its_daemons(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "60")
    t.weir.stop()
    t.trackerd.stop()
    found = route(t)
    eq((found["table"], found["weir"], found["tracker"]["running"]), (True, False, False), "who runs")
    eq(verdicts(found), [("alpha/one", "in_cooldown"), ("beta/two", "taken")], "verdicts")
    assert "weir: not running" in text(t)


@case()
def test_what_a_killed_weir_left_binds_nobody(t):
    t.start(providers={"alpha": {"rateLimits": {"concurrentRequests": 1}}}, server={"workers": 1})
    t.sim.script("one", ["hang"])
    trying = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    t.weir.kill()
    found = route(t)
    eq((found["weir"], verdicts(found)[0]), (False, ("alpha/one", "taken")), "the route")
    trying.close()


@case()
def test_wrong_calls(t):
    t.start({**CHAIN, "other": ["beta/two"]})
    code, out, err = t.ctl("route", "othre")
    eq((code, out), (1, ""), "exit code, output of an unknown chain")
    assert "no chain is called othre; did you mean other?" in err, err
    err = t.ctl("route", "no\033[2Jchain\u009b31m")[2]
    assert "no?[2Jchain?31m" in err and "\033" not in err, f"standard error {err!r}"
    code, out, err = t.ctl("route", "default", "other")
    eq((code, out), (64, ""), "exit code, output of two chains")
