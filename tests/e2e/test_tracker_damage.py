# SPDX-License-Identifier: MIT
"""Shared memory or socket damaged or removed, under a running tracker and between two."""

import json
import os
import subprocess

import daemons
import eventline
from daemons import SLOW, wait_until
from lonetracker import prepare_rows, rows, same_state, start, start_alone
from weirtest import case, eq, messages_matching


def _row_at(index):
    return eventline.HEADER_BYTES + index * eventline.ROW_BYTES


LIVE_DAMAGE = [("magic", 0), ("version", 8), ("size", 32), ("boot_id", 48)]


@case(params=LIVE_DAMAGE)
def test_a_header_damaged_under_a_running_tracker(t, offset):
    """The tracker makes a new table from its own knowledge, weir follows, nothing is lost."""
    t.start({"default": ["alpha/one", "beta/two"], "other": ["alpha/three"]})
    before = prepare_rows(t)
    eventline.scribble(t.shm, offset)
    t.trackerd.wait_log("is gone or damaged", 5)
    wait_until(lambda: t.ctl("status")[0] == 0, 5, "weirctl reads the new table")
    same_state(t, before)
    t.wait_row("alpha/one", midStreamFailures=2)
    t.wait_row("beta/two", status="exhausted")
    assert t.stream("other").is_done


@case(params=[("removed", None), ("cut", 0), ("cut_to_a_page", 4096), ("grown", 1 << 20)])
def test_a_table_lost_under_a_running_tracker(t, size):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["alpha/three"]})
    before = prepare_rows(t)
    if size is None:
        os.unlink(eventline.table_path(t.shm))
    else:
        os.truncate(eventline.table_path(t.shm), size)
    for _ in range(4):
        assert t.stream("other").is_done, "a request while the table is gone"
    t.trackerd.wait_log("is gone or damaged", 5)
    wait_until(lambda: t.ctl("status")[0] == 0, 5, "weirctl reads the new table")
    same_state(t, before)
    t.wait_row("alpha/one", midStreamFailures=2)


@case()
def test_rows_damaged_under_a_running_tracker(t):
    start_alone(t)
    before = prepare_rows(t)
    for offset in (_row_at(0), _row_at(0) + 24, _row_at(0) + 200, _row_at(1) + 8, _row_at(1) + 608):
        eventline.scribble(t.shm, offset)
    t.trackerd.wait_log("written anew", 5)
    same_state(t, before)


@case()
def test_a_damaged_row_is_restored_from_the_state_file(t):
    start_alone(t)
    before = prepare_rows(t)
    t.trackerd.stop()
    eventline.scribble(t.shm, _row_at(1) + 8)
    eq(rows(t)["beta/two"]["status"], "available", "a damaged row")
    start(t)
    assert messages_matching(t.trackerd.log(), "1 rows of table .* are damaged"), t.trackerd.log()
    same_state(t, before)


@case()
def test_a_damaged_header_counts_as_available_until_rebuilt(t):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["alpha/three"]})
    before = prepare_rows(t)
    t.trackerd.stop()
    eventline.scribble(t.shm, 0)
    assert t.stream("other").is_done
    eq(t.ctl("status")[0], 69, "exit code of status")
    start(t)
    t.trackerd.wait_log("it is rebuilt")
    same_state(t, before)
    t.wait_row("beta/two", status="exhausted")


@case()
def test_objects_removed_by_hand_open_no_door(t):
    """Without its guard's name a tracker still keeps a second one out."""
    start_alone(t)
    for suffix in (".guard", ".lock", ""):
        os.unlink(eventline.table_path(t.shm) + suffix)
    wait_until(lambda: all(os.path.exists(eventline.table_path(t.shm) + s) for s in (".guard", ".lock", "")),
               5, "all three are back")
    t.conf["tracker"]["socket"] = t.socket_path + "2"
    path = os.path.join(t.dir, "second.yaml")
    with open(path, "w") as f:
        json.dump(t.conf, f)
    done = subprocess.run([daemons.program("weir-trackerd"), "-f", "-c", path], capture_output=True, text=True,
                          timeout=20 * SLOW, env=t.environment(), stdin=subprocess.DEVNULL)
    eq(done.returncode, 69, f"exit code of a second tracker ({done.stderr})")
    assert "another weir-trackerd" in done.stderr, done.stderr


@case()
def test_a_removed_socket_comes_back(t):
    t.start()
    os.unlink(t.socket_path)
    t.trackerd.wait_log("was removed: listening there again", 5)
    eq(t.ctl("cooldown", "alpha", "one", "60")[0], 0, "exit code")
    t.wait_row("alpha/one", status="exhausted")


@case()
def test_a_table_that_lost_its_name_is_left(t):
    """Nobody told its readers: not a tracker that was killed before it could, nor whoever removed the file."""
    t.start()
    eq(t.stream().is_done, True, "a stream, so that the workers have the table")
    t.trackerd.kill()
    os.unlink(eventline.table_path(t.shm))
    t.start_trackerd()
    t.wait_tracker_everywhere()
    eq(t.ctl("cooldown", "alpha", "one", "60")[0], 0, "exit code")
    for _ in range(8):  # of either worker
        response = t.chat()
        eq(response.headers["x-weir-provider"], "beta/two", "who served")
        response.read()
