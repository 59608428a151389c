# SPDX-License-Identifier: MIT
"""The catalogue of faults (faults.py): every fault that can be rescued is, and none is passed off as
an answer. And its judge: what it calls a failure must be one."""

import os
import threading

import faults
from rawprovider import CLOSE_HEAD, DONE, delta, event
from weirtest import KEY, case, eq


@case(limit=120)
def test_sixteen_faults(t):
    """The table is printed at the end of the run."""
    cells = faults.run(t)
    table = faults.table(cells)
    print(table)
    with open(os.path.join(t.dir, "report.txt"), "w") as f:
        f.write(table + "\n")
    eq(len(cells), 32, "cells")
    wrong = faults.broken_promises(cells)
    assert not wrong, "\n".join(wrong)


def _events(text, model="first", finish="stop"):
    words = [text] * faults.TOKENS
    made = [event(delta(w).replace(b'"m"', f'"{model}"'.encode())) for w in words]
    return made + [event(delta(finish=finish).replace(b'"m"', f'"{model}"'.encode()))]


WHOLE = _events(faults.FIRST)
ERROR = event(b'{"error":{"message":"lost","type":"server_error","param":null,"code":"lost"}}')
REFUSAL = b'{"error":{"message":"none","code":"gone"}}'
ANSWERS = {
    "whole": ("pass", CLOSE_HEAD + b"".join(WHOLE) + DONE),
    "from-the-other": ("partial",
                       CLOSE_HEAD + b"".join(_events(faults.SECOND, "second")) + DONE),
    "error-event": ("safe", CLOSE_HEAD + b"".join(WHOLE[:4]) + ERROR),
    "error-status": ("safe", b"HTTP/1.1 503 X\r\nContent-Length: %d\r\n\r\n%s" % (
        len(REFUSAL), REFUSAL)),
    "bare-end": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4])),
    "short-with-done": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4]) + DONE),
    "short-with-finish": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4]) + WHOLE[-1] + DONE),
    "no-done": ("fail", CLOSE_HEAD + b"".join(WHOLE)),
    "repeated": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4]) + b"".join(WHOLE) + DONE),
    "mixed": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4] + _events(faults.SECOND)[4:]) + DONE),
    "wrong-model": ("fail", CLOSE_HEAD + b"".join(_events(faults.FIRST, "other")) + DONE),
    "no-json": ("fail", CLOSE_HEAD + WHOLE[0] + event(b"{broken") + b"".join(WHOLE[1:]) + DONE),
    "error-then-done": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4]) + ERROR + DONE),
    "silent-error": ("fail", CLOSE_HEAD + b"".join(WHOLE[:4]) + event(b'{"error":{}}') + DONE),
    "error-after-finish": ("fail", CLOSE_HEAD + b"".join(WHOLE) + ERROR),
    "cut-inside-an-event": ("fail", CLOSE_HEAD + b"".join(WHOLE)[:-9]),
    "silence": ("fail", CLOSE_HEAD + WHOLE[0]),
}


@case(params=ANSWERS.items())
def test_the_judge(t, param):
    """A gateway that answers so gets this verdict."""
    expected, answer = param
    gateway = t.raw_provider()
    t.port, faults.BUDGET_S = gateway.port, 0.5

    def serve():
        exchange = gateway.accept()
        assert exchange.headers["authorization"] == f"Bearer {KEY}"
        exchange.send(answer)
        if answer != ANSWERS["silence"][1]:
            exchange.close()
    server = threading.Thread(target=serve)
    server.start()
    seen = faults.ask(t, "first", "stream")
    server.join()
    verdict, why = faults.served_by(faults.FIRST, "first", seen, None)
    eq(verdict, expected, f"verdict ({why})")
