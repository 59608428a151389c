# SPDX-License-Identifier: MIT
"""Streams under way: event by event, many at once, slow readers, both daemons unharmed."""

import selectors
import threading
import time

import rawhttp
from daemons import SLOW, wait_until
from rawprovider import delta
from weirtest import KEY, between, case, eq


@case()
def test_event_by_event(t):
    """Each event is with the client before the next one is sent: nothing waits for company."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta("0"))
    events = conn.response().events()
    eq(next(events).data, delta("0"), "event")
    delays = []
    for n in range(1, 200):
        sent_at = time.monotonic()
        x.send_event(delta(str(n)))
        got = next(events)
        eq(got.data, delta(str(n)), "event")
        delays.append(got.arrived_at - sent_at)
    x.end_stream()
    eq(list(events)[-1].data, b"[DONE]", "the last event")
    delays.sort()
    assert delays[100] < 0.005 * SLOW, f"median delay of an event: {delays[100] * 1000:.1f} ms"
    assert delays[-2] < 0.1 * SLOW, f"longest delays: {delays[-3:]}"


@case()
def test_events_keep_their_pace(t):
    """Events that come at 50 ms arrive at 50 ms."""
    t.start()
    t.sim.script("one", ["delay=50,tokens=20"])
    response = t.chat()
    times = [e.arrived_at for e in response.events() if e.data and b'"content":"t' in e.data]
    eq(len(times), 20, "content events")
    between(times[-1] - times[0], 0.85, 1.6 * SLOW, "seconds from first to last")
    gaps = sorted(b - a for a, b in zip(times, times[1:]))
    between(gaps[len(gaps) // 2], 0.03, 0.09 * SLOW, "median gap")


@case()
def test_an_event_is_written_once(t):
    """One chunk an event: no head apart from its data, no half events."""
    t.start()
    t.sim.script("one", ["delay=20"])
    response = t.chat()
    pieces = []
    while piece := response.piece():
        pieces.append(piece)
    for piece in pieces:
        assert piece.endswith(b"\n\n"), f"a chunk that is no whole event: {piece!r}"
    assert len(pieces) >= 10, f"{len(pieces)} chunks for 10 events"


class Reader:
    """One of many streams, read by one selector loop."""

    def __init__(self, t, n, tokens):
        self.n, self.tokens = n, tokens
        self.conn = t.send_chat(model="default", user=f"u{n}")
        self.data = bytearray()

    def check(self):
        self.conn.buffer = self.data
        conn = self.conn
        conn.sock.settimeout(1)
        s = rawhttp.Stream(conn.response())
        eq(s.status, 200, f"status of stream {self.n}")
        eq(s.text, "".join(f"t{i} " for i in range(self.tokens)), f"content of stream {self.n}")
        assert s.is_done and not s.errors, f"end of stream {self.n}"


def _run_all(readers, within):
    """Reads until each has its [DONE]."""
    selector = selectors.DefaultSelector()
    for r in readers:
        r.conn.sock.setblocking(False)
        selector.register(r.conn.sock, selectors.EVENT_READ, r)
    deadline = time.monotonic() + within
    while selector.get_map():
        assert time.monotonic() < deadline, f"{len(selector.get_map())} streams are not done"
        for key, _ in selector.select(1):
            r = key.data
            piece = r.conn.sock.recv(65536)
            r.data += piece
            if not piece or r.data.endswith(b"0\r\n\r\n"):
                selector.unregister(r.conn.sock)


@case(limit=120)
def test_300_concurrent_streams(t):
    """Each whole and in order."""
    t.start()
    t.sim.script("one", ["tokens=100,delay=15"])
    readers = [Reader(t, n, 100) for n in range(300)]
    t.sim.wait(model="one", active=300)
    _run_all(readers, 60 * SLOW)
    for r in readers:
        r.check()
    eq(t.sim.model_stats("one")["completed"], 300, "completed at the provider")
    row = t.wait_row("alpha/one", successes=300)
    eq((row["failures"], row["requests"]), (0, 300), "failures, requests")


@case(limit=120)
def test_100_streams_at_full_speed(t):
    t.start()
    t.sim.script("one", ["tokens=2000"])
    readers = [Reader(t, n, 2000) for n in range(100)]
    _run_all(readers, 90 * SLOW)
    for r in readers:
        r.check()


@case(limit=120, alone=True, plain=True)
def test_stalled_readers_cost_little_memory(t):
    """Eight clients that stop reading streams of 200 MB: the provider is held back."""
    t.start()
    t.sim.script("one", ["tokens=200,size=1000000"])
    # Warm: everything that is allocated once is there.
    for _ in range(4):
        conn = t.send_chat(model="default")
        response = conn.response()
        next(response.events())
        conn.close()
    t.sim.wait(active=0)
    before = t.weir.rss_bytes() + t.trackerd.rss_bytes()
    conns = [t.connect(receive_buffer=65536) for _ in range(8)]
    responses = [t.chat(conn=conn) for conn in conns]
    t.sim.wait(model="one", active=8)
    highest, steady_since = 0, time.monotonic()
    while time.monotonic() - steady_since < 2.0:
        grown = t.weir.rss_bytes() + t.trackerd.rss_bytes() - before
        if grown > highest + 65536:
            highest, steady_since = grown, time.monotonic()
        assert grown < 32 << 20, f"grown by {grown >> 20} MiB"
        time.sleep(0.05)
    # One of them reads on: it gets everything.
    count = 0
    for event in responses[0].events():
        if event.data and event.data != b"[DONE]":
            count += len(event.data)
    assert count > 200_000_000, f"{count} bytes"
    for conn in conns[1:]:
        conn.close()
    t.sim.wait(model="one", active=0)
    row = t.row()
    eq((row["midStreamFailures"], row["failures"]), (0, 0), "failures of a provider held back")


@case(limit=90)
def test_a_slow_reader_is_no_silent_provider(t):
    """While the client does not read, the idle timeout must not blame the provider."""
    t.start(streamIdleTimeoutMs=1000)
    t.sim.script("one", ["tokens=60,size=1000000"])
    conn = t.connect(receive_buffer=65536)
    response = t.chat(conn=conn)
    events = response.events()
    next(events)
    stalled_at = time.monotonic()
    # Nothing to wait for: the time itself is the case.
    while time.monotonic() - stalled_at < 2.5:
        assert not [d for d in t.daemons if not d.is_alive()]
        time.sleep(0.1)
    rest = list(events)
    eq(rest[-1].data, b"[DONE]", "the end after a pause of the client")
    t.wait_row("alpha/one", successes=1, failures=0)


@case(limit=90)
def test_a_stalled_reader_that_leaves(t):
    """Paused is not deaf: the provider's request goes when the client does."""
    t.start()
    t.sim.script("one", ["tokens=200,size=1000000"])
    conn = t.connect(receive_buffer=65536)
    response = t.chat(conn=conn)
    next(response.events())
    sent = 0

    def has_stalled():
        nonlocal sent
        rss = t.weir.rss_bytes()
        is_same, sent = rss == sent, rss
        return is_same
    wait_until(has_stalled, 5, "weir's memory is steady", every=0.2)
    conn.close()
    t.sim.wait(model="one", aborted=1, within=2.0)
    eq(t.row()["midStreamFailures"], 0, "counter")


@case()
def test_a_provider_that_dies_while_the_client_is_slow(t):
    """What had arrived is delivered, then the error."""
    t.start()
    t.sim.script("one", ["tokens=40,size=100000,cut=20"])
    conn = t.connect(receive_buffer=65536)
    response = t.chat(conn=conn)
    events = response.events()
    got = [next(events)]
    t.sim.wait(model="one", active=0)
    got += list(events)
    error = got[-1].json()["error"]
    eq(error["code"], "stream_error", "code")
    eq(len([e for e in got if e.data and b"choices" in e.data and len(e.data) > 90000]), 20,
       "content events before the failure")
    t.wait_row("alpha/one", midStreamFailures=1)


@case(limit=120)
def test_clients_leaving_by_the_hundred(t):
    t.start()
    t.sim.script("one", ["tokens=100000,delay=20"])
    conns = [t.send_chat(model="default") for _ in range(200)]
    t.sim.wait(model="one", active=200)
    for conn in conns:
        conn.close()
    t.sim.wait(model="one", active=0, aborted=200, within=5.0)
    row = t.row()
    eq((row["midStreamFailures"], row["failures"], row["status"]), (0, 0, "available"), "row")


@case(limit=90)
def test_mixed_load(t):
    """Good and failing streams, answers, bad requests and leaving clients at once, from threads."""
    t.start(midStreamFailureThreshold=1000000)
    t.sim.script("one", ["ok", "cut=3", "ok", "status=500", "split=3", "cut=0", "malformed=2"], "loop")
    faults = []

    def work(seed):
        try:
            conn = rawhttp.Connection(t.address, 30 * SLOW)
            for n in range(25):
                kind = (seed + n) % 4
                if kind == 0:
                    response = t.chat(False, conn=conn)
                    assert response.json()["choices"]
                elif kind == 1:
                    assert t.post(b"{", conn=conn).json()["error"]
                elif kind == 2:
                    s = t.stream(conn=conn)
                    assert s.is_done or s.error
                else:
                    leaving = rawhttp.Connection(t.address, 30 * SLOW)
                    next(t.chat(conn=leaving).events())
                    leaving.close()
            conn.close()
        except Exception as e:  # shown by the case's own thread
            faults.append(f"{type(e).__name__}: {e}")
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eq(faults, [], "faults")
    t.sim.wait(active=0)
    assert t.get("/v1/models", key=KEY).status == 200
