# SPDX-License-Identifier: MIT
"""How providers really frame, label and code their answers (CONTRACT 4.3): what can only mean one
thing is taken, what is doubtful costs the connection, what nobody can tell is refused; a body is what
it says it is, coded or not. Each case plays over plain HTTP, behind TLS, and behind TLS with
libcurl's own parser (`http2` of a provider that has none)."""

import gzip
import json
import select
import time
import zlib

import certs
from daemons import MEMORY, SLOW
from rawprovider import DONE, chunk, delta, event
from weirtest import between, case, eq

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"Content-Type: application/json\r\n"
SSE = b"Content-Type: text/event-stream\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
STREAM = event(delta("hi")) + event(delta(finish="stop")) + DONE
WAYS = ("http", "https", "http2")


def _length(n):
    return b"Content-Length: %d\r\n" % n


def _cut_in(body, size_line):
    """In chunks of 16 bytes whose sizes are written so."""
    parts = [body[at:at + 16] for at in range(0, len(body), 16)]
    return b"".join(size_line % len(p) + b"\r\n" + p + b"\r\n" for p in parts)


def _params(table):
    return [(f"{way},{word}", (way, row)) for way in WAYS for word, row in table.items()]


def _start(t, way):
    t.start_sim()
    authority = certs.Authority(t.dir)
    tls = authority.server() if way != "http" else None
    if way == "http2":
        tls.set_alpn_protocols(["http/1.1"])
    p = t.raw_provider(tls=tls)
    t.start(base_urls={"alpha": p.base_url, "beta": t.sim.base_url}, server={"workers": 1},
            providers={"alpha": {"caFile": authority.path, "http2": way == "http2"}})
    return p


def _send(t, stream):
    return t.send(t.body(stream), headers={"X-Weir-Explain": "1"})


# ---- framing -------------------------------------------------------------------------------------

# The bytes, and whether their connection serves the next request.
ODD_FRAMING = {
    "blank-before-colon": (OK + JSON + b"Server : x\r\n" + _length(len(ANSWER)) + b"\r\n" + ANSWER, True),
    "same-length-twice": (OK + JSON + _length(len(ANSWER)) * 2 + b"\r\n" + ANSWER, True),
    "size-padded": (OK + JSON + CHUNKED + b"\r\n" + _cut_in(ANSWER, b"%x  ") + b"0 \r\n\r\n", True),
    "size-and-extension": (OK + JSON + CHUNKED + b"\r\n" + _cut_in(ANSWER, b"%x ;x=y") + b"0 ; z\r\n\r\n",
                           True),
    "size-with-zeros": (OK + JSON + CHUNKED + b"\r\n" + _cut_in(ANSWER, b"%010x") + b"0000000000\r\n\r\n",
                        True),
    "chunks-and-length": (OK + JSON + CHUNKED + _length(7) + b"\r\n" + chunk(ANSWER) + b"0\r\n\r\n", False),
    "length-and-chunks": (OK + JSON + _length(9999) + CHUNKED + b"\r\n" + chunk(ANSWER) + b"0\r\n\r\n", False),
    "chunks-in-http10": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + JSON + CHUNKED + b"\r\n"
                         + chunk(ANSWER) + b"0\r\n\r\n", False),
}


@case(params=_params(ODD_FRAMING))
def test_odd_framing(t, param):
    way, (data, is_reused) = param
    p = _start(t, way)
    conn = _send(t, stream=False)
    exchange = p.accept()
    exchange.send(data)
    response = conn.response()
    eq(response.headers.get("x-weir-provider"), "alpha/one", "provider")
    eq(response.read(), ANSWER, "answer")
    conn = _send(t, stream=False)
    if is_reused:
        exchange = p.next_on(exchange.conn)
    else:
        assert exchange.wait_aborted() is not None, "a connection whose end is doubtful stays open"
        exchange = p.accept()
    exchange.answer(200, ANSWER)
    eq(conn.response().read(), ANSWER, "the next answer")


@case(params=_params({
    "chunks-and-length": OK + SSE + CHUNKED + _length(7),
    "blank-before-colon": OK + SSE + b"Server : x\r\n" + CHUNKED,
}))
def test_odd_framing_of_a_stream(t, param):
    way, head = param
    p = _start(t, way)
    conn = _send(t, stream=True)
    exchange = p.accept()
    exchange.send(head + b"\r\n" + _cut_in(STREAM, b"%09x ;") + b"0\r\n\r\n")
    response = conn.response()
    eq(response.headers.get("x-weir-provider"), "alpha/one", "provider")
    body = response.read()
    assert b'"hi"' in body and body.endswith(DONE), body


@case(params=_params({
    "two-lengths": OK + JSON + _length(len(ANSWER)) + _length(7) + b"\r\n" + ANSWER,
    "two-lengths-in-one": OK + JSON + b"Content-Length: 83, 7\r\n\r\n" + ANSWER,
    "coded-transfer": OK + JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk(ANSWER) + b"0\r\n\r\n",
}))
def test_ambiguous_framing_is_refused(t, param):
    way, data = param
    p = _start(t, way)
    conn = _send(t, stream=False)
    exchange = p.accept()
    exchange.send(data)
    response = conn.response()
    response.read()
    eq(response.headers.get("x-weir-provider"), "beta/two", "provider")
    assert response.headers["x-weir-trail"].startswith("alpha/one=bad_answer"), response.headers
    assert exchange.wait_aborted() is not None, "the connection stays open"


# ---- labels --------------------------------------------------------------------------------------

TEXT = b"Content-Type: text/plain\r\n"
TOO_LONG = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'


def _play(t, p, stream, head, body, pieces=0):
    """Sends this as alpha/one's answer, in as many pieces; returns weir's answer."""
    conn = _send(t, stream)
    exchange = p.accept()
    exchange.send(head + b"Connection: close\r\n" + _length(len(body)) + b"\r\n")
    for at in range(0, len(body), pieces or len(body) or 1):
        exchange.send(body[at:at + (pieces or len(body))])
    exchange.close()
    return conn.response()


@case(params=_params({
    "json-as-stream": (False, SSE, ANSWER),
    "json-unlabelled": (False, b"", ANSWER),
    "stream-as-text": (True, TEXT, STREAM),
    "stream-as-json": (True, JSON, STREAM),
    "stream-unlabelled": (True, b"", STREAM),
    "stream-as-json-behind-a-comment": (True, JSON, b": QUEUED\n\n" + STREAM),
}))
def test_a_wrong_label(t, param):
    way, (stream, label, body) = param
    p = _start(t, way)
    response = _play(t, p, stream, OK + label, body)
    eq(response.headers.get("x-weir-provider"), "alpha/one", "provider")
    answer = response.read()
    if stream:
        eq(response.headers["content-type"].split(";")[0], "text/event-stream", "label of a stream")
        assert answer.endswith(DONE) and b'"hi"' in answer, answer
    else:
        eq(response.headers["content-type"].split(";")[0], "application/json", "label of an answer")
        eq(answer, ANSWER, "answer")


@case(params=_params({
    "stream-though-none-was-asked": (False, SSE, STREAM, "a stream, though none was asked for"),
    "stream-as-json-though-none-was-asked": (False, JSON, STREAM, "a stream, though none was asked for"),
    "answer-to-a-stream": (True, JSON, ANSWER, "a whole answer, though a stream was asked for"),
    "answer-as-stream-to-a-stream": (True, SSE, ANSWER, "a whole answer, though a stream was asked for"),
    "html": (True, b"Content-Type: text/html\r\n", b"<html>", "neither a stream nor JSON"),
    "nothing": (True, JSON, b"", "nothing, in place of a stream"),
    "brotli": (False, JSON + b"Content-Encoding: br\r\n", b"\x0b\x02\x80", "the Content-Encoding is br"),
    "two-codings": (False, JSON + b"Content-Encoding: gzip, gzip\r\n", gzip.compress(gzip.compress(ANSWER)),
                    "the Content-Encoding is gzip, gzip"),
    "no-gzip-behind-its-magic": (False, JSON, b"\x1f\x8b" + ANSWER, "the coded body is malformed"),
}))
def test_a_bad_answer_is_named(t, param):
    way, (stream, label, body, words) = param
    p = _start(t, way)
    response = _play(t, p, stream, OK + label, body)
    response.read()
    eq(response.headers.get("x-weir-provider"), "beta/two", "provider")
    assert response.headers["x-weir-trail"].startswith("alpha/one=bad_answer"), response.headers
    t.weir.wait_log(words)


# ---- codings -------------------------------------------------------------------------------------


def _flushed(body):
    """gzip of a server that lets each event go at once."""
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    return b"".join(z.compress(e + b"\n\n") + z.flush(zlib.Z_SYNC_FLUSH)
                    for e in body.split(b"\n\n")[:-1]) + z.flush()


def _raw(body):
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    return z.compress(body) + z.flush()


GZIP = b"Content-Encoding: gzip\r\n"
DEFLATE = b"Content-Encoding: deflate\r\n"


@case(params=_params({
    "gzip": (False, GZIP, gzip.compress(ANSWER)),
    "gzip-without-its-header": (False, b"", gzip.compress(ANSWER)),
    "gzip-in-two-members": (False, GZIP, gzip.compress(ANSWER[:9]) + gzip.compress(ANSWER[9:])),
    "header-without-gzip": (False, GZIP, ANSWER),
    "deflate": (False, DEFLATE, zlib.compress(ANSWER)),
    "raw-deflate": (False, DEFLATE, _raw(ANSWER)),
    "stream": (True, GZIP, _flushed(STREAM)),
    "stream-without-its-header": (True, b"", _flushed(STREAM)),
    "stream-deflate": (True, DEFLATE, zlib.compress(STREAM)),
}))
def test_a_coded_answer(t, param):
    way, (stream, coding, body) = param
    p = _start(t, way)
    for pieces in (0, 1):
        response = _play(t, p, stream, OK + (SSE if stream else JSON) + coding, body, pieces)
        eq(response.headers.get("x-weir-provider"), "alpha/one", "provider")
        assert "content-encoding" not in response.headers, response.headers
        answer = response.read()
        if stream:
            assert answer.endswith(DONE) and b'"hi"' in answer, answer
        else:
            eq(answer, ANSWER, "answer")


@case(params=[(way, way) for way in WAYS])
def test_coded_events_come_one_by_one(t, way):
    p = _start(t, way)
    conn = _send(t, stream=True)
    exchange = p.accept()
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    exchange.send(OK + SSE + GZIP + CHUNKED + b"\r\n")
    events = None
    for word in ("one", "two", "three"):
        exchange.send(chunk(z.compress(event(delta(word))) + z.flush(zlib.Z_SYNC_FLUSH)))
        events = events or conn.response().events()
        assert word.encode() in next(events).data, f"{word} waits for company"
    exchange.send(chunk(z.compress(event(delta(finish="stop")) + DONE) + z.flush()) + b"0\r\n\r\n")
    eq(list(events)[-1].data, b"[DONE]", "the last event")


@case(params=_params({"with-its-header": GZIP, "without": b""}))
def test_a_coded_400(t, param):
    """All entries say so: its words reach the client, decoded."""
    way, coding = param
    p = _start(t, way)
    t.sim.script("two", ["status=400"])
    response = _play(t, p, False, b"HTTP/1.1 400 Bad\r\n" + JSON + coding, gzip.compress(TOO_LONG))
    eq(response.status, 400, "status")
    assert "content-encoding" not in response.headers, response.headers
    eq(json.loads(response.read())["error"]["message"], "too long", "words")


@case(params=[(way, way) for way in WAYS])
def test_a_coded_body_that_is_cut(t, way):
    p = _start(t, way)
    response = _play(t, p, False, OK + JSON + GZIP, gzip.compress(ANSWER)[:-6])
    response.read()
    assert response.headers["x-weir-trail"].startswith("alpha/one=answer_cut"), response.headers


def _other_requests(t, until, chain="quick"):
    """The longest that an answer of another chain takes, until `until()`; with one more at the end."""
    worst = 0.0
    while True:
        is_last = until()
        started = time.monotonic()
        response = t.chat(False, model=chain)
        eq(response.status, 200, "status of another request")
        response.read()
        worst = max(worst, time.monotonic() - started)
        if is_last:
            return worst


@case(params=_params({
    "answer": (False, b"[", b"\n", 60),
    "endless-answer": (False, b"", b"\n", 200),
    "stream-of-blank-lines": (True, b"", b"\n", 100),
    "event": (True, b'data: "', b" ", 100),
}), alone=True, limit=90)
def test_a_bomb(t, param):
    """Some hundred KB that are a hundred MB: others in that worker hardly wait, memory stays bounded."""
    way, (stream, first, more, mb) = param
    t.start_sim()
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server() if way != "http" else None)
    if way == "http2":
        p.tls.set_alpn_protocols(["http/1.1"])
    t.start(chains={"default": ["alpha/one", "beta/two"], "quick": ["beta/two"]},
            base_urls={"alpha": p.base_url, "beta": t.sim.base_url}, server={"workers": 1},
            providers={"alpha": {"caFile": authority.path, "http2": way == "http2"}})
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = z.compress(first) + b"".join(z.compress(more * (1 << 20)) for _ in range(mb)) + z.flush()
    before = t.weir.rss_bytes()
    conn = _send(t, stream)
    exchange = p.accept()
    exchange.send(OK + (SSE if stream else JSON) + GZIP + _length(len(bomb)) + b"\r\n")
    exchange.send(bomb)
    worst = _other_requests(t, lambda: select.select([conn.sock], [], [], 0)[0])
    response = conn.response()
    response.read()
    eq(response.headers.get("x-weir-provider"), "beta/two", "provider")
    between(worst, 0, 0.4 * SLOW, "s that another request waited")
    between((t.weir.rss_bytes() - before) / (1 << 20), 0, 150 * MEMORY, "MB more")
