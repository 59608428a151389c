# SPDX-License-Identifier: MIT
"""weirctl probe, and X-Weir-Probe, which it sends: one chat with one pair, whatever keeps other
requests from it."""

import json
import os
import socket
import subprocess

import daemons
from daemons import SLOW, wait_until
from weirtest import KEY, Skipped, between, case, eq

MEMBERS = ["answer", "durationMs", "firstTokenMs", "message", "model", "outcome", "provider",
           "ratelimit", "reportedModel", "status", "usage"]


def probe(t, pair="alpha/one", code=0, within=20.0):
    got, out, err = t.ctl("--json", "probe", *pair.split("/", 1), within=within)
    eq(got, code, f"exit code of probe ({out!r}, {err!r})")
    if code not in (0, 1):
        assert err and not out, (out, err)
        return err
    found = json.loads(out)
    eq(sorted(found), MEMBERS, "members")
    return found


@case()
def test_a_pair_that_is_well(t):
    t.start()
    found = probe(t)
    eq((found["provider"], found["model"], found["outcome"], found["status"], found["message"]),
       ("alpha", "one", "stream_completed", 200, None), "what came")
    assert found["answer"].startswith("t0 t1"), found["answer"]
    eq(found["reportedModel"], "one", "reportedModel")
    between(found["usage"]["completionTokens"], 1, 16, "completionTokens")
    between(found["durationMs"], found["firstTokenMs"], 10000, "durationMs")
    eq((found["ratelimit"]["requests"], found["ratelimit"]["successes"]), (1, 1), "it counts")
    (request,) = t.sim.requests("one")
    eq((request["model"], request["stream"]), ("one", True), "what the provider was sent")
    code, out, err = t.ctl("probe", "beta", "two")
    eq((code, err), (0, ""), "exit code, standard error")
    for word in ("beta/two: stream_completed (HTTP 200)", "first token", "total", "answer", "t0 t1",
                 "model", "usage", "prompt tokens", "status       available"):
        assert word in out, f"{word!r} is not in {out!r}"


FAILURES = [
    ("429", ("status=429,header=retry-after/30", "rate_limited", 429)),
    ("key", ("status=401", "auth_failed", 401)),
    ("500", ("status=500", "server_error", 500)),
    ("refused", ("status=404", "client_error", 404)),
    ("cut", ("cut=2", "stream_lost", 200)),
    ("eof", ("eof=2", "stream_truncated", 200)),
    ("stall", ("stall=1", "stream_idle_timeout", 200)),
    ("no_token", ("stall=0", "first_token_timeout", 200)),
    ("no_head", ("hang", "header_timeout", None)),
]


@case(params=FAILURES)
def test_a_pair_that_fails(t, failure):
    fault, outcome, status = failure
    t.start(requestTimeoutMs=1000, streamIdleTimeoutMs=1000, retryAttempts=3)
    t.sim.script("one", [fault])
    found = probe(t, code=1)
    eq((found["outcome"], found["status"]), (outcome, status), "what came")
    eq(t.sim.model_stats("one")["requests"], 1, "requests: a probe is tried once")
    eq(t.sim.model_stats("two")["requests"], 0, "requests of another pair")
    is_pairs_fault = outcome != "client_error"
    eq(found["ratelimit"]["failures"], int(is_pairs_fault), "it counts, where it is the pair's fault")
    code, out, err = t.ctl("probe", "alpha", "one")
    eq((code, err), (1, ""), "exit code, standard error")
    assert f"alpha/one: {outcome}" in out, out


@case()
def test_the_providers_words(t):
    """Cleaned of what a terminal would obey, and without the key that providers like to repeat."""
    provider = t.raw_provider()
    t.start({"default": ["alpha/one"]}, {"alpha": provider.base_url})
    words = "bad key provider-secret-alpha \x1b[31m\u009b31mred\nline"
    body = json.dumps({"error": {"message": words, "type": "t", "code": None}}).encode()
    for args in (("probe", "alpha", "one"), ("--json", "probe", "alpha", "one")):
        process = subprocess.Popen(
            [daemons.program("weirctl"), "-c", t.conf_path, *args], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=t.environment())
        provider.accept().answer(401, body)
        out, err = process.communicate(timeout=20 * SLOW)
        eq((process.returncode, err), (1, b""), "exit code, standard error")
        assert b"provider-secret" not in out and b"\x1b" not in out, out
        assert b"bad key *********************" in out, out
    assert json.loads(out)["message"].endswith("red\nline"), out
    assert b"\xc2\x9b" not in out or args[0] == "--json", out


@case()
def test_a_resting_pair(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "60", "planned", "work")
    until = t.row()["cooldownUntil"]
    found = probe(t)
    eq(found["outcome"], "stream_completed", "outcome")
    eq((found["ratelimit"]["status"], found["ratelimit"]["reason"]), ("exhausted", "planned work"),
       "how it stands")
    between(t.row()["cooldownUntil"], until - 50, until + 50, "a success shortens no cooldown")
    t.sim.script("one", ["status=429,header=retry-after/5"])
    eq(probe(t, code=1)["outcome"], "rate_limited", "outcome")
    between(t.row()["cooldownUntil"], until - 50, until + 50, "nor does a failure with a shorter one")
    eq(t.stream().headers["x-weir-provider"], "beta/two", "who serves others meanwhile")
    out = t.ctl("probe", "alpha", "one")[1]
    assert "exhausted for another" in out and "weirctl clear alpha one" in out, out
    eq(t.ctl("clear", "alpha", "one")[0], 0, "exit code of what it says")
    eq(t.row()["cooldownUntil"], None, "cooldownUntil")


@case()
def test_a_recovering_pair_whose_place_is_taken(t):
    t.start()
    t.sim.script("one", ["hang", "ok"])
    t.ctl("cooldown", "alpha", "one", "0.1")
    t.wait_row("alpha/one", status="recovering")
    trying = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    eq(t.stream().headers["x-weir-provider"], "beta/two", "who serves others")
    found = probe(t)
    eq((found["outcome"], found["ratelimit"]["status"]), ("stream_completed", "available"),
       "what came, and how it stands: a success ends a recovery")
    trying.close()
    t.sim.wait(model="one", active=0)


@case()
def test_limits_that_are_reached(t):
    limits = {"requestsPerMinute": 1, "concurrentRequests": 1}
    t.start(providers={"alpha": {"rateLimits": limits}})
    t.sim.script("one", ["hang", "ok"])
    trying = t.send_chat(False)
    t.sim.wait(model="one", requests=1, active=1)
    t.wait_row("alpha/one", status="exhausted")
    for n in (2, 3):
        eq(probe(t)["outcome"], "stream_completed", "outcome")
        eq(t.sim.model_stats("one")["requests"], n, "requests of the provider")
    eq(t.stream().headers["x-weir-provider"], "beta/two", "who serves others")
    trying.close()
    t.sim.wait(model="one", active=0)


@case()
def test_failures_add_up_with_those_of_requests(t):
    t.start(midStreamFailureThreshold=3)
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(2)
    found = probe(t, code=1)
    eq((found["ratelimit"]["status"], found["ratelimit"]["reason"]),
       ("exhausted", "mid-stream failures exceeded threshold"), "how it stands at once")


@case()
def test_without_a_tracker(t):
    t.start()
    t.trackerd.kill()
    t.wait_tracker_everywhere(up=False)
    eq(probe(t)["outcome"], "stream_completed", "outcome")


@case()
def test_without_a_table(t):
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    t.start_weir()
    found = probe(t)
    eq((found["outcome"], found["ratelimit"]), ("stream_completed", None), "outcome, ratelimit")


@case()
def test_without_weir(t):
    t.start()
    t.weir.stop()
    err = probe(t, code=69)
    assert "weir at 127.0.0.1: Connection refused" in err, err


@case()
def test_weir_that_breaks_off(t):
    t.start(server={"workers": 1})
    t.sim.script("one", ["hang"])
    process = subprocess.Popen(
        [daemons.program("weirctl"), "-c", t.conf_path, "probe", "alpha", "one"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=t.environment())
    t.sim.wait(model="one", requests=1, active=1)
    (worker,) = t.weir.children()
    os.kill(worker, 9)
    out, err = process.communicate(timeout=20 * SLOW)
    eq((process.returncode, out), (69, b""), "exit code, output")
    assert b"weir" in err, err
    wait_until(lambda: t.weir.children() not in ([], [worker]), what="a new worker")


def own_address():
    """One of this machine's that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError as e:
            raise Skipped(f"this machine has no address but loopback: {e}") from None
        return s.getsockname()[0]


LISTENERS = [
    ("wildcard", lambda t: ["0.0.0.0"]), ("wildcard6", lambda t: ["[::]"]),
    ("ours", lambda t: [own_address()]),
    ("unix", lambda t: [f"unix:{t.dir}/removed.sock", f"unix:{t.dir}/weir.sock"]),
]


@case(params=LISTENERS)
def test_listeners(t, listen):
    """Any of them will do, and one behind it where that does not answer."""
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"listen": listen(t)})
    t.start_weir(wait=False)
    t.weir.wait_log("weir serves with")
    if os.path.exists(f"{t.dir}/removed.sock"):
        os.unlink(f"{t.dir}/removed.sock")
    eq(probe(t)["outcome"], "stream_completed", "outcome")


@case()
def test_keys_from_the_environment(t):
    """A client's key must be known to weirctl; a provider's need not."""
    t.start()
    t.conf["settings"]["apiKeys"] = ["${WEIR_TEST_CLIENT_KEY}"]
    t.conf["providers"][0]["apiKey"] = "${WEIR_TEST_PROVIDER_KEY}"
    t.write_conf()
    err = probe(t, code=78)
    assert "settings.apiKeys[0] needs the environment variable WEIR_TEST_CLIENT_KEY" in err, err
    assert "WEIR_TEST_PROVIDER_KEY" not in err, err
    done = subprocess.run([daemons.program("weirctl"), "-c", t.conf_path, "probe", "alpha", "one"],
                          capture_output=True, timeout=20 * SLOW, stdin=subprocess.DEVNULL,
                          env=t.environment({"WEIR_TEST_CLIENT_KEY": KEY}))
    eq((done.returncode, done.stderr), (0, b""), "exit code, standard error")


@case()
def test_a_key_that_weir_does_not_know(t):
    """The file has changed, and weir has not read it yet."""
    t.start()
    t.conf["settings"]["apiKeys"] = ["another-key"]
    t.write_conf()
    code, out, err = t.ctl("probe", "alpha", "one")
    eq((code, out), (1, ""), "exit code, output")
    assert "weir refused it: invalid_api_key: " in err and "another-key" not in err, err


@case()
def test_wrong_calls(t):
    t.start()
    code, out, err = t.ctl("probe", "alpha", "two")
    eq((code, out), (1, ""), "exit code, output of an unknown pair")
    assert "no pair is called alpha/two; did you mean " in err, err
    for args in (("probe",), ("probe", "alpha"), ("probe", "alpha", "one", "more")):
        code, out, err = t.ctl(*args)
        eq((code, out), (64, ""), f"exit code, output of {args}")
    eq(t.sim.stats()["models"], {}, "requests")


@case()
def test_the_header(t):
    t.start()
    t.sim.script("one", ["status=429,header=retry-after/30"])
    for model in ("default", "alpha/none"):
        answer = t.post(t.body(False, model), headers={"X-Weir-Probe": "1"})
        error = t.error_of(answer, 400, "invalid_request")
        assert "X-Weir-Probe" in error["message"], error
    eq(t.sim.model_stats("one")["requests"], 0, "requests of what is no pair")
    answer = t.post(t.body(False, "alpha/one"), headers={"X-Weir-Probe": "1"})
    document = json.loads(answer.read())
    eq((answer.status, sorted(document)), (503, ["error", "probe"]), "status, members")
    eq(sorted(document["probe"]), ["message", "outcome", "status"], "members of probe")
    assert int(answer.headers["retry-after"]) in range(20, 31), answer.headers["retry-after"]
    answer = t.post(t.body(False, "alpha/one"), headers={"X-Weir-Probe": "0"})
    eq((answer.status, answer.headers["x-weir-provider"]), (200, "beta/two"), "without a probe")
    answer = t.post(t.body(False, "alpha/one"), headers={"X-Weir-Probe": "1"}, key=None)
    t.error_of(answer, 401, "invalid_api_key")
    eq(t.sim.model_stats("one")["requests"], 1, "requests")


@case()
def test_the_header_from_elsewhere(t):
    """A peer whose address is neither loopback nor the one it reached us by is taken for another's."""
    t.start()
    body = t.body(True, "alpha/one")
    head = (f"POST /v1/chat/completions HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"X-Weir-Probe: 1\r\nContent-Length: {len(body)}\r\n\r\n")
    with socket.create_connection(t.address, 20 * SLOW, (own_address(), 0)) as s:
        s.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"X-Weir-Probe is for this machine only." in answer, answer
    eq(t.sim.stats()["models"], {}, "requests")


@case()
def test_a_whole_chain(t):
    """Every entry, though some fail and some rest: a line each."""
    t.start({"default": ["alpha/one", "beta/two", "gamma/three"], "other": ["alpha/one"]})
    t.sim.script("two", ["status=429"])
    t.ctl("cooldown", "gamma", "three", "100")
    code, out, err = t.ctl("probe", "--chain", "default")
    eq((code, err), (1, ""), "exit code, errors")
    lines = out.splitlines()
    eq([line.split(",")[0] for line in lines],
       ["alpha/one: stream_completed (HTTP 200)", "beta/two: rate_limited (HTTP 429)",
        "gamma/three: stream_completed (HTTP 200)"], "lines")
    code, out, err = t.ctl("--json", "probe", "--chain", "default")
    eq([(p["provider"], p["outcome"]) for p in json.loads(out)],
       [("alpha", "stream_completed"), ("beta", "rate_limited"), ("gamma", "stream_completed")], "json")
    eq(t.ctl("probe", "--chain", "other")[0], 0, "exit code when all are well")
    code, out, err = t.ctl("probe", "--chain", "nobody")
    eq((code, out), (1, ""), "no such chain")
    assert "no chain is called nobody" in err, err
    eq(t.ctl("probe", "--chain", "other", "alpha", "one")[0], 64, "both")
    eq(t.ctl("status", "--chain", "other")[0], 64, "a command that takes none")
