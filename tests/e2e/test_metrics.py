# SPDX-License-Identifier: MIT
"""GET /metrics (CONTRACT 7): exact names and labels, sums over all workers that no death resets."""

import os
import re
import shutil
import signal
import subprocess

from daemons import wait_until
from weirtest import Skipped, between, case, eq

METRICS = [
    r'weir_requests_total\{chain="default",code="200"\} 3',
    r'weir_answers_total\{chain="default",result="[a-z]+"\} \d+',
    r'weir_attempts_total\{provider="alpha",model="one",outcome="stream_completed"\} 2',
    r'weir_mid_stream_failures_total\{provider="alpha",model="one"\} 1',
    r'weir_active_streams 0', r'weir_workers 2', r'weir_worker_restarts_total 0', r'weir_tracker_up 1',
    r'weir_cooldown_remaining_seconds\{provider="beta",model="two"\} [\d.]+',
    r'weir_cooldowns_total\{provider="beta",model="two",cause="\w+"\} 1',
    r'weir_time_to_first_token_seconds_count 3', r'weir_gateway_overhead_seconds_bucket\{le="\+Inf"\} \d+',
]


@case()
def test_metrics(t):
    t.start()
    t.sim.script("one", ["ok", "cut=1", "ok"])
    for _ in range(3):
        t.stream()
    t.ctl("cooldown", "beta", "two", "100")
    t.sim.wait(active=0)
    t.wait_row("alpha/one", requests=3)
    answer = t.get("/metrics", key=None)
    eq(answer.status, 200, "status from loopback without a key")
    assert answer.headers["content-type"].startswith("text/plain"), answer.headers["content-type"]
    assert "version=0.0.4" in answer.headers["content-type"], answer.headers["content-type"]
    text = answer.body.decode()
    for pattern in METRICS:
        assert re.search(f"(?m)^{pattern}$", text), f"no line {pattern} in\n{text}"


# ---- the form --------------------------------------------------------------------------------

# Each with its type and its labels.
FAMILIES = {
    "weir_requests_total": ("counter", {"chain", "code"}),
    "weir_answers_total": ("counter", {"chain", "result"}),
    "weir_attempts_total": ("counter", {"provider", "model", "outcome"}),
    "weir_mid_stream_failures_total": ("counter", {"provider", "model"}),
    "weir_cooldowns_total": ("counter", {"provider", "model", "cause"}),
    "weir_cooldown_remaining_seconds": ("gauge", {"provider", "model"}),
    "weir_active_streams": ("gauge", set()),
    "weir_time_to_first_token_seconds": ("histogram", set()),
    "weir_gateway_overhead_seconds": ("histogram", set()),
    "weir_workers": ("gauge", set()),
    "weir_worker_restarts_total": ("counter", set()),
    "weir_tracker_up": ("gauge", set()),
    "weir_queue_depth": ("gauge", {"chain"}),  # beyond the contract
}
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? ([\d.]+)')
ODD = 'a "quoted" \\ m\u00fcnchen {,}=#'


def text_of(t):
    answer = t.get("/metrics", key=None)
    eq(answer.status, 200, "status of /metrics")
    return answer.body.decode()


def samples(text):
    """{"name{labels}": value}, and what is not a sample must be a comment."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        name = line[:line.rindex(" ")]
        assert name not in found, f"{name} is there twice"
        found[name] = float(match[3])
    return found


def start_with_everything(t):
    """A set that gives every family a value, with names that want escaping."""
    t.start({"default": ["alpha/one", "beta/" + ODD], ODD: ["beta/" + ODD]}, queueMode=True)
    t.sim.script("one", ["ok", "cut=1", "status=500", "ok"])
    for _ in range(3):
        t.stream()
    t.answer()
    t.error_of(t.chat(messages=None), 400, "invalid_request")
    t.ctl("cooldown", "beta", ODD, "100")
    wait_until(lambda: t.row()["requests"] == 4, what="4 attempts counted")


@case()
def test_names_types_and_labels(t):
    start_with_everything(t)
    text = text_of(t)
    types = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text))
    eq(types, {name: kind for name, (kind, _) in FAMILIES.items()}, "families")
    eq(set(re.findall(r"(?m)^# HELP (\S+) \S", text)), set(types), "families with a help text")
    seen = set()
    for sample in samples(text):
        name, labels = sample.split("{")[0], set(re.findall(r'([a-z_]+)="', sample))
        family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in types else name
        expected = FAMILIES[family][1] | ({"le"} if name.endswith("_bucket") else set())
        eq(labels, expected, f"labels of {name}")
        seen.add(family)
    eq(seen, set(FAMILIES), "families with a value")


@case()
def test_histograms_add_up(t):
    start_with_everything(t)
    found = samples(text_of(t))
    for name in ("weir_time_to_first_token_seconds", "weir_gateway_overhead_seconds"):
        buckets = [(float("inf" if (le := s.split('"')[1]) == "+Inf" else le), value)
                   for s, value in found.items() if s.startswith(name + "_bucket")]
        eq(buckets, sorted(buckets), f"order of the buckets of {name}")
        eq([v for _, v in buckets], sorted(v for _, v in buckets), "buckets are cumulative")
        eq(buckets[-1], (float("inf"), found[name + "_count"]), "the last bucket")
        assert found[name + "_sum"] > 0, found


@case()
def test_promtool(t):
    if not shutil.which("promtool"):
        raise Skipped("there is no promtool")
    start_with_everything(t)
    done = subprocess.run(["promtool", "check", "metrics"], input=text_of(t), capture_output=True,
                          text=True, timeout=60)
    eq((done.returncode, done.stdout, done.stderr), (0, "", ""), "promtool check metrics")


# ---- the sums --------------------------------------------------------------------------------


@case()
def test_sums_survive_deaths_and_reloads(t):
    """The same from any worker; nothing that was counted goes back to 0."""
    t.start(server={"workers": 3})
    t.sim.script("one", ["ok", "ok", "cut=1"], repeat="loop")
    for _ in range(30):
        t.stream()
    t.answer(model="default")
    wait_until(lambda: t.row()["requests"] + t.row("beta/two")["requests"] >= 31, what="31 attempts")

    def counts():
        found = samples(text_of(t))
        return {k: v for k, v in found.items() if re.match(r"\w+(_total|_count|_sum|_bucket)\b", k)
                and not k.startswith("weir_worker_restarts")}
    before = counts()
    eq(before['weir_requests_total{chain="default",code="200"}'], 31, "requests")
    for _ in range(12):
        eq(counts(), before, "counts of any worker")

    for n, victim in enumerate(t.weir.children(), 1):
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: (w := t.weir.children()) and victim not in w and len(w) == 3, 5, "a new worker")
        wait_until(lambda: samples(text_of(t))["weir_worker_restarts_total"] == n, 5, "the restart counted")
    eq(counts(), before, "counts after all workers have died")
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log("configuration reloaded")
    eq(counts(), before, "counts after a reload")
    t.trackerd.kill()
    t.start_trackerd()
    t.wait_tracker_everywhere()
    eq(counts(), before, "counts after the tracker's death")
    found = samples(text_of(t))
    eq((found["weir_workers"], found["weir_worker_restarts_total"]), (3, 3), "workers, restarts")
    t.stream()
    wait_until(lambda: counts()['weir_requests_total{chain="default",code="200"}'] == 32, 5, "it goes on")


@case()
def test_gauges(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "100")
    between(samples(text_of(t))['weir_cooldown_remaining_seconds{provider="alpha",model="one"}'], 60, 100,
            "remaining seconds")
    t.trackerd.kill()
    t.wait_tracker_everywhere(up=False)
    eq(samples(text_of(t))["weir_tracker_up"], 0, "weir_tracker_up")
    t.sim.script("two", ["stall=1"])
    response = t.chat()
    wait_until(lambda: samples(text_of(t))["weir_active_streams"] == 1, what="an active stream")
    victim = next(p for p in t.weir.children() if has_connection(p, response))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: samples(text_of(t))["weir_active_streams"] == 0, what="its worker's death ends it")


def has_connection(pid, response):
    """Does the process hold the other end of the response's connection?"""
    port = response.conn.sock.getsockname()[1]
    with open("/proc/net/tcp") as f:
        inodes = {line.split()[9] for line in f if line.split()[2].endswith(f":{port:04X}")}
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return any(f"socket:[{inode}]" in links for inode in inodes)
