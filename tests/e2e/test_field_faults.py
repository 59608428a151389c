# SPDX-License-Identifier: MIT
"""What providers were seen to do in the field (CONTRACT 4.2, 4.3, 5.1): whose fault an error is,
wherever it stands; which ends prove an answer; what is content and what is JSON. Over plain HTTP
and TLS, for weir has a client for each. Every row of a table has a pair of its own, tried before
beta/two, and alone in a chain of its own."""

import json
import threading

import certs
import rawhttp
from daemons import SLOW, wait_until
from rawprovider import CLOSE_HEAD, DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, event
from weirtest import between, case, eq, messages_matching

TRANSPORTS = [("http", "http"), ("https", "https")]
MB = 1 << 20
WHOLE = "".join(f"t{n} " for n in range(10))


def _start(t, transport, n_rows):
    t.start_sim()
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server() if transport == "https" else None)
    chains = {"quick": ["beta/two"]}
    for n in range(n_rows):
        chains[f"row-{n}"] = [f"alpha/m{n}", "beta/two"]
        chains[f"alone-{n}"] = [f"alpha/m{n}"]
    t.start(chains=chains, base_urls={"alpha": p.base_url, "beta": t.sim.base_url},
            providers={"alpha": {"caFile": authority.path}})
    return p


def _head(status, headers=(), kind="application/json"):
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", "Connection: close"]
    return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in headers)]).encode() + b"\r\n"


def _ask(t, p, chain, stream, answer):
    """One request of the chain, whose first entry answers so."""
    conn = t.send_chat(stream, chain)
    exchange = p.accept()
    exchange.send(answer)
    exchange.close()
    return conn.response()


def _whole(status, body, headers=()):
    return _head(status, [*headers, ("Content-Length", len(body))]) + b"\r\n" + body


def _streamed(events, headers=()):
    return (_head(200, [*headers, ("Transfer-Encoding", "chunked")], "text/event-stream") + b"\r\n" +
            chunk(events) + LAST_CHUNK)


def _error(**members):
    return json.dumps({"error": members}).encode()


def _is_served_by_beta(response, stream):
    eq(response.headers.get("x-weir-provider"), "beta/two", "provider")
    if stream:
        s = rawhttp.Stream(response)
        eq((s.text, s.is_done, s.errors), (WHOLE, True, []), "the other entry's answer")
    else:
        eq(response.status, 200, "status")


def _has_no_trace(t, pair):
    row = t.row(pair)
    eq((row["status"], row["midStreamFailures"], row["cooldowns"], row["failures"]),
       ("available", 0, 0, 0), f"row of {pair}")


# ---- one judge -----------------------------------------------------------------------------------

TOO_LONG = b"This model's maximum context length is 8192 tokens."
TOO_LARGE = "Request too large for m on tokens per min (TPM): Limit 30000, Requested 342389."

# (status, headers, body); 200 in a stream is its first event
REQUESTS_FAULT = [
    (200, (), _error(code=400, message=TOO_LONG.decode())),
    (200, (), _error(code="context_length_exceeded", message="no")),
    (200, (), _error(code=400, message="no", type="server_error")),
    (200, (), b'{"choices":null,"error_type":"invalid_request_error","error_message":"no"}'),
    (200, (), _error(message=f"TPM: {TOO_LARGE}")),
    (429, [("x-ratelimit-remaining-tokens", 29990), ("retry-after", 9)],
     _error(message=TOO_LARGE, code="rate_limit_exceeded", type="tokens")),
    (402, (), _error(message="This request requires more credits, or fewer max_tokens.")),
    (413, (), _error(message="no")),
    (500, (), _error(message=TOO_LONG.decode())),
    (422, (), b'{"detail":[{"msg":"Field required"}]}'),
]


@case(params=TRANSPORTS, limit=120)
def test_a_fault_of_the_request_leaves_no_trace(t, transport):
    """The next entry, unseen; when all say so, the first one's words as a 4xx."""
    p = _start(t, transport, len(REQUESTS_FAULT))
    for n, (status, headers, body) in enumerate(REQUESTS_FAULT):
        for stream in (True, False):
            answer = (_streamed(event(body), headers) if stream and status == 200
                      else _whole(status, body, headers))
            for _ in range(3 if stream else 1):
                _is_served_by_beta(_ask(t, p, f"row-{n}", stream, answer), stream)
            response = _ask(t, p, f"alone-{n}", stream, answer)
            eq(response.read(), body, "the provider's words")
            eq(response.status, status if 400 <= status < 500 else 400, f"status for row {n}")
        _has_no_trace(t, f"alpha/m{n}")


REFUSED = [
    (403, b'{"code":"forbidden","error":"Content violates usage guidelines. Team: x"}'),
    (403, _error(code=403, message="m requires moderation on P. Your input was flagged for \"x\".")),
    (400, _error(code="content_filter", message="no")),
    (400, _error(message="no", innererror={"code": "ResponsibleAIPolicyViolation"})),
    (500, _error(code="content_policy_violation", message="no")),
    (200, _error(type="content_filter", message="no")),
    (200, b'{"code":1301,"message":"System detected potentially unsafe or sensitive content in input"}'),
]


@case(params=TRANSPORTS, limit=120)
def test_refused_content_goes_back_at_once(t, transport):
    p = _start(t, transport, len(REFUSED) + 1)
    for n, (status, body) in enumerate(REFUSED):
        for stream in (True, False):
            answer = _streamed(event(body)) if stream and status == 200 else _whole(status, body)
            response = _ask(t, p, f"row-{n}", stream, answer)
            eq(response.read(), body, "the provider's words")
            eq(response.status, status if 400 <= status < 500 else 400, f"status for row {n}")
        _has_no_trace(t, f"alpha/m{n}")
    eq(t.sim.model_stats("two")["requests"], 0, "requests of the other entry")
    assert not [r for r in messages_matching(t.weir.log(), "failed") if r["level"] == "error"], "an alarm"
    bare = _whole(403, b'{"error":"forbidden"}')
    _is_served_by_beta(_ask(t, p, f"row-{len(REFUSED)}", True, bare), True)
    t.wait_row(f"alpha/m{len(REFUSED)}", status="exhausted")


LOAD = [
    _error(message="rate limited", code="rate_limit_exceeded"),
    _error(message="slow", code=429),
    _error(message="slow", code="429"),
    _error(message="slow", type="rate_limit_error"),
    _error(message="slow", status="RESOURCE_EXHAUSTED"),
]


@case(params=TRANSPORTS, limit=120)
def test_a_rate_limit_told_inside_a_200_is_one(t, transport):
    """Three rows for each: before content, behind content, in a whole answer."""
    p = _start(t, transport, 3 * len(LOAD) + 1)
    for n, body in enumerate(LOAD):
        wait = [("Retry-After", 30)]
        places = [(True, _streamed(event(body), wait)), (False, _whole(200, body, wait)),
                  (True, _streamed(event(delta("t")) + event(body) + DONE, wait))]
        for i, (stream, answer) in enumerate(places):
            response = _ask(t, p, f"row-{3 * n + i}", stream, answer)
            if i < 2:
                _is_served_by_beta(response, stream)
            else:
                error = rawhttp.Stream(response).error
                eq(error["code"], "stream_error", "code")
                assert error["message"].startswith(f"alpha/m{3 * n + i}: provider returned error: "), error
            row = t.wait_row(f"alpha/m{3 * n + i}", status="exhausted", midStreamFailures=0)
            between(row["cooldownRemainingMs"], 30000 - 8000 * SLOW, 30000, "rest")
    # words alone never rest a pair
    words = _streamed(event(_error(message="rate limit exceeded")), [("Retry-After", 30)])
    _is_served_by_beta(_ask(t, p, f"row-{3 * len(LOAD)}", True, words), True)
    t.wait_row(f"alpha/m{3 * len(LOAD)}", status="available", midStreamFailures=1)


@case(params=TRANSPORTS)
def test_googles_refused_key_is_a_key(t, transport):
    p = _start(t, transport, 1)
    body = json.dumps([{"error": {
        "code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    }}]).encode()
    _is_served_by_beta(_ask(t, p, "row-0", False, _whole(400, body)), False)
    t.wait_row("alpha/m0", status="exhausted")
    wait_until(lambda: [r for r in messages_matching(t.weir.log(), "failed") if r["level"] == "error"],
               what="the alarm")


@case(params=TRANSPORTS)
def test_the_words_of_a_4xx_among_others(t, transport):
    p = _start(t, transport, 1)
    t.sim.script("two", ["status=500"])
    response = _ask(t, p, "row-0", True, _whole(400, _error(message="tools are not for you")))
    error = t.error_of(response, 503, "all_providers_exhausted")
    assert "alpha/m0" in error["message"] and "beta/two" in error["message"], error
    assert "tools are not for you" in error["message"], error


# ---- the end is proved ---------------------------------------------------------------------------

ROLE = event(delta(role="assistant"))
TEXT = event(delta("t"))
STOP = event(delta(finish="stop"))
SHAPES = [
    b'{"errors":[{"message":"it-broke-42"}],"success":false}',
    b'{"detail":"it-broke-42"}',
    b'{"code":1234,"message":"it-broke-42"}',
    b'{"choices":null,"error_type":"server_error","error_message":"it-broke-42"}',
    b'{"object":"error","message":"it-broke-42"}',
    b'[{"error":{"message":"it-broke-42"}}]',
]
NO_ENDS = ["error", "insufficient_system_resource", "network_error", "malformed_function_call", "abort"]

BEFORE_CONTENT = (
    [DONE, ROLE + DONE, event(b'{"choices":[]}') + DONE, b": queued\n\n" + DONE, b""] +
    [event(delta(finish=why)) + DONE for why in NO_ENDS] +
    [event(shape) + DONE for shape in SHAPES])


@case(params=TRANSPORTS, limit=120)
def test_an_end_that_proves_nothing_before_content(t, transport):
    p = _start(t, transport, len(BEFORE_CONTENT))
    for n, events in enumerate(BEFORE_CONTENT):
        answer = STREAM_HEAD + (chunk(events) if events else b"") + LAST_CHUNK
        _is_served_by_beta(_ask(t, p, f"row-{n}", True, answer), True)
        t.wait_row(f"alpha/m{n}", midStreamFailures=1)


BEHIND_CONTENT = (
    [(TEXT + event(delta("u", index=1)) + STOP + DONE, "stream_truncated"),
     (TEXT + STOP + event(delta("B")) + DONE, "stream_truncated"),
     (TEXT, "stream_truncated")] +
    [(TEXT + event(delta(finish=why)) + DONE, "stream_error") for why in NO_ENDS] +
    [(TEXT + event(shape) + DONE, "stream_error") for shape in SHAPES])


@case(params=TRANSPORTS, limit=120)
def test_an_end_that_proves_nothing_behind_content(t, transport):
    p = _start(t, transport, len(BEHIND_CONTENT) + 1)
    for n, (events, code) in enumerate(BEHIND_CONTENT):
        s = rawhttp.Stream(_ask(t, p, f"row-{n}", True, STREAM_HEAD + chunk(events) + LAST_CHUNK))
        assert s.text.startswith("t") and not s.is_done, f"row {n}: {s.events}"
        eq((s.error["code"], s.error["type"]), (code, "server_error"), f"error of row {n}")
        assert s.error["message"].startswith(f"alpha/m{n}: provider returned error: "), s.error
        eq("it-broke-42" in s.error["message"], b"it-broke-42" in events, "the provider's words")
        t.wait_row(f"alpha/m{n}", midStreamFailures=1, successes=0)
    # stop on "A", then content "B", then a reset
    n = len(BEHIND_CONTENT)
    conn = t.send_chat(True, f"row-{n}")
    exchange = p.accept()
    exchange.send(STREAM_HEAD + chunk(event(delta("A")) + STOP + event(delta("B"))))
    response = conn.response()
    events = response.events()
    while b'"B"' not in (next(events).data or b""):
        pass
    exchange.reset()
    last = [e for e in events if e.data][-1]
    assert "provider returned error: connection lost" in json.loads(last.data)["error"]["message"], last
    t.wait_row(f"alpha/m{n}", midStreamFailures=1)


CLEAN = [
    event(delta("A")) + STOP + event(delta("B")) + STOP + DONE,
    TEXT + event(delta("u", index=1)) + event(delta(finish="length", index=1)) + STOP + DONE,
    TEXT + event(delta(finish="yet_to_come")) + DONE,
    TEXT + STOP + event(b'{"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{"a":1}}]}') + DONE,
    event(b'{"choices":[],"prompt_filter_results":[]}') + TEXT + STOP + DONE,
]


@case(params=TRANSPORTS)
def test_an_end_that_is_one(t, transport):
    p = _start(t, transport, len(CLEAN))
    for n, events in enumerate(CLEAN):
        response = _ask(t, p, f"row-{n}", True, STREAM_HEAD + chunk(events) + LAST_CHUNK)
        eq(response.read(), events, f"row {n}")
        row = t.wait_row(f"alpha/m{n}", successes=1)
        eq((row["midStreamFailures"], row["failures"]), (0, 0), "row")


NO_ANSWERS = (
    [b'{"choices":[]}', b'{"choices":[{"message":null}]}', b'{"data":[]}', b'{"data":[{"embedding":[1]}]}',
     b'{"choices":[{"message":{"content":"x"}},{"index":1}]}', b"{}", b"[]"] +
    [json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": why}]}).encode() for why in NO_ENDS] +
    SHAPES)


@case(params=TRANSPORTS, limit=120)
def test_a_whole_answer_that_is_none(t, transport):
    p = _start(t, transport, len(NO_ANSWERS))
    for n, body in enumerate(NO_ANSWERS):
        _is_served_by_beta(_ask(t, p, f"row-{n}", False, _whole(200, body)), False)
        row = t.wait_row(f"alpha/m{n}", failures=1)
        eq((row["midStreamFailures"], row["status"]), (0, "available"), f"row {n}")


# ---- what is content, what is JSON ---------------------------------------------------------------

MEMBERS = [
    {"audio": {"id": "a", "data": "AAAA"}},
    {"images": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
    {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    {"thinking_blocks": [{"thinking": "hm"}]},
    {"annotations": [{"type": "url_citation"}]},
    {"yet_to_come": {"a": [1]}},
]


@case(params=TRANSPORTS)
def test_any_member_that_says_something_is_content(t, transport):
    """It goes out at once, while the provider says no more."""
    p = _start(t, transport, len(MEMBERS))
    for n, members in enumerate(MEMBERS):
        conn = t.send_chat(True, f"row-{n}")
        exchange = p.accept()
        first = event(delta(**members))
        exchange.send(STREAM_HEAD + chunk(ROLE) + chunk(first))
        response = conn.response()
        eq(response.headers["x-weir-provider"], f"alpha/m{n}", "provider")
        exchange.end_stream()
        eq(response.read(), ROLE + first + STOP + DONE, f"row {n}")
        t.wait_row(f"alpha/m{n}", successes=1, failures=0)


KEEP_ALIVES = (b"data:\n\n", b"data: \n\n", b"data: ping\n\n", b"event: ping\ndata:\n\n",
               b"data: 2024-04-07 20:20:50\n\n")


def _tool(arguments):
    return json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "function": {"arguments": arguments}}]}, "finish_reason": None}]}).encode()


# (what is sent, what the client gets; None: the same)
JSON_OR_NOT = (
    [(word * 5 + TEXT + word * 5 + STOP + DONE, TEXT + STOP + DONE) for word in KEEP_ALIVES] +
    [(b"".join(KEEP_ALIVES) + TEXT + b"".join(KEEP_ALIVES) + STOP + DONE, TEXT + STOP + DONE),
     (b"data: " + _tool('{"path":') + b"\ndata: " + _tool('"/tmp/x"}') + b"\n\n" + STOP + DONE,
      event(_tool('{"path":')) + event(_tool('"/tmp/x"}')) + STOP + DONE),
     (b"data: " + delta("t") + b"\ndata: " + delta(finish="stop") + b"\ndata: [DONE]\n\n", TEXT + STOP + DONE),
     (b"data: ping\ndata: " + delta("t") + b"\n\n" + STOP + DONE, TEXT + STOP + DONE),
     (event(b'{"choices":[{"index":0,"delta":{"content":"t"},"logprobs":{"content":[{"logprob":-Infinity},'
            b'{"logprob":NaN}]}}]}') + STOP + DONE, None),
     (b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"t"}}]}\n\n' + STOP + DONE, None)])


@case(params=TRANSPORTS, limit=120)
def test_what_is_an_event_and_what_is_none(t, transport):
    p = _start(t, transport, len(JSON_OR_NOT))
    for n, (sent, got) in enumerate(JSON_OR_NOT):
        response = _ask(t, p, f"row-{n}", True, STREAM_HEAD + chunk(sent) + LAST_CHUNK)
        eq(response.read(), got or sent, f"row {n}")
        t.wait_row(f"alpha/m{n}", successes=1, failures=0)


@case(params=TRANSPORTS)
def test_torn_documents(t, transport):
    """Between good ones: dropped, and no credit. While a tool call is open: a failure at once."""
    p = _start(t, transport, 3)
    for n, torn in enumerate((b'data: {"choices":[{"ind\n\n', b'data: ex":0,"delta":{}}]}\n\n')):
        sent = TEXT + torn + TEXT + STOP + DONE
        eq(_ask(t, p, f"row-{n}", True, STREAM_HEAD + chunk(sent) + LAST_CHUNK).read(),
           TEXT + TEXT + STOP + DONE, f"row {n}")
        row = t.wait_row(f"alpha/m{n}", requests=1)
        eq((row["successes"], row["failures"], row["midStreamFailures"]), (0, 0, 0), f"row {n}")
    sent = event(_tool('{"path":')) + b'data: {"choices":[{"ind\n\n' + STOP + DONE
    s = rawhttp.Stream(_ask(t, p, "row-2", True, STREAM_HEAD + chunk(sent) + LAST_CHUNK))
    eq(s.error["code"], "stream_error", "code")
    t.wait_row("alpha/m2", midStreamFailures=1)
    assert b'{"ind' not in t.weir.log().encode().replace(b'\\"', b'"'), "its text is in the log"


@case(params=TRANSPORTS, limit=120)
def test_one_event_of_12_mib(t, transport):
    """A picture: before content, behind content, and in a whole answer."""
    p = _start(t, transport, 3)
    picture = {"images": [{"image_url": {"url": "data:image/png;base64," + "A" * (12 * MB)}}]}
    large = event(delta(**picture))
    whole = json.dumps({"choices": [{"message": {"content": "", **picture}}]}).encode()
    answers = [(True, large + STOP + DONE), (True, TEXT + large + STOP + DONE), (False, whole)]
    for n, (stream, body) in enumerate(answers):
        conn = t.send_chat(stream, f"row-{n}")
        exchange = p.accept()

        def send():
            exchange.send(CLOSE_HEAD + body if stream else _whole(200, body))
            exchange.close()
        sender = threading.Thread(target=send)
        sender.start()
        got = conn.response().read()
        sender.join(20 * SLOW)
        assert got == body, f"{len(got)} bytes instead of {len(body)}, {got[-100:]!r}"
        t.wait_row(f"alpha/m{n}", successes=1, failures=0)
