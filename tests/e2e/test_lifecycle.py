# SPDX-License-Identifier: MIT
"""A year in the life of the daemons (CONTRACT 1): reloads and upgrades that cut nothing, leaving root,
owners and modes, log rotation."""

import grp
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

import daemons
import eventline
import rawhttp
from daemons import SLOW, wait_until
from rawprovider import delta
from weirtest import Skipped, between, case, eq, log_records, messages_matching


class Load:
    """Streams one after the other in the background, from some threads; keeps what went wrong."""

    def __init__(self, t, threads=3):
        self.t, self.done, self.faults, self.is_over = t, 0, [], False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join(60)

    def wait_for_more(self, streams=3):
        """Until that many further streams have ended, or one went wrong."""
        wanted = self.done + streams
        wait_until(lambda: self.done >= wanted or self.faults, what="streams under load")

    def _run(self):
        while not self.is_over:
            try:
                s = self.t.stream()
                assert s.is_done and not s.errors, "a stream was cut"
                self.done += 1
            except Exception as e:  # noqa: BLE001 - whatever it is, the case must name it
                self.faults.append(repr(e))


def _reloads(t):
    return len(messages_matching(t.weir.log(), "^configuration reloaded$"))


def _children_are(t, number, daemon=None, within=15):
    daemon = daemon or t.weir
    wait_until(lambda: len(daemon.children()) == number, within, f"{number} workers")


# ---- reload ----------------------------------------------------------------------------------


@case(limit=120)
def test_a_hundred_reloads_under_load(t):
    """Nothing is lost, and a stream that runs over all of them is not cut."""
    t.start(server={"drainTimeoutMs": 1000})
    t.sim.script("one", ["tokens=300,delay=50"])
    long = t.chat(timeout=90)
    events = long.events()
    next(events)
    t.sim.script("one", ["tokens=5,delay=5"])
    with Load(t) as load:
        for n in range(100):
            t.weir.send_signal(signal.SIGHUP)
            wait_until(lambda: _reloads(t) > n, 20, f"reload {n + 1}", every=0.005)
            if n % 5 == 0:
                load.wait_for_more()
    eq(load.faults, [], "faults under load")
    events = list(events)
    eq(events[-1].data, b"[DONE]", "the end of the long stream")
    eq(t.row()["failures"], 0, "failures")
    _children_are(t, t.workers)


@case()
def test_a_reload_gives_streams_the_time_they_need(t):
    """drainTimeoutMs is for stopping: an old worker keeps its stream beyond it."""
    t.start(server={"drainTimeoutMs": 300})
    t.sim.script("one", ["tokens=40,delay=50"])
    response = t.chat()
    t.weir.send_signal(signal.SIGHUP)
    wait_until(lambda: _reloads(t) == 1, 5, "the reload")
    s = rawhttp.Stream(response)
    assert s.is_done and not s.errors, "the stream was cut"
    _children_are(t, t.workers)


@case()
def test_reloads_wait_when_too_many_generations_drain(t):
    p = t.raw_provider()  # its streams end when the case wants them to
    t.start(server={"workers": 1}, base_urls={"alpha": p.base_url})  # a stream keeps exactly one worker
    running = []
    for n in range(40):
        conn = t.send_chat(timeout=60)
        played = p.accept()
        played.start_stream()
        played.send_event(delta("content"))
        running.append((played, conn.response()))
        t.weir.send_signal(signal.SIGHUP)
        wait_until(lambda: _reloads(t) > n or "the reload waits" in t.weir.log(), 10, "a reload")
        if "the reload waits" in t.weir.log():
            break
    assert "the reload waits" in t.weir.log(), "there was room for everything"
    before = _reloads(t)
    for played, response in running:
        played.end_stream()
        s = rawhttp.Stream(response)
        assert s.is_done and not s.errors, "a stream was cut"
    wait_until(lambda: _reloads(t) > before, 10, "the reload that waited")
    _children_are(t, t.workers)


@case()
def test_settings_that_need_a_restart_are_named_and_kept(t):
    t.start()
    t.conf["tracker"]["shm"] = t.shm + "-other"
    t.conf["server"]["accessLog"] = os.path.join(t.dir, "late.log")
    t.conf["tracker"]["pidFile"] = os.path.join(t.dir, "late.pid")
    t.write_conf()
    for daemon in (t.weir, t.trackerd):
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log(r"server\.accessLog, tracker\.shm, tracker\.pidFile takes effect at a restart")
    wait_until(lambda: _reloads(t) == 1, 5, "the reload")
    assert t.stream().is_done
    t.wait_tracker_everywhere()
    assert not os.path.exists(t.conf["server"]["accessLog"])
    eq(daemons.shared_memory(t.shm + "-other"), [], "a table of the new name")


# ---- upgrade ---------------------------------------------------------------------------------


class Master:
    """The weir that took over: no child of ours, known by its pid file."""

    def __init__(self, t, pid):
        self.t, self.pid = t, pid

    def children(self):
        return [pid for pid, parent in daemons._parents().items() if parent == self.pid]

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: not _is_running(self.pid), 15, "the new weir has gone")


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False


def _start_for_upgrade(t, server=None, env=None, **settings):
    """weir runs from a file of the case's own, which a case may replace, and has a pid file."""
    t.binary = os.path.join(t.dir, "bin", "weir")
    t.pid_file = os.path.join(t.dir, "weir.pid")
    os.mkdir(os.path.dirname(t.binary))
    shutil.copy(daemons.program("weir"), t.binary)
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url), t.provider("beta", t.sim.base_url)],
                {"default": ["alpha/one", "beta/two"]},
                server={"pidFile": t.pid_file, **(server or {})}, **settings)
    t.start_trackerd()
    t.weir = t.spawn("weir", [t.binary, "-f", "-c", t.conf_path], env=env)
    t.wait_ready()


def _pid(t):
    try:
        with open(t.pid_file) as f:
            return int(f.read() or 0)
    except OSError:
        return 0


def _upgraded(t, old):
    wait_until(lambda: _pid(t) not in (0, old), 20, "a new pid in the pid file", every=0.005)
    new = Master(t, _pid(t))
    wait_until(lambda: re.search(rf"took over from pid {old}\b", t.weir.log()), 5,
               "word of the new weir")
    return new


def _requests_counted(t):
    text = t.get("/metrics").body.decode()
    return sum(int(float(n)) for n in re.findall(r"^weir_requests_total\{.*\} (\S+)$", text, re.M))


@case(limit=90)
def test_an_upgrade_loses_nothing(t):
    """Twice in a row: running streams finish, others are served meanwhile, numbers go on."""
    _start_for_upgrade(t, server={"drainTimeoutMs": 300})
    t.sim.script("one", ["tokens=100,delay=40"])
    long = t.chat(timeout=60)
    t.sim.script("one", ["tokens=3,delay=5"])
    eq(_pid(t), t.weir.pid, "pid in the pid file")
    old = t.weir.pid
    counted = _requests_counted(t)
    assert t.post(t.body(), headers={"X-Request-Id": "before-the-upgrade"}).read()
    with Load(t) as load:
        load.wait_for_more()
        t.weir.send_signal(signal.SIGUSR2)
        first = _upgraded(t, old)
        load.wait_for_more()
        os.kill(first.pid, signal.SIGUSR2)
        second = _upgraded(t, first.pid)
        load.wait_for_more()
    eq(load.faults, [], "faults under load")
    assert _is_running(t.weir.pid), "the old weir left its stream"
    s = rawhttp.Stream(long)
    assert s.is_done and not s.errors, "the long stream was cut"
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    wait_until(lambda: not _is_running(first.pid), 10, "the one between has gone")
    _children_are(t, t.workers, second)
    assert _requests_counted(t) >= counted + load.done, "requests were forgotten"
    eq(t.ctl("explain", "before-the-upgrade")[0], 0, "exit code of weirctl explain")
    t.wait_tracker_everywhere()
    row = t.row()
    eq((row["failures"], row["midStreamFailures"]), (0, 0), "row")
    # It reloads and counts failures like any other.
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(3)
    t.wait_row("alpha/one", status="exhausted")
    os.kill(second.pid, signal.SIGHUP)
    wait_until(lambda: _reloads(t) == 1, 5, "a reload of the new weir")
    second.stop()
    assert not os.path.exists(t.pid_file), "the pid file is still there"


@case()
def test_stopping_the_new_weir_ends_the_old_one_too(t):
    _start_for_upgrade(t, server={"drainTimeoutMs": 1000})
    t.sim.script("one", ["stall=2"])
    response = t.chat()
    events = response.events()
    next(events)
    old = t.weir.pid
    t.weir.send_signal(signal.SIGUSR2)
    new = _upgraded(t, old)
    began = time.monotonic()
    new.stop()
    assert not _is_running(old), "the old weir outlives the new one"
    between(time.monotonic() - began, 0.9, 4 * daemons.SLOW, "seconds")
    assert list(events)[-1].json()["error"], "no error event at the end of the drain"
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True


BAD_BINARIES = [
    ("exits", "#!/bin/sh\necho this one is broken >&2\nexit 3\n"),
    ("succeeds", "#!/bin/sh\nexit 0\n"),
    ("no_program", "garbage"),
    ("is_gone", None),
    ("hangs", "#!/bin/sh\nexec sleep 600\n"),
]


@case(params=BAD_BINARIES, limit=60)
def test_a_bad_new_binary_is_refused(t, content):
    _start_for_upgrade(t)
    t.sim.script("one", ["tokens=20,delay=30"])
    running = t.chat()
    t.sim.script("one", ["tokens=3,delay=5"])
    os.unlink(t.binary)
    if content is not None:
        with open(t.binary, "w") as f:
            f.write(content)
        os.chmod(t.binary, 0o755)
    workers = set(t.weir.children())
    t.weir.send_signal(signal.SIGUSR2)
    with Load(t, 1) as load:
        t.weir.wait_log(r"upgrade refused: .*this weir goes on serving", within=25)
    eq(load.faults, [], "faults under load")
    assert rawhttp.Stream(running).is_done, "a running stream was cut"
    eq(set(t.weir.children()) & workers, workers, "workers")
    eq(_pid(t), t.weir.pid, "pid in the pid file")
    # And a good one is taken the next time.
    shutil.copy(daemons.program("weir"), t.binary + ".new")
    os.rename(t.binary + ".new", t.binary)
    t.weir.send_signal(signal.SIGUSR2)
    new = _upgraded(t, t.weir.pid)
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    assert t.stream().is_done
    new.stop()


@case()
def test_an_upgrade_with_a_bad_configuration_is_refused(t):
    _start_for_upgrade(t)
    with open(t.conf_path, "a") as f:
        f.write("zzz: 1\n")
    t.weir.send_signal(signal.SIGUSR2)
    t.weir.wait_log(r"upgrade refused: .* ended with code 78")
    assert t.stream().is_done
    eq(_pid(t), t.weir.pid, "pid in the pid file")
    t.write_conf()
    # An address that is taken: the same.
    t.conf["server"]["listen"] = ["127.0.0.1", "192.0.2.1"]
    t.write_conf()
    t.weir.send_signal(signal.SIGUSR2)
    t.weir.wait_log(r"upgrade refused: .* ended with code 69")
    assert t.stream().is_done


@case()
def test_an_upgrade_in_the_background(t):
    """A daemon without standard error tells in its log why an upgrade failed."""
    t.pid_file = os.path.join(t.dir, "weir.pid")
    log = os.path.join(t.dir, "error.log")
    unix = os.path.join(t.dir, "weir.sock")
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"pidFile": t.pid_file, "errorLog": log,
                        "listen": ["127.0.0.1", f"unix:{unix}"]})
    t.start_trackerd()
    relative = os.path.relpath(t.conf_path, t.dir)  # found again from /
    done = daemons.subprocess.run([daemons.program("weir"), "-c", relative], cwd=t.dir,
                                  env=t.environment(), capture_output=True, text=True,
                                  stdin=daemons.subprocess.DEVNULL, timeout=20 * daemons.SLOW)
    eq((done.returncode, done.stderr), (0, ""), "weir in the background")
    old = _pid(t)
    good = open(t.conf_path).read()
    with open(t.conf_path, "a") as f:
        f.write("zzz: 1\n")
    os.kill(old, signal.SIGUSR2)

    def text():
        with open(log) as f:
            return f.read()
    wait_until(lambda: "upgrade refused" in text(), 20, "the refusal in the log")
    assert re.search(r"upgrade: .*weir\.yaml:\d+:", text()), f"the log does not say why: {text()[-1500:]}"
    with open(t.conf_path, "w") as f:
        f.write(good)
    os.kill(old, signal.SIGUSR2)
    wait_until(lambda: _pid(t) not in (0, old), 20, "a new pid in the pid file")
    wait_until(lambda: not _is_running(old), 15, "the old weir has gone")
    for address in (t.address, unix):
        conn = rawhttp.Connection(address, 10)
        t.connections.append(conn)
        assert t.stream(conn=conn).is_done, f"a stream over {address}"
    new = Master(t, _pid(t))
    new.stop()
    assert not os.path.exists(t.pid_file) and not os.path.exists(unix), "left files"
    for record in log_records(text()):
        json.dumps(record)


@case()
def test_the_old_weir_dies_while_the_new_one_starts(t):
    """The new one takes over all the same."""
    _start_for_upgrade(t)
    script = "#!/bin/sh\nsleep 1\nexec %s \"$@\"\n" % daemons.program("weir")
    os.unlink(t.binary)
    with open(t.binary, "w") as f:
        f.write(script)
    os.chmod(t.binary, 0o755)
    old = t.weir.pid
    t.weir.send_signal(signal.SIGUSR2)
    t.weir.wait_log(r"upgrade: started ")
    t.weir.kill()
    new = _upgraded(t, old)
    wait_until(lambda: t.get("/health").status == 200, 5, "health")
    assert t.stream().is_done
    new.stop()


def _successor(t):
    """The pid of the new weir while it starts: the launcher's child."""
    for launcher in t.weir.children():
        for pid, parent in daemons._parents().items():
            if parent == launcher:
                return launcher, pid
    return None


def _first_worker(master):
    """Of a weir that starts, as soon as there is one."""
    try:
        with open(f"/proc/{master}/task/{master}/children") as f:
            pids = f.read().split()
        return next((int(p) for p in pids if _is_weir(p)), None)
    except OSError:
        return None


def _is_weir(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip() == "weir"


def _start_slowly(t, seconds=1):
    """The next binary takes its time."""
    os.unlink(t.binary)
    with open(t.binary, "w") as f:
        f.write(f"#!/bin/sh\nsleep {seconds}\nexec {daemons.program('weir')} \"$@\"\n")
    os.chmod(t.binary, 0o755)


def _begin_upgrade(t):
    t.weir.send_signal(signal.SIGUSR2)
    t.weir.wait_log(r"upgrade: started ")
    return wait_until(lambda: _successor(t), 5, "launcher and new weir", every=0.002)


@case()
def test_a_new_weir_whose_workers_end_at_their_start(t):
    """It fails, and the old one goes on as if nothing had happened."""
    _start_for_upgrade(t)
    t.sim.script("one", ["tokens=40,delay=30"])
    running = t.chat()
    workers = set(t.weir.children())
    t.conf["server"]["workers"] = 16  # so that one can be caught before all of them serve
    t.write_conf()
    _start_slowly(t)
    _, new = _begin_upgrade(t)
    os.kill(wait_until(lambda: _first_worker(new), 10, "its first worker", every=0), signal.SIGKILL)
    t.weir.wait_log(r"not starting")
    t.weir.wait_log(r"upgrade refused: .*this weir goes on serving")
    s = rawhttp.Stream(running)
    assert s.is_done and not s.errors, "a running stream was cut"
    assert "stopping" not in t.weir.log().split("not starting")[0], "the old weir was told to stop"
    for _ in range(20):
        assert t.get("/health").status == 200
    assert workers <= set(t.weir.children()), "workers of the old weir have left"
    eq(_pid(t), t.weir.pid, "pid in the pid file")


@case()
def test_the_launcher_dies_and_the_upgrade_goes_on(t):
    """Whoever takes over, only one weir serves in the end, and it has the pid file."""
    _start_for_upgrade(t)
    _start_slowly(t)
    launcher, new = _begin_upgrade(t)
    os.kill(launcher, signal.SIGKILL)
    t.weir.wait_log(r"the launcher has died")
    eq(_upgraded(t, t.weir.pid).pid, new, "the weir that took over")
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    assert t.stream().is_done
    Master(t, new).stop()


@case()
def test_the_launcher_and_the_new_weir_die(t):
    _start_for_upgrade(t)
    _start_slowly(t)
    launcher, new = _begin_upgrade(t)
    os.kill(launcher, signal.SIGKILL)
    t.weir.wait_log(r"the launcher has died")
    os.kill(new, signal.SIGKILL)
    t.weir.wait_log(r"upgrade refused: .*this weir goes on serving")
    assert t.stream().is_done
    eq(_pid(t), t.weir.pid, "pid in the pid file")


@case()
def test_a_stopped_launcher_holds_nothing_up(t):
    _start_for_upgrade(t)
    _start_slowly(t)
    launcher, new = _begin_upgrade(t)
    os.kill(launcher, signal.SIGSTOP)
    eq(_upgraded(t, t.weir.pid).pid, new, "the weir that took over")
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    Master(t, new).stop()


@case()
def test_a_stop_of_both_weirs_is_one_stop(t):
    """Ctrl-C reaches the old weir twice: from the terminal, and handed on by the new one."""
    _start_for_upgrade(t, server={"drainTimeoutMs": 10000})
    t.sim.script("one", ["tokens=40,delay=50"])
    running = t.chat()
    old = t.weir.pid
    t.weir.send_signal(signal.SIGUSR2)
    new = _upgraded(t, old)
    for pid in (new.pid, old):
        os.kill(pid, signal.SIGINT)
    s = rawhttp.Stream(running)
    assert s.is_done and not s.errors, "a running stream was cut"
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    wait_until(lambda: not _is_running(new.pid), 5, "the new weir has gone")
    assert "told to stop again" not in t.weir.log()


@case()
def test_a_second_stop_of_the_new_weir_ends_both_at_once(t):
    _start_for_upgrade(t, server={"drainTimeoutMs": 20000})
    t.sim.script("one", ["stall=2"])
    running = t.chat()
    next(running.events())
    old = t.weir.pid
    t.weir.send_signal(signal.SIGUSR2)
    new = _upgraded(t, old)
    for times in (1, 2):
        os.kill(new.pid, signal.SIGTERM)
        t.weir.wait_log(r"stopping: running requests", count=2)
    wait_until(lambda: not _is_running(new.pid) and not _is_running(old), 5, "both have gone")
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True


@case()
def test_an_upgrade_waits_for_room(t):
    """Draining workers hold all slots: the upgrade begins when some have left."""
    _start_for_upgrade(t, server={"workers": 1})
    t.sim.script("one", ["tokens=80,delay=100"])
    running = []
    for n in range(40):
        running.append(t.chat(timeout=60))
        t.weir.send_signal(signal.SIGHUP)
        wait_until(lambda: _reloads(t) > n or "the reload waits" in t.weir.log(), 10, "a reload")
        if "the reload waits" in t.weir.log():
            break
    old = t.weir.pid
    t.weir.send_signal(signal.SIGUSR2)
    t.weir.wait_log(r"the upgrade waits: ")
    assert "upgrade: started" not in t.weir.log()
    for response in running:
        s = rawhttp.Stream(response)
        assert s.is_done and not s.errors, "a stream was cut"
    new = _upgraded(t, old)
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    new.stop()


def test_the_old_weir_is_killed_while_it_hands_over(t, point):
    """Wherever: the new one takes over, and the stream that runs is not cut."""
    _start_for_upgrade(t, env={"WEIR_KILL_AT": point})
    t.sim.script("one", ["tokens=30,delay=50"])
    running = t.chat()
    t.sim.script("one", ["ok"])
    old = t.weir.pid
    t.weir.is_expected_dead = True
    t.weir.send_signal(signal.SIGUSR2)
    eq(t.weir.process.wait(20), -signal.SIGKILL, "how the old weir ended")
    new = _upgraded(t, old)
    s = rawhttp.Stream(running)
    assert s.is_done and not s.errors, "a running stream was cut"
    assert t.stream().is_done
    _children_are(t, t.workers, new)
    new.stop()
    assert not os.path.exists(t.pid_file), "the pid file is still there"


def test_the_new_weir_is_killed_while_it_takes_over(t, point):
    """The old one has handed over and ends; whoever is started next finds nothing in its way."""
    _start_for_upgrade(t, env={"WEIR_KILL_AT": point})
    t.sim.script("one", ["tokens=30,delay=50"])
    running = t.chat()
    t.sim.script("one", ["ok"])
    t.weir.send_signal(signal.SIGUSR2)
    s = rawhttp.Stream(running)
    assert s.is_done and not s.errors, "a running stream was cut"
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.is_expected_dead = True  # as the new one is
    t.start_weir()
    assert t.stream().is_done
    eq(_pid(t), t.weir.pid, "pid in the pid file")


def _has_kill_points():
    with open(daemons.program("weir"), "rb") as f:
        return b"WEIR_KILL_AT" in f.read()


if os.path.exists(daemons.program("weir")) and _has_kill_points():
    case(params=[(p, p) for p in ("hand-over", "hand-over-alone", "hand-over-released", "hand-over-said")])(
        test_the_old_weir_is_killed_while_it_hands_over)
    case(params=[(p, p) for p in ("take-over", "take-over-named", "take-over-pid-file")])(
        test_the_new_weir_is_killed_while_it_takes_over)


@case()
def test_weirctl_reload_and_upgrade(t):
    """They wait for the answer, and tell it."""
    _start_for_upgrade(t)
    code, out, err = t.ctl("reload")
    eq((code, err), (0, ""), "weirctl reload")
    eq(_reloads(t), 1, "reloads when weirctl has returned")
    old = t.weir.pid
    code, out, err = t.ctl("upgrade")
    eq((code, err), (0, ""), "weirctl upgrade")
    new = _upgraded(t, old)
    eq(out.split(), f"weir upgraded: pid {new.pid} has taken over from pid {old}".split(), "output")
    eq(t.weir.wait_exit(), 0, "exit code of the old weir")
    t.weir.was_stopped = True
    os.unlink(t.binary)
    code, out, err = t.ctl("--json", "upgrade")
    eq((code, json.loads(out)["status"]), (1, "refused"), "weirctl upgrade without a binary")
    assert "weir ended with code 127: it cannot be run" in err, err
    # trackerd takes the file, weir cannot: the address is not ours.
    t.conf["server"]["listen"] = ["127.0.0.1", "192.0.2.1"]
    t.write_conf()
    code, out, err = t.ctl("reload")
    eq(code, 1, f"exit code of a reload that weir refuses ({err!r})")
    assert "refused" in err and "192.0.2.1" in err, err
    assert "done" not in out and "reloaded" not in out, out
    code, out, err = t.ctl("--json", "reload")
    eq((code, json.loads(out)["status"]), (1, "refused"), "weirctl --json reload")
    assert "192.0.2.1" in json.loads(out)["message"], out
    eq(t.ctl("reload", "weir")[0], 1, "exit code of weirctl reload weir")
    eq(t.ctl("reload", "trackerd")[0], 0, "exit code of weirctl reload trackerd")
    assert t.stream().is_done
    new.stop()
    eq(t.ctl("upgrade")[0], 69, "exit code of weirctl upgrade without weir")


@case(params=[("absent", None), ("of_another_version", 8)])
def test_a_weir_that_is_not_found(t, offset):
    """One that answers, but whose pages cannot be used, is never said to be done with anything."""
    t.start()
    pages = f"/dev/shm{t.shm}.workers"
    if offset is None:
        os.unlink(pages)
    else:
        eventline.scribble(t.shm + ".workers", offset)
    for command in ("reload", "reload weir", "upgrade"):
        code, out, err = t.ctl(*command.split())
        eq((code, out), (1, ""), f"weirctl {command} ({err!r})")
        assert "a weir answers at 127.0.0.1" in err, err
        if offset is not None:
            assert "of another version of weir" in err, err
    t.weir.stop()
    eq(t.ctl("reload")[0], 0, "exit code of weirctl reload without weir")
    eq(t.ctl("reload", "weir")[0], 69, "exit code of weirctl reload weir without weir")
    eq(t.ctl("reload", "trackerd")[0], 0, "exit code of weirctl reload trackerd")
    if os.path.exists(pages):
        os.unlink(pages)


def test_seen_with_another_boot_id(t):
    """As from a shell in a container whose manager mounted its own id over the kernel's."""
    t.start()
    other = os.path.join(t.dir, "boot_id")
    with open(other, "w") as f:
        f.write("01234567-89ab-cdef-0123-456789abcdef\n")

    def ctl(*args):
        script = f"mount --bind {other} /proc/sys/kernel/random/boot_id && exec \"$@\""
        argv = ["unshare", "-m", "sh", "-c", script, "sh", daemons.program("weirctl"), "-c", t.conf_path, *args]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30 * SLOW, env=t.environment(),
                              stdin=subprocess.DEVNULL)

    for args in (("status",), ("route",), ("explain",), ("reload",)):
        done = ctl(*args)
        eq((done.returncode, done.stderr), (0, ""), f"weirctl {args}")
    eq(_reloads(t), 1, "reloads")


def _can_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount --bind /etc/hostname /proc/sys/kernel/random/boot_id"],
        stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


if _can_mount():
    case()(test_seen_with_another_boot_id)


# ---- init scripts ----------------------------------------------------------------------------


@case(limit=90)
def test_init_scripts(t):
    """Exit codes are LSB's."""
    run = os.path.join(t.dir, "run")
    t.socket_path = os.path.join(run, "tracker.sock")
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"pidFile": os.path.join(run, "weir.pid"),
                        "errorLog": os.path.join(t.dir, "error.log"), "drainTimeoutMs": 2000},
                tracker={"pidFile": os.path.join(run, "weir-trackerd.pid")})

    def script(name):
        with open(os.path.join(daemons.BUILD, "etc", f"{name}.init")) as f:
            text = f.read()
        for key, value in (("DAEMON", daemons.program(name)), ("CONF", t.conf_path),
                           ("WEIRCTL", daemons.program("weirctl"))):
            text, n = re.subn(rf"^{key}=.*$", f"{key}={value}", text, flags=re.M)
            eq(n, 1, f"lines with {key}=")
        path = os.path.join(t.dir, f"{name}.init")
        with open(path, "w") as f:
            f.write(re.sub(r"/\S*/weir/environment", "/nowhere", text))
        return path
    paths = {name: script(name) for name in ("weir-trackerd", "weir")}

    def call(name, action, code):
        with open(os.path.join(t.dir, "init.out"), "w+") as out:  # a daemon would keep a pipe open
            done = daemons.subprocess.run(["sh", paths[name], action], cwd="/", stdout=out, stderr=out,
                                          stdin=daemons.subprocess.DEVNULL, env=t.environment(),
                                          timeout=60 * daemons.SLOW)
            out.seek(0)
            text = out.read()
        eq(done.returncode, code, f"exit code of {name} {action} ({text!r})")
        return text

    def pid(name):
        with open(os.path.join(run, f"{name}.pid")) as f:
            return int(f.read())
    for name in paths:
        call(name, "status", 3)
        call(name, "stop", 0)
        assert "it is not running" in call(name, "reload", 7)
        call(name, "try-restart", 0)
        call(name, "status", 3)
        call(name, "configtest", 0)
        call(name, "start", 0)
        first = pid(name)
        assert f"pid {first}" in call(name, "status", 0)
        call(name, "start", 0)
        eq(pid(name), first, "pid after a second start")
        call(name, "reload", 0)
        call(name, "force-reload", 0)
        eq(pid(name), first, "pid after reloads")
        call(name, "restart", 0)
        assert pid(name) != first, "restart has not started anew"
        first = pid(name)
        call(name, "try-restart", 0)
        assert pid(name) != first, "try-restart has not started anew"
        call(name, "nonsense", 2)
    t.wait_tracker_everywhere()
    assert t.stream().is_done
    # A bad file stops nothing.
    second = pid("weir")
    with open(t.conf_path, "a") as f:
        f.write("zzz: 1\n")
    call("weir", "configtest", 78)
    told = call("weir", "reload", 6).splitlines()
    assert any(line.startswith(t.conf_path) for line in told), f"no error on a line of its own: {told}"
    call("weir", "restart", 6)
    eq(pid("weir"), second, "pid after a refused restart")
    t.write_conf()
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: not _is_running(second), 5, "the kill")
    call("weir", "status", 1)
    call("weir", "start", 0)
    for name in paths:
        call(name, "stop", 0)
        call(name, "status", 3)
    wait_until(lambda: not [p for p in daemons.processes_of(t.id)
                            if daemons.program("weir") + " " in daemons.command_of(p) + " "], 10,
               "workers of the killed weir have left")
    eq(os.listdir(run), [], "left in the run folder")
    t.sim.daemon.is_expected_dead, t.was_killed = False, lambda: True


# ---- leaving root ----------------------------------------------------------------------------


def _uids(pid):
    with open(f"/proc/{pid}/status") as f:
        found = dict(line.split(":", 1) for line in f)
    return ({int(n) for n in found["Uid"].split()}, {int(n) for n in found["Gid"].split()},
            int(found["CapEff"], 16))


def _owner(path):
    st = os.lstat(path)
    return (pwd.getpwuid(st.st_uid).pw_name, grp.getgrgid(st.st_gid).gr_name,
            oct(stat.S_IMODE(st.st_mode)))


WEIR, TRACKER = "nobody", "daemon"  # users that every system has


@case()
def test_root_is_left(t):
    """Both daemons, masters included; files get the right owners; all goes on without root."""
    if os.geteuid() != 0:
        return
    if subprocess.run(["setpriv", "--reuid", WEIR, "--clear-groups", "test", "-x", daemons.program("weir")],
                      stdin=subprocess.DEVNULL).returncode != 0:
        raise Skipped(f"user {WEIR} may not enter the folder of the build")
    group = grp.getgrgid(pwd.getpwnam(WEIR).pw_gid).gr_name
    os.chmod(t.dir, 0o755)
    run, logs, state = (os.path.join(t.dir, d) for d in ("run", "logs", "state"))
    os.mkdir(logs)
    shutil.chown(logs, WEIR, group)
    os.chmod(logs, 0o2770)
    t.socket_path = os.path.join(run, "tracker.sock")
    t.pid_file = os.path.join(run, "weir.pid")
    files = {"accessLog": os.path.join(logs, "access.log"), "errorLog": os.path.join(logs, "error.log")}
    unix = os.path.join(run, "http.sock")
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"user": WEIR, "group": group, "pidFile": t.pid_file, "workers": 2,
                        "listen": ["127.0.0.1", f"unix:{unix}"], **files},
                tracker={"user": TRACKER, "pidFile": os.path.join(run, "weir-trackerd.pid"),
                         "stateFile": os.path.join(state, "tracker.state")},
                midStreamCooldownMs=60000)
    shutil.chown(t.conf_path, "root", group)
    os.chmod(t.conf_path, 0o640)
    # What an earlier start as root has left in shared memory is no obstacle.
    for suffix in (".workers", ".ledger", ".recent"):
        open("/dev/shm" + t.shm + suffix, "w").close()
    t.spawn("weir-trackerd", [daemons.program("weir-trackerd"), "-c", t.conf_path]).wait_exit()
    t.daemons[-1].was_stopped = True
    t.spawn("weir", [daemons.program("weir"), "-c", t.conf_path]).wait_exit()
    t.daemons[-1].was_stopped = True
    wait_until(lambda: t.get("/health").json()["tracker"] == "up", 10, "weir with its tracker")

    with open(t.conf["tracker"]["pidFile"]) as f:
        tracker = int(f.read())
    master = Master(t, _pid(t))
    weir_id, tracker_id = pwd.getpwnam(WEIR), pwd.getpwnam(TRACKER)
    eq(_uids(tracker), ({tracker_id.pw_uid}, {weir_id.pw_gid}, 0), "ids of weir-trackerd")
    ids = _uids(master.pid)
    eq(ids[:2], ({weir_id.pw_uid}, {weir_id.pw_gid}), "ids of the master")
    assert ids[2] & ~(1 << 10) == 0, "the master has more than CAP_NET_BIND_SERVICE"
    for pid in master.children():
        eq(_uids(pid), ({weir_id.pw_uid}, {weir_id.pw_gid}, 0), "ids of a worker")

    assert t.stream().is_done
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(3)
    t.wait_row("alpha/one", status="exhausted")
    t.sim.script("one", ["ok"])
    eq(t.ctl("clear", "--all")[0], 0, "exit code of weirctl clear")
    wait_until(lambda: os.path.exists(t.conf["tracker"]["stateFile"]), 10, "the state file")
    shm = "/dev/shm" + t.shm
    eq(_owner(run), (TRACKER, group, "0o1775"), "the run folder")
    eq(_owner(t.socket_path), (TRACKER, group, "0o660"), "the tracker's socket")
    eq(_owner(unix), (WEIR, group, "0o666"), "weir's Unix socket")
    eq(_owner(shm), (TRACKER, group, "0o640"), "the table")
    eq(_owner(shm + ".lock"), (TRACKER, group, "0o660"), "the table's lock")
    eq(_owner(shm + ".workers"), (WEIR, group, "0o640"), "the workers' pages")
    eq(_owner(shm + ".ledger"), (WEIR, group, "0o640"), "the ledger")
    eq(_owner(shm + ".recent"), (WEIR, group, "0o640"), "the recent requests")
    eq(_owner(t.conf["tracker"]["stateFile"])[0], TRACKER, "the state file")
    eq(os.stat(t.conf["tracker"]["stateFile"]).st_mode & 0o7, 0, "others' rights to the state file")
    eq(_owner(files["accessLog"]), (WEIR, group, "0o640"), "the access log")
    eq(_owner(files["errorLog"]), (WEIR, group, "0o660"), "the error log")

    # Rotation, more workers on the same port, an upgrade: all without root.
    for path in files.values():
        os.rename(path, path + ".1")
    os.kill(master.pid, signal.SIGUSR1)
    os.kill(tracker, signal.SIGUSR1)
    for path in files.values():
        wait_until(lambda: os.path.exists(path), 5, f"a new {os.path.basename(path)}")
    t.conf["server"]["workers"] = 4
    t.write_conf()
    shutil.chown(t.conf_path, "root", group)
    os.chmod(t.conf_path, 0o640)
    os.kill(master.pid, signal.SIGHUP)
    _children_are(t, 4, master)
    os.kill(master.pid, signal.SIGUSR2)
    wait_until(lambda: _pid(t) not in (0, master.pid), 20, "a new pid in the pid file")
    new = Master(t, _pid(t))
    wait_until(lambda: not _is_running(master.pid), 15, "the old weir has gone")
    eq(_uids(new.pid)[0], {weir_id.pw_uid}, "uid of the new master")
    wait_until(lambda: t.stream().is_done, 5, "a stream")
    with open(files["errorLog"]) as f:
        eq([r["msg"] for r in log_records(f.read()) if r["level"] == "error"], [], "errors")
    new.stop()
    os.kill(tracker, signal.SIGTERM)
    wait_until(lambda: not _is_running(tracker), 10, "trackerd has gone")
    # Root made it, so without root weir.pid can only be emptied.
    left = {name: os.path.getsize(os.path.join(run, name)) for name in os.listdir(run)}
    assert left in ({}, {"weir.pid": 0}), f"left in the run folder: {left}"


@case()
def test_root_without_a_user_is_warned_about(t):
    if os.geteuid() != 0:
        return
    t.start()
    for daemon in (t.weir, t.trackerd):
        assert messages_matching(daemon.log(), r"as root.*server\.user"), daemon.log()
