# SPDX-License-Identifier: MIT
"""HTTP framing on the client's side, with exact bytes: what two parsers could read in two ways is
refused, what is plain HTTP/1.1 works."""

from weirtest import KEY, case, eq

AUTH = f"Authorization: Bearer {KEY}".encode()
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def _post(*lines, body=b"", version=b"HTTP/1.1", host=b"Host: x", path=b"/v1/chat/completions"):
    head = [b"POST " + path + b" " + version] + ([host] if host else []) + [AUTH, *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def _get(*lines, version=b"HTTP/1.1", host=b"Host: x", target=b"/health"):
    head = [b"GET " + target + b" " + version] + ([host] if host else []) + list(lines)
    return b"\r\n".join(head) + b"\r\n\r\n"


CHAT = b'{"model":"default","messages":[]}'
N = str(len(CHAT)).encode()
GOOD_CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHAT), CHAT)

REFUSED = {
    "cl-and-te": _post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=GOOD_CHUNKS),
    "te-and-cl": _post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=GOOD_CHUNKS),
    "two-cl": _post(b"Content-Length: " + N, b"Content-Length: 0", body=CHAT),
    "two-equal-cl": _post(b"Content-Length: " + N, b"Content-Length: " + N, body=CHAT),
    "cl-list": _post(b"Content-Length: " + N + b", " + N, body=CHAT),
    "cl-plus": _post(b"Content-Length: +" + N, body=CHAT),
    "cl-minus": _post(b"Content-Length: -1", body=CHAT),
    "cl-hex": _post(b"Content-Length: 0x10", body=CHAT),
    "cl-word": _post(b"Content-Length: ten", body=CHAT),
    "cl-empty": _post(b"Content-Length:", body=CHAT),
    "cl-space-inside": _post(b"Content-Length: 1 0", body=CHAT),
    "cl-huge": _post(b"Content-Length: 99999999999999999999", body=CHAT),
    "cl-overflow": _post(b"Content-Length: 18446744073709551617", body=CHAT),
    "cl-space-before-colon": _post(b"Content-Length : " + N, body=CHAT),
    "cl-folded": _post(b"Content-Length:\r\n " + N, body=CHAT),
    "te-identity": _post(b"Transfer-Encoding: identity", body=GOOD_CHUNKS),
    "te-gzip": _post(b"Transfer-Encoding: gzip, chunked", body=GOOD_CHUNKS),
    "te-xchunked": _post(b"Transfer-Encoding: xchunked", body=GOOD_CHUNKS),
    "te-chunked-twice": _post(b"Transfer-Encoding: chunked, chunked", body=GOOD_CHUNKS),
    "two-te": _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=GOOD_CHUNKS),
    "two-te-identity": _post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked",
                             body=GOOD_CHUNKS),
    "te-quoted": _post(b'Transfer-Encoding: "chunked"', body=GOOD_CHUNKS),
    "te-space-before-colon": _post(b"Transfer-Encoding : chunked", body=GOOD_CHUNKS),
    "te-vertical-tab": _post(b"Transfer-Encoding:\x0bchunked", body=GOOD_CHUNKS),
    "te-http10": _post(b"Transfer-Encoding: chunked", body=GOOD_CHUNKS, version=b"HTTP/1.0"),
    "chunk-0x": _post(b"Transfer-Encoding: chunked", body=b"0x3\r\n{ }\r\n0\r\n\r\n"),
    "chunk-plus": _post(b"Transfer-Encoding: chunked", body=b"+3\r\n{ }\r\n0\r\n\r\n"),
    "chunk-minus": _post(b"Transfer-Encoding: chunked", body=b"-3\r\n{ }\r\n0\r\n\r\n"),
    "chunk-leading-space": _post(b"Transfer-Encoding: chunked", body=b" 3\r\n{ }\r\n0\r\n\r\n"),
    "chunk-blank-size": _post(b"Transfer-Encoding: chunked", body=b"\r\n3\r\n{ }\r\n0\r\n\r\n"),
    "chunk-nine-digits": _post(b"Transfer-Encoding: chunked", body=b"100000003\r\n{ }\r\n0\r\n\r\n"),
    "chunk-64-bit": _post(b"Transfer-Encoding: chunked",
                          body=b"10000000000000003\r\n{ }\r\n0\r\n\r\n"),
    "chunk-word": _post(b"Transfer-Encoding: chunked", body=b"zz\r\n{ }\r\n0\r\n\r\n"),
    "chunk-data-too-long": _post(b"Transfer-Encoding: chunked", body=b"2\r\n{ }\r\n0\r\n\r\n"),
    "chunk-data-lf": _post(b"Transfer-Encoding: chunked", body=b"3\r\n{ }\n0\r\n\r\n"),
    "chunk-size-lf": _post(b"Transfer-Encoding: chunked", body=b"3\n{ }\r\n0\r\n\r\n"),
    "bare-lf": b"GET /health HTTP/1.1\nHost: x\n\n",
    "bare-lf-in-headers": b"GET /health HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
    "bare-cr": b"GET /health HTTP/1.1\r\nHost: x\rX-A: b\r\n\r\n",
    "cr-in-request-line": b"GET /health\r HTTP/1.1\r\nHost: x\r\n\r\n",
    "nul-in-header": _get(b"X-A: a\x00b"),
    "control-in-header": _get(b"X-A: a\x01b"),
    "del-in-header": _get(b"X-A: a\x7fb"),
    "nul-in-path": _get(target=b"/hea\x00lth"),
    "space-in-path": _get(target=b"/health x"),
    "high-byte-in-path": _get(target=b"/health\xff"),
    "folded-header": _get(b"X-A: a\r\n b"),
    "folded-first-header": b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n",
    "space-before-colon": _get(b"X-A : b"),
    "no-colon": _get(b"X-A"),
    "empty-name": _get(b": b"),
    "space-in-name": _get(b"X A: b"),
    "no-host": _get(host=None),
    "two-hosts": _get(b"Host: y"),
    "no-version": b"GET /health\r\nHost: x\r\n\r\n",
    "no-target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "empty-target": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "two-spaces": b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab-in-request-line": b"GET\t/health\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "leading-space": b" GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case-http": _get(version=b"http/1.1"),
    "version-1.10": _get(version=b"HTTP/1.10"),
    "version-+1.1": _get(version=b"HTTP/+1.1"),
    "tls-hello": bytes.fromhex("1603010200010001fc0303") + b"\r\n\r\n",
    "noise": bytes(range(256)) + b"\r\n\r\n",
    "method-with-bytes": b"G\x80T /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "body-on-get": b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "body-on-head": b"HEAD /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nabc\r\n0\r\n\r\n",
}


@case(limit=90)
def test_refused(t):
    """400 and the connection closed: nothing behind it is ever read as a request."""
    t.start()
    for name, data in REFUSED.items():
        conn = t.connect()
        conn.send(data + SMUGGLED)
        method = "HEAD" if data.startswith(b"HEAD") else "GET"
        try:
            response = conn.response(method)
            if method == "HEAD":
                eq(response.status, 400, "status")
                conn.read_to_end()
            else:
                t.error_of(response, 400, "invalid_request")
                eq(response.headers.get("connection"), "close", "Connection")
                eq(conn.read_to_end(), b"", "bytes behind the answer")
        except ConnectionError as e:
            raise AssertionError(f"{name}: {e}: the answer was lost") from None
        except AssertionError as e:
            raise AssertionError(f"{name}: {e}") from None
        conn.close()
    eq(t.sim.stats()["requests"], 0, "requests that reached the provider")
    assert t.stream().is_done, "weir serves on"


@case()
def test_other_versions(t):
    t.start()
    for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.5", b"HTTP/3.0"):
        conn = t.connect()
        conn.send(_get(version=version) + SMUGGLED)
        response = conn.response("GET")
        assert response.status in (400, 505), f"{version}: status {response.status}"
        response.read()
        eq(conn.read_to_end(), b"", "bytes behind the answer")


@case()
def test_an_http2_preface_is_refused(t):
    t.start()
    conn = t.connect()
    conn.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert conn.response("GET").status in (400, 505)


ACCEPTED = {
    "no-space-after-colon": _get(b"X-A:b"),
    "much-space-after-colon": _get(b"X-A: \t  b \t"),
    "empty-value": _get(b"X-A:"),
    "high-bytes-in-value": _get(b"X-A: \xc3\xa9"),
    "odd-token": _get(b"!#$%&'*+-.^_`|~: b"),
    "host-with-port": _get(host=b"host: example.org:3429"),
    "http10": _get(version=b"HTTP/1.0"),
    "http10-without-host": _get(version=b"HTTP/1.0", host=None),
    "blank-line-first": b"\r\n" + _get(),
    "query": _get(target=b"/health?a=b&c=/d?e"),
    "zero-length": b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
}


@case()
def test_accepted(t):
    t.start()
    for name, data in ACCEPTED.items():
        conn = t.connect()
        conn.send(data)
        response = conn.response("GET")
        eq(response.status, 200, f"status of {name}")
        response.read()
        conn.close()


@case()
def test_te_is_case_insensitive(t):
    t.start()
    conn = t.connect()
    conn.send(_post(b"transfer-encoding: Chunked", body=GOOD_CHUNKS))
    eq(conn.response().status, 200, "status")


@case()
def test_keep_alive(t):
    """A hundred requests of all kinds on one connection."""
    t.start()
    t.sim.script("one", ["ok", "cut=2", "ok", "status=500"], repeat="loop")
    conn = t.connect()
    for n in range(25):
        eq(t.get("/health", conn=conn).status, 200, "health")
        assert t.stream(conn=conn).events
        response = t.chat(False, conn=conn)
        eq(response.status, 200, "status")
        response.read()
        eq(t.get("/v1/none", conn=conn).status, 404, "unknown path")


@case()
def test_connection_close_is_obeyed(t):
    t.start()
    for path in ("/health", "/v1/nothing"):
        conn = t.connect()
        conn.request("GET", path, {"Connection": "Close", "Authorization": f"Bearer {KEY}"})
        response = conn.response("GET")
        response.read()
        eq(response.headers.get("connection", "").lower(), "close", "Connection")
        eq(conn.read_to_end(), b"", "the rest")
    conn = t.connect()
    response = t.post(t.body(), conn=conn, headers={"Connection": "keep-alive, close"})
    response.read()
    eq(conn.read_to_end(), b"", "the rest after a stream")


@case()
def test_http10(t):
    """No chunks and no persistence unless asked for; a stream ends with the connection."""
    t.start()
    conn = t.connect()
    conn.send(_get(version=b"HTTP/1.0"))
    response = conn.response("GET")
    assert response.json()["status"] == "ok"
    eq(conn.read_to_end(), b"", "the rest")
    conn = t.connect()
    conn.request("POST", "/v1/chat/completions", {"Authorization": f"Bearer {KEY}"}, t.body(),
                 version="1.0")
    response = conn.response()
    eq(response.framing, "close", "framing of a stream")
    data = response.read()
    assert data.endswith(b"data: [DONE]\n\n"), data[-100:]
    conn = t.connect()
    conn.send(_get(b"Connection: keep-alive", version=b"HTTP/1.0"))
    response = conn.response("GET")
    response.read()
    if response.headers.get("connection", "").lower() == "keep-alive":
        conn.send(_get(version=b"HTTP/1.0"))
        eq(conn.response("GET").status, 200, "second request")


@case()
def test_pipelining(t):
    """Answers come in order, also behind a stream."""
    t.start()
    conn = t.connect()
    chat = t.body(stream=True)
    head = _post(b"Content-Length: " + str(len(chat)).encode(), body=chat)
    models = _get(AUTH, target=b"/v1/models")
    conn.send(_get() + models + head + _get() + _get(AUTH, target=b"/v1/none"))
    assert conn.response("GET").json()["status"] == "ok"
    eq(conn.response("GET").json()["object"], "list", "models")
    stream = conn.response().read()
    assert stream.endswith(b"data: [DONE]\n\n"), stream[-100:]
    assert conn.response("GET").json()["status"] == "ok"
    t.error_of(conn.response("GET"), 404, "not_found")


@case()
def test_a_flood_behind_a_request_is_bounded(t):
    """While a stream runs, a client that keeps sending does not grow weir."""
    t.start(server={"workers": 1})
    t.sim.script("one", ["stall=1"])
    conn = t.connect()
    next(t.chat(conn=conn).events())
    before = t.weir.rss_bytes()
    conn.sock.settimeout(1.0)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += conn.sock.send(b"x" * 65536)
    except OSError:
        pass
    grown = t.weir.rss_bytes() - before
    assert grown < 8 << 20, f"{sent} bytes sent, {grown} bytes grown"
    assert t.get("/health").status == 200


@case()
def test_expect_continue(t):
    t.start()
    conn = t.connect()
    body = t.body(stream=False)
    conn.request("POST", "/v1/chat/completions",
                 {"Authorization": f"Bearer {KEY}", "Expect": "100-continue",
                  "Content-Length": str(len(body))})
    eq(conn.read_line(), b"HTTP/1.1 100 Continue\r\n", "interim answer")
    eq(conn.read_line(), b"\r\n", "end of the interim answer")
    conn.send(body)
    eq(conn.response().status, 200, "status")


@case()
def test_expect_continue_is_refused_early(t):
    t.start(server={"maxBodyBytes": 1000})
    for headers, status, code in (
        ({"Authorization": f"Bearer {KEY}", "Content-Length": "1001"}, 413, "request_too_large"),
        ({"Authorization": "Bearer wrong", "Content-Length": "10"}, 401, "invalid_api_key"),
    ):
        conn = t.connect()
        conn.request("POST", "/v1/chat/completions", {**headers, "Expect": "100-continue"})
        response = conn.response()
        eq(response.interim, [], "interim answers")
        t.error_of(response, status, code)


@case()
def test_an_unknown_expectation(t):
    t.start()
    conn = t.connect()
    conn.send(_get(b"Expect: 200-miracles"))
    assert conn.response("GET").status in (400, 417)


@case()
def test_head(t):
    """An answer without a body, and the connection stays in step."""
    t.start()
    for path, status in {"/health": 200, "/v1/models": 200, "/v1/nothing": 404,
                         "/v1/chat/completions": 405}.items():
        conn = t.connect()
        conn.request("HEAD", path, {"Authorization": f"Bearer {KEY}"})
        response = conn.response("HEAD")
        eq(response.status, status, f"status of HEAD {path}")
        if response.headers.get("connection", "").lower() != "close":
            assert t.get("/health", conn=conn).json()["status"] == "ok"


@case()
def test_a_request_cut_anywhere(t):
    """A client that leaves within its request, at each byte of the head and here and there in the
    body, harms nobody."""
    t.start()
    body = t.body(stream=False)
    data = _post(b"Content-Length: " + str(len(body)).encode(), body=body)
    for at in list(range(1, len(data) - len(body), 3)) + [len(data) - 20, len(data) - 1]:
        conn = t.connect()
        conn.send(data[:at])
        conn.reset() if at % 2 else conn.close()
    eq(t.sim.stats()["requests"], 0, "requests that reached the provider")
    assert t.stream().is_done
