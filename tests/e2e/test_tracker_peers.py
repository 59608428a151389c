# SPDX-License-Identifier: MIT
"""Who may say what on the tracker's socket, and what becomes of malformed messages, floods and crowds."""

import os
import random
import re
import resource
import subprocess
import sys
import threading
import time

import daemons
import eventline
from daemons import SLOW, wait_until
from lonetracker import line, rows, sender, start_alone, wait_snapshot
from weirtest import case, eq, messages_matching


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


@case()
def test_an_event_without_sense_costs_itself(t):
    start_alone(t)
    worker = sender(t)
    worker.post(eventline.MID_FAILURE, "alpha/one")
    worker.post(eventline.COOLDOWN, "alpha/one", until=eventline.now() + 10**12)  # for no cause
    worker.post(99, "alpha/one")
    worker.post(eventline.MID_FAILURE, "alpha/one")
    worker.flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["cooldowns"]), (2, 0), "what the others did")
    eq(_refused(t), 2, "refused")
    worker.close()


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

    def has_room():  # the tracker may not have seen yet that they are gone
        peer = line(t)
        try:
            peer.send(eventline.command(6))
            answer = peer.receive()
            return answer is not None and int.from_bytes(answer[1][:4], "little") == eventline.DONE
        except OSError:
            return False
        finally:
            peer.close()
    wait_until(has_room, 5, "room for another peer")
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
    wait_snapshot(t, lambda s: "alpha/one" in s)


if os.geteuid() == 0:  # nobody else can become somebody else
    case()(test_other_users_may_only_look)
    case()(test_as_server_user)
