# SPDX-License-Identifier: MIT
"""Clients that do not read, read slowly, or go on sending: what weir holds for one is bounded, and what
a client is owed it gets as long as it goes on taking."""

import json
import re
import signal
import socket
import threading
import time

import rawhttp
from daemons import SLOW, wait_until
from rawprovider import delta
from weirtest import KEY, between, case, eq

MB = 1 << 20
HEALTH = b"GET /health HTTP/1.1\r\nHost: weir.test\r\n\r\n"


def _peak(t):
    peaks = []
    for pid in t.weir.children():
        with open(f"/proc/{pid}/status") as f:
            peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024)
    return max(peaks)


def _large_answer(size):
    return json.dumps({"choices": [{"message": {"content": "x" * size}}]}).encode()


def _read_slowly(conn, total, seconds):
    """Steadily, a little every 50 ms; returns how much of that many bytes came."""
    got, step = 0, int(total / seconds / 20)
    while got < total:
        data = conn.sock.recv(step)
        if not data:
            break
        got += len(data)
        time.sleep(0.05)
    return got


@case(plain=True)
def test_pipelining_without_reading_is_bounded(t):
    t.start(server={"workers": 1})
    conn = t.connect()
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before, sent, quiet_at = _peak(t), 0, time.monotonic() + 2
    conn.sock.setblocking(False)
    while sent < 60 * MB and time.monotonic() < quiet_at:
        try:
            sent += conn.sock.send(HEALTH * 2000)
            quiet_at = time.monotonic() + 2
        except BlockingIOError:
            time.sleep(0.01)
    between(_peak(t) - before, 0, 2 * MB, f"memory for {sent} bytes of requests")
    eq(t.get("/health").status, 200, "somebody else's")


@case()
def test_every_pipelined_request_is_answered(t):
    """More than waits for one client at a time, and it reads only then."""
    t.start(server={"workers": 1})
    conn = t.connect()
    n = 5000
    writer = threading.Thread(target=conn.send, args=(HEALTH * n,))
    writer.start()
    time.sleep(0.3)
    for _ in range(n):
        response = conn.response("GET")
        eq(response.status, 200, "status")
        response.read()
    writer.join()


@case()
def test_pipelining_beside_a_stream_does_not_cut_it(t):
    p = t.raw_provider()
    t.start(server={"workers": 1}, base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    played = p.accept()
    played.start_stream()
    played.send_event(delta("one"))
    response = conn.response()
    n = 10000
    writer = threading.Thread(target=conn.send, args=(HEALTH * n,))
    writer.start()
    writer.join(0.5)
    played.send_event(delta(" two"))
    played.end_stream()
    s = rawhttp.Stream(response)
    eq((s.text, s.is_done), ("one two", True), "the stream")
    for _ in range(n):
        response = conn.response("GET")
        response.read()
        eq(response.status, 200, "of a request that was sent ahead")
    writer.join()


@case()
def test_who_leaves_while_much_is_sent_ahead_is_noticed(t):
    p = t.raw_provider()
    t.start(server={"workers": 1}, base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    played = p.accept()
    played.start_stream()
    played.send_event(delta("one"))
    conn.response()
    conn.sock.setblocking(False)
    quiet_at = time.monotonic() + 0.5
    while time.monotonic() < quiet_at:  # until weir takes no more
        try:
            conn.sock.send(HEALTH * 2000)
            quiet_at = time.monotonic() + 0.5
        except BlockingIOError:
            time.sleep(0.01)
    conn.reset()
    assert played.wait_aborted(5 * SLOW) is not None, "the provider is still asked"


WAYS = {
    "close": ("1.1", {"Connection": "close"}, None),
    "http10": ("1.0", {}, None),
    "keepalive": ("1.1", {}, None),
    "drain": ("1.1", {}, signal.SIGTERM),
    "reload": ("1.1", {}, signal.SIGHUP),
}


@case(params=list(WAYS.items()))
def test_who_reads_slowly_but_steadily_gets_all(t, way):
    version, headers, number = way
    p = t.raw_provider()
    t.start(server={"workers": 1, "keepAliveTimeoutMs": 1000, "clientWriteTimeoutMs": 2000,
                    "drainTimeoutMs": 30000}, base_urls={"alpha": p.base_url})
    body = _large_answer(20 * MB)
    conn = t.connect(receive_buffer=65536)
    conn.request("POST", "/v1/chat/completions", {"Authorization": f"Bearer {KEY}", **headers}, t.body(False),
                 version=version)
    p.accept().answer(200, body)
    response = conn.response()
    if number:
        t.weir.send_signal(number)
    eq(response.status, 200, "status")
    eq(len(conn.buffer) + _read_slowly(conn, len(body) - len(conn.buffer), 1.5), len(body), "bytes of the body")
    if number == signal.SIGTERM:
        t.weir.is_expected_dead = True
        eq(t.weir.wait_exit(), 0, "exit code")


@case()
def test_who_takes_nothing_is_left(t):
    """And with it go the provider's connection and a worker that only waited for it."""
    p = t.raw_provider()
    t.start(server={"workers": 1, "clientWriteTimeoutMs": 1000}, base_urls={"alpha": p.base_url})
    conn = t.connect(receive_buffer=4096)
    t.send_chat(conn=conn)
    played = p.accept()
    played.start_stream()
    old = t.weir.children()
    t.weir.send_signal(signal.SIGHUP)
    filler = delta("x" * 100000)
    played.conn.sock.settimeout(0.3)
    try:
        for _ in range(200):
            played.send_event(filler)
    except OSError:
        pass
    played.conn.sock.settimeout(20)
    wait_until(lambda: not set(old) & set(t.weir.children()), 8, "the retired worker's end")
    t.weir.wait_log("took nothing")
    wait_until(lambda: t.row()["failures"] == 0, 5, "nobody's failure")


def _post_head(length):
    return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: weir.test\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").encode()


@case()
def test_who_writes_too_much_reads_why(t):
    t.start(server={"workers": 1, "maxBodyBytes": MB})
    conn = t.connect()
    conn.send(_post_head(40 * MB))
    for _ in range(40):  # all of it before the first look, as many clients do
        conn.send(b"x" * MB)
    t.error_of(conn.response(), 413, "request_too_large")


@case()
def test_who_is_one_too_many_reads_why(t):
    t.start(server={"workers": 1, "maxConnections": 2})
    kept = [t.connect(), t.connect()]
    for conn in kept:
        t.get("/health", conn=conn)
    for _ in range(20):
        conn = t.connect()
        conn.send(_post_head(4 * MB))
        for _ in range(4):
            conn.send(b"x" * MB)
        response = conn.response()
        t.error_of(response, 503, "overloaded")
        eq(response.headers["retry-after"], "1", "Retry-After")
        conn.close()
    kept.pop().close()
    wait_until(lambda: _is_served(t), 5, "a place")


def _is_served(t):
    conn = t.connect()
    try:
        return t.get("/health", conn=conn).status == 200
    finally:
        conn.close()
