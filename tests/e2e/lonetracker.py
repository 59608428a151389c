# SPDX-License-Identifier: MIT
"""For cases about weir-trackerd alone: starting it, playing its workers, and looking at its rows."""

import json

import eventline
from daemons import SLOW, wait_until
from weirtest import between, eq

PAIRS = ("alpha/one", "beta/two")


def start_alone(t, pairs=PAIRS, wait=True, **settings):
    """Only a tracker; nobody serves the providers' addresses."""
    t.configure([t.provider(i, "http://127.0.0.1:9/v1") for i in dict.fromkeys(p.split("/")[0] for p in pairs)],
                {"default": list(pairs)}, **settings)
    if wait:
        start(t)


def start(t):
    """Starts a tracker and waits until it listens: the socket file of one that was killed is there."""
    t.start_trackerd(wait=False)

    def listens():
        assert t.trackerd.is_alive(), f"weir-trackerd is dead: {t.trackerd.log()[-2000:]}"
        try:
            eventline.Line(t.socket_path).close()
            return True
        except OSError:
            return False
    wait_until(listens, 15, "weir-trackerd listens")


def rows(t):
    return {f"{r['provider']}/{r['model']}": r for r in t.status()["ratelimits"]}


def sender(t, slot=0, **more):
    made = eventline.Sender(t.socket_path, slot, **more)
    t.helpers.append(made)
    return made


def line(t):
    made = eventline.Line(t.socket_path, 10.0 * SLOW)
    t.helpers.append(made)
    return made


def restart(t):
    t.trackerd.kill()
    start(t)


def prepare_rows(t):
    """A counter of 2 and a cooldown."""
    w = sender(t, 7)
    for _ in range(2):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.ctl("cooldown", "beta", "two", "600", "before")
    return rows(t)


def same_state(t, before):
    after = rows(t)
    eq(after["alpha/one"]["midStreamFailures"], 2, "counter")
    between(after["beta/two"]["cooldownUntil"], before["beta/two"]["cooldownUntil"] - 50,
            before["beta/two"]["cooldownUntil"] + 50, "the cooldown's end")
    eq(after["beta/two"]["reason"], "before", "its reason")


def wait_snapshot(t, condition):
    def is_written():
        try:
            with open(t.conf["tracker"]["stateFile"]) as f:
                lines = [json.loads(x) for x in f.read().splitlines()]
        except (OSError, ValueError):
            return False
        return condition({f"{x['provider']}/{x['model']}": x for x in lines if "provider" in x})
    wait_until(is_written, 5, "the state file has it")
