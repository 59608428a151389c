# SPDX-License-Identifier: MIT
"""The request body goes upstream byte for byte, the model's value replaced in place (CONTRACT 4.1)."""

import gzip
import hashlib
import json
import select
import shutil
import subprocess
import time
import zlib

from daemons import MEMORY, SLOW
from weirtest import KEY, Skipped, between, case, eq

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'
OPTIONS = b'"stream_options":{"include_usage":true}'


def _sent(t, body, headers=None):
    """What the provider got for this body."""
    response = t.post(body, headers=headers)
    answer = response.read()
    eq(response.status, 200, f"status ({answer[:200]!r})")
    return t.sim.requests()[-1]["body"].encode()


def _without_options(body):
    """The body without the stream_options that weir has added, wherever it put them."""
    assert body.count(OPTIONS) == 1, f"stream_options: {body!r}"
    for pattern in (OPTIONS + b",", b"," + OPTIONS):
        if pattern in body:
            return body.replace(pattern, b"", 1)
    raise AssertionError(f"no comma beside the stream_options: {body!r}")


# @@ is where the model's value stands.
EXACT = {
    "plain": b'{"model":@@,' + MESSAGES + b"}",
    "numbers": b'{"model":@@,"seed":12345678901234567890,"temperature":0.10,"top_p":1E-2,'
               b'"x":-0,"y":-0.0,"z":123456789012345678901234567890.5e+10,' + MESSAGES + b"}",
    "unknown-members": b'{"zz":null,"model":@@,' + MESSAGES + b',"vendor":{"b":[1, 2],"a":{}}}',
    "white-space": b' \r\n\t{ "model"\t:\n @@ ,\r\n ' + MESSAGES + b' , "user" : "u" }\n\n ',
    "model-last": b"{" + MESSAGES + b',"model":@@}',
    "nested-models": b'{"metadata":{"model":"inner"},"tools":[{"model":"default"}],"model":@@,'
                     + MESSAGES + b"}",
    "duplicates-elsewhere": b'{"model":@@,"a":1,"a":2,' + MESSAGES + b"}",
    "escapes": b'{"model":@@,"messages":[{"role":"user","content":"\\u00e9\\/\\ud83d\\ude80'
               b'\\"model\\":\\"x\\" \xc3\xa9 \xf0\x9f\x9a\xb0"}]}',
    "model-in-content": b'{"messages":[{"role":"user","content":"\\\\\\"model\\": \\"default\\""}],'
                        b'"model":@@}',
    "stream-false": b'{"model":@@,"stream":false,' + MESSAGES + b"}",
    "stream-null": b'{"model":@@,"stream":null,' + MESSAGES + b"}",
    "empty-messages": b'{"model":@@,"messages":[]}',
    "options-without-stream": b'{"model":@@,"stream_options":null,' + MESSAGES + b"}",
}


@case(params=EXACT.items())
def test_exact(t, template):
    t.start({"default": ["alpha/m-one"]})
    for name in (b'"default"', b'"no-such-chain"', b'"def\\u0061ult"', b'""'):
        sent = _sent(t, template.replace(b"@@", name))
        eq(sent, template.replace(b"@@", b'"m-one"'), "body at the provider")


@case()
def test_an_escaped_key_is_the_model(t):
    t.start({"default": ["alpha/one"], "other": ["alpha/two"]})
    sent = _sent(t, b'{"mod\\u0065l":"\\u006fther",' + MESSAGES + b"}")
    eq(sent, b'{"mod\\u0065l":"two",' + MESSAGES + b"}", "body at the provider")


@case()
def test_a_missing_model_is_added(t):
    t.start({"default": ["alpha/one"]})
    sent = json.loads(_sent(t, b"{" + MESSAGES + b"}"))
    eq(sent, {"model": "one", "messages": [{"role": "user", "content": "hi"}]}, "document")


@case()
def test_each_entry_gets_its_own_model(t):
    t.start({"default": ["alpha/one", "beta/vendor/two-long-name"]})
    t.sim.script("one", ["status=500"])
    body = b'{"seed":1.00,"model":"default",' + MESSAGES + b"}"
    eq(_sent(t, body), body.replace(b"default", b"vendor/two-long-name"), "second body")
    eq(t.sim.requests()[-2]["body"].encode(), body.replace(b"default", b"one"), "first body")


@case()
def test_a_model_name_that_needs_escaping(t):
    name = 'a"b\\c\u00e9'
    t.start({"default": [f"alpha/{name}"]})
    eq(json.loads(_sent(t, b'{"model":"x",' + MESSAGES + b"}"))["model"], name, "model")


@case()
def test_stream_options_are_added_to_a_stream(t):
    t.start({"default": ["alpha/one"]})
    for body in (
        b'{"model":"default","stream":true,' + MESSAGES + b"}",
        b' {\n "stream" : true, ' + MESSAGES + b',"seed":0.10, "model":"default" } ',
    ):
        sent = _sent(t, body)
        plain = _without_options(sent)
        eq(b"".join(plain.split()), b"".join(body.replace(b"default", b"one").split()), "the rest")
        json.loads(sent)
    assert t.stream().usage is None, "usage that only weir asked for"
    s = t.stream(stream_options={"include_usage": True})
    assert s.usage and s.usage["total_tokens"] > 0, "usage arrives"


@case()
def test_stream_options_of_the_client_stay(t):
    t.start({"default": ["alpha/one"]})
    for options in (b'{"include_usage":false}', b"{ }", b'{"include_usage" : true}', b"null"):
        body = b'{"model":"one","stream":true,"stream_options":' + options + b"," + MESSAGES + b"}"
        eq(_sent(t, body), body, "body at the provider")


@case()
def test_a_chunked_request_body(t):
    t.start({"default": ["alpha/one"]})
    body = b'{"model":"default","seed":12345678901234567890,' + MESSAGES + b"}"
    conn = t.connect()
    conn.request("POST", "/v1/chat/completions",
                 {"Authorization": f"Bearer {KEY}", "Transfer-Encoding": "chunked"})
    for at in range(0, len(body), 7):
        piece = body[at:at + 7]
        conn.send(b"%X;ext=1\r\n%s\r\n" % (len(piece), piece))
    conn.send(b"0\r\nX-Trailer: ignored\r\n\r\n")
    response = conn.response()
    eq(response.status, 200, "status")
    response.read()
    sent = t.sim.requests()[-1]
    eq(sent["body"].encode(), body.replace(b"default", b"one"), "body at the provider")
    assert "transfer-encoding" not in sent["headers"], "framing of the client is not forwarded"
    assert "x-trailer" not in sent["headers"]
    eq(t.get("/health", conn=conn).status, 200, "the connection goes on")


@case()
def test_a_body_a_byte_at_a_time(t):
    t.start({"default": ["alpha/one"]})
    body = b'{"model":"default",' + MESSAGES + b"}"
    conn = t.connect()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    for n in head + body:
        conn.send(bytes([n]))
    response = conn.response()
    eq(response.status, 200, "status")
    response.read()
    eq(t.sim.requests()[-1]["body"].encode(), body.replace(b"default", b"one"), "body")


@case()
def test_a_body_of_ten_megabytes(t):
    t.start({"default": ["alpha/one"]})
    image = b"A" * (10 << 20)
    body = b'{"model":"default","messages":[{"role":"user","content":"' + image + b'"}]}'
    response = t.post(body)
    eq(response.status, 200, "status")
    response.read()
    sent = t.sim.requests()[-1]
    expected = body.replace(b"default", b"one", 1)
    eq(sent["body_length"], len(expected), "length at the provider")
    eq(sent["body_sha256"], hashlib.sha256(expected).hexdigest(), "checksum at the provider")


@case()
def test_a_big_body_over_two_entries(t):
    """The body outlives the first attempt."""
    t.start()
    t.sim.script("one", ["slow-read,status=500"])
    body = t.body(stream=False, padding="p" * 300000)
    response = t.post(body)
    eq(response.status, 200, "status")
    eq(response.headers["x-weir-provider"], "beta/two", "provider")
    sent = t.sim.requests("two")[-1]
    eq(sent["body_length"], len(body) - len("default") + len("two"), "length at the provider")


@case()
def test_headers_upstream(t):
    """Provider's key, request id, and none of the client's own."""
    t.start({"default": ["alpha/one"]})
    response = t.post(t.body(stream=False), headers={
        "X-Request-Id": "req-client-77", "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1",
        "OpenAI-Organization": "org", "Accept-Encoding": "gzip", "TE": "trailers",
    })
    response.read()
    eq(response.headers["x-request-id"], "req-client-77", "X-Request-Id of the answer")
    sent = t.sim.requests()[-1]
    eq(sent["path"], "/v1/chat/completions", "path")
    eq(sent["headers"]["authorization"], "Bearer provider-secret-alpha", "key at the provider")
    eq(sent["headers"]["x-request-id"], "req-client-77", "X-Request-Id at the provider")
    eq(sent["headers"]["content-type"].split(";")[0], "application/json", "content type")
    assert "cookie" not in sent["headers"], "the client's cookie went upstream"
    assert KEY not in json.dumps(sent["headers"]), "the client's key went upstream"
    assert sent["headers"].get("accept-encoding", "identity") == "identity", "accept-encoding"
    assert "expect" not in sent["headers"], "Expect upstream"


@case()
def test_request_ids(t):
    """A sane one is kept; anything else is replaced; without one there is a new one each time."""
    t.start({"default": ["alpha/one"]})
    seen = set()
    for _ in range(3):
        response = t.chat(stream=False)
        response.read()
        seen.add(response.headers["x-request-id"])
        eq(t.sim.requests()[-1]["headers"]["x-request-id"], response.headers["x-request-id"], "upstream")
    eq(len(seen), 3, "different ids")
    for bad in ("", "a b", "x" * 300, 'q"uote', "semi;colon<script>", "\xe9"):
        response = t.post(t.body(stream=False), headers={"X-Request-Id": bad})
        response.read()
        eq(response.status, 200, f"status with {bad[:20]!r}")
        assert response.headers["x-request-id"] not in ("", bad), f"{bad[:20]!r} was kept"
    eq(t.get("/nothing").headers.get("x-request-id") is not None, True, "X-Request-Id of an error")


# ---- coded bodies --------------------------------------------------------------------------------


def _raw_deflate(data):
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    return z.compress(data) + z.flush()


def _zstd(data, *options):
    if not shutil.which("zstd"):
        raise Skipped("no zstd command")
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


CODINGS = {
    "gzip": gzip.compress, "x-gzip": gzip.compress, "GZIP": gzip.compress, "deflate": zlib.compress,
    "deflate,raw": _raw_deflate, "zstd": _zstd, "identity": lambda data: data, "": lambda data: data,
    "gzip,members": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
}


@case(params=[(name, (name.split(",")[0], encode)) for name, encode in CODINGS.items()])
def test_a_coded_body(t, param):
    """It goes upstream decoded, byte for byte; counted, chunked, and behind a 100."""
    t.start({"default": ["alpha/m-one"]})
    word, encode = param
    plain = EXACT["escapes"].replace(b"@@", b'"default"')
    coded = encode(plain)
    eq(_sent(t, coded, {"Content-Encoding": word}), plain.replace(b'"default"', b'"m-one"'), "upstream")
    conn = t.connect()
    conn.request("POST", "/v1/chat/completions", {
        "Authorization": f"Bearer {KEY}", "Content-Encoding": word, "Transfer-Encoding": "chunked"})
    for at in range(len(coded)):
        conn.send(b"1\r\n" + coded[at:at + 1] + b"\r\n")
    conn.send(b"0\r\n\r\n")
    eq(conn.response().status, 200, "status of a chunked one")
    eq(t.sim.requests()[-1]["body"].encode(), plain.replace(b'"default"', b'"m-one"'), "chunked, upstream")
    assert "content-encoding" not in {k.lower() for k in t.sim.requests()[-1].get("headers", {})}


@case()
def test_codings_that_are_refused(t):
    t.start()
    plain = t.body(False)
    for headers, body, status, code in (
        ({"Content-Encoding": "br"}, plain, 415, "unsupported_encoding"),
        ({"Content-Encoding": "compress"}, plain, 415, "unsupported_encoding"),
        ({"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(plain)), 415, "unsupported_encoding"),
        ({"Content-Encoding": "identity, gzip"}, gzip.compress(plain), 415, "unsupported_encoding"),
        ({"Content-Encoding": "gzip", "content-encoding": "deflate"}, plain, 415, "unsupported_encoding"),
        ({"Content-Encoding": "gzip"}, plain, 400, "invalid_request"),
        ({"Content-Encoding": "gzip"}, gzip.compress(plain)[:-3], 400, "invalid_request"),
        ({"Content-Encoding": "gzip"}, gzip.compress(plain) + b"{}", 400, "invalid_request"),
        ({"Content-Encoding": "deflate"}, gzip.compress(plain), 400, "invalid_request"),
        ({"Content-Encoding": "zstd"}, plain, 400, "invalid_request"),
        ({}, gzip.compress(plain), 400, "invalid_request"),
    ):
        response = t.post(body, headers=headers)
        t.error_of(response, status, code)
        if status == 415:
            eq(response.headers.get("accept-encoding"), "gzip, deflate, zstd", "what weir takes")
    eq(t.sim.stats()["requests"], 0, "requests that reached the provider")
    t.error_of(t.post(gzip.compress(plain), key="wrong", headers={"Content-Encoding": "br"}), 401,
               "invalid_api_key")


@case()
def test_a_zstd_window(t):
    """Up to 8 MiB, and no larger: what a decoder must hold is the sender's choice."""
    t.start({"default": ["alpha/m-one"]})
    plain = b'{"model":"default","user":"' + b"u" * (9 << 20) + b'",' + MESSAGES + b"}"
    for log, status in ((23, 200), (24, 415)):
        coded = _zstd(plain, "--no-check", f"--zstd=wlog={log}", "--no-content-size")
        response = t.post(coded, headers={"Content-Encoding": "zstd"})
        if status == 200:
            eq(response.status, 200, "status")
            response.read()
        else:
            t.error_of(response, status, "unsupported_encoding")


@case()
def test_a_connection_after_a_coded_body(t):
    """Refused or served, it goes on, also with what was sent ahead."""
    t.start()
    conn = t.connect()
    for body, status in ((gzip.compress(t.body(False)), 200), (b"no gzip", 400),
                         (gzip.compress(b" " * (2 << 20) + t.body(False)), 200)):
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
                f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        conn.send(head + body + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        response = conn.response()
        eq(response.status, status, "status")
        response.read()
        eq(conn.response("GET").json()["status"], "ok", "the request behind it")


@case(params=[("of-json", b'{"model":"default","user":"'), ("of-blanks", b"")], alone=True, limit=90)
def test_a_bomb(t, first):
    """30 KB that are 100 MB: 413, others in that worker hardly wait, memory stays bounded."""
    t.start(server={"workers": 1})
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = z.compress(first) + b"".join(z.compress(b" " * (1 << 20)) for _ in range(100)) + z.flush()
    before = t.weir.rss_bytes()
    conn = t.send(bomb, headers={"Content-Encoding": "gzip"})
    worst = 0.0
    while not select.select([conn.sock], [], [], 0)[0]:
        started = time.monotonic()
        eq(t.get("/health").status, 200, "health")
        worst = max(worst, time.monotonic() - started)
    t.error_of(conn.response(), 413, "request_too_large")
    between(worst, 0, 0.2 * SLOW, "s that another request waited")
    between((t.weir.rss_bytes() - before) / (1 << 20), 0, 80 * MEMORY, "MB more")


@case()
def test_a_client_that_leaves_while_its_body_is_decoded(t):
    t.start(server={"workers": 1})
    bomb = gzip.compress(b" " * (30 << 20))
    for _ in range(20):
        conn = t.send(bomb, headers={"Content-Encoding": "gzip"})
        conn.reset()
    eq(t.get("/health").status, 200, "health")
    eq(t.sim.stats()["requests"], 0, "requests that reached the provider")
