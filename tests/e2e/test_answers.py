# SPDX-License-Identifier: MIT
"""How providers really frame their answers (CONTRACT 4.3): what can only mean one thing is taken,
what is doubtful costs the connection, what nobody can tell is refused. Each case plays over plain
HTTP, behind TLS, and behind TLS with libcurl's own parser (`http2` of a provider that has none)."""

import certs
from rawprovider import DONE, chunk, delta, event
from weirtest import case, eq

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
