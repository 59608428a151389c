# SPDX-License-Identifier: MIT
"""Sixteen faults of providers, each met by a client that asks for a stream, once with delivery
`stream` and once with `complete`: what the client makes of what it got. The faults are played by
weir-sim, with times scaled down; the settings are those of an operator who wants everything that
weir can do about faults.

A verdict is given by these rules:

    pass     a complete and right answer within the budget, had in the way the settings ask for; or,
             where an error is the right answer, that very error
    partial  a complete and right answer, but had otherwise: from another pair without need, too
             early, or by asking a dead provider again and again
    safe     a clear error that a stock client raises; nothing false was shown as complete
    fail     all else: a short answer that looks complete, a repeated, mixed or mangled one, events
             that a stock client crashes on, silence beyond the budget
"""

import json
import re
import time

import rawhttp
from daemons import SLOW, wait_until
from weirtest import KEY

BUDGET_S = 5 * SLOW
DELIVERIES = ("stream", "complete")
TOKENS = 10
FIRST, SECOND = "first ", "second "  # what the entries of a chain say, over and over
GOOD = f"text={FIRST},tokens={TOKENS}"

# Thresholds and times of the configuration, scaled down by some 30.
RETRY_AFTER_S = 1
PRE_STREAM_THRESHOLD = 3
SETTINGS = {
    "requestTimeoutMs": 1000, "firstTokenTimeoutMs": 1000, "streamIdleTimeoutMs": 1000,
    "deadlineMs": int(BUDGET_S * 1000), "retryAttempts": 1, "retryMaxWaitMs": 2000,
    "midStreamCooldownMs": 1000, "preStreamFailureThreshold": PRE_STREAM_THRESHOLD,
}
SERVER = {"streamHeartbeatMs": 500}


class Seen:
    """What a stock client of the OpenAI API makes of one streamed answer. Its SDKs parse each data
    line as JSON, raise at a member `error`, take [DONE] or the end of the body for the end, and
    believe what came before it."""

    def __init__(self, text="", error=None, trouble=None):
        self.text, self.error, self.trouble = text, error, trouble
        self.finishes, self.models, self.usage = [], set(), None
        self.status = self.provider = None
        self.took = 0.0

    def is_whole(self, text):
        return (self.trouble is None and self.error is None and self.text == text * TOKENS
                and self.finishes == ["stop"])

    def take(self, chunk):
        if chunk.get("error"):
            self.error = chunk["error"]
            return
        self.models.add(chunk.get("model"))
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or []:
            self.text += (choice.get("delta") or {}).get("content") or ""
            if choice.get("finish_reason"):
                self.finishes.append(choice["finish_reason"])


def _read(seen, response, deadline):
    if response.status != 200:
        seen.error = json.loads(response.read())["error"]
        return
    is_done = False
    for event in response.events():
        if time.monotonic() > deadline:
            raise TimeoutError
        if event.data is None:
            continue
        if is_done or seen.error:
            seen.trouble = f"an event behind the end: {event.data[:80]!r}"
        elif event.data == b"[DONE]":
            is_done = True
        else:
            seen.take(json.loads(event.data))
    if not is_done and not seen.error:
        seen.trouble = "the stream just ended"


def ask(t, chain, delivery):
    """One request, read to its end or to the end of the client's patience."""
    seen = Seen()
    began = time.monotonic()
    conn = rawhttp.Connection(t.address, BUDGET_S)
    try:
        conn.request("POST", "/v1/chat/completions",
                     {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}",
                      "X-Weir-Delivery": delivery},
                     t.body(True, chain, stream_options={"include_usage": True}))
        response = conn.response("POST")
        seen.status, seen.provider = response.status, response.headers.get("x-weir-provider")
        _read(seen, response, began + BUDGET_S)
    except TimeoutError:
        seen.trouble = f"nothing more for {time.monotonic() - began:.1f} s"
    except (rawhttp.ProtocolError, OSError, ValueError, KeyError) as e:
        seen.trouble = f"{type(e).__name__}: {e}"
    finally:
        conn.close()
    seen.took = time.monotonic() - began
    return seen


# ---- one cell ------------------------------------------------------------------------------------


class Cell:
    """One fault under one delivery: a chain of two entries that no other cell uses."""

    def __init__(self, t, fault, delivery):
        self.t, self.fault, self.delivery = t, fault, delivery
        self.chain = f"chain-{fault.number:02}-{delivery}"
        self.first = f"first-{fault.number:02}-{delivery}"
        self.second = f"second-{fault.number:02}-{delivery}"
        self.verdict = self.why = None
        self.took = 0.0

    def entries(self):
        return [f"alpha/{self.first}", f"beta/{self.second}"]

    def asked(self, model):
        return self.t.sim.requests(model)

    def judge(self):
        self.t.sim.script(self.first, self.fault.script)
        self.t.sim.script(self.second, [f"text={SECOND},tokens={TOKENS}"])
        self.verdict, self.why = self.fault.judge(self)

    def ask(self):
        seen = ask(self.t, self.chain, self.delivery)
        self.took = max(self.took, seen.took)
        return seen


def broken(seen):
    """The verdict on an answer that is not whole."""
    if seen.trouble:
        return "fail", seen.trouble
    if seen.finishes or not any((text * TOKENS).startswith(seen.text) for text in (FIRST, SECOND)):
        return "fail", f"a false answer: {seen.text!r}, {seen.finishes}"
    if seen.error:
        message = seen.error.get("message")
        if isinstance(message, str) and message and seen.error.get("code"):
            return "safe", f"error {seen.error['code']}"
        return "fail", f"an error that says nothing: {seen.error}"
    return "fail", "an end without a finish"


def served_by(text, model, seen, demand):
    """pass when the answer is whole, of that text, and `demand` (a fault of how it was had, or
    None) finds nothing; partial when it is whole in any other way."""
    if seen.is_whole(text):
        if seen.models != {model}:
            return "fail", f"served by {model}, reported as {seen.models}"
        return ("partial", demand) if demand else ("pass", f"{model.split('-')[0]} entry served")
    if seen.is_whole(FIRST) or seen.is_whole(SECOND):
        return "partial", f"served by {seen.models}, not by {model}"
    return broken(seen)


# ---- the sixteen ---------------------------------------------------------------------------------


class Fault:
    """number, name, script of the first entry, and what is right: by default, that the second entry
    serves after the first was asked at most `tries` times."""

    def __init__(self, number, name, script, judge=None, tries=1):
        self.number, self.name, self.script = number, name, script
        self.judge = judge or (lambda cell: second_serves(cell, tries))


def second_serves(cell, tries):
    seen = cell.ask()
    n = len(cell.asked(cell.first))
    demand = f"the first entry was asked {n} times" if n > tries else None
    return served_by(SECOND, cell.second, seen, demand)


def first_serves(cell):
    return served_by(FIRST, cell.first, cell.ask(), None)


def first_serves_after_the_wait(cell):
    seen = cell.ask()
    at = [r["at_ms"] for r in cell.asked(cell.first)]
    early = len(at) < 2 or at[1] - at[0] < RETRY_AFTER_S * 1000
    return served_by(FIRST, cell.first, seen, "asked again before its time" if early else None)


def is_refused_at_once(cell):
    """The client's own request is refused: the right answer is that refusal, from nobody else."""
    seen = cell.ask()
    if seen.error and seen.status == 400 and seen.error.get("code") == "content_policy_violation":
        if not cell.asked(cell.second):
            return "pass", "the provider's 400 was relayed"
        return "partial", "refused, but another entry was asked"
    if seen.is_whole(SECOND):
        return "partial", "routed around the filter"
    return broken(seen)


def second_gets_the_clients_request(cell):
    """A fallback that refuses a begun answer among the messages must never be sent one."""
    verdict, why = second_serves(cell, 1)
    sent = cell.asked(cell.second)
    own = cell.t.body(True, cell.chain, stream_options={"include_usage": True}).decode()
    wanted = own.replace(f'"model": "{cell.chain}"', f'"model": "{cell.second}"')
    if any(r["body"] != wanted for r in sent):
        return "fail", "the fallback was not sent the client's own request"
    return verdict, why


def flaps(cell):
    """Fifteen requests while the first entry goes down, comes back, and goes down again: 3 up, 7
    down, 2 up, 3 down. None may fail; the first entry is asked no more than the threshold in each
    outage, and serves again when it is back."""
    down_tries = 0
    for is_up, requests in ((True, 3), (False, 7), (True, 2), (False, 3)):
        cell.t.sim.script(cell.first, [GOOD] if is_up else ["status=503"])
        if is_up:  # a rest, if any, ends by the clock
            wait_until(lambda: cell.t.row(f"alpha/{cell.first}")["cooldownUntil"] is None, 5)
        before = len(cell.asked(cell.first))
        for _ in range(requests):
            seen = cell.ask()
            if not seen.is_whole(FIRST if is_up else SECOND):
                return served_by(FIRST if is_up else SECOND,
                                 cell.first if is_up else cell.second, seen, None)
        if not is_up:
            down_tries += len(cell.asked(cell.first)) - before
    note = f"15 of 15 answered; {down_tries} of 10 asked the first entry while it was down"
    return ("pass" if down_tries <= 2 * PRE_STREAM_THRESHOLD else "partial"), note


def reports_the_second(cell):
    """The first entry said its model's name and broke off: nothing of it may be in the answer."""
    seen = cell.ask()
    usage = (seen.usage or {}).get("completion_tokens")
    wrong = None
    if usage != TOKENS:
        wrong = f"usage {seen.usage}"
    elif seen.provider != f"beta/{cell.second}":
        wrong = f"X-Weir-Provider {seen.provider}"
    if wrong and seen.is_whole(SECOND):
        return "fail", wrong
    return served_by(SECOND, cell.second, seen, None)


FAULTS = [
    Fault(1, "429 with Retry-After", [f"status=429,retry-after={RETRY_AFTER_S}", GOOD],
          first_serves_after_the_wait),
    Fault(2, "429 without Retry-After", ["status=429"]),
    Fault(3, "one 500", ["status=500", GOOD], first_serves),
    Fault(4, "503 that lasts", ["status=503"]),
    # A kept connection that dies says little: a new one is tried first, then comes the one retry.
    Fault(5, "reset before the headers", ["reset"], tries=3),
    Fault(6, "silence: no headers", ["hang"]),
    Fault(7, "slow first token, kept alive by comments", ["first-delay=60000,comments=100"]),
    Fault(8, "cut mid-answer", [f"cut=4,{GOOD}"]),
    Fault(9, "stall mid-answer", [f"stall=4,{GOOD}"]),
    Fault(10, "an event that is no JSON", [f"malformed=1,{GOOD}"], first_serves),
    Fault(11, "no [DONE]", [f"no-done,{GOOD}"], first_serves),
    Fault(12, "context length exceeded", ["status=400,error-code=context_length_exceeded"]),
    Fault(13, "content filter", ["status=400,error-code=content_policy_violation"],
          is_refused_at_once),
    Fault(14, "cut, and the fallback takes no prefill", [f"cut=4,{GOOD}"],
          second_gets_the_clients_request),
    Fault(15, "flapping, 15 requests", [GOOD], flaps),
    Fault(16, "model and usage that are reported", [f"cut=0,{GOOD}"], reports_the_second),
]
# What only holding the answer back can rescue.
LATE = {8, 9, 14}


# ---- all of them ---------------------------------------------------------------------------------


def run(t, numbers=None):
    """Starts the daemons and plays the faults (all, or those of these numbers); returns the cells
    as {(number, delivery): Cell}."""
    faults = [f for f in FAULTS if not numbers or f.number in numbers]
    cells = {(f.number, d): Cell(t, f, d) for f in faults for d in DELIVERIES}
    t.start({c.chain: c.entries() for c in cells.values()}, server=SERVER, **SETTINGS)
    for cell in cells.values():
        cell.judge()
    return cells


def promised(number, delivery):
    return "safe" if delivery == "stream" and number in LATE else "pass"


def broken_promises(cells):
    return [f"{number} ({delivery}): {cell.verdict}, {cell.why}"
            for (number, delivery), cell in cells.items()
            if cell.verdict != promised(number, delivery)]


def _sum(cells, delivery):
    verdicts = [c.verdict for (_, d), c in cells.items() if d == delivery]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in ("pass", "partial", "safe", "fail")
                     if v in verdicts)


def table(cells):
    """The cells as text for people."""
    rules = re.search(r"( {4}pass .*)", __doc__, re.S).group(1).rstrip()
    lines = ["Sixteen faults of providers, met by weir with delivery stream and complete", "",
             f"{'':2}  {'fault':41} {'stream':12}   {'complete':12}"]
    for number in sorted({n for n, _ in cells}):
        row = [cells[number, d] for d in DELIVERIES]
        lines.append(f"{number:2}  {row[0].fault.name:41} " + "   ".join(
            f"{c.verdict:7}{c.took:5.2f}s" for c in row) + f"   {row[1].why}")
    lines += [""] + [f"    {d:8} {_sum(cells, d)}" for d in DELIVERIES] + ["", rules]
    return "\n".join(lines)
