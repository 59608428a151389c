# SPDX-License-Identifier: MIT
"""weir-trackerd alone, with cases that play the workers: exact counting, reload, followers."""

import json
import re
import resource
import signal
import time

import daemons
import eventline
from daemons import wait_until
from lonetracker import line, prepare_rows, restart, rows, same_state, sender, start_alone
from weirtest import case, eq, messages_matching


# ---- counting ----------------------------------------------------------------------------------


@case()
def test_failures_of_all_workers_add_up(t):
    """39 of 40 from four workers leave 39 and available; the 40th gives 0 and exhausted."""
    start_alone(t, midStreamFailureThreshold=40, midStreamCooldownMs=60000)
    began = eventline.now()
    workers = [sender(t, slot) for slot in range(4)]
    for n in range(39):
        workers[n % 4].post(eventline.MID_FAILURE, "alpha/one", started=began)
    for w in workers:
        w.flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["status"], row["cooldowns"]), (39, "available", 0), "the row")
    workers[3].post(eventline.MID_FAILURE, "alpha/one", started=began)
    workers[3].flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["status"], row["cooldowns"]), (0, "exhausted", 1), "the row")
    # and the streams that die with them are the same incident
    for n in range(30):
        workers[n % 4].post(eventline.MID_FAILURE, "alpha/one", started=began)
    for w in workers:
        w.flush()
    row = rows(t)["alpha/one"]
    eq((row["midStreamFailures"], row["cooldowns"]), (0, 1), "the row after the incident")
    eq(len(messages_matching(t.trackerd.log(), r"exceeded threshold \(40\)")), 1, "warnings")


@case()
def test_nothing_is_counted_twice(t):
    start_alone(t, midStreamFailureThreshold=100)
    w = sender(t, 5)
    for _ in range(3):
        w.post(eventline.MID_FAILURE, "alpha/one")
    batch = list(w.kept)
    w.flush()
    w.line.send(eventline.packet(eventline.EVENTS, [e for _, e in batch]))
    eq(w.line.receive_ack(), 3, "ack of a repetition")
    eq(rows(t)["alpha/one"]["midStreamFailures"], 3, "counter after a repetition")
    restart(t)
    again = sender(t, 5, incarnation=w.incarnation)
    again.kept, again.seq = batch, 3
    again.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 3, "counter after a repetition to the next tracker")
    # another process in the same slot begins with 1 of its own
    other = sender(t, 5)
    other.post(eventline.MID_FAILURE, "alpha/one")
    other.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 4, "counter after another process's event")


@case()
def test_order_of_outcomes_is_by_time(t):
    start_alone(t, midStreamFailureThreshold=100)
    w = sender(t)
    began = eventline.now()
    for _ in range(3):
        w.post(eventline.MID_FAILURE, "alpha/one", started=began)
    completed = eventline.now()
    for _ in range(2):
        w.post(eventline.MID_FAILURE, "alpha/one", started=began)
    w.post(eventline.STREAM_SUCCESS, "alpha/one", started=began, ended=completed)
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 2, "failures after the completed stream")
    w.post(eventline.MID_FAILURE, "alpha/one", started=began, ended=began + 1)
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 2, "a failure before it, reported late")


@case()
def test_a_success_that_overtakes_a_failure(t):
    """weir's workers leave a stamp and post nothing; a failure that ended before it, and arrives
    later, does not count."""
    t.start(midStreamFailureThreshold=100)
    began = eventline.now()
    failed = eventline.now()
    assert t.stream().is_done
    w = sender(t, 60)
    w.post(eventline.MID_FAILURE, "alpha/one", started=began, ended=failed)
    w.flush()
    eq(t.row()["midStreamFailures"], 0, "counter")
    w.post(eventline.MID_FAILURE, "alpha/one", started=began)
    w.flush()
    eq(t.row()["midStreamFailures"], 1, "counter after a failure that ended later")


@case()
def test_healthy_traffic_posts_nothing(t):
    t.start()
    before = eventline.counts(t.shm)
    for _ in range(20):
        assert t.stream().is_done
        t.answer()
    eq(eventline.counts(t.shm), before, "what the tracker counted")


# ---- reload ------------------------------------------------------------------------------------


@case()
def test_a_pair_that_leaves_frees_its_row_when_its_cooldown_ends(t):
    start_alone(t, ("alpha/one", "beta/two", "beta/idle"))
    t.ctl("cooldown", "beta", "two", "2")
    w = sender(t)
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.conf["chains"][0]["entries"] = [{"provider": "alpha", "model": "one"}]
    t.write_conf()
    t.trackerd.send_signal(signal.SIGHUP)
    t.trackerd.wait_log("reloaded: 1 pairs")
    eq(t.ctl("clear", "beta", "idle")[0], 1, "exit code for a pair that left")
    peer = line(t)
    peer.send(eventline.command(1, "beta", "two", 1))
    eq(peer.receive_status(), eventline.DONE, "a pair that left and rests is still known")

    def is_gone():
        peer.send(eventline.command(1, "beta", "two", 1))
        return peer.receive_status() == eventline.UNKNOWN_PAIR
    wait_until(is_gone, 6, "its row is free")
    eq(rows(t)["alpha/one"]["midStreamFailures"], 1, "counter of the pair that stayed")


@case()
def test_rules_change_with_a_reload(t):
    start_alone(t, midStreamFailureThreshold=10)
    w = sender(t)
    for _ in range(3):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.conf["settings"]["midStreamFailureThreshold"] = 4
    t.conf["settings"]["midStreamCooldownMs"] = 77000
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    t.trackerd.wait_log(r"mid-stream failures \(4\) exceeded threshold \(4\), applying 77000ms cooldown")


@case()
def test_a_larger_table(t):
    """tracker.capacity changes with a reload: a new table with the same rows, which weir follows."""
    t.start(tracker={"capacity": 2})
    before = prepare_rows(t)
    t.conf["tracker"]["capacity"] = 64
    t.conf["chains"].append({"name": "more", "entries": [{"provider": "beta", "model": f"m{i}"} for i in range(20)]})
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    same_state(t, before)
    eq(t.ctl("cooldown", "beta", "m19", "60")[0], 0, "exit code for a new pair")
    wait_until(lambda: t.row("beta/m19")["status"] == "exhausted", 5, "weir sees the new table")


@case()
def test_no_memory_for_a_larger_table(t):
    """The one there is goes on."""
    start_alone(t)
    before = prepare_rows(t)
    resource.prlimit(t.trackerd.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    t.conf["tracker"]["capacity"] = 5000
    t.write_conf()
    eq(t.ctl("reload")[0], 0, "exit code of reload")
    t.trackerd.wait_log("keeps its room for 1024 pairs")
    same_state(t, before)
    eq(t.ctl("cooldown", "alpha", "one", "60")[0], 0, "exit code of a change")
    eq(rows(t)["alpha/one"]["status"], "exhausted", "status")


@case()
def test_more_pairs_than_room(t):
    """The rest is not tracked, and the log says so; when there is room again it is."""
    start_alone(t, ("alpha/one", "beta/two"))
    t.conf["tracker"]["capacity"] = 1
    t.write_conf()
    code, out, err = t.ctl("reload")
    if code != 0:
        assert "capacity" in out + err, f"{out!r} {err!r}"  # refused with its place: as good
        return
    t.trackerd.wait_log("no room for 1 of 2 pairs")
    eq(rows(t)["beta/two"]["status"], "available", "status")


# ---- following ---------------------------------------------------------------------------------


def _events(t, *args):
    return t.spawn("weirctl-events", [daemons.program("weirctl"), "-c", t.conf_path, *args, "events"])


@case()
def test_events(t):
    start_alone(t, midStreamFailureThreshold=2, midStreamCooldownMs=1000)
    as_json, as_text = _events(t, "--json"), t.spawn(
        "weirctl-text", [daemons.program("weirctl"), "-c", t.conf_path, "events"])
    t.trackerd.wait_log("command events", count=2)
    w = sender(t)
    w.post(eventline.MID_FAILURE, "alpha/one")
    w.post(eventline.STREAM_SUCCESS, "alpha/one")
    for _ in range(2):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    until = time.time() + 1.1
    wait_until(lambda: time.time() > until, 3, "the cooldown's end")
    w.post(eventline.STREAM_SUCCESS, "alpha/one")
    w.flush()
    t.ctl("cooldown", "beta", "two", "60", "maintenance")
    t.ctl("clear", "beta", "two")
    as_json.wait_log('"cleared"')
    as_text.wait_log("cleared")
    seen = [json.loads(x) for x in as_json.log().splitlines()]
    eq([x["event"] for x in seen],
       ["failure", "reset", "failure", "cooldown", "recovered", "cooldown", "cleared"], "events")
    eq((seen[3]["provider"], seen[3]["model"], seen[3]["cause"], seen[3]["cooldownMs"], seen[3]["failures"],
        seen[3]["threshold"], seen[3]["status"]), ("alpha", "one", "mid_stream", 1000, 2, 2, "exhausted"), "cooldown")
    eq(seen[5]["reason"], "maintenance", "reason")
    assert re.search(r"cooldown +alpha/one for 1\.0s: mid-stream failures exceeded threshold", as_text.log())
    as_json.stop(signal.SIGINT)
    as_text.stop(signal.SIGTERM)


@case()
def test_events_over_a_restart(t):
    start_alone(t)
    follower = _events(t, "--json")
    t.trackerd.wait_log("command events")
    restart(t)
    t.trackerd.wait_log("command events", count=2)
    t.ctl("cooldown", "beta", "two", "60")
    follower.wait_log('"cooldown"')
    follower.stop(signal.SIGINT)


@case()
def test_a_follower_that_does_not_read(t):
    """It is disconnected; the tracker does not wait for it."""
    start_alone(t, midStreamFailureThreshold=10 ** 9, logLevel="warn")
    peer = line(t)
    peer.send(eventline.command(5))
    eq(peer.receive_status(), eventline.DONE, "status")
    w = sender(t)
    for _ in range(3000):
        w.post(eventline.MID_FAILURE, "alpha/one")
    w.flush()
    eq(rows(t)["alpha/one"]["midStreamFailures"], 3000, "counter")
    n = 0
    while peer.receive() is not None:
        n += 1
    assert 0 < n < 3000, n


@case()
def test_top(t):
    start_alone(t)
    top = t.spawn("weirctl-top", [daemons.program("weirctl"), "-c", t.conf_path, "--json", "top", "0.1"])
    top.wait_log('"ratelimits"', count=3)
    t.ctl("cooldown", "beta", "two", "60")
    top.wait_log('"exhausted"')
    eventline.scribble(t.shm, 0)  # a new table is made: it follows
    t.trackerd.wait_log("is gone or damaged", 5)
    t.ctl("clear", "--all")
    n = len(top.log().splitlines())
    wait_until(lambda: '"exhausted"' not in top.log().splitlines()[-1] and len(top.log().splitlines()) > n, 5,
               "top shows the new table")
    top.stop(signal.SIGINT)
