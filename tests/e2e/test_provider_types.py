# SPDX-License-Identifier: MIT
"""The provider types of CONTRACT 5.3, end to end over weir-sim: what each is sent, and how each tells
its limits; and answers that are normalised (CONTRACT 3)."""

import json
import time

from daemons import SLOW, wait_until
from weirtest import MESSAGES, between, case, eq

SYSTEM = {"role": "system", "content": "Be brief."}
# Written by hand: numbers, order and spaces must survive.
BODY = (
    b'{"model":"default", "presence_penalty": 0.10,"frequency_penalty":1,\n'
    b'"messages":[{"role":"system","content":"Be \\u0062rief."} ,{"role":"user","content":"Hi"}],'
    b'"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto",'
    b'"response_format":{"type":"text"},"seed":12345678901234567890,"temperature":1.0}'
)
SENT = {
    "cerebras": BODY.replace(b' "presence_penalty": 0.10,"frequency_penalty":1,', b""),
    "google-ai": BODY.replace(
        b'[{"role":"system","content":"Be \\u0062rief."} ,{"role":"user","content":"Hi"}]',
        b'[{"role":"user","content":"Be \\u0062rief.\\n\\nHi"}]',
    ).replace(b'"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto",'
              b'"response_format":{"type":"text"},', b""),
}
TYPES = ("openai", "openrouter", "groq", "cerebras", "google-ai", "generic-openai")


def _start(t, kind, model="one", **settings):
    t.start(chains={"default": [f"alpha/{model}", "beta/two"]},
            providers={"alpha": {"type": kind}}, **settings)


def _sent_to(t, model):
    return t.sim.requests(model)[-1]


@case(params=[(kind, kind) for kind in TYPES])
def test_a_request_is_as_its_type_wants_it(t, kind):
    _start(t, kind)
    response = t.post(BODY)
    eq(response.status, 200, "status")
    response.read()
    request = _sent_to(t, "one")
    expected = SENT.get(kind, BODY).replace(b'"model":"default"', b'"model":"one"')
    eq(request["body"].encode(), expected, "body")
    headers = request["headers"]
    eq("http-referer" in headers, kind == "openrouter", "HTTP-Referer")
    eq(headers.get("x-title"), "weir" if kind == "openrouter" else None, "X-Title")


@case()
def test_gemini_takes_everything(t):
    _start(t, "google-ai", "gemini-2.5-flash")
    response = t.post(BODY)
    eq(response.status, 200, "status")
    response.read()
    expected = BODY.replace(b'"model":"default"', b'"model":"gemini-2.5-flash"')
    eq(_sent_to(t, "gemini-2.5-flash")["body"].encode(), expected, "body")


@case()
def test_the_next_entry_gets_what_its_own_type_wants(t):
    _start(t, "cerebras")
    t.sim.script("one", ["status=500"])
    response = t.post(BODY)
    eq(response.headers["x-weir-provider"], "beta/two", "provider")
    response.read()
    eq(_sent_to(t, "two")["body"].encode(), BODY.replace(b'"default"', b'"two"'), "body")


@case()
def test_system_messages_reach_gemma_in_a_stream(t):
    _start(t, "google-ai", "gemma-3-27b-it")
    assert t.stream(messages=[SYSTEM, *MESSAGES, SYSTEM]).is_done
    sent = json.loads(_sent_to(t, "gemma-3-27b-it")["body"])
    eq(sent["messages"], [{"role": "user",
                           "content": "Be brief.\nBe brief.\n\n" + MESSAGES[0]["content"]}], "messages")
    eq(sent["stream_options"], {"include_usage": True}, "stream_options")


# ---- limits ------------------------------------------------------------------------------------

OPENAI = ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
          "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens")
CEREBRAS = ("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day",
            "x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute")
OPENROUTER = ("x-ratelimit-remaining", "x-ratelimit-reset")


def _in_ms(ms):
    return str(int(time.time() * 1000) + ms)


# The headers' names, and how a reset of so many ms is written.
LIMIT_HEADERS = {
    "openai": (OPENAI, lambda ms: f"1m{ms / 1000 - 60:g}s"),
    "groq": (OPENAI, lambda ms: f"{ms / 1000:g}s"),
    "generic-openai": (OPENAI, lambda ms: f"{ms}ms"),
    "google-ai": (OPENAI, lambda ms: f"{ms}ms"),
    "cerebras": (CEREBRAS, lambda ms: f"{ms / 1000:.6f}"),
    "openrouter": (OPENROUTER, _in_ms),
}


def _faults(names, write, *values):
    """remaining, reset in ms, remaining, reset ... as faults of weir-sim; None: not sent."""
    pairs = [(name, value if i % 2 == 0 or value is None else write(value))
             for i, (name, value) in enumerate(zip(names, values))]
    return ",".join(f"header={name}/{value}" for name, value in pairs if value is not None)


@case(params=[(kind, kind) for kind in LIMIT_HEADERS])
def test_what_remains_is_told(t, kind):
    names, write = LIMIT_HEADERS[kind]
    _start(t, kind)
    t.sim.script("one", [_faults(names, write, 41, 70500, 1000, 80500)])
    assert t.stream().is_done
    quota = t.wait_row("alpha/one", status="tracking")["quota"]
    has_tokens = len(names) > 2
    eq((quota["remainingRequests"], quota["remainingTokens"]), (41, 1000 if has_tokens else None),
       "what remains")
    between(quota["resetRequestsMs"], 70500 - 5000 * SLOW, 70500, "resetRequestsMs")
    if has_tokens:
        between(quota["resetTokensMs"], 80500 - 5000 * SLOW, 80500, "resetTokensMs")


@case(params=[(kind, kind) for kind in LIMIT_HEADERS])
def test_a_limit_at_nought_rests_the_pair_until_its_reset(t, kind):
    names, write = LIMIT_HEADERS[kind]
    _start(t, kind)
    t.sim.script("one", [_faults(names, write, 0, 70500, 1000, 80500), "ok"])
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider")
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider after it")
    row = t.wait_row("alpha/one", status="exhausted", reason="proactive: remaining requests = 0")
    between(row["cooldownRemainingMs"], 70500 - 5000 * SLOW, 70500, "cooldownRemainingMs")


@case(params=[(kind, kind) for kind in LIMIT_HEADERS if kind != "openrouter"])
def test_of_two_limits_at_nought_the_later_reset_counts(t, kind):
    names, write = LIMIT_HEADERS[kind]
    _start(t, kind)
    t.sim.script("one", [_faults(names, write, 0, 70500, 0, 80500)])
    assert t.stream().is_done
    row = t.wait_row("alpha/one", status="exhausted", reason="proactive: remaining tokens = 0")
    between(row["cooldownRemainingMs"], 80500 - 5000 * SLOW, 80500, "cooldownRemainingMs")


@case(params=[(kind, kind) for kind in LIMIT_HEADERS])
def test_a_429_rests_the_pair_until_the_reset_of_what_is_spent(t, kind):
    names, write = LIMIT_HEADERS[kind]
    _start(t, kind, cooldownDefaultMs=1000)
    t.sim.script("one", ["status=429," + _faults(names, write, 0, 70500, 7, 90500)])
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], 70500 - 5000 * SLOW, 70500, "cooldownRemainingMs")


ABSURD = {
    "a-year": ("retry-after=31536000", 21600000),
    "1e300": ("retry-after=1e300", 60000),
    "negative": ("retry-after=-5", 60000),
    "nan": ("retry-after=NaN", 60000),
    "huge-ms": ("header=retry-after-ms/99999999999999999999", 21600000),
    "huge-reset": ("header=x-ratelimit-remaining-requests/0,header=x-ratelimit-reset-requests/9999999h",
                   21600000),
    "negative-reset": ("header=x-ratelimit-remaining-requests/0,header=x-ratelimit-reset-requests/-5s",
                       60000),
}


@case(params=ABSURD.items())
def test_absurd_waits_are_bounded(t, param):
    """At most maxRestMs, and what makes no sense is as good as nothing."""
    faults, ms = param
    t.start(cooldownDefaultMs=60000)
    t.sim.script("one", ["status=429," + faults])
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownRemainingMs"], ms - 5000 * SLOW, ms, "cooldownRemainingMs")
    if ms > 60000:
        t.weir.wait_log("longer rest than maxRestMs")


@case()
def test_many_quick_answers_leave_the_last_numbers_in_the_table(t):
    """One worker: between two the table tells what is newer only to a millisecond."""
    t.start(server={"workers": 1})
    t.sim.script("one", [f"header=x-ratelimit-remaining-requests/{n}" for n in range(60, 19, -1)])
    for _ in range(41):
        t.answer()
    wait_until(lambda: (t.row()["quota"] or {}).get("remainingRequests") == 20, 3,
               "the last number in the table")


# ---- normalizeResponses ------------------------------------------------------------------------


@case()
def test_reasoning_becomes_content_when_asked(t):
    t.start(normalizeResponses=True)
    t.sim.script("one", ["reasoning,tokens=4"])
    s = t.stream()
    assert s.is_done
    eq(s.text, "t0 t1 t2 t3 ", "text")
    assert b"reasoning_content" not in b"".join(e.raw for e in s.events), "reasoning_content is left"


@case()
def test_reasoning_stays_what_it_is_unasked(t):
    t.start()
    t.sim.script("one", ["reasoning,tokens=4"])
    s = t.stream()
    eq(s.text, "t2 t3 ", "text")


@case()
def test_an_answer_is_normalised_when_asked(t):
    p = t.raw_provider()
    t.start(base_urls={"alpha": p.base_url}, normalizeResponses=True)
    conn = t.send_chat(stream=False)
    p.accept().answer(200, b'{"choices":[{"message":{"role":"assistant","content":"",'
                           b'"reasoning_content":"why \\u00e4","tool_calls":[1.50]}}],"x":1E400}')
    response = conn.response()
    eq(response.read(), b'{"choices":[{"message":{"role":"assistant",'
                        b'"content":"why \\u00e4","tool_calls":[1.50]}}],"x":1E400}', "body")
