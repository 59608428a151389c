# SPDX-License-Identifier: MIT
"""Providers that answer to do harm: whatever one sends costs its attempt and nothing else. The client
gets the next entry's answer, memory stays bounded, and weir goes on serving. Each case plays over
plain HTTP and behind TLS: weir has a client of its own for the one, libcurl for the other."""

import json
import os
import re
import threading

import certs
import daemons
from daemons import SLOW
from rawprovider import STREAM_HEAD, chunk, delta, event
from weirtest import between, case, eq

MB = 1 << 20
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
CLOSE_STREAM = SSE_HEAD + b"\r\n"
OK_BODY = b'{"choices":[{"message":{"content":"evil"}}]}'
ROLE = event(json.dumps({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}).encode())


def _repeat(piece, total):
    """total bytes of the piece again and again, some at a time."""
    block = piece * (65536 // len(piece) + 1)
    for at in range(0, total, len(block)):
        yield block[:total - at]


def _nested(depth, inner=b"0"):
    return b"[" * depth + inner + b"]" * depth


def _counted(body):
    return JSON_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunked_json(tail):
    return JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + tail


# What is sent (pieces), and the word in the trail. `stream`: to a request that wants one.
STREAMS = {
    "line-of-40-MB": (lambda: [CLOSE_STREAM, b"data: ", *_repeat(b"x", 40 * MB)], "event_too_large"),
    "comment-of-40-MB": (lambda: [CLOSE_STREAM, b": ", *_repeat(b"x", 40 * MB)], "event_too_large"),
    "field-name-of-40-MB": (lambda: [CLOSE_STREAM, *_repeat(b"x", 40 * MB)], "event_too_large"),
    "event-of-40-MB": (lambda: [CLOSE_STREAM, *_repeat(b"data: " + b"x" * 1000 + b"\n", 40 * MB)],
                       "event_too_large"),
    "many-bad-events": (lambda: [CLOSE_STREAM, *_repeat(b"data: {\n\n", 1 * MB)], "stream_malformed"),
    "nesting-of-a-million": (
        lambda: [CLOSE_STREAM] + [b'data: {"choices":' + _nested(1000000) + b"}\n\n"] * 4,
        "stream_malformed"),
    "open-nesting-of-a-million": (
        lambda: [CLOSE_STREAM] + [b'data: {"a":' * 1000000 + b"\n\n"] * 4, "stream_malformed"),
    "NULs": (lambda: [CLOSE_STREAM] + [b"data: " + b"\0" * 1000 + b"\n\n"] * 4, "stream_malformed"),
    "NULs-in-JSON": (lambda: [CLOSE_STREAM] + [event(b'{"choices":[{"delta":{"content":"\0"}}]}')] * 4,
                     "stream_malformed"),
    "half-a-character": (lambda: [CLOSE_STREAM] + [event(b'{"choices":[{"delta":{"content":"\xe2\x82"}}]}')]
                         * 4, "stream_malformed"),
    "chunk-beyond-64-bits": (lambda: [STREAM_HEAD, b"10000000000000000\r\n", event(delta("evil"))],
                             "stream_lost"),
    "chunk-of-2-to-the-63": (lambda: [STREAM_HEAD, b"8000000000000000\r\n", ROLE], "stream_lost"),
    "chunk-of-minus-1": (lambda: [STREAM_HEAD, b"-1\r\n", event(delta("evil"))], "stream_lost"),
    "chunk-of-no-size": (lambda: [STREAM_HEAD, b"\r\n", event(delta("evil"))], "stream_lost"),
    "chunk-longer-than-it-says": (lambda: [STREAM_HEAD, b"2\r\n" + ROLE + b"\r\n0\r\n\r\n"],
                                  "stream_lost"),
    "chunk-extension-of-40-MB": (lambda: [STREAM_HEAD, b"5;x=", *_repeat(b"x", 40 * MB)], "stream_lost"),
}

ANSWERS = {
    "65-MB": (lambda: [JSON_HEAD + b"\r\n", *_repeat(b'{"choices":[],', 65 * MB)], "event_too_large"),
    "nesting-of-a-million": (lambda: [_counted(b'{"choices":[],"x":' + _nested(1000000) + b"}")],
                             "bad_answer"),
    "nesting-only": (lambda: [_counted(b"[" * 1000000)], "bad_answer"),
    "NULs": (lambda: [_counted(b"\0" * 100000)], "bad_answer"),
    "NUL-in-JSON": (lambda: [_counted(OK_BODY.replace(b"evil", b"\0"))], "bad_answer"),
    "NUL-behind-JSON": (lambda: [_counted(OK_BODY + b"\0")], "bad_answer"),
    "compressed-unasked": (lambda: [JSON_HEAD + b"Content-Encoding: gzip\r\n\r\n" + b"\x1f\x8b\x08" * 99],
                           "answer_cut"),
    "chunk-beyond-64-bits": (lambda: [_chunked_json(b"fffffffffffffffff\r\n" + OK_BODY)], "answer_cut"),
    "length-not-reached": (lambda: [JSON_HEAD + b"Content-Length: 999999999999\r\n\r\n" + OK_BODY],
                           "answer_cut"),
    "trailer-of-40-MB": (lambda: [_chunked_json(chunk(OK_BODY) + b"0\r\nX-T: "), *_repeat(b"x", 40 * MB)],
                         "answer_cut"),
}

HEADS = {
    "length-of-2-to-the-64": lambda: [JSON_HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + OK_BODY],
    "length-of-minus-1": lambda: [JSON_HEAD + b"Content-Length: -1\r\n\r\n" + OK_BODY],
    "100000-headers": lambda: [JSON_HEAD, *(b"X-%d: y\r\n" % i for i in range(100000)), b"\r\n" + OK_BODY],
    "header-of-40-MB": lambda: [JSON_HEAD, b"X-Long: ", *_repeat(b"x", 40 * MB), b"\r\n\r\n"],
    "header-name-of-40-MB": lambda: [JSON_HEAD, *_repeat(b"x", 40 * MB), b": y\r\n\r\n"],
    "status-line-of-40-MB": lambda: [b"HTTP/1.1 200 ", *_repeat(b"O", 40 * MB), b"\r\n\r\n"],
    "no-HTTP-at-all": lambda: [b"SSH-2.0-OpenSSH_9.2p1\r\n" * 100],
    "a-binary-protocol": lambda: [bytes(range(256)) * 64],
    "no-status-line": lambda: [b"Content-Type: application/json\r\n\r\n" + OK_BODY],
    "status-of-4-digits": lambda: [JSON_HEAD.replace(b"200", b"2000") + b"\r\n" + OK_BODY],
    "status-0": lambda: [JSON_HEAD.replace(b"200", b"000") + b"\r\n" + OK_BODY],
}

TRANSPORTS = ("http", "https")


def _params(table):
    return [(f"{transport},{word}", (transport, entry))
            for transport in TRANSPORTS for word, entry in table.items()]


def _start(t, transport, **settings):
    t.start_sim()
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server() if transport == "https" else None)
    t.start(chains={"default": ["alpha/one", "beta/two"], "quick": ["beta/two"]},
            base_urls={"alpha": p.base_url, "beta": t.sim.base_url},
            providers={"alpha": {"caFile": authority.path}}, server={"workers": 1}, **settings)
    return p


def _send_all(exchange, pieces):
    """What weir is willing to take of it; then the end."""
    try:
        for piece in pieces:
            exchange.send(piece)
    except OSError:
        pass
    exchange.close()


def _peak_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024


def _peak(t):
    return max(_peak_bytes(pid) for pid in t.weir.children())


def _play(t, p, pieces, stream):
    """One request that alpha/one answers so, and beta/two in earnest; returns the trail."""
    conn = t.send(t.body(stream), headers={"X-Weir-Explain": "1"})
    exchange = p.accept()
    sender = threading.Thread(target=_send_all, args=(exchange, pieces))
    sender.start()
    response = conn.response()
    body = response.read()
    sender.join(20 * SLOW)
    assert not sender.is_alive(), "weir reads on and on"
    eq(response.headers.get("x-weir-provider"), "beta/two", "provider")
    assert b"evil" not in body, "the client saw something of it"
    return response.headers["x-weir-trail"]


def _expect(t, param, stream, peak_mb):
    transport, (make, word) = param
    p = _start(t, transport)
    before = _peak(t)
    trail = _play(t, p, make(), stream)
    assert trail.startswith(f"alpha/one={word}"), f"the trail is {trail!r}, not {word}"
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, peak_mb, "MB more at the peak")
    eq(t.stream(model="quick").headers["x-weir-provider"], "beta/two", "provider of the next")


@case(params=_params(STREAMS))
def test_a_stream(t, param):
    _expect(t, param, True, 40)


LARGE_BEGINNINGS = {
    "role-events-of-40-MB": lambda: [CLOSE_STREAM, *_repeat(ROLE, 40 * MB // len(ROLE) * len(ROLE))],
    "event-of-5-MB": lambda: [CLOSE_STREAM, b'data: {"x":"' + b"x" * (5 * MB) + b'"}\n\n'],
}


@case(params=_params(LARGE_BEGINNINGS))
def test_what_is_held_before_content_is_bounded(t, param):
    """Past server.maxHeldBytes it is sent on: the answer is committed."""
    transport, make = param
    p = _start(t, transport)
    before = _peak(t)
    conn = t.send(t.body())
    exchange = p.accept()
    sender = threading.Thread(target=_send_all, args=(exchange, make()))
    sender.start()
    response = conn.response()
    body = response.read()
    sender.join(20 * SLOW)
    assert not sender.is_alive(), "weir stopped reading"
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    assert b'"code":"stream_truncated"' in body[-300:], body[-300:]
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, 40, "MB more at the peak")


@case(params=_params(ANSWERS))
def test_an_answer(t, param):
    _expect(t, param, False, 200)  # an answer of 64 MB is still one


@case(params=_params({word: (make, ("bad_answer", "connection_lost")) for word, make in HEADS.items()}))
def test_a_head(t, param):
    transport, (make, words) = param
    p = _start(t, transport)
    before = _peak(t)
    trail = _play(t, p, make(), True)
    assert trail.startswith(tuple(f"alpha/one={word}" for word in words)), f"the trail is {trail!r}"
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, 4, "MB more at the peak")


@case(params=[(x, x) for x in TRANSPORTS])
def test_an_error_of_40_mb(t, transport):
    """Read so far and no further; too long to be relayed."""
    p = _start(t, transport)
    before = _peak(t)
    head = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    trail = _play(t, p, [head, b'{"error":{"message":"', *_repeat(b"x", 40 * MB)], False)
    assert trail.startswith("alpha/one=client_error"), trail
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, 4, "MB more at the peak")


@case(params=[(x, x) for x in TRANSPORTS])
def test_an_error_nested_a_million_deep(t, transport):
    p = _start(t, transport)
    body = b'{"error":' * 20000
    head = b"HTTP/1.1 429 Slow\r\nRetry-After: 20\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    _play(t, p, [head % len(body), body], False)
    t.wait_row("alpha/one", status="exhausted")


@case(params=[(x, x) for x in TRANSPORTS])
def test_an_endless_row_of_interim_answers(t, transport):
    p = _start(t, transport, requestTimeoutMs=2000)
    before = _peak(t)
    trail = _play(t, p, _repeat(b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n", 80 * MB), True)
    assert trail.startswith(("alpha/one=bad_answer", "alpha/one=connection_lost")), trail
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, 4, "MB more at the peak")


@case(params=[(x, x) for x in TRANSPORTS])
def test_comments_without_end(t, transport):
    """They are no sign of life: the first token is due all the same."""
    p = _start(t, transport, requestTimeoutMs=1000, firstTokenTimeoutMs=2000)
    before = _peak(t)

    def flood():
        yield CLOSE_STREAM
        while True:
            yield b": still there\n\n" * 1000
    trail = _play(t, p, flood(), True)
    assert trail.startswith("alpha/one=first_token_timeout"), trail
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, 4, "MB more at the peak")


@case(params=[(x, x) for x in TRANSPORTS])
def test_a_head_a_byte_at_a_time(t, transport):
    p = _start(t, transport, requestTimeoutMs=1500)
    conn = t.send(t.body(), headers={"X-Weir-Explain": "1"})
    exchange = p.accept()
    exchange.conn.sock.settimeout(0.1)

    def drip():
        try:
            for i in range(10000):
                exchange.send(SSE_HEAD[i:i + 1] if i < len(SSE_HEAD) else b"X")
                if exchange.conn.is_closed_by_peer(0.1):
                    return
        except OSError:
            return
    dripper = threading.Thread(target=drip)
    dripper.start()
    response = conn.response()
    eq(response.headers["x-weir-provider"], "beta/two", "provider")
    assert response.headers["x-weir-trail"].startswith("alpha/one=header_timeout"), response.raw_head
    response.read()
    dripper.join(20 * SLOW)


@case(params=[(x, x) for x in TRANSPORTS])
def test_a_flood_behind_the_end(t, transport):
    """[DONE] is the end; what follows is not read for ever."""
    p = _start(t, transport)
    before = _peak(t)
    conn = t.send(t.body())
    exchange = p.accept()
    pieces = [CLOSE_STREAM, event(delta("good", "stop")), b"data: [DONE]\n\n", *_repeat(b"x", 40 * MB)]
    sender = threading.Thread(target=_send_all, args=(exchange, pieces))
    sender.start()
    body = conn.response().read()
    assert b"good" in body and body.endswith(b"data: [DONE]\n\n"), body[-200:]
    sender.join(20 * SLOW)
    assert not sender.is_alive(), "weir reads on and on"
    t.wait_row("alpha/one", successes=1, failures=0)
    if not daemons.SANITIZED:
        between((_peak(t) - before) / MB, 0, 4, "MB more at the peak")


@case(params=[(x, x) for x in TRANSPORTS])
def test_after_content_it_costs_that_stream_alone(t, transport):
    """A line of 40 MB in the middle of an answer: an error event, and the others stream on."""
    p = _start(t, transport)
    t.sim.script("two", ["tokens=40,delay=20"])
    others = [t.send(t.body(model="quick")) for _ in range(5)]
    t.sim.wait(model="two", active=5)
    conn = t.send(t.body())
    exchange = p.accept()
    pieces = [CLOSE_STREAM, event(delta("good")), b"data: ", *_repeat(b"x", 40 * MB)]
    sender = threading.Thread(target=_send_all, args=(exchange, pieces))
    sender.start()
    body = conn.response().read()
    assert b"good" in body and b'"code":"stream_error"' in body and b"[DONE]" not in body, body[-300:]
    sender.join(20 * SLOW)
    for other in others:
        text = other.response().read()
        assert b"t39 " in text and b"[DONE]" in text, text[-200:]
    row = t.wait_row("alpha/one", requests=1)
    eq((row["midStreamFailures"], row["failures"]), (0, 0), "a limit of weir's own is nobody's fault")
    assert os.path.exists(f"/proc/{t.weir.children()[0]}"), "the worker is gone"
