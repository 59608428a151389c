# SPDX-License-Identifier: MIT
"""The log lines of CONTRACT 5.2 and 8."""

import json
import os
import signal
import subprocess
import threading
import time

import daemons
from daemons import SLOW, wait_until
from weirtest import PROMPT_MARK, between, case, eq, log_records, messages_matching


@case()
def test_the_trackers_lines(t):
    t.start(midStreamCooldownMs=1000)
    t.sim.script("one", ["cut=1", "cut=1", "ok", "cut=1", "cut=1", "cut=1", "ok"])
    t.fail_midstream(2)
    t.wait_row("alpha/one", midStreamFailures=2)
    assert t.stream().is_done
    t.wait_row("alpha/one", midStreamFailures=0)
    t.fail_midstream(3)
    t.wait_row("alpha/one", status="exhausted")
    t.wait_row("alpha/one", within=4, status="recovering")
    assert t.stream().is_done
    t.wait_row("alpha/one", status="available")
    expected = [
        ("debug", "Provider alpha/one mid-stream failure 1/3"),
        ("debug", "Provider alpha/one mid-stream failure 2/3"),
        ("debug", "Provider alpha/one mid-stream failure counter reset"),
        ("debug", "Provider alpha/one mid-stream failure 1/3"),
        ("debug", "Provider alpha/one mid-stream failure 2/3"),
        ("warn", "Provider alpha/one mid-stream failures (3) exceeded threshold (3), "
                 "applying 1000ms cooldown"),
    ]

    def lines():
        return [(r["level"], r["msg"]) for r in messages_matching(t.trackerd.log(), "mid-stream")]
    wait_until(lambda: len(lines()) >= len(expected), what="the lines")
    eq(lines(), expected, "lines of weir-trackerd about the pair")


@case()
def test_a_success_without_failures_says_nothing_of_a_reset(t):
    t.start()
    for _ in range(3):
        assert t.stream().is_done
    t.wait_row("alpha/one", successes=3)
    eq(messages_matching(t.trackerd.log(), "counter reset"), [], "lines about a reset")


@case()
def test_levels(t):
    """At warn, the cooldown is there and the counting is not."""
    t.start(logLevel="warn")
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(3)
    t.trackerd.wait_log("exceeded threshold")
    levels = {r["level"] for r in log_records(t.trackerd.log()) + log_records(t.weir.log())}
    assert levels <= {"warn", "error"}, f"levels at warn: {levels}"


@case()
def test_lines_are_json(t):
    """Every line that the daemons write in normal running."""
    t.start()
    assert t.stream().is_done
    t.post(b"{").read()
    for daemon in (t.weir, t.trackerd):
        lines = daemon.log().splitlines()
        assert lines, f"{daemon.name} has logged nothing"
        for line in lines:
            record = json.loads(line)
            assert record["level"] in ("debug", "info", "warn", "error"), line
            time.strptime(record["time"][:19], "%Y-%m-%dT%H:%M:%S")


@case()
def test_a_refused_key_is_logged_at_error(t):
    """401 and 403 of a provider: weir's key there is wrong, somebody must act."""
    t.start()
    t.sim.script("one", ["status=401"])
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    found = wait_until(lambda: [r for r in log_records(t.weir.log(), level="error")
                                if "alpha" in json.dumps(r)], what="the error line")
    assert found


@case()
def test_a_refusal_that_quotes_the_prompt_is_not_logged(t):
    """Servers that validate a request answer with what they could not read."""
    t.start(logLevel="debug")
    t.sim.script("one", [f"status=422,error-code=bad_field,error-message=input: {PROMPT_MARK}"])
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    (line,) = wait_until(lambda: messages_matching(t.weir.log(), "Provider alpha/one failed"),
                         what="the refusal's line")
    assert PROMPT_MARK not in t.weir.log(), "the prompt in the log"
    assert "bad_field" in t.weir.log(), line


@case()
def test_the_access_log_on_standard_error(t):
    t.start(server={"accessLog": "-", "errorLog": "-"})
    eq(t.stream().is_done, True, "the stream")
    t.weir.wait_log('"msg":"request"')
    assert not os.path.exists(os.path.join(t.dir, "-")), "a file called -"


@case()
def test_the_access_log(t):
    path = os.path.join(t.dir, "access.log")
    t.start(server={"accessLog": path})
    t.sim.script("one", ["ok", "cut=2", "status=500", "ok"])
    responses = []
    for is_stream in (True, True, True, False):
        response = t.chat(is_stream)
        response.read()
        responses.append(response)
    bad = t.post(b"{")
    bad.read()

    def records():
        with open(path) as f:
            return [json.loads(line) for line in f.read().splitlines()]
    ids = [response.headers["x-request-id"] for response in responses + [bad]]
    wait_until(lambda: all(i in json.dumps(records()) for i in ids), what="a line for each request")
    found = records()
    text = json.dumps(found)
    assert "alpha" in text and "beta" in text and "default" in text
    assert PROMPT_MARK not in text and "t1 t2 t3" not in text, "prompt or answer in the access log"
    by_id = {r["requestId"]: r for r in found}
    stream, cut, moved, answer, refused = (by_id[i] for i in ids)
    every = {"time", "level", "msg", "requestId", "method", "path", "attempts", "status", "bytes",
             "durationMs", "outcome"}
    routed = every | {"chain", "provider", "model", "firstTokenMs", "trail"}
    tokens = {"promptTokens", "completionTokens"}
    eq(set(stream), routed | tokens, "fields of a stream")
    eq(set(cut), routed, "fields of a stream that was cut before its usage")
    eq(set(answer), routed | tokens, "fields of an answer")
    eq(set(refused), every, "fields of a refused request")
    eq([(r["status"], r["outcome"], r["attempts"], r.get("provider"), r.get("model"), r.get("chain"))
        for r in (stream, cut, moved, answer, refused)],
       [(200, "stream_completed", 1, "alpha", "one", "default"),
        (200, "stream_lost", 1, "alpha", "one", "default"),
        (200, "stream_completed", 2, "beta", "two", "default"),
        (200, "answer_completed", 1, "alpha", "one", "default"),
        (400, "invalid_request", 0, None, None, None)], "lines")
    between(stream["firstTokenMs"], 0.001, stream["durationMs"], "firstTokenMs")
    assert stream["bytes"] > 100 and stream["completionTokens"] > 0, stream


@case()
def test_the_request_id_is_in_the_log(t):
    t.start()
    t.sim.script("one", ["cut=1"])
    response = t.post(t.body(), headers={"X-Request-Id": "follow-me-123"})
    response.read()
    wait_until(lambda: "follow-me-123" in t.weir.log(), what="the request's id in weir's log")


@case()
def test_lines_of_several_workers_stay_whole(t):
    """Under load and rotations: a line for each request, none torn, none lost."""
    path = os.path.join(t.dir, "access.log")
    t.start(server={"accessLog": path, "workers": 3})
    t.sim.script("one", ["tokens=2"])
    ids = []

    def client():
        for _ in range(60):
            ids.append(t.stream().headers["x-request-id"])
    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    rotated = []
    while any(thread.is_alive() for thread in threads) and len(rotated) < 50:
        rotated.append(f"{path}.{len(rotated)}")
        os.rename(path, rotated[-1])
        t.weir.send_signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(path), what="the new file")
    for thread in threads:
        thread.join()
    assert len(rotated) > 3, "no rotation under load"

    def found():
        lines = []
        for name in rotated + [path]:
            with open(name) as f:
                lines += f.read().splitlines()
        return sorted(r["requestId"] for r in map(json.loads, lines) if r["path"] != "/health")
    wait_until(lambda: len(found()) >= len(ids), what="a line for each request")
    eq(found(), sorted(ids), "requests in the access log")


@case()
def test_nobody_reads_standard_error(t):
    """Requests and the stop go on: lines are lost, and nothing else."""
    t.start(logLevel="debug", server={"accessLog": "-"})
    t.weir.stop()
    reader, writer = os.pipe()
    weir = subprocess.Popen([daemons.program("weir"), "-f", "-c", t.conf_path], stdin=subprocess.DEVNULL,
                            stdout=writer, stderr=writer, env=t.environment())
    os.close(writer)
    try:
        wait_until(lambda: _is_served(t), 10, "weir serves")
        for _ in range(150):
            assert t.stream().is_done, "the stream was cut"
        weir.send_signal(signal.SIGTERM)
        eq(weir.wait(20 * SLOW), 0, "exit code")
        assert len(os.read(reader, 1 << 20)) > 50000, "the pipe was not full"
    finally:
        weir.kill()
        weir.wait()
        os.close(reader)


def _is_served(t):
    try:
        return t.get("/health").status == 200
    except OSError:
        return False
