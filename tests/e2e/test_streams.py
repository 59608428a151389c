# SPDX-License-Identifier: MIT
"""Every way a stream can end or look (CONTRACT 4.3): what the client gets and what the tracker makes
of it."""

import json
import time

import rawhttp
from daemons import SLOW
from rawprovider import CLOSE_HEAD, DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, event
from weirtest import between, case, eq, messages_matching

WHOLE = "".join(f"t{n} " for n in range(10))

# ---- how it ends ---------------------------------------------------------------------------------

CLEAN = {
    "done": "ok",
    "no-done": "no-done",
    "done-bare": "done-bare",
    "finish-length": "finish=length",
    "finish-tool-calls": "tool",
    "no-usage": "no-usage",
    "close-delimited": "close-delimited",
    "close-delimited-no-done": "close-delimited,no-done",
    "lump": "lump",
    "reasoning": "reasoning",
    "refusal": "refusal",
    "two-choices": "n=2",
}


@case(params=CLEAN.items())
def test_clean_end(t, fault):
    """[DONE], or an end after finish_reason; a success, which resets the counter."""
    t.start()
    t.sim.script("one", ["cut=1", fault])
    t.fail_midstream(1)
    t.wait_row("alpha/one", midStreamFailures=1)
    s = t.stream()
    eq(s.errors, [], "error events")
    eq([e.data for e in s.events].count(b"[DONE]"), 1, "number of [DONE]")
    eq(s.events[-1].data, b"[DONE]", "the last event")
    assert s.finish_reasons, "no finish_reason"
    if fault in ("ok", "lump", "close-delimited", "no-done"):
        eq(s.text, WHOLE, "content")
    row = t.wait_row("alpha/one", midStreamFailures=0, successes=1)
    eq((row["status"], row["failures"]), ("available", 1), "status, failures")


FAILING = {
    "reset": ("cut=4", "stream_error"),
    "closed-inside-chunks": ("close-after=4", "stream_error"),
    "end-of-body": ("eof=4", "stream_truncated"),
    "end-of-body-by-close": ("close-delimited,eof=4", "stream_truncated"),
    "error-member": ("error-event=4,error-message=it-broke-42", "stream_error"),
    "event-error": ("error-name=4,error-message=it-broke-42", "stream_error"),
    "finish-error": ("finish=error", "stream_error"),
    "silence": ("stall=4", "stream_idle_timeout"),
    "silence-with-comments": ("stall=4,comments=200", "stream_idle_timeout"),
    "malformed": ("malformed=4", "stream_error"),
    "finish-none": ("finish=none,no-done", "stream_truncated"),
}


@case(params=FAILING.items())
def test_failure_after_content(t, param):
    """One error event, no [DONE], a proper end; a mid-stream failure."""
    fault, code = param
    t.start(streamIdleTimeoutMs=1000)
    t.sim.script("one", [fault])
    started = time.monotonic()
    response = t.chat()
    s = rawhttp.Stream(response)
    took = time.monotonic() - started
    assert s.text and WHOLE.startswith(s.text), f"content before the failure: {s.text!r}"
    eq(response.framing, "chunked", "framing")
    assert response.complete, "the response ends properly"
    error = s.error
    eq(error["code"], code, "code")
    eq((error["type"], error["param"]), ("server_error", None), "type, param")
    eq(sorted(error), ["code", "message", "param", "type"], "members of error")
    assert "alpha/one" in error["message"], f"the pair is not named: {error['message']!r}"
    if "it-broke-42" in fault:
        assert "it-broke-42" in error["message"], f"the provider's words: {error['message']!r}"
    if code == "stream_idle_timeout":
        between(took, 0.95, 1.8 * SLOW, "seconds until the idle timeout")
    row = t.wait_row("alpha/one", midStreamFailures=1)
    eq((row["failures"], row["successes"], row["status"]), (1, 0, "available"), "row")
    eq(t.sim.model_stats("two")["requests"], 0, "no moving on after content")
    # The connection is as good as new.
    t.sim.script("one", ["ok"])
    assert t.stream(conn=response.conn).is_done


BEFORE_CONTENT = {
    "reset": "cut=0",
    "closed-inside-chunks": "close-after=0",
    "end-of-body": "eof=0",
    "error-member": "error-event=0",
    "event-error": "error-name=0",
    "silence": "stall=0",
    "silence-with-comments": "stall=0,comments=100",
    "no-token": "role-only-delay=60000",
    "no-token-comments": "first-delay=60000,comments=100",
}


@case(params=BEFORE_CONTENT.items())
def test_failure_before_content_moves_on_unseen(t, fault):
    t.start(firstTokenTimeoutMs=1000)
    t.sim.script("one", [fault])
    s = t.stream()
    eq(s.headers["x-weir-provider"], "beta/two", "provider")
    eq(s.headers["x-weir-attempts"], "2", "attempts")
    eq(s.text, WHOLE, "content")
    assert s.is_done and not s.errors
    row = t.wait_row("alpha/one", midStreamFailures=1)
    eq(row["failures"], 1, "failures")


NO_STREAM = {"error-200": "error-200", "wrong-type": "wrong-type", "json": "json-for-stream"}


@case(params=NO_STREAM.items())
def test_a_200_that_is_no_stream_moves_on(t, fault):
    """A pre-stream failure: the mid-stream counter stays."""
    t.start()
    t.sim.script("one", [fault])
    s = t.stream()
    eq(s.headers["x-weir-provider"], "beta/two", "provider")
    assert s.is_done
    row = t.wait_row("alpha/one", failures=1)
    eq(row["midStreamFailures"], 0, "mid-stream counter")


@case()
def test_all_entries_failing_before_content_is_an_error_answer(t):
    t.start()
    t.sim.script("one", ["cut=0"])
    t.sim.script("two", ["status=500,error-message=two-is-down"])
    error = t.error_of(t.chat(), 503, "all_providers_exhausted")
    for word in ("alpha/one", "beta/two"):
        assert word in error["message"], f"{word} is not in {error['message']!r}"


@case()
def test_a_failure_after_finish_reason_is_no_failure(t):
    """The stream was complete: the connection may break now."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta("whole"))
    events = conn.response().events()
    next(events)
    x.send_event(delta(finish="stop"))
    eq(next(events).json()["choices"][0]["finish_reason"], "stop", "finish_reason")
    x.reset()
    eq([e.data for e in events], [b"[DONE]"], "what follows")
    t.wait_row("alpha/one", successes=1, midStreamFailures=0)


@case()
def test_finish_reason_must_come_for_every_choice(t):
    """An end after the first of two choices has finished is a truncated stream."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat(n=2)
    x = p.accept()
    x.send(STREAM_HEAD)
    for data in (delta("a", index=0), delta("b", index=1), delta(finish="stop", index=0)):
        x.send_event(data)
    x.send(LAST_CHUNK)
    x.close()
    s = rawhttp.Stream(conn.response())
    eq(s.error["code"], "stream_truncated", "code")


@case()
def test_an_error_after_content_wins_over_a_later_done(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta("some"))
    x.send_event(b'{"error": {"message": "worker \\"7\\" fell over", "code": 502}}')
    x.send(chunk(DONE) + LAST_CHUNK)
    s = rawhttp.Stream(conn.response())
    eq(s.text, "some", "content")
    assert 'worker "7" fell over' in s.error["message"], s.error
    t.wait_row("alpha/one", midStreamFailures=1)


ERRORS_IN_THE_WILD = {
    "string": b'{"error": "overloaded-xyz"}',
    "object": b'{"object": "error", "message": "overloaded-xyz", "code": 500}',
    "with-choices": b'{"error": {"message": "overloaded-xyz"}, "choices": []}',
    "finish-error": b'{"error": {"message": "overloaded-xyz", "code": 502}, "choices": [{"index": 0,'
                    b' "delta": {"content": ""}, "finish_reason": "error"}]}',
}


@case(params=ERRORS_IN_THE_WILD.items())
def test_error_shapes(t, data):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta("some"))
    x.send_event(data)
    x.send(chunk(DONE) + LAST_CHUNK)
    s = rawhttp.Stream(conn.response())
    eq(s.error["code"], "stream_error", "code")
    assert "overloaded-xyz" in s.error["message"], s.error


NO_ERRORS = {
    "null": b'{"error": null, "choices": [{"index": 0, "delta": {"content": "more"}}]}',
    "in-content": b'{"choices": [{"index": 0, "delta": {"content": "\\"error\\": {\\"message\\": 1}'
                  b' \\"finish_reason\\": \\"error\\""}}]}',
    "nested": b'{"choices": [{"index": 0, "delta": {"content": "x", "meta": {"error": {"a": 1}}}}]}',
    "finish-null": b'{"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": null}]}',
}


@case(params=NO_ERRORS.items())
def test_what_only_looks_like_an_error(t, data):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(data)
    x.end_stream()
    s = rawhttp.Stream(conn.response())
    eq(s.events[0].data, data, "the event, byte for byte")
    assert s.is_done and not s.errors


# ---- how it looks --------------------------------------------------------------------------------

SHAPES = {
    "crlf": "crlf", "cr": "cr", "no-space": "no-space", "multi-line": "multi-line", "bom": "bom",
    "lump": "lump", "delay": "delay=5", "close-delimited": "close-delimited",
    "comments": "first-delay=300,delay=50,comments=20",
    "split-1": "split=1", "split-2": "split=2", "split-3": "split=3", "split-7": "split=7",
    "split-1-crlf": "split=1,crlf", "split-1-cr": "split=1,cr", "split-1-bom": "split=1,bom,crlf",
    "split-1-multi-line": "split=1,multi-line,crlf",
}
UTF8 = "Zürich→東京 🚰 ﷽ "


@case(params=SHAPES.items())
def test_shape(t, fault):
    """Line ends, comments, BOM and cuts anywhere, also inside a character, leave the same text."""
    t.start()
    t.sim.script("one", [f"text={UTF8},{fault}"])
    s = t.stream()
    eq(s.headers["x-weir-provider"], "alpha/one", "provider")
    eq(s.text, UTF8 * 10, "content")
    eq(s.errors, [], "errors")
    assert s.is_done
    assert not [c for c in s.comments if "keep-alive" in c], "the provider's comments are dropped"
    eq(len(s.finish_reasons), 1, "finish_reasons")


@case()
def test_an_event_of_a_megabyte(t):
    t.start()
    t.sim.script("one", ["big=1048000"])
    s = t.stream()
    assert s.is_done and not s.errors, f"{s.errors}"
    assert max(len(e.data) for e in s.events) >= 1048000, "the big event has arrived whole"


@case()
def test_data_is_relayed_byte_for_byte(t):
    """Spacing, order, escapes and numbers of an event's data are the provider's."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    odd = (b'{ "choices":[ {"delta":{"content":"\\u00e9\\ud83d\\ude80 \xc3\xa9"} ,"index":0,'
           b'"logprob":-0.10e-5,"big":12345678901234567890} ],\t"x" : {"y":[ ]}, "id":"a" }')
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send(chunk(b"data: " + odd + b"\n\n"))
    x.send(chunk(b"data:" + odd + b"\r\n\r\n"))
    x.end_stream()
    s = rawhttp.Stream(conn.response())
    eq([e.data for e in s.events[:2]], [odd, odd], "data of the events")


@case()
def test_event_name_and_id_lines_do_not_hurt(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send(chunk(b"id: 1\nevent: message\nretry: 100\ndata: " + delta("hello") + b"\n\n"))
    x.end_stream()
    s = rawhttp.Stream(conn.response())
    eq(s.text, "hello", "content")
    assert s.is_done


@case()
def test_what_follows_done_is_not_relayed(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta("a"))
    x.send_event(delta(finish="stop"))
    x.send(chunk(DONE + event(delta("late"))) + LAST_CHUNK)
    s = rawhttp.Stream(conn.response())
    eq(s.text, "a", "content")
    eq(s.events[-1].data, b"[DONE]", "the last event")


@case(params=[(str(n), n) for n in (1, 2, 3)])
def test_malformed_events_are_dropped(t, n):
    """And the stream, which lost something, earns no credit."""
    t.start()
    t.sim.script("one", [f"malformed={n}"])
    s = t.stream()
    eq(s.text, WHOLE, "content")
    assert s.is_done and not s.errors
    assert messages_matching(t.weir.log(), r"(?i)not JSON|malformed"), "it is logged"
    row = t.wait_row("alpha/one", requests=1)
    eq((row["successes"], row["failures"], row["midStreamFailures"]), (0, 0, 0), "row")


@case()
def test_a_final_event_without_a_blank_line_counts(t):
    """The body ends right behind `data: [DONE]`, and in a second stream behind finish_reason."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    for tail in (event(delta(finish="stop")) + b"data: [DONE]", b"data: " + delta(finish="stop")):
        conn = t.send_chat()
        x = p.accept()
        x.send(CLOSE_HEAD + event(delta("whole")) + tail)
        x.close()
        s = rawhttp.Stream(conn.response())
        eq(s.text, "whole", "content")
        assert s.is_done and not s.errors, f"{s.events}"


# ---- before content ------------------------------------------------------------------------------


@case()
def test_nothing_is_sent_before_content(t):
    """Head, role event, empty deltas: all is held until there is content."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    preamble = [delta(role="assistant"), delta(""), b'{"choices":[],"prompt_filter_results":[]}']
    for data in preamble:
        x.send_event(data)
    assert not conn.is_closed_by_peer(0.5), "weir closed the connection"
    eq(bytes(conn.buffer), b"", "bytes before the first content")
    conn.sock.settimeout(10 * SLOW)
    x.send_event(delta("now"))
    x.end_stream()
    s = rawhttp.Stream(conn.response())
    eq([e.data for e in s.events[:4]], preamble + [delta("now")], "the held events come first")
    assert s.is_done


CONTENT = {
    "content": delta("x"),
    "reasoning-content": delta(reasoning_content="x"),
    "reasoning": delta(reasoning="x"),
    "refusal": delta(refusal="x"),
    "tool-call": delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f"}}]),
    "finish-reason": delta(finish="stop"),
}


@case(params=CONTENT.items())
def test_what_counts_as_content(t, data):
    """Each of these goes out at once and commits: a failure then is an error event."""
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    conn = t.send_chat()
    x = p.accept()
    x.start_stream()
    x.send_event(delta(role="assistant"))
    x.send_event(data)
    response = conn.response()
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    events = response.events()
    eq([next(events).data, next(events).data], [delta(role="assistant"), data], "events")
    x.close()
    rest = list(events)
    if data == CONTENT["finish-reason"]:
        eq(rest[-1].data, b"[DONE]", "the end after a finish_reason")
    else:
        assert rest[-1].json()["error"], "the end after content"


@case()
def test_first_token_timeout(t):
    """Comments and empty deltas do not count as content."""
    t.start(firstTokenTimeoutMs=1000, requestTimeoutMs=5000, streamIdleTimeoutMs=5000)
    for fault in ("role-only-delay=60000", "first-delay=60000,comments=100", "head-delay=60000"):
        t.sim.script("one", [fault])
        started = time.monotonic()
        s = t.stream()
        between(time.monotonic() - started, 0.95, 1.7 * SLOW, f"seconds with {fault}")
        eq(s.headers["x-weir-provider"], "beta/two", "provider")


@case()
def test_a_slow_stream_is_no_silent_one(t):
    """The idle timeout is between two events, not for the whole."""
    t.start(streamIdleTimeoutMs=1000)
    t.sim.script("one", ["delay=400,tokens=6"])
    s = t.stream()
    assert s.is_done and not s.errors


@case()
def test_heartbeats_while_waiting(t):
    t.start(server={"streamHeartbeatMs": 200})
    t.sim.script("one", ["first-delay=1100"])
    response = t.chat()
    eq(response.status, 200, "status")
    eq(response.headers["content-type"].split(";")[0], "text/event-stream", "content type")
    assert "x-weir-provider" not in response.headers, "X-Weir-Provider before it is known"
    events = list(response.events())
    beats = [e for e in events if e.data is None]
    between(len(beats), 3, 6, "heartbeats in 1.1 s")
    assert all(e.raw == b": weir\n" for e in beats), f"{beats}"
    gaps = [b.arrived_at - a.arrived_at for a, b in zip(beats, beats[1:])]
    assert all(0.1 <= gap <= 0.4 * SLOW for gap in gaps), f"gaps between heartbeats: {gaps}"
    data = [e.data for e in events if e.data is not None]
    eq(data[-1], b"[DONE]", "the last event")
    assert events.index(beats[-1]) < len(beats), "heartbeats after the first content"


@case()
def test_heartbeats_between_two_events(t):
    """Whenever nothing was sent for a while: behind the first content, too."""
    t.start(server={"streamHeartbeatMs": 200})
    t.sim.script("one", ["delay=500,tokens=3"])
    response = t.chat()
    events = list(response.events())
    assert "x-weir-provider" in response.headers, "content came first"
    beats = [e for e in events if e.data is None]
    between(len(beats), 2, 8, "heartbeats in some 1.5 s")
    assert all(e.raw == b": weir\n" for e in beats), f"{beats}"
    between(events.index(beats[0]), 1, 3, "place of the first")
    eq(events[-1].data, b"[DONE]", "the last event")


@case()
def test_moving_on_after_heartbeats(t):
    t.start(server={"streamHeartbeatMs": 150}, requestTimeoutMs=1000)
    t.sim.script("one", ["hang"])
    response = t.chat()
    assert "x-weir-provider" not in response.headers
    s = rawhttp.Stream(response)
    assert "weir" in s.comments, "heartbeats"
    eq(s.text, WHOLE, "content of the next entry")
    assert s.is_done and not s.errors


@case()
def test_everything_failing_after_heartbeats(t):
    t.start(server={"streamHeartbeatMs": 150})
    t.sim.script("one", ["head-delay=500,status=500"])
    t.sim.script("two", ["cut=0"])
    response = t.chat()
    eq(response.status, 200, "status")
    s = rawhttp.Stream(response)
    eq(s.error["code"], "all_providers_exhausted", "code")
    eq(s.text, "", "content")
    assert not s.is_done and response.complete


@case()
def test_no_heartbeats_without_streaming_and_when_switched_off(t):
    t.start(server={"streamHeartbeatMs": 0})
    t.sim.script("one", ["first-delay=800"])
    s = t.stream()
    eq(s.comments, [], "comments")
    eq(s.headers["x-weir-provider"], "alpha/one", "provider")
    t.sim.script("one", ["head-delay=800"])
    eq(t.answer().document["object"], "chat.completion", "object")


# ---- without streaming ---------------------------------------------------------------------------

CUT_ANSWERS = {
    "truncated": "truncated-json=40", "reset": "reset", "closed": "close",
    "wrong-type": "wrong-type", "error-200": "error-200",
}


@case(params=CUT_ANSWERS.items())
def test_a_bad_answer_moves_on(t, fault):
    t.start()
    t.sim.script("one", [fault])
    answer = t.answer()
    eq(answer.headers["x-weir-provider"], "beta/two", "provider")
    eq(answer.headers["x-weir-attempts"], "2", "attempts")
    row = t.wait_row("alpha/one", failures=1)
    eq((row["midStreamFailures"], row["status"]), (0, "available"), "row")


@case()
def test_an_answer_is_relayed_byte_for_byte(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    odd = (b'\n\n{ "choices":[{"message":{"content":"\\u00e9 \xc3\xa9","n":0.10},"index":0}],'
           b' "big" : 12345678901234567890 , "usage":{"total_tokens":3}}\n')
    conn = t.send_chat(stream=False)
    p.accept().answer(200, odd)
    response = conn.response()
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    eq(response.headers["content-type"].split(";")[0], "application/json", "content type")
    eq(response.read(), odd, "body")
    json.loads(odd)


@case()
def test_an_answer_of_four_megabytes(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url})
    big = json.dumps({"choices": [{"message": {"content": "x" * (4 << 20)}}]}).encode()
    conn = t.send_chat(stream=False)
    p.accept().answer(200, big)
    response = conn.response()
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    assert response.read() == big
