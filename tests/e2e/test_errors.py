# SPDX-License-Identifier: MIT
"""The errors of CONTRACT 4.2: status, code, shape; and the worker lives on."""

import json
import time

from daemons import SLOW, descriptors, wait_until
from rawprovider import delta
from weirtest import KEY, between, case, eq

CHAT = "/v1/chat/completions"


def _still_serves(t):
    assert t.stream().is_done, "weir serves on"


GOOD_MESSAGES = b'"messages":[{"role":"user","content":"x"}]'

BAD_BODIES = {
    "empty": b"",
    "blank": b"  \n ",
    "word": b"hello",
    "array": b"[]",
    "string": b'"text"',
    "number": b"12",
    "null": b"null",
    "cut": b'{"model":"default","messages":[{"role":"us',
    "cut-in-escape": b'{"model":"default","messages":["\\u00',
    "trailing-bytes": b'{"model":"default",' + GOOD_MESSAGES + b"} x",
    "two-documents": b'{"model":"default",' + GOOD_MESSAGES + b"}{}",
    "trailing-comma": b'{"model":"default",' + GOOD_MESSAGES + b",}",
    "single-quotes": b"{'model':'default','messages':[]}",
    "comment": b'{/* */"model":"default",' + GOOD_MESSAGES + b"}",
    "unquoted-key": b'{model:"default",' + GOOD_MESSAGES + b"}",
    "nan": b'{"model":"default","temperature":NaN,' + GOOD_MESSAGES + b"}",
    "infinity": b'{"model":"default","temperature":-Infinity,' + GOOD_MESSAGES + b"}",
    "leading-zero": b'{"model":"default","n":01,' + GOOD_MESSAGES + b"}",
    "bare-point": b'{"model":"default","n":1.,' + GOOD_MESSAGES + b"}",
    "plus": b'{"model":"default","n":+1,' + GOOD_MESSAGES + b"}",
    "control-character": b'{"model":"default","user":"a\nb",' + GOOD_MESSAGES + b"}",
    "nul": b'{"model":"default","user":"a\x00b",' + GOOD_MESSAGES + b"}",
    "nul-after": b'{"model":"default",' + GOOD_MESSAGES + b"}\x00",
    "bad-utf8": b'{"model":"default","user":"\xff\xfe",' + GOOD_MESSAGES + b"}",
    "overlong-utf8": b'{"model":"default","user":"\xc0\xaf",' + GOOD_MESSAGES + b"}",
    "bad-escape": b'{"model":"default","user":"\\x41",' + GOOD_MESSAGES + b"}",
    "utf16": '{"model":"default","messages":[]}'.encode("utf-16"),
    "two-models": b'{"model":"default","model":"other",' + GOOD_MESSAGES + b"}",
    "two-models-escaped": b'{"model":"default","\\u006dodel":"x",' + GOOD_MESSAGES + b"}",
    "model-number": b'{"model":5,' + GOOD_MESSAGES + b"}",
    "model-null": b'{"model":null,' + GOOD_MESSAGES + b"}",
    "model-object": b'{"model":{},' + GOOD_MESSAGES + b"}",
    "no-messages": b'{"model":"default"}',
    "messages-null": b'{"model":"default","messages":null}',
    "messages-string": b'{"model":"default","messages":"hi"}',
    "messages-object": b'{"model":"default","messages":{}}',
    "stream-string": b'{"model":"default","stream":"true",' + GOOD_MESSAGES + b"}",
    "stream-number": b'{"model":"default","stream":1,' + GOOD_MESSAGES + b"}",
    "two-streams": b'{"model":"default","stream":true,"stream":false,' + GOOD_MESSAGES + b"}",
    "deep-arrays": b'{"model":"default","messages":[' + b"[" * 100000 + b"]" * 100000 + b"]}",
    "deep-objects": b'{"model":"default","messages":' + b'{"a":' * 100000 + b"1" + b"}" * 100000 + b"}",
    "deep-unclosed": b"[" * 100000,
    "deep-mixed": b'{"a":[' * 50000,
}


@case(limit=90)
def test_bad_bodies(t):
    t.start()
    conn = t.connect()
    for name, body in BAD_BODIES.items():
        response = t.post(body, conn=conn)
        try:
            error = t.error_of(response, 400, "invalid_request")
        except AssertionError as e:
            raise AssertionError(f"body {name}: {e}") from None
        eq(error["type"], "invalid_request_error", f"type of the error ({name})")
        if response.headers.get("connection", "").lower() == "close":
            conn = t.connect()
    eq(t.sim.stats()["requests"], 0, "requests that reached the provider")
    _still_serves(t)


@case()
def test_nesting_that_a_tool_schema_needs(t):
    t.start({"default": ["alpha/one"]})
    deep = b'{"a":' * 60 + b"1" + b"}" * 60
    body = b'{"model":"default",' + GOOD_MESSAGES + b',"tools":[' + deep + b"]}"
    response = t.post(body)
    eq(response.status, 200, "status")
    response.read()
    eq(t.sim.requests()[-1]["body"].encode(), body.replace(b"default", b"one"), "body")


BAD_KEYS = {
    "none": {},
    "empty": {"Authorization": ""},
    "scheme-only": {"Authorization": "Bearer"},
    "scheme-and-blank": {"Authorization": "Bearer "},
    "wrong": {"Authorization": "Bearer wrong-key"},
    "prefix": {"Authorization": f"Bearer {KEY[:-1]}"},
    "longer": {"Authorization": f"Bearer {KEY}x"},
    "other-case": {"Authorization": f"Bearer {KEY.upper()}"},
    "basic": {"Authorization": f"Basic {KEY}"},
    "bare": {"Authorization": KEY},
    "list": {"Authorization": f"Bearer x, Bearer {KEY}"},
    "other-header": {"X-Api-Key": "wrong"},
    "long": {"Authorization": "Bearer " + "k" * 20000},
}


@case()
def test_keys(t):
    t.start()
    for path, method, body in ((CHAT, "POST", t.body()), ("/v1/models", "GET", None),
                               ("/v1/ratelimits", "GET", None)):
        for name, headers in BAD_KEYS.items():
            conn = t.connect()
            conn.request(method, path, headers, body)
            try:
                t.error_of(conn.response(method), 401, "invalid_api_key")
            except AssertionError as e:
                raise AssertionError(f"{method} {path}, key {name}: {e}") from None
            conn.close()
    eq(t.sim.stats()["requests"], 0, "requests that reached the provider")
    conn = t.connect()
    conn.request("GET", "/v1/models", {"authorization": f"bearer   {KEY}"})
    eq(conn.response("GET").status, 200, "the scheme's name is case-insensitive")
    _still_serves(t)


@case()
def test_each_configured_key_opens(t):
    keys = [KEY, "client-key-second", "k"]
    t.start(apiKeys=keys)
    for key in keys:
        eq(t.get("/v1/models", key=key).status, 200, f"status with key {keys.index(key)}")
    eq(t.get("/v1/models", key="client-key-secon").status, 401, "status with a part of a key")


@case()
def test_a_key_in_any_of_its_headers(t):
    t.start()
    bearer = {"Authorization": f"Bearer {KEY}"}
    for status, headers in ((200, {"x-api-key": KEY}), (200, {"API-Key": KEY}),
                            (200, {"Authorization": "Bearer dummy", "x-api-key": KEY}),
                            (200, {**bearer, "x-api-key": "dummy"}),
                            (200, {"x-api-key": "dummy", "api-key": KEY}),
                            (401, {"x-goog-api-key": KEY}), (401, {"x-api-key": f"Bearer {KEY}"}),
                            (401, {"x-api-key": "dummy", "api-key": "dummy"})):
        eq(t.get("/v1/models", key=None, headers=headers).status, status, f"{sorted(headers)}")
    eq(t.get(f"/v1/models?key={KEY}&api_key={KEY}", key=None).status, 401, "a key in the query")


@case()
def test_the_key_is_asked_before_the_body(t):
    """A wrong key is told at once, not after the upload."""
    t.start()
    conn = t.connect()
    conn.request("POST", CHAT, {"Authorization": "Bearer wrong", "Content-Length": "30000000"})
    t.error_of(conn.response(), 401, "invalid_api_key")


@case()
def test_unknown_paths(t):
    t.start()
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1/chat", "/healthy", "/V1/models",
                 "/v1/chat/completions%00", "/../etc/passwd", "/v1/%2e%2e/health", "/api"):
        conn = t.connect()
        conn.request("GET", path, {"Authorization": f"Bearer {KEY}"})
        try:
            t.error_of(conn.response("GET"), 404, "not_found")
        except AssertionError as e:
            raise AssertionError(f"{path}: {e}") from None
        conn.close()
    t.error_of(t.post(t.body(), path="/v1/completion"), 404, "not_found")
    for path in ("/chat/completions", "/v1/v1/chat/completions", "/api/v1/chat/completions/"):
        error = t.error_of(t.post(t.body(), path=path), 404, "not_found")
        assert error["message"].endswith(" /v1/chat/completions"), error


@case()
def test_unknown_methods(t):
    t.start()
    for method, path, allowed in (
        ("GET", CHAT, "POST"), ("GET", CHAT + "/", "POST"), ("GET", "/api/hello", "HEAD"),
        ("POST", "/v1/models/x", "GET"), ("POST", "/", "HEAD"), ("PUT", CHAT, "POST"), ("DELETE", CHAT, "POST"),
        ("PATCH", CHAT, "POST"), ("POST", "/v1/models", "GET"), ("DELETE", "/v1/ratelimits", "GET"),
        ("POST", "/health", "GET"), ("OPTIONS", "/health", "GET"), ("BREW", "/health", "GET"),
        ("get", "/health", "GET"),
    ):
        conn = t.connect()
        body = b"" if method in ("POST", "PUT", "PATCH") else None
        conn.request(method, path, {"Authorization": f"Bearer {KEY}"}, body)
        response = conn.response(method)
        try:
            t.error_of(response, 405, "method_not_allowed")
        except AssertionError as e:
            raise AssertionError(f"{method} {path}: {e}") from None
        allow = [word.strip() for word in response.headers.get("allow", "").split(",")]
        assert allowed in allow and method not in allow, f"{method} {path}: Allow: {allow}"
        conn.close()
    _still_serves(t)


@case()
def test_queries_are_no_part_of_the_path(t):
    """They go on to the provider, less what may be a client's credential."""
    p = t.raw_provider()
    t.start({"default": ["alpha/one"]}, base_urls={"alpha": p.base_url})
    for query, sent in (("", ""), ("?", ""), ("?api-version=2024-10-21&x=%20", "?api-version=2024-10-21&x=%20"),
                        ("?key=s3cret&beta=true&api_key=s3cret&Access_Token=s3cret&%6bey=s3cret",
                         "?beta=true"), ("?key=s3cret", "")):
        conn = t.send(t.body(stream=False), path=CHAT + query)
        x = p.accept()
        eq(x.path, "/v1/chat/completions" + sent, f"path at the provider for {query}")
        x.answer(200, b'{"choices":[{"message":{"content":"x"}}]}')
        eq(conn.response("POST").status, 200, "status")
        conn.close()
    assert "s3cret" not in t.weir.log(), "a credential in the log"


@case()
def test_queries_everywhere(t):
    t.start()
    eq(t.get("/v1/models?limit=3&x=%20").status, 200, "status with a query")
    response = t.post(t.body(stream=False), path=CHAT + "?api-version=2024-10-21")
    eq(response.status, 200, "status of a chat with a query")
    response.read()


@case()
def test_too_large(t):
    """413 as soon as it is known, without reading (or waiting for) the rest."""
    t.start(server={"maxBodyBytes": 100000})
    conn = t.connect()
    conn.request("POST", CHAT, {"Authorization": f"Bearer {KEY}", "Content-Length": "100001"})
    t.error_of(conn.response(), 413, "request_too_large")
    conn = t.connect()
    conn.request("POST", CHAT, {"Authorization": f"Bearer {KEY}",
                                "Content-Length": "999999999999999"})
    t.error_of(conn.response(), 413, "request_too_large")
    conn = t.connect()
    conn.request("POST", CHAT, {"Authorization": f"Bearer {KEY}", "Transfer-Encoding": "chunked"})
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    conn.send(piece)
    conn.send(piece)
    t.error_of(conn.response(), 413, "request_too_large")
    exact = t.body(stream=False, padding="")
    exact = t.body(stream=False, padding="p" * (100000 - len(exact)))
    eq(len(exact), 100000, "length of the case's body")
    response = t.post(exact)
    eq(response.status, 200, "status of a body of exactly maxBodyBytes")
    response.read()
    eq(t.sim.stats()["requests"], 1, "requests that reached the provider")


@case()
def test_a_large_body_that_is_being_sent_gets_its_413(t):
    """The client is still writing when the answer comes: it must be able to read it."""
    t.start(server={"maxBodyBytes": 100000})
    conn = t.connect()
    conn.request("POST", CHAT, {"Authorization": f"Bearer {KEY}", "Content-Length": "20000000"})
    try:
        for _ in range(20):
            conn.send(b"x" * 100000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        t.error_of(conn.response(), 413, "request_too_large")
    except ConnectionResetError:
        raise AssertionError("the answer was lost: weir reset the connection") from None


@case()
def test_too_large_headers(t):
    t.start(server={"maxHeaderBytes": 8192})
    for what, head in {
        "a long header": b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n",
        "an endless header": b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20000,
        "many headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1300 + b"\r\n",
        "200 headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        "a long path": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    }.items():
        conn = t.connect()
        conn.send(head)
        try:
            t.error_of(conn.response("GET"), 431, "headers_too_large")
        except AssertionError as e:
            raise AssertionError(f"{what}: {e}") from None
        assert conn.is_closed_by_peer(5), f"{what}: the connection stays open"
    conn = t.connect()
    conn.send(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 8000 + b"\r\n\r\n")
    eq(conn.response("GET").status, 200, "status with headers below the limit")
    _still_serves(t)


@case()
def test_slow_headers(t):
    """An absolute deadline: a byte now and then does not push it."""
    t.start(server={"clientHeaderTimeoutMs": 1000})
    conn = t.connect()
    began = time.monotonic()
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
    conn.send(head)
    conn.sock.settimeout(0.1)
    while not conn.buffer and time.monotonic() - began < 8 * SLOW:
        conn.send(b"a")
        try:
            if not conn.fill():
                break
        except (TimeoutError, OSError):
            pass
    between(time.monotonic() - began, 0.9, 2.5 * SLOW, "seconds until the answer")
    conn.sock.settimeout(5)
    t.error_of(conn.response("GET"), 408, "request_timeout")
    assert conn.is_closed_by_peer(5), "the connection stays open"
    _still_serves(t)


@case()
def test_slow_body(t):
    t.start(server={"clientBodyTimeoutMs": 1000})
    conn = t.connect()
    conn.request("POST", CHAT, {"Authorization": f"Bearer {KEY}", "Content-Length": "100"})
    began = time.monotonic()
    conn.send(b'{"model"')
    t.error_of(conn.response(), 408, "request_timeout")
    between(time.monotonic() - began, 0.9, 2.5 * SLOW, "seconds until the answer")
    assert conn.is_closed_by_peer(5), "the connection stays open"


@case()
def test_a_connection_without_a_request_is_closed_silently(t):
    t.start(server={"clientHeaderTimeoutMs": 700, "keepAliveTimeoutMs": 700})
    assert t.connect().is_closed_by_peer(5), "a fresh one"
    conn = t.connect()
    eq(t.get("/health", conn=conn).status, 200, "status")
    assert conn.is_closed_by_peer(5), "one that was kept alive"


@case()
def test_the_first_answer_of_all_entries_comes_back(t):
    """Every entry tried answered 400, 404, 413 or 422: the first one's status and body."""
    t.start()
    for first, second in ((400, 422), (404, 404), (413, 400), (422, 413)):
        t.sim.script("one", [f"status={first},error-message=words-of-one,error-code=code_of_one"])
        t.sim.script("two", [f"status={second},error-message=words-of-two"])
        for is_stream in (True, False):
            response = t.chat(is_stream)
            error = json.loads(response.read())["error"]
            eq(response.status, first, "status")
            eq((error["message"], error["code"]), ("words-of-one", "code_of_one"), "error")
    t.sim.script("two", ["status=500"])
    t.error_of(t.chat(), 503, "all_providers_exhausted")


@case()
def test_a_body_that_one_entry_refuses_goes_to_the_next(t):
    t.start()
    t.sim.script("one", ["status=400"])
    s = t.stream()
    eq(s.headers["x-weir-provider"], "beta/two", "provider")
    row = t.row()
    eq((row["status"], row["midStreamFailures"]), ("available", 0), "row")


FILTERS = {
    "code-policy": "error-code=content_policy_violation",
    "code-filter": "error-code=content_filter",
    "type-filter": "error-type=content_filter",
    "responsible-ai": "error-code=ResponsibleAIPolicyViolation",
}


@case(params=FILTERS.items())
def test_a_content_filter_is_never_routed_around(t, fault):
    t.start()
    t.sim.script("one", [f"status=400,{fault},error-message=not-this"])
    for is_stream in (True, False):
        response = t.chat(is_stream)
        eq(response.status, 400, "status")
        eq(json.loads(response.read())["error"]["message"], "not-this", "message")
    eq(t.sim.model_stats("two")["requests"], 0, "requests to the next entry")
    eq(t.row()["status"], "available", "status")


@case()
def test_a_503_says_why_for_each_pair(t):
    t.start({"default": ["alpha/one", "beta/two", "gamma/three"]})
    t.sim.script("one", ["status=500"])
    t.sim.script("two", ["reset"])
    t.ctl("cooldown", "gamma", "three", "9", "maintenance-window")
    response = t.chat()
    error = t.error_of(response, 503, "all_providers_exhausted")
    for word in ("alpha/one", "500", "beta/two", "gamma/three", "cooldown"):
        assert word in error["message"], f"{word!r} is not in {error['message']!r}"
    between(int(response.headers["retry-after"]), 8, 9, "Retry-After")
    eq(response.headers["x-weir-attempts"], "3", "attempts")


@case()
def test_no_retry_after_without_a_cooldown(t):
    t.start()
    for model in ("one", "two"):
        t.sim.script(model, ["status=500"])
    response = t.chat()
    t.error_of(response, 503, "all_providers_exhausted")
    assert "retry-after" not in response.headers, "Retry-After where nothing rests"


@case()
def test_a_client_that_leaves_within_a_providers_error_counts_nothing(t):
    """Between the head of a 429 and its body: no cooldown, and trackerd goes on hearing of this worker."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url}, server={"workers": 1})
    for _ in range(3):
        conn = t.send_chat(stream=False)
        x = p.accept()
        x.send(b"HTTP/1.1 429 X\r\nRetry-After: 60\r\nContent-Length: 100\r\n\r\n{")
        assert not x.conn.is_closed_by_peer(0.1), "weir waits for the body"
        conn.close()
        assert x.wait_aborted() is not None, "the provider's request goes on"
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta("some"))
    x.reset()
    eq(conn.response().status, 200, "status of a stream that breaks")
    t.wait_row("alpha/one", midStreamFailures=1, cooldowns=0, status="available")


@case()
def test_descriptors_come_back(t):
    """Whatever clients do, no worker keeps a descriptor for it."""
    t.start(server={"workers": 1})
    worker = t.weir.children()[0]
    t.sim.script("one", ["cut=1", "status=500", "stall=1", "ok"], repeat="loop")
    t.sim.script("two", ["ok"])
    t.ctl("clear", "--all")

    def round_of_requests():
        for _ in range(8):
            conn = t.send_chat()
            response = conn.response()
            if response.status == 200:
                next(response.events())
            conn.close()
            t.ctl("clear", "--all")
        for body in (b"{", b'{"model":1}'):
            t.post(body).conn.close()
        t.sim.wait(active=0)
    round_of_requests()
    settled = wait_until(lambda: descriptors(worker), 1)
    for _ in range(3):
        round_of_requests()
    # Pooled connections to the provider may stay: a few, not some for each request.
    wait_until(lambda: descriptors(worker) <= settled + 6, 5,
               f"descriptors {descriptors(worker)}, {settled} before")
