# SPDX-License-Identifier: MIT
"""GET /v1/models, /v1/ratelimits, /health (CONTRACT 4.1)."""

import datetime
import re

import rawhttp
from daemons import wait_until
from weirtest import between, case, eq

ROW = ["cooldownRemainingMs", "cooldownUntil", "cooldowns", "failures", "midStreamFailures", "model",
       "provider", "quota", "reason", "requests", "status", "successes"]


@case()
def test_models(t):
    """Chains first, then the distinct models of all chains with their providers."""
    t.start({"default": ["alpha/one", "beta/two"], "second": ["beta/two", "gamma/vendor/three:free"]})
    answer = t.get("/v1/models")
    eq((answer.status, answer.headers["content-type"].split(";")[0]), (200, "application/json"),
       "status, content type")
    document = answer.json()
    eq(document["object"], "list", "object")
    eq([(m["id"], m["owned_by"]) for m in document["data"]],
       [("default", "weir"), ("second", "weir"), ("one", "alpha"), ("two", "beta"),
        ("vendor/three:free", "gamma")], "models")
    for m in document["data"]:
        eq(m["object"], "model", "object")
        assert isinstance(m["created"], int), m


@case()
def test_one_model(t):
    """By its name, which may have slashes of its own; percent-decoded once."""
    t.start({"default": ["alpha/one", "beta/two"], "se cond": ["beta/two", "gamma/vendor/three:free"]})
    listed = {m["id"]: m for m in t.get("/v1/models").json()["data"]}
    for name, path in (("default", "default"), ("one", "one/"), ("se cond", "se%20cond"),
                       ("vendor/three:free", "vendor/three:free"),
                       ("vendor/three:free", "vendor%2Fthree%3afree?x=1"), ("two", "/two")):
        answer = t.get("/v1/models/" + path)
        eq((answer.status, answer.json()), (200, listed[name]), path)
    for path in ("three", "vendor", "One", "vendor%252Fthree:free", "%zz", "%00", "a%0ab", "alpha/one"):
        answer = t.get("/v1/models/" + path)
        eq((answer.status, answer.json()["error"]["code"]), (404, "model_not_found"), path)
    eq(t.get("/v1/models/one", key=None).status, 401, "without a key")
    eq(t.get("/v1/models/").json()["object"], "list", "no name at all")


@case()
def test_web_pages(t):
    """Preflights without a key; the answers of /v1/*, errors too, may be read; nothing else may."""
    t.start(server={"corsOrigins": ["https://app.example"]})
    ask = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
           "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os"}
    answer = t.get("/v1/chat/completions", key=None, headers=ask, method="OPTIONS")
    eq((answer.status, answer.body), (200, b""), "preflight")
    eq(answer.headers["access-control-allow-origin"], "https://app.example", "origin")
    eq(answer.headers["access-control-allow-headers"], ask["Access-Control-Request-Headers"], "headers")
    assert "POST" in answer.headers["access-control-allow-methods"], answer.headers
    assert "access-control-allow-credentials" not in answer.headers
    page = {"Origin": "https://app.example"}
    stream = t.post(t.body(), headers=page)
    for what, answer, status in (
            ("stream", stream, 200), ("list", t.get("/v1/models", headers=page), 200),
            ("no key", t.get("/v1/models", key=None, headers=page), 401),
            ("no path", t.get("/v1/nothing", headers=page), 404)):
        eq((answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")),
           (status, "https://app.example", "Origin"), what)
        assert "x-request-id" in answer.headers["access-control-expose-headers"], what
    assert rawhttp.Stream(stream).is_done
    other = {**ask, "Origin": "https://evil.example"}
    answer = t.get("/v1/models", key=None, headers=other, method="OPTIONS")
    eq(answer.status, 405, "a preflight of another origin")
    assert "access-control-allow-origin" not in answer.headers, answer.headers
    for path in ("/status", "/status.json", "/metrics", "/health"):
        for method in ("OPTIONS", "GET"):
            answer = t.get(path, headers=ask, method=method)
            assert not any(h.startswith("access-control") for h in answer.headers), (path, method)


@case()
def test_no_web_pages_by_default(t):
    t.start()
    ask = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = t.get("/v1/models", headers=ask, method="OPTIONS")
    eq((answer.status, answer.headers["allow"]), (405, "GET, HEAD"), "OPTIONS")
    answer = t.get("/v1/models", headers=ask)
    assert "vary" not in answer.headers and not any(
        h.startswith("access-control") for h in answer.headers), answer.headers


@case()
def test_slashes_do_not_matter(t):
    t.start()
    for path in ("//v1/models", "/v1//models/", "/v1/models///", "//health//"):
        eq(t.get(path).status, 200, path)
    response = t.post(t.body(stream=False), path="//v1/chat//completions/")
    eq(response.status, 200, "a chat")
    response.read()


@case()
def test_is_anybody_there(t):
    t.start()
    for path in ("/", "/api/hello", "//"):
        answer = t.get(path, key=None, method="HEAD")
        eq((answer.status, answer.headers["content-length"], answer.body), (200, "0", b""), path)
    answer = t.get("/", key=None)
    eq((answer.status, answer.headers["location"], answer.body), (302, "/status", b""), "GET /")


@case()
def test_ratelimits(t):
    """One row for every pair of every chain, in the configuration's order."""
    t.start({"default": ["beta/two", "alpha/one"], "other": ["alpha/one", "alpha/three"]})
    rows = list(t.rows())
    eq(rows, ["beta/two", "alpha/one", "alpha/three"], "order of the rows")
    row = t.row()
    eq(sorted(row), ROW, "members of a row")
    eq(row, {"provider": "alpha", "model": "one", "status": "available", "cooldownUntil": None,
             "cooldownRemainingMs": 0, "reason": None, "midStreamFailures": 0, "cooldowns": 0,
             "requests": 0, "successes": 0, "failures": 0, "quota": None}, "a fresh row")
    status = t.status()
    eq([f"{r['provider']}/{r['model']}" for r in status["ratelimits"]], rows, "rows of weirctl")


@case()
def test_rows_agree_with_weirctl(t):
    t.start()
    t.sim.script("one", ["cut=1", "ok"], repeat="loop")
    for _ in range(3):
        t.stream()
    t.ctl("cooldown", "beta", "two", "100", "a reason")
    wait_until(lambda: t.row()["requests"] == 3, what="3 requests counted")
    ours, theirs = t.rows(), {f"{r['provider']}/{r['model']}": r for r in t.status()["ratelimits"]}
    for pair, row in ours.items():
        other = theirs[pair]
        eq(sorted(other), ROW, "members of a row of weirctl")
        for member in ROW:
            if member in ("cooldownUntil", "cooldownRemainingMs") and row[member]:
                between(other[member], row[member] - 3000, row[member] + 5, member)
            else:
                eq(other[member], row[member], f"{member} of {pair}")


@case()
def test_counts(t):
    t.start()
    t.sim.script("one", ["ok", "cut=1", "status=500", "ok"])
    assert t.stream().is_done
    assert t.stream().error
    assert t.stream().is_done  # by beta/two
    t.answer()
    row = t.wait_row("alpha/one", requests=4)
    eq((row["successes"], row["failures"], row["midStreamFailures"]), (2, 2, 1), "alpha/one")
    row = t.wait_row("beta/two", requests=1)
    eq((row["successes"], row["failures"]), (1, 0), "beta/two")


@case()
def test_health(t):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["beta/two"]})
    answer = t.get("/health", key=None)
    eq((answer.status, answer.headers["content-type"].split(";")[0]), (200, "application/json"),
       "status, content type")
    health = answer.json()
    eq(sorted(health), ["chains", "providers", "status", "tracker", "uptimeMs", "version", "why"],
       "members")
    eq((health["status"], health["why"], health["tracker"]), ("ok", None, "up"), "status, why, tracker")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", health["version"]), health["version"]
    between(health["uptimeMs"], 0, 60000, "uptimeMs")
    later = wait_until(lambda: (h := t.get("/health").json())["uptimeMs"] > health["uptimeMs"] and h)
    eq(later["version"], health["version"], "version")
    count = lambda v: v if isinstance(v, int) else len(v)  # noqa: E731
    eq((count(health["providers"]), count(health["chains"])), (2, 2), "providers, chains")


@case()
def test_health_is_degraded_without_a_tracker(t):
    t.start()
    t.trackerd.kill()
    t.wait_tracker_everywhere(up=False)
    health = t.get("/health", key=None)
    eq((health.status, health.json()["status"]), (200, "degraded"), "status")
    eq(health.json()["why"], "no tracker", "why")
    assert t.stream().is_done
    t.start_trackerd()
    t.wait_tracker_everywhere()
    health = t.get("/health").json()
    eq((health["status"], health["why"]), ("ok", None), "after it is back")


ALL_REST = r"every pair of the default chain rests, the first one until (\S+Z)"


@case()
def test_what_reached_clients_broken_is_an_error(t):
    """A status of 200 does not hide it: /health, /status.json and the metrics count it."""
    t.start({"default": ["alpha/one"]}, midStreamFailureThreshold=100)
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(9)
    eq(t.get("/health").json()["status"], "ok", "status after a few")
    t.fail_midstream(1)
    health = t.get("/health").json()
    eq((health["status"], health["why"]),
       ("degraded", "more than 5 % of the last minute's answers were errors or broke"), "status, why")
    t.sim.script("one", ["ok"])
    assert t.stream().is_done
    eq(t.get("/status.json").json()["answers"], {"complete": 1, "error": 0, "broken": 10, "left": 0}, "answers")
    eq(t.get("/v1/nowhere").status, 404, "status of a path that is none")  # the client's own fault
    t.ctl("cooldown", "alpha", "one", "60")
    wait_until(lambda: t.chat().status == 503, 5, "nobody can serve")
    metrics = t.get("/metrics").body.decode()
    for line in ('weir_answers_total{chain="default",result="complete"} 1',
                 'weir_answers_total{chain="default",result="broken"} 10',
                 'weir_answers_total{chain="",result="complete"} 1'):
        assert line + "\n" in metrics, f"no line {line} in\n{metrics}"
    assert 'weir_answers_total{chain="default",result="error"}' in metrics, metrics


@case()
def test_health_is_degraded_when_the_default_chain_rests(t):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["beta/two", "gamma/three"]})
    t.ctl("cooldown", "gamma", "three", "100")
    t.ctl("cooldown", "alpha", "one", "1000", "the first")
    eq(t.get("/health").json()["status"], "ok", "while one pair is left")
    t.ctl("cooldown", "beta", "two", "100", "reason-of-the-second")
    health = t.get("/health", key=None)
    eq((health.status, health.json()["status"], health.json()["tracker"]), (200, "degraded", "up"),
       "status, tracker")
    found = re.fullmatch(ALL_REST, health.json()["why"])
    assert found, health.json()["why"]
    until_ms = datetime.datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp() * 1000
    between(until_ms, t.row("beta/two")["cooldownUntil"] - 50, t.row("beta/two")["cooldownUntil"] + 1050,
            "the first one's end")
    for word in ("alpha", "beta", "reason"):
        assert word not in health.body.decode(), f"{word} in what everybody may read"
    t.trackerd.kill()
    t.wait_tracker_everywhere(up=False)
    why = t.get("/health").json()["why"]
    assert re.fullmatch("no tracker; " + ALL_REST, why), why  # the table is still there
    t.start_trackerd()
    t.wait_tracker_everywhere()
    t.ctl("clear", "alpha", "one")
    health = t.get("/health").json()
    eq((health["status"], health["why"]), ("ok", None), "after one was cleared")


@case()
def test_health_is_ok_again_by_the_clock(t):
    t.start({"default": ["alpha/one"]})
    t.ctl("cooldown", "alpha", "one", "1")
    eq(t.get("/health").json()["status"], "degraded", "status while it rests")
    wait_until(lambda: t.get("/health").json()["status"] == "ok", 3, "ok again")


@case()
def test_answers_have_weirs_headers(t):
    t.start()
    for is_stream in (True, False):
        response = t.chat(is_stream)
        response.read()
        eq(response.headers["x-weir-provider"], "alpha/one", "X-Weir-Provider")
        eq(response.headers["x-weir-attempts"], "1", "X-Weir-Attempts")
        assert response.headers["x-request-id"], "X-Request-Id"
    response = t.chat(True)
    assert "no-cache" in response.headers.get("cache-control", "no-cache"), response.headers


@case()
def test_a_model_picks_its_chain(t):
    t.start({"default": ["alpha/one"], "other": ["beta/two"]})
    for model, pair in (("default", "alpha/one"), ("other", "beta/two"), ("gpt-4o", "alpha/one"),
                        ("", "alpha/one"), ("Other", "alpha/one"), ("alpha/two", "alpha/one")):
        eq(t.stream(model).headers["x-weir-provider"], pair, f"provider for {model!r}")


@case()
def test_a_models_name_picks_the_first_chain_that_has_it(t):
    t.start({"default": ["alpha/one"], "other": ["beta/two", "gamma/three"], "last": ["delta/three"]})
    for model, pair in (("two", "beta/two"), ("three", "gamma/three"), ("one", "alpha/one")):
        eq(t.stream(model).headers["x-weir-provider"], pair, f"provider for {model!r}")
    t.ctl("cooldown", "gamma", "three", "100")
    response = t.chat(False, "three")
    eq((response.headers["x-weir-provider"], response.headers["x-weir-attempts"]), ("beta/two", "2"),
       "the others of that chain behind it")
    response.read()
    assert 'weir_requests_total{chain="other",code="200"} 3' in t.get("/metrics").body.decode()


@case()
def test_names_of_chains_only(t):
    t.start({"default": ["alpha/one"], "other": ["beta/two"]}, modelNames="chains",
            unknownModel="reject")
    eq(t.stream("other").headers["x-weir-provider"], "beta/two", "a chain")
    for model in ("two", "gpt-4o"):
        t.error_of(t.chat(True, model), 404, "model_not_found")
