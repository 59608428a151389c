# SPDX-License-Identifier: MIT
"""The state file: what survives a reboot, and what becomes of a file or disk that is of no use."""

import os
import subprocess
import time

import daemons
import eventline
from daemons import wait_until
from lonetracker import PAIRS, prepare_rows, rows, same_state, sender, start, start_alone, wait_snapshot
from weirtest import case, eq, messages_matching


def _reboot(t):
    """As far as the tracker can tell: it is stopped by SIGKILL, and the table is gone."""
    t.trackerd.kill()
    for name in daemons.shared_memory(t.shm):
        os.unlink("/dev/shm/" + name)


@case()
def test_a_reboot(t):
    """Cooldowns, counters and quotas come back; a cooldown that ended meanwhile does not."""
    start_alone(t, (*PAIRS, "beta/brief", "beta/quota"))
    before = prepare_rows(t)
    t.ctl("cooldown", "beta", "brief", "1.5")
    w, at = sender(t, 8), eventline.now()
    w.post(eventline.QUOTA, "beta/quota", started=at, ended=at, requests=7, tokens=900,
           requests_reset=at + 60 * 10 ** 9)
    w.flush()
    quota = rows(t)["beta/quota"]["quota"]
    wait_snapshot(t, lambda s: "beta/quota" in s and s["beta/two"]["cooldownUntil"] > 0)
    _reboot(t)
    time.sleep(1.6)  # the brief one ends while nobody is there
    start(t)
    same_state(t, before)
    after = rows(t)
    eq(after["beta/brief"]["cooldownUntil"], None, "the brief cooldown")
    eq(after["beta/quota"]["quota"], quota, "quota")
    eq(after["beta/quota"]["status"], "tracking", "status")
    eq((quota["remainingRequests"], quota["remainingTokens"], quota["resetRequestsMs"], quota["resetTokensMs"]),
       (7, 900, 60000, None), "the quota's numbers")
    eq(os.stat(t.conf["tracker"]["stateFile"]).st_mode & 0o777, 0o600, "the file's mode")


@case(params=[("garbage", b"hello\n"), ("empty", b""), ("binary", bytes(range(256)) * 40), ("cut", None)])
def test_a_broken_state_file(t, content):
    start_alone(t)
    prepare_rows(t)
    path = t.conf["tracker"]["stateFile"]
    wait_snapshot(t, lambda s: "beta/two" in s)
    _reboot(t)
    with open(path, "rb") as f:
        whole = f.read()
    with open(path, "wb") as f:
        f.write(whole[:-30] if content is None else content)
    start(t)
    assert messages_matching(t.trackerd.log(), "state file .* cannot be used"), t.trackerd.log()
    assert os.path.exists(path + ".broken"), os.listdir(t.dir)
    eq(rows(t)["beta/two"]["status"], "available", "status")
    prepare_rows(t)
    wait_snapshot(t, lambda s: "beta/two" in s)


@case()
def test_a_folder_named_as_the_state_file_stays_where_it_is(t):
    folder = os.path.join(t.dir, "folder")
    os.mkdir(folder)
    t.configure([t.provider("alpha", "http://127.0.0.1:9/v1"), t.provider("beta", "http://127.0.0.1:9/v1")],
                {"default": list(PAIRS)}, tracker={"stateFile": folder})
    start(t)
    assert messages_matching(t.trackerd.log(), "state file .* cannot be used"), t.trackerd.log()
    before = prepare_rows(t)
    t.trackerd.wait_log("cannot write the state file")
    same_state(t, before)
    assert os.path.isdir(folder) and not os.path.exists(folder + ".broken"), os.listdir(t.dir)


@case()
def test_a_state_file_that_cannot_be_written(t):
    t.configure([t.provider("alpha", "http://127.0.0.1:9/v1"), t.provider("beta", "http://127.0.0.1:9/v1")],
                {"default": list(PAIRS)}, tracker={"stateFile": os.path.join(t.dir, "no", "such", "folder")})
    start(t)
    before = prepare_rows(t)
    t.trackerd.wait_log("cannot write the state file")
    same_state(t, before)


def test_a_full_disk(t):
    """Costs the snapshot, nothing else; with room again it is written."""
    disk = os.path.join(t.dir, "disk")
    os.mkdir(disk)
    t.configure([t.provider("alpha", "http://127.0.0.1:9/v1"), t.provider("beta", "http://127.0.0.1:9/v1")],
                {"default": list(PAIRS)}, tracker={"stateFile": os.path.join(disk, "state")})
    script = (f"mount -t tmpfs -o size=16k none {disk}; cat /dev/zero > {disk}/filler 2> /dev/null; "
              f"exec {daemons.program('weir-trackerd')} -f -c {t.conf_path}")
    t.trackerd = t.spawn("weir-trackerd", ["unshare", "-m", "sh", "-c", script])
    wait_until(lambda: os.path.exists(t.socket_path), what="weir-trackerd's socket")
    inside = f"/proc/{t.trackerd.pid}/root{disk}"
    before = prepare_rows(t)
    t.trackerd.wait_log("cannot write the state file .*No space left")
    same_state(t, before)
    os.unlink(f"{inside}/filler")
    t.ctl("cooldown", "beta", "two", "601", "before")
    t.trackerd.wait_log("can be written again")
    eq(os.listdir(inside), ["state"], "what is on the disk")


def _can_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], stdin=subprocess.DEVNULL,
        capture_output=True).returncode == 0


if _can_mount():
    case()(test_a_full_disk)
