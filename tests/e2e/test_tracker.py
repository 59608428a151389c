# SPDX-License-Identifier: MIT
"""weir-trackerd alone, with cases that play the workers: exact counting, whatever is killed; who may
say what; damage; reload; reboot."""

import json
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import daemons
import eventline
from daemons import SLOW, wait_until
from weirtest import between, case, eq, log_records, messages_matching

PAIRS = ("alpha/one", "beta/two")


def start_alone(t, pairs=PAIRS, wait=True, **settings):
    """Only a tracker; nobody serves the providers' addresses."""
    t.configure([t.provider(i, "http://127.0.0.1:9/v1") for i in dict.fromkeys(p.split("/")[0] for p in pairs)],
                {"default": list(pairs)}, **settings)
    if wait:
        start(t)


def start(t):
    """Starts a tracker and waits until it listens: the socket file of one that was killed is there."""
    t.start_trackerd(wait=False)

    def listens():
        assert t.trackerd.is_alive(), f"weir-trackerd is dead: {t.trackerd.log()[-2000:]}"
        try:
            eventline.Line(t.socket_path).close()
            return True
        except OSError:
            return False
    wait_until(listens, 15, "weir-trackerd listens")


def rows(t):
    return {f"{r['provider']}/{r['model']}": r for r in t.status()["ratelimits"]}


def sender(t, slot=0, **more):
    made = eventline.Sender(t.socket_path, slot, **more)
    t.helpers.append(made)
    return made


def line(t):
    made = eventline.Line(t.socket_path, 10.0 * SLOW)
    t.helpers.append(made)
    return made


def restart(t):
    t.trackerd.kill()
    start(t)


# ---- counting ----------------------------------------------------------------------------------


@case()
def test_failures_of_all_workers_add_up(t):
    """39 of 40 from four workers leave 39 and available; the 40th gives 0 and exhausted."""
    start_alone(t, midStreamFailureThreshold=40, midStreamCooldownMs=60000)
    began = eventline.now()
    workers = [sender(t, slot) for slot in range(4)]
    for n in range(39):
        workers[n % 4].post(eventline.MID_FAILURE, "alpha/one", started=began)
    for w in workers:
        w.flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["status"], row["cooldowns"]), (39, "available", 0), "the row")
    workers[3].post(eventline.MID_FAILURE, "alpha/one", started=began)
    workers[3].flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["status"], row["cooldowns"]), (0, "exhausted", 1), "the row")
    # and the streams that die with them are the same incident
    for n in range(30):
        workers[n % 4].post(eventline.MID_FAILURE, "alpha/one", started=began)
    for w in workers:
        w.flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["cooldowns"]), (0, 1), "the row after the incident")
    eq(len(messages_matching(t.trackerd.log(), r"exceeded threshold \(40\)")), 1, "warnings")


@case()
def test_nothing_is_counted_twice(t):
    start_alone(t, midStreamFailureThreshold=100)
    w = sender(t, 5)
    for _ in range(3):
        w.post(eventline.MID_FAILURE, "alpha/one")
    batch = list(w.kept)
    w.flush()
    w.line.send(eventline.packet(eventline.EVENTS, [e for _, e in batch]))
    eq(w.line.receive_ack(), 3, "ack of a repetition")
    eq(rows(t)["alpha/one"]["midStreamFailures"], 3, "counter after a repetition")
    restart(t)
    again = sender(t, 5, incarnation=w.incarnation)
    again.kept, again.seq = batch, 3
    again.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 3, "counter after a repetition to the next tracker")
    # another process in the same slot begins with 1 of its own
    other = sender(t, 5)
    other.post(eventline.MID_FAILURE, "alpha/one")
    other.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 4, "counter after another process's event")


@case()
def test_order_of_outcomes_is_by_time(t):
    start_alone(t, midStreamFailureThreshold=100)
    w = sender(t)
    began = eventline.now()
    for _ in range(3):
        w.post(eventline.MID_FAILURE, "alpha/one", started=began)
    completed = eventline.now()
    for _ in range(2):
        w.post(eventline.MID_FAILURE, "alpha/one", started=began)
    w.post(eventline.STREAM_SUCCESS, "alpha/one", started=began, ended=completed)
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 2, "failures after the completed stream")
    w.post(eventline.MID_FAILURE, "alpha/one", started=began, ended=began + 1)
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 2, "a failure before it, reported late")


@case()
def test_a_success_that_overtakes_a_failure(t):
    """weir's workers leave a stamp and post nothing; a failure that ended before it, and arrives
    later, does not count."""
    t.start(midStreamFailureThreshold=100)
    began = eventline.now()
    failed = eventline.now()
    assert t.stream().is_done
    w = sender(t, 60)
    w.post(eventline.MID_FAILURE, "alpha/one", started=began, ended=failed)
    w.flush()
    eq(t.row()["midStreamFailures"], 0, "counter")
    w.post(eventline.MID_FAILURE, "alpha/one", started=began)
    w.flush()
    eq(t.row()["midStreamFailures"], 1, "counter after a failure that ended later")


@case()
def test_healthy_traffic_posts_nothing(t):
    t.start()
    before = eventline.counts(t.shm)
    for _ in range(20):
        assert t.stream().is_done
        t.answer()
    eq(eventline.counts(t.shm), before, "what the tracker counted")


# ---- kills -------------------------------------------------------------------------------------

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
    t.sim.script("one", ["cut=1", "stall=1", "ok"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", within=5, status="recovering")
    response = t.chat()
    next(response.events())
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


# ---- who may say what --------------------------------------------------------------------------


def _refused(t):
    return eventline.counts(t.shm)["refused"]


GARBAGE = [
    ("short", b"x"), ("text", b"GET / HTTP/1.1\r\n\r\n"), ("zeros", bytes(144)), ("oversized", bytes(9000)),
    ("bad magic", eventline.packet(eventline.HELLO, [bytes(32)], magic=1)),
    ("bad kind", eventline.packet(99, [bytes(32)])),
    ("a hello without incarnation", eventline.packet(eventline.HELLO, [bytes(32)])),
    ("a cut hello", eventline.hello(1, 5)[:-1]),
    ("a count that lies", eventline.packet(eventline.EVENTS, [eventline.event(1, 1, "alpha/one", 1, 2)], count=2)),
    ("events before a hello", eventline.packet(eventline.EVENTS, [eventline.event(1, 1, "alpha/one", 1, 2)])),
    ("an ack", eventline.packet(eventline.ACK, [bytes(8)])),
    ("a change", eventline.packet(eventline.CHANGE, [bytes(624)])),
]


@case(params=[(name.replace(" ", "_"), data) for name, data in GARBAGE])
def test_garbage(t, data):
    start_alone(t)
    before = t.status()["ratelimits"]
    peer = line(t)
    peer.send(data)
    eq(peer.receive_status(), eventline.BAD_REQUEST, "status")
    eq(peer.receive(), None, "the connection's end")
    eq(_refused(t), 1, "refused packets")
    eq(t.status()["ratelimits"], before, "the rows")
    assert messages_matching(t.trackerd.log(), "refused"), "no line in the log"


@case()
def test_another_version_is_told_so(t):
    start_alone(t)
    peer = line(t)
    peer.send(eventline.packet(eventline.HELLO, [bytes(32)], version=2))
    eq(peer.receive_status(), eventline.BAD_VERSION, "status")


@case()
def test_random_bytes(t):
    start_alone(t, logLevel="info")
    rng = random.Random(4)
    for _ in range(300):
        peer = line(t)
        good = bytearray(eventline.hello(1, 5))
        if rng.random() < 0.5:
            good[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        else:
            good = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 300)))
        peer.send(bytes(good))
        peer.receive()
        peer.close()
    eq(t.status()["ratelimits"][0]["status"], "available", "status")
    w = sender(t)
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 1, "counter")


@case()
def test_a_silent_peer_is_turned_away(t):
    start_alone(t)
    peer = line(t)
    peer.sock.settimeout(20 * SLOW)
    eq(peer.receive(), None, "what a silent peer hears")


@case()
def test_floods_do_not_starve_others(t):
    """Peers that send as fast as they can, events of no pair, commands and garbage: another worker's
    events go through."""
    start_alone(t, midStreamFailureThreshold=10 ** 9, logLevel="warn")
    stop = threading.Event()

    def flood(slot):
        peer, seq = None, 0
        while not stop.is_set():
            try:
                if peer is None:
                    peer = eventline.Line(t.socket_path)
                    peer.send(eventline.hello(slot, slot + 1))
                batch = [eventline.event(seq + i + 1, 1, "no/body", 1, 2) for i in range(32)]
                seq += 32
                peer.send(eventline.packet(eventline.EVENTS, batch))
                if slot == 91:
                    peer.send(b"garbage")  # ends the connection, and it comes again
                peer.sock.setblocking(False)
                try:
                    while peer.receive():
                        pass
                except BlockingIOError:
                    pass
                peer.sock.settimeout(10)
            except OSError:
                if peer is not None:
                    peer.close()
                peer = None
    threads = [threading.Thread(target=flood, args=(s,)) for s in (90, 91)]
    for thread in threads:
        thread.start()
    try:
        w, slowest = sender(t), 0.0
        for _ in range(200):
            began = time.monotonic()
            w.post(eventline.MID_FAILURE, "alpha/one")
            w.flush()
            slowest = max(slowest, time.monotonic() - began)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 200, "counter")
    seen = eventline.counts(t.shm)
    assert seen["unknown"] > 1000 and seen["refused"] > 0, seen
    assert slowest < 1.0 * SLOW, f"the slowest event took {slowest:.2f} s"


@case()
def test_too_many_connections(t):
    """A few thousand that only connect: they are turned away, and a worker is let in again."""
    start_alone(t)
    hard = 2500
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    peers = []
    for _ in range(hard):
        try:
            peers.append(line(t))
        except OSError:
            break
    assert len(peers) > 1000, len(peers)
    assert t.trackerd.is_alive()
    for peer in peers:
        peer.close()
    w = sender(t)
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 1, "counter")


OTHER_USER = r"""
import os, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import eventline
os.setgroups([]); os.setgid(65534); os.setuid(65534)
path, answers = sys.argv[2], []
for data in (eventline.hello(1, 5), eventline.command(1, "alpha", "one", 60000), eventline.command(2, "alpha", "one"),
             eventline.command(3), eventline.command(4), eventline.command(5), eventline.command(6)):
    peer = eventline.Line(path)
    peer.send(data)
    answers.append(peer.receive_status())
print(answers)
"""


def test_other_users_may_only_look(t):
    start_alone(t)
    os.chmod(t.dir, 0o755)
    mode = os.stat(t.socket_path).st_mode & 0o777
    eq(mode, 0o660, "the socket's mode")
    os.chmod(t.socket_path, 0o666)  # whoever the group is
    before = t.status()["ratelimits"]
    done = subprocess.run([sys.executable, "-c", OTHER_USER, daemons.HERE, t.socket_path], capture_output=True,
                          text=True, timeout=20 * SLOW, stdin=subprocess.DEVNULL)
    no, yes = eventline.NOT_ALLOWED, eventline.DONE
    eq(done.stdout.strip(), str([no, no, no, no, no, yes, yes]), f"answers ({done.stderr})")
    eq(t.status()["ratelimits"], before, "the rows")


def test_as_server_user(t):
    """Started by root, both daemons become server.user; table, lock and socket have their owner, group
    and mode, workers can read, and everything works."""
    os.chown(t.dir, 65534, 65534)
    t.start(server={"user": "nobody", "group": "nogroup"}, midStreamFailureThreshold=2)
    for name, mode in (("", 0o640), (".lock", 0o660), (".guard", 0o600)):
        st = os.stat(eventline.table_path(t.shm) + name)
        eq((st.st_uid, st.st_gid, st.st_mode & 0o777), (65534, 65534, mode), f"owner, group, mode of {name}")
    eq(os.stat(t.socket_path).st_mode & 0o777, 0o660, "mode of the socket")
    for pid in [t.trackerd.pid, *t.weir.children()]:
        with open(f"/proc/{pid}/status") as f:
            eq(re.search(r"Uid:\s+(.*)", f.read()).group(1).split(), ["65534"] * 4, f"uids of {pid}")
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(2)
    t.wait_row("alpha/one", status="exhausted")
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    eq(t.ctl("clear", "--all")[0], 0, "exit code of root's command")
    _wait_snapshot(t, lambda s: "alpha/one" in s)


if os.geteuid() == 0:  # nobody else can become somebody else
    case()(test_other_users_may_only_look)
    case()(test_as_server_user)


# ---- damage ------------------------------------------------------------------------------------


def _row_at(index):
    return eventline.HEADER_BYTES + index * eventline.ROW_BYTES


def _prepare_rows(t):
    """A counter of 2 and a cooldown."""
    w = sender(t, 7)
    for _ in range(2):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.ctl("cooldown", "beta", "two", "600", "before")
    return rows(t)


def _same_state(t, before):
    after = rows(t)
    eq(after["alpha/one"]["midStreamFailures"], 2, "counter")
    between(after["beta/two"]["cooldownUntil"], before["beta/two"]["cooldownUntil"] - 50,
            before["beta/two"]["cooldownUntil"] + 50, "the cooldown's end")
    eq(after["beta/two"]["reason"], "before", "its reason")


LIVE_DAMAGE = [("magic", 0), ("version", 8), ("size", 32), ("boot_id", 48)]


@case(params=LIVE_DAMAGE)
def test_a_header_damaged_under_a_running_tracker(t, offset):
    """The tracker makes a new table from its own knowledge, weir follows, nothing is lost."""
    t.start({"default": ["alpha/one", "beta/two"], "other": ["alpha/three"]})
    before = _prepare_rows(t)
    eventline.scribble(t.shm, offset)
    t.trackerd.wait_log("is gone or damaged", 5)
    wait_until(lambda: t.ctl("status")[0] == 0, 5, "weirctl reads the new table")
    _same_state(t, before)
    t.wait_row("alpha/one", midStreamFailures=2)
    t.wait_row("beta/two", status="exhausted")
    assert t.stream("other").is_done


@case(params=[("removed", None), ("cut", 0), ("cut_to_a_page", 4096), ("grown", 1 << 20)])
def test_a_table_lost_under_a_running_tracker(t, size):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["alpha/three"]})
    before = _prepare_rows(t)
    if size is None:
        os.unlink(eventline.table_path(t.shm))
    else:
        os.truncate(eventline.table_path(t.shm), size)
    for _ in range(4):
        assert t.stream("other").is_done, "a request while the table is gone"
    t.trackerd.wait_log("is gone or damaged", 5)
    wait_until(lambda: t.ctl("status")[0] == 0, 5, "weirctl reads the new table")
    _same_state(t, before)
    t.wait_row("alpha/one", midStreamFailures=2)


@case()
def test_rows_damaged_under_a_running_tracker(t):
    start_alone(t)
    before = _prepare_rows(t)
    for offset in (_row_at(0), _row_at(0) + 24, _row_at(0) + 200, _row_at(1) + 8, _row_at(1) + 608):
        eventline.scribble(t.shm, offset)
    t.trackerd.wait_log("written anew", 5)
    _same_state(t, before)


@case()
def test_a_damaged_row_is_restored_from_the_state_file(t):
    start_alone(t)
    before = _prepare_rows(t)
    t.trackerd.stop()
    eventline.scribble(t.shm, _row_at(1) + 8)
    eq(rows(t)["beta/two"]["status"], "available", "a damaged row")
    start(t)
    assert messages_matching(t.trackerd.log(), "1 rows of table .* are damaged"), t.trackerd.log()
    _same_state(t, before)


@case()
def test_a_damaged_header_counts_as_available_until_rebuilt(t):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["alpha/three"]})
    before = _prepare_rows(t)
    t.trackerd.stop()
    eventline.scribble(t.shm, 0)
    assert t.stream("other").is_done
    eq(t.ctl("status")[0], 69, "exit code of status")
    start(t)
    t.trackerd.wait_log("it is rebuilt")
    _same_state(t, before)
    t.wait_row("beta/two", status="exhausted")


@case()
def test_objects_removed_by_hand_open_no_door(t):
    """Without its guard's name a tracker still keeps a second one out."""
    start_alone(t)
    for suffix in (".guard", ".lock", ""):
        os.unlink(eventline.table_path(t.shm) + suffix)
    wait_until(lambda: all(os.path.exists(eventline.table_path(t.shm) + s) for s in (".guard", ".lock", "")),
               5, "all three are back")
    t.conf["tracker"]["socket"] = t.socket_path + "2"
    path = os.path.join(t.dir, "second.yaml")
    with open(path, "w") as f:
        json.dump(t.conf, f)
    done = subprocess.run([daemons.program("weir-trackerd"), "-f", "-c", path], capture_output=True, text=True,
                          timeout=20 * SLOW, env=t.environment(), stdin=subprocess.DEVNULL)
    eq(done.returncode, 69, f"exit code of a second tracker ({done.stderr})")
    assert "another weir-trackerd" in done.stderr, done.stderr


@case()
def test_a_removed_socket_comes_back(t):
    t.start()
    os.unlink(t.socket_path)
    t.trackerd.wait_log("was removed: listening there again", 5)
    eq(t.ctl("cooldown", "alpha", "one", "60")[0], 0, "exit code")
    t.wait_row("alpha/one", status="exhausted")


# ---- reboot ------------------------------------------------------------------------------------


def _reboot(t):
    """As far as the tracker can tell: it is stopped by SIGKILL, and the table is gone."""
    t.trackerd.kill()
    for name in daemons.shared_memory(t.shm):
        os.unlink("/dev/shm/" + name)


def _wait_snapshot(t, condition):
    def is_written():
        try:
            with open(t.conf["tracker"]["stateFile"]) as f:
                lines = [json.loads(x) for x in f.read().splitlines()]
        except (OSError, ValueError):
            return False
        return condition({f"{x['provider']}/{x['model']}": x for x in lines if "provider" in x})
    wait_until(is_written, 5, "the state file has it")


@case()
def test_a_reboot(t):
    """Cooldowns, counters and quotas come back; a cooldown that ended meanwhile does not."""
    start_alone(t, (*PAIRS, "beta/brief", "beta/quota"))
    before = _prepare_rows(t)
    t.ctl("cooldown", "beta", "brief", "1.5")
    w, at = sender(t, 8), eventline.now()
    w.post(eventline.QUOTA, "beta/quota", started=at, ended=at, requests=7, tokens=900,
           requests_reset=at + 60 * 10 ** 9)
    w.flush()
    quota = rows(t)["beta/quota"]["quota"]
    _wait_snapshot(t, lambda s: "beta/quota" in s and s["beta/two"]["cooldownUntil"] > 0)
    _reboot(t)
    time.sleep(1.6)  # the brief one ends while nobody is there
    start(t)
    _same_state(t, before)
    after = rows(t)
    eq(after["beta/brief"]["cooldownUntil"], None, "the brief cooldown")
    eq(after["beta/quota"]["quota"], quota, "quota")
    eq(after["beta/quota"]["status"], "tracking", "status")
    eq((quota["remainingRequests"], quota["remainingTokens"], quota["resetRequestsMs"], quota["resetTokensMs"]),
       (7, 900, 60000, None), "the quota's numbers")
    eq(os.stat(t.conf["tracker"]["stateFile"]).st_mode & 0o777, 0o600, "the file's mode")


@case(params=[("garbage", b"hello\n"), ("empty", b""), ("binary", bytes(range(256)) * 40), ("cut", None)])
def test_a_broken_state_file(t, content):
    start_alone(t)
    _prepare_rows(t)
    path = t.conf["tracker"]["stateFile"]
    _wait_snapshot(t, lambda s: "beta/two" in s)
    _reboot(t)
    with open(path, "rb") as f:
        whole = f.read()
    with open(path, "wb") as f:
        f.write(whole[:-30] if content is None else content)
    start(t)
    assert messages_matching(t.trackerd.log(), "state file .* cannot be used"), t.trackerd.log()
    assert os.path.exists(path + ".broken"), os.listdir(t.dir)
    eq(rows(t)["beta/two"]["status"], "available", "status")
    _prepare_rows(t)
    _wait_snapshot(t, lambda s: "beta/two" in s)


@case()
def test_a_folder_named_as_the_state_file_stays_where_it_is(t):
    folder = os.path.join(t.dir, "folder")
    os.mkdir(folder)
    t.configure([t.provider("alpha", "http://127.0.0.1:9/v1"), t.provider("beta", "http://127.0.0.1:9/v1")],
                {"default": list(PAIRS)}, tracker={"stateFile": folder})
    start(t)
    assert messages_matching(t.trackerd.log(), "state file .* cannot be used"), t.trackerd.log()
    before = _prepare_rows(t)
    t.trackerd.wait_log("cannot write the state file")
    _same_state(t, before)
    assert os.path.isdir(folder) and not os.path.exists(folder + ".broken"), os.listdir(t.dir)


@case()
def test_a_state_file_that_cannot_be_written(t):
    t.configure([t.provider("alpha", "http://127.0.0.1:9/v1"), t.provider("beta", "http://127.0.0.1:9/v1")],
                {"default": list(PAIRS)}, tracker={"stateFile": os.path.join(t.dir, "no", "such", "folder")})
    start(t)
    before = _prepare_rows(t)
    t.trackerd.wait_log("cannot write the state file")
    _same_state(t, before)


def test_a_full_disk(t):
    """Costs the snapshot, nothing else; with room again it is written."""
    disk = os.path.join(t.dir, "disk")
    os.mkdir(disk)
    t.configure([t.provider("alpha", "http://127.0.0.1:9/v1"), t.provider("beta", "http://127.0.0.1:9/v1")],
                {"default": list(PAIRS)}, tracker={"stateFile": os.path.join(disk, "state")})
    script = (f"mount -t tmpfs -o size=16k none {disk}; cat /dev/zero > {disk}/filler 2> /dev/null; "
              f"exec {daemons.program('weir-trackerd')} -f -c {t.conf_path}")
    t.trackerd = t.spawn("weir-trackerd", ["unshare", "-m", "sh", "-c", script])
    wait_until(lambda: os.path.exists(t.socket_path), what="weir-trackerd's socket")
    inside = f"/proc/{t.trackerd.pid}/root{disk}"
    before = _prepare_rows(t)
    t.trackerd.wait_log("cannot write the state file .*No space left")
    _same_state(t, before)
    os.unlink(f"{inside}/filler")
    t.ctl("cooldown", "beta", "two", "601", "before")
    t.trackerd.wait_log("can be written again")
    eq(os.listdir(inside), ["state"], "what is on the disk")


def _can_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], stdin=subprocess.DEVNULL,
        capture_output=True).returncode == 0


if _can_mount():
    case()(test_a_full_disk)


# ---- reload ------------------------------------------------------------------------------------


@case()
def test_a_pair_that_leaves_frees_its_row_when_its_cooldown_ends(t):
    start_alone(t, ("alpha/one", "beta/two", "beta/idle"))
    t.ctl("cooldown", "beta", "two", "2")
    w = sender(t)
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.conf["chains"][0]["entries"] = [{"provider": "alpha", "model": "one"}]
    t.write_conf()
    t.trackerd.send_signal(signal.SIGHUP)
    t.trackerd.wait_log("reloaded: 1 pairs")
    eq(t.ctl("clear", "beta", "idle")[0], 1, "exit code for a pair that left")
    peer = line(t)
    peer.send(eventline.command(1, "beta", "two", 1))
    eq(peer.receive_status(), eventline.DONE, "a pair that left and rests is still known")

    def is_gone():
        peer.send(eventline.command(1, "beta", "two", 1))
        return peer.receive_status() == eventline.UNKNOWN_PAIR
    wait_until(is_gone, 6, "its row is free")
    eq(rows(t)["alpha/one"]["midStreamFailures"], 1, "counter of the pair that stayed")


@case()
def test_rules_change_with_a_reload(t):
    start_alone(t, midStreamFailureThreshold=10)
    w = sender(t)
    for _ in range(3):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.conf["settings"]["midStreamFailureThreshold"] = 4
    t.conf["settings"]["midStreamCooldownMs"] = 77000
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.trackerd.wait_log(r"mid-stream failures \(4\) exceeded threshold \(4\), applying 77000ms cooldown")


@case()
def test_a_larger_table(t):
    """tracker.capacity changes with a reload: a new table with the same rows, which weir follows."""
    t.start(tracker={"capacity": 2})
    before = _prepare_rows(t)
    t.conf["tracker"]["capacity"] = 64
    t.conf["chains"].append({"name": "more", "entries": [{"provider": "beta", "model": f"m{i}"} for i in range(20)]})
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    _same_state(t, before)
    eq(t.ctl("cooldown", "beta", "m19", "60")[0], 0, "exit code for a new pair")
    wait_until(lambda: t.row("beta/m19")["status"] == "exhausted", 5, "weir sees the new table")


@case()
def test_no_memory_for_a_larger_table(t):
    """The one there is goes on."""
    start_alone(t)
    before = _prepare_rows(t)
    resource.prlimit(t.trackerd.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    t.conf["tracker"]["capacity"] = 5000
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    t.trackerd.wait_log("keeps its room for 1024 pairs")
    _same_state(t, before)
    eq(t.ctl("cooldown", "alpha", "one", "60")[0], 0, "exit code of a change")
    eq(rows(t)["alpha/one"]["status"], "exhausted", "status")


@case()
def test_more_pairs_than_room(t):
    """The rest is not tracked, and the log says so; when there is room again it is."""
    start_alone(t, ("alpha/one", "beta/two"))
    t.conf["tracker"]["capacity"] = 1
    t.write_conf()
    code, out, err = t.ctl("reload")
    if code != 0:
        assert "capacity" in out + err, f"{out!r} {err!r}"  # refused with its place: as good
        return
    t.trackerd.wait_log("no room for 1 of 2 pairs")
    eq(rows(t)["beta/two"]["status"], "available", "status")


# ---- following ---------------------------------------------------------------------------------


def _events(t, *args):
    return t.spawn("weirctl-events", [daemons.program("weirctl"), "-c", t.conf_path, *args, "events"])


@case()
def test_events(t):
    start_alone(t, midStreamFailureThreshold=2, midStreamCooldownMs=1000)
    as_json, as_text = _events(t, "--json"), t.spawn(
        "weirctl-text", [daemons.program("weirctl"), "-c", t.conf_path, "events"])
    t.trackerd.wait_log("command events", count=2)
    w = sender(t)
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.post(eventline.STREAM_SUCCESS, "alpha/one")
    for _ in range(2):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    until = time.time() + 1.1
    wait_until(lambda: time.time() > until, 3, "the cooldown's end")
    w.post(eventline.STREAM_SUCCESS, "alpha/one")
    w.flush()
    t.ctl("cooldown", "beta", "two", "60", "maintenance")
    t.ctl("clear", "beta", "two")
    as_json.wait_log('"cleared"')
    as_text.wait_log("cleared")
    seen = [json.loads(x) for x in as_json.log().splitlines()]
    eq([x["event"] for x in seen],
       ["failure", "reset", "failure", "cooldown", "recovered", "cooldown", "cleared"], "events")
    eq((seen[3]["provider"], seen[3]["model"], seen[3]["cause"], seen[3]["cooldownMs"], seen[3]["failures"],
        seen[3]["threshold"], seen[3]["status"]), ("alpha", "one", "mid_stream", 1000, 2, 2, "exhausted"), "cooldown")
    eq(seen[5]["reason"], "maintenance", "reason")
    assert re.search(r"cooldown +alpha/one for 1\.0s: mid-stream failures exceeded threshold", as_text.log())
    as_json.stop(signal.SIGINT)
    as_text.stop(signal.SIGTERM)


@case()
def test_events_over_a_restart(t):
    start_alone(t)
    follower = _events(t, "--json")
    t.trackerd.wait_log("command events")
    restart(t)
    t.trackerd.wait_log("command events", count=2)
    t.ctl("cooldown", "beta", "two", "60")
    follower.wait_log('"cooldown"')
    follower.stop(signal.SIGINT)


@case()
def test_a_follower_that_does_not_read(t):
    """It is let go; the tracker does not wait for it."""
    start_alone(t, midStreamFailureThreshold=10 ** 9, logLevel="warn")
    peer = line(t)
    peer.send(eventline.command(5))
    eq(peer.receive_status(), eventline.DONE, "status")
    w = sender(t)
    for _ in range(3000):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 3000, "counter")
    n = 0
    while peer.receive() is not None:
        n += 1
    assert 0 < n < 3000, n


@case()
def test_top(t):
    start_alone(t)
    top = t.spawn("weirctl-top", [daemons.program("weirctl"), "-c", t.conf_path, "--json", "top", "0.1"])
    top.wait_log('"ratelimits"', count=3)
    t.ctl("cooldown", "beta", "two", "60")
    top.wait_log('"exhausted"')
    eventline.scribble(t.shm, 0)  # a new table is made: it follows
    t.trackerd.wait_log("is gone or damaged", 5)
    t.ctl("clear", "--all")
    n = len(top.log().splitlines())
    wait_until(lambda: '"exhausted"' not in top.log().splitlines()[-1] and len(top.log().splitlines()) > n, 5,
               "top shows the new table")
    top.stop(signal.SIGINT)


# ---- kill points, where they are compiled in ---------------------------------------------------


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
