# SPDX-License-Identifier: MIT
"""Every failure is counted exactly once, whatever is killed or stopped: the tracker, workers, weirctl."""

import os
import random
import signal
import subprocess
import threading
import time

import daemons
import eventline
from daemons import SLOW, wait_until
from lonetracker import restart, rows, sender, start, start_alone
from weirtest import between, case, eq, messages_matching


# ---- at random instants ------------------------------------------------------------------------

STORM_KILLS = 220


def _post_on(t, slot, pairs, stop, sent, faults):
    w = eventline.Sender(t.socket_path, slot)
    rng = random.Random(slot)
    try:
        while not stop.is_set():
            for _ in range(rng.randint(1, 40)):
                pair = rng.choice(pairs)
                w.post(eventline.MID_FAILURE, pair)
                sent[pair] += 1
            w.flush(within=60 * SLOW)
        w.flush(within=60 * SLOW)
    except Exception as e:  # noqa: BLE001: shown by the case
        faults.append(repr(e))
    finally:
        w.close()


def _kill_readers(t, stop):
    """weirctl, killed at random instants, also while it holds the lock."""
    rng = random.Random(99)
    while not stop.is_set():
        process = subprocess.Popen([daemons.program("weirctl"), "-c", t.conf_path, "top", "0.1"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   stdin=subprocess.DEVNULL, env=t.environment())
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()


@case(limit=240)
def test_a_storm_of_kills(t):
    """More than 200 SIGKILLs of the tracker at random instants under load, and of weirctl beside:
    every failure is counted exactly once, and the cooldown that ran still runs."""
    pairs = ("alpha/one", "alpha/three", "beta/two")
    start_alone(t, ("beta/rests", *pairs), midStreamFailureThreshold=10 ** 9, logLevel="warn")
    t.ctl("cooldown", "beta", "rests", "3000", "storm")
    until = rows(t)["beta/rests"]["cooldownUntil"]
    stop, faults = threading.Event(), []
    sent = [dict.fromkeys(pairs, 0) for _ in range(3)]
    threads = [threading.Thread(target=_post_on, args=(t, i, pairs, stop, sent[i], faults)) for i in range(3)]
    threads.append(threading.Thread(target=_kill_readers, args=(t, stop)))
    for thread in threads:
        thread.start()
    rng = random.Random(1)
    for _ in range(STORM_KILLS):
        time.sleep(rng.uniform(0, 0.03))
        restart(t)
    stop.set()
    for thread in threads:
        thread.join(120 * SLOW)
        assert not thread.is_alive(), "a sender is stuck"
    assert not faults, faults
    seen = rows(t)
    for pair in pairs:
        total = sum(s[pair] for s in sent)
        eq(seen[pair]["midStreamFailures"], total, f"failures of {pair}")
        eq(seen[pair]["cooldowns"], 0, f"cooldowns of {pair}")
    between(seen["beta/rests"]["cooldownUntil"], until - 50, until + 50, "the end of the cooldown")
    eq(seen["beta/rests"]["reason"], "storm", "its reason")
    log = t.trackerd.log()
    assert not messages_matching(log, "damaged"), messages_matching(log, "damaged")
    finished = len(messages_matching(log, "did not finish")) if "did not finish" in log else 0
    print(f"{STORM_KILLS} kills, {sum(sum(s.values()) for s in sent)} failures, {finished} changes finished")


@case(limit=240)
def test_requests_do_not_notice_kills_of_the_tracker(t):
    """Streams that complete and streams that fail go on while the tracker and weirctl are killed 60
    times: none is lost or slow, and each failure is counted once."""
    t.start({"default": ["alpha/one"], "sick": ["beta/sick"]}, midStreamFailureThreshold=10 ** 9, logLevel="warn")
    t.sim.script("sick", ["cut=1"])
    stop, faults, slowest, failed = threading.Event(), [], [0.0], [0, 0]

    def load(n):
        try:
            while not stop.is_set():
                began = time.monotonic()
                assert t.stream().is_done, "a stream did not complete"
                s = t.stream("sick")
                eq(s.error["code"], "stream_error", "code")
                failed[n] += 1
                slowest[0] = max(slowest[0], time.monotonic() - began)
        except Exception as e:  # noqa: BLE001: shown by the case
            faults.append(repr(e))
    threads = [threading.Thread(target=load, args=(n,)) for n in range(2)]
    threads.append(threading.Thread(target=_kill_readers, args=(t, stop)))
    for thread in threads:
        thread.start()
    rng = random.Random(2)
    for _ in range(60):
        time.sleep(rng.uniform(0, 0.05))
        restart(t)
    stop.set()
    for thread in threads:
        thread.join(60 * SLOW)
    assert not faults, faults
    t.wait_tracker_everywhere()
    t.wait_row("beta/sick", midStreamFailures=sum(failed))
    assert slowest[0] < 3.0 * SLOW, f"the slowest pair of requests took {slowest[0]:.1f} s"


@case(limit=120)
def test_killed_workers(t):
    """Workers are killed while they stream failures: what clients were told of is counted, nothing
    more than was asked of the provider."""
    t.start({"sick": ["beta/sick"]}, midStreamFailureThreshold=10 ** 9, server={"workers": 3})
    t.sim.script("sick", ["cut=1"])
    stop, told = threading.Event(), [0, 0]

    def load(n):
        while not stop.is_set():
            try:
                s = t.stream("sick")
                told[n] += s.error is not None and s.error["code"] == "stream_error"
            except (OSError, AssertionError, KeyError, ValueError, EOFError):
                pass  # its worker was killed
    threads = [threading.Thread(target=load, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    rng = random.Random(3)
    for _ in range(20):
        children = t.weir.children()
        if children:
            os.kill(rng.choice(children), signal.SIGKILL)
        time.sleep(rng.uniform(0, 0.2))
    stop.set()
    for thread in threads:
        thread.join(60 * SLOW)
    asked = t.sim.model_stats("sick")["requests"]
    wait_until(lambda: sum(told) <= t.row("beta/sick")["midStreamFailures"], 5, "told failures are counted")
    between(t.row("beta/sick")["midStreamFailures"], sum(told), asked, "counted failures")
    assert sum(told) > 0


@case()
def test_a_dead_worker_gives_the_recovery_place_back(t):
    t.start(midStreamFailureThreshold=1, midStreamCooldownMs=1000)
    t.sim.script("one", ["cut=1", "hang", "ok"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", within=5, status="recovering")
    t.send_chat()
    t.sim.wait(model="one", active=1)
    for _ in range(4):
        eq(t.stream().headers["x-weir-provider"], "beta/two", "provider while the place is taken")
    for pid in t.weir.children():  # whichever has it
        os.kill(pid, signal.SIGKILL)
    t.wait_ready()
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider of the next that tries")
    t.wait_row("alpha/one", status="available")


@case()
def test_a_stopped_worker_holds_nobody_up(t):
    """Neither the tracker nor weirctl waits for it; its events come when it goes on."""
    t.start(midStreamFailureThreshold=100, server={"workers": 1})
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", midStreamFailures=1)
    worker = t.weir.children()[0]
    os.kill(worker, signal.SIGSTOP)
    try:
        began = time.monotonic()
        w = sender(t, 44)
        for _ in range(100):
            w.post(eventline.MID_FAILURE, "beta/two")
        w.flush()
        eq(rows(t)["alpha/one"]["midStreamFailures"], 1, "counter")
        eq(rows(t)["beta/two"]["cooldowns"], 1, "cooldowns")
        took = time.monotonic() - began
    finally:
        os.kill(worker, signal.SIGCONT)
    assert took < 2.0 * SLOW, f"100 events and a look took {took:.1f} s"
    t.fail_midstream(1)
    t.wait_row("alpha/one", midStreamFailures=2)


@case()
def test_a_stopped_tracker_holds_nobody_up(t):
    t.start(midStreamFailureThreshold=100)
    t.sim.script("one", ["cut=1", "ok"], repeat="last")
    t.trackerd.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        t.fail_midstream(1)
        for _ in range(10):
            assert t.stream().is_done
        code, out, _ = t.ctl("status")
        eq(code, 0, "exit code of status")
        took = time.monotonic() - began
    finally:
        t.trackerd.send_signal(signal.SIGCONT)
    assert took < 5.0 * SLOW, f"12 requests took {took:.1f} s"
    wait_until(lambda: eventline.counts(t.shm)["applied"] >= 1, 5, "the failure arrives")


@case()
def test_a_stopped_weirctl_holds_nobody_up(t):
    start_alone(t, midStreamFailureThreshold=10 ** 9)
    top = t.spawn("weirctl-top", [daemons.program("weirctl"), "-c", t.conf_path, "--json", "top", "0.1"])
    w = sender(t)
    slowest = 0.0
    for _ in range(30):
        top.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(20):
            w.post(eventline.MID_FAILURE, "alpha/one")
        w.flush()
        slowest = max(slowest, time.monotonic() - began)
        top.send_signal(signal.SIGCONT)
    eq(rows(t)["alpha/one"]["midStreamFailures"], 600, "counter")
    assert slowest < 1.0 * SLOW, f"20 events took {slowest:.1f} s"
    top.stop(signal.SIGINT)


# ---- at kill points, where they are compiled in ------------------------------------------------


def _has_kill_points():
    try:
        with open(daemons.program("weir-trackerd"), "rb") as f:
            return b"WEIR_KILL_AT" in f.read()
    except OSError:
        return False


POINTS = ["commit", "journal-filled", "journal-valid", "row-odd", "row-half", "row-full", "row-done", "sender-done",
          "committed", "locked", "before-ack", "snapshot-written"]


def test_killed_at(t, point):
    """Killed at this point of a change's life, at each of its first passings: no failure is lost and
    none is counted twice."""
    start_alone(t, midStreamFailureThreshold=10 ** 9)
    w, faults, sent = sender(t, 3), [], 0

    def deliver():
        try:
            w.flush(within=30 * SLOW)
        except Exception as e:  # noqa: BLE001: shown by the case
            faults.append(repr(e))
    for passing in range(1, 7):
        t.trackerd.stop()
        t.trackerd = t.spawn("weir-trackerd", [daemons.program("weir-trackerd"), "-f", "-c", t.conf_path],
                             env={"WEIR_KILL_AT": f"{point}:{passing}"})
        for _ in range(8):
            w.post(eventline.MID_FAILURE, "alpha/one")
            sent += 1
        # A thread delivers: a daemon that a thread starts would end with it.
        delivery = threading.Thread(target=deliver)
        delivery.start()
        _wait_death(t.trackerd)
        start(t)
        delivery.join(40 * SLOW)
        assert not faults, faults
        eq(rows(t)["alpha/one"]["midStreamFailures"], sent, f"counter after {point}:{passing}")


def _wait_death(doomed):
    """By the kill point; it may lie behind all that this start does: then SIGTERM ends it."""
    doomed.is_expected_dead = True
    try:
        eq(doomed.process.wait(1.5 * SLOW), -signal.SIGKILL, "how it died")
    except subprocess.TimeoutExpired:
        doomed.process.terminate()
        doomed.process.wait(10 * SLOW)


def test_a_success_between_look_and_count(t):
    """The tracker is stopped after it has looked for successes and before it counts a failure. A
    stream that completes meanwhile finds nothing to reset; still it resets."""
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    t.trackerd = t.spawn("weir-trackerd", [daemons.program("weir-trackerd"), "-f", "-c", t.conf_path],
                         env={"WEIR_STOP_AT": "stamps-read"})
    t.start_weir()
    w = sender(t, 50)
    w.post(eventline.MID_FAILURE, "alpha/one")
    delivery = threading.Thread(target=w.flush)
    delivery.start()
    try:
        wait_until(lambda: _is_stopped(t.trackerd.pid), 5, "the tracker is stopped")
        assert t.stream().is_done
    finally:
        t.trackerd.send_signal(signal.SIGCONT)
    delivery.join(20 * SLOW)
    counts = eventline.counts(t.shm)
    eq((counts["applied"], t.row()["midStreamFailures"]), (1, 0), "events applied, counter")
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    eq(t.row()["midStreamFailures"], 1, "counter after the next failure")


def _is_stopped(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0] == "T"


if _has_kill_points():
    case()(test_a_success_between_look_and_count)
    case(limit=120, params=[(p, p) for p in POINTS])(test_killed_at)
