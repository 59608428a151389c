# SPDX-License-Identifier: MIT
"""Programs as Unix daemons (CONTRACT 1): flags, exit codes, start order, signals, deaths."""

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

import daemons
import rawhttp
from daemons import SLOW, wait_until
from weirtest import KEY, between, case, eq, log_records, messages_matching

PROGRAMS = ("weir", "weir-trackerd", "weirctl", "weir-sim")


def _run(t, name, *args, within=10.0, env=None):
    done = subprocess.run(
        [daemons.program(name), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=within * SLOW, env=t.environment(env), cwd=t.dir,
    )
    return done.returncode, done.stdout, done.stderr


@case()
def test_version_and_help(t):
    for name in PROGRAMS:
        for flag in ("-V", "--version"):
            code, out, err = _run(t, name, flag)
            eq((code, err), (0, ""), f"{name} {flag}")
            assert re.search(r"\d+\.\d+", out) and name in out, f"{name} {flag}: {out!r}"
        for flag in ("-h", "--help"):
            code, out, err = _run(t, name, flag)
            eq((code, err), (0, ""), f"{name} {flag}")
            assert name in out and "-h" in out and "-V" in out, f"{name} {flag}: {out!r}"


@case()
def test_wrong_usage_is_64(t):
    for name in PROGRAMS:
        for args in (["--no-such-option"], ["-Z"]):
            code, out, err = _run(t, name, *args)
            eq(code, 64, f"exit code of {name} {args} ({err!r})")
            eq(out, "", "standard output")
            assert name in err, f"{name}: {err!r}"
    for name in ("weir", "weir-trackerd"):
        eq(_run(t, name, "-f", "stray")[0], 64, f"exit code of {name} with a stray word")
        eq(_run(t, name, "-c")[0], 64, f"exit code of {name} -c without a value")
    eq(_run(t, "weirctl")[0], 64, "exit code of weirctl without a command")
    eq(_run(t, "weirctl", "no-such-command")[0], 64, "exit code of weirctl with an unknown command")
    eq(_run(t, "weir-sim", "-p", "99999999")[0], 64, "exit code of weir-sim with a bad port")


@case()
def test_long_options(t):
    t.start()
    for args in (["--config", t.conf_path, "--test"], ["--config=" + t.conf_path, "--test"],
                 ["-t", "-c", t.conf_path]):
        for name in ("weir", "weir-trackerd"):
            code, _, err = _run(t, name, *args)
            eq(code, 0, f"exit code of {name} {args} ({err!r})")


@case()
def test_a_missing_configuration_is_78(t):
    for name in ("weir", "weir-trackerd"):
        for args in (["-f"], ["-t"]):
            code, _, err = _run(t, name, "-c", "/nowhere/weir.yaml", *args)
            eq(code, 78, f"exit code of {name} {args}")
            assert "/nowhere/weir.yaml" in err, err


# ---- start order -----------------------------------------------------------------------------


@case()
def test_weir_first(t):
    """Without a tracker weir serves, says so once, and attaches when it comes."""
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url), t.provider("beta", t.sim.base_url)],
                {"default": ["alpha/one", "beta/two"]}, midStreamCooldownMs=60000)
    t.start_weir()
    health = t.get("/health").json()
    eq((health["tracker"], health["status"]), ("down", "degraded"), "tracker, status in /health")
    assert t.stream().is_done
    row = t.row()
    eq((row["status"], row["cooldownUntil"]), ("available", None), "row without a tracker")
    t.start_trackerd()
    t.wait_tracker_everywhere()
    eq(t.get("/health").json()["status"], "ok", "status in /health")
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(3)
    t.wait_row("alpha/one", status="exhausted")
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider")
    said = [r for r in log_records(t.weir.log())
            if r["level"] in ("warn", "error") and "tracker" in r["msg"]]
    eq(len(said), 1, f"lines about the missing tracker: {[r['msg'] for r in said]}")


@case()
def test_failures_before_the_tracker_came_are_delivered(t):
    """Events that could not be delivered are kept."""
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url), t.provider("beta", t.sim.base_url)],
                {"default": ["alpha/one", "beta/two"]}, midStreamFailureThreshold=10)
    t.start_weir()
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(4)
    t.start_trackerd()
    t.wait_tracker_everywhere()
    t.wait_row("alpha/one", midStreamFailures=4)


@case(limit=90)
def test_a_tracker_restart_under_load(t):
    """No request fails or stalls for it; cooldown and counter are still there."""
    t.start({"default": ["alpha/one", "beta/two"], "sick": ["alpha/sick", "beta/two"],
             "half": ["alpha/half", "beta/two"]}, midStreamCooldownMs=60000)
    t.sim.script("one", ["tokens=20,delay=5"])
    t.sim.script("sick", ["cut=1"])
    t.sim.script("half", ["cut=1"])
    t.fail_midstream(3, "sick")
    t.fail_midstream(2, "half")
    before = t.wait_row("alpha/sick", status="exhausted")
    t.wait_row("alpha/half", midStreamFailures=2)
    for how in ("term", "kill", "term"):
        during = [t.chat() for _ in range(20)]
        if how == "term":
            t.trackerd.stop()
        else:
            t.trackerd.kill()
        for n in range(5):
            assert t.stream().is_done, "a stream without a tracker"
        eq(t.stream("sick").headers["x-weir-provider"], "beta/two", "the cooldown goes on")
        for response in during:
            assert rawhttp.Stream(response).is_done, "a stream over the tracker's end"
        t.start_trackerd()
        t.wait_tracker_everywhere()
        row = t.row("alpha/sick")
        between(row["cooldownUntil"], before["cooldownUntil"] - 50, before["cooldownUntil"] + 50,
                f"cooldownUntil after {how}")
        eq(t.row("alpha/half")["midStreamFailures"], 2, f"counter after {how}")
    t.fail_midstream(1, "half")
    t.wait_row("alpha/half", status="exhausted")
    eq(t.row()["failures"], 0, "failures of the healthy pair")


@case()
def test_a_second_tracker_is_refused(t):
    t.start()
    code, _, err = _run(t, "weir-trackerd", "-f", "-c", t.conf_path)
    eq(code, 69, "exit code of a second weir-trackerd")
    assert "tracker.sock" in err or t.shm in err or "running" in err, err
    assert t.trackerd.is_alive() and t.stream().is_done
    eq(t.get("/health").json()["tracker"], "up", "tracker in /health")
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(1)
    t.wait_row("alpha/one", midStreamFailures=1)


# ---- ports and sockets -----------------------------------------------------------------------


@case()
def test_max_connections_fit_the_limit_on_descriptors(t):
    """Clamped, and said, at the start and at a reload."""
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"workers": 1, "maxConnections": 5000})
    limited = ["prlimit", "--nofile=400:400", daemons.program("weir"), "-f", "-c", t.conf_path]
    t.weir = t.spawn("weir", limited)
    t.wait_ready()
    t.weir.wait_log(r"server\.maxConnections: 99 of 5000, since a process may have 400 descriptors")
    conns = [t.connect() for _ in range(110)]
    for conn in conns:
        conn.request("GET", "/health", {})
    eq([c.response("GET").status for c in conns].count(200), 99, "connections that are served")
    assert "pausing" not in t.weir.log(), "descriptors ran out"
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log(r"server\.maxConnections: 99 of 5000", count=2)


@case()
def test_a_busy_port_is_69(t):
    """No matter who holds it: a stranger, or another weir with its own SO_REUSEPORT listeners."""
    t.start()
    code, _, err = _run(t, "weir", "-f", "-c", t.conf_path)
    eq(code, 69, "exit code of a second weir")
    assert str(t.port) in err, f"the port is not named: {err!r}"
    assert t.stream().is_done, "the first one serves on"
    with socket.create_server(("127.0.0.1", t.ports.take())) as stranger:
        t.conf["settings"]["port"] = port = stranger.getsockname()[1]
        t.conf["tracker"]["shm"] = t.shm + "-b"
        path = os.path.join(t.dir, "second.yaml")
        t.conf_path, kept = path, t.conf_path
        t.write_conf()
        code, _, err = _run(t, "weir", "-f", "-c", path)
        t.conf_path = kept
        eq(code, 69, "exit code on a stranger's port")
        assert str(port) in err, f"the port is not named: {err!r}"
    code, _, err = _run(t, "weir-sim", "-p", str(t.sim.port))
    eq(code, 69, "exit code of weir-sim on a busy port")
    assert str(t.sim.port) in err, err


@case()
def test_an_address_that_is_not_ours_is_69(t):
    t.start()
    t.weir.stop()
    t.conf["server"]["listen"] = ["192.0.2.1"]
    t.write_conf()
    code, _, err = _run(t, "weir", "-f", "-c", t.conf_path)
    eq(code, 69, "exit code")
    assert "192.0.2.1" in err, err


@case()
def test_unix_socket_and_ipv6(t):
    path = os.path.join(t.dir, "weir.sock")
    port6 = t.ports.take()
    has_ipv6 = os.path.exists("/proc/net/if_inet6") and open("/proc/net/if_inet6").read().strip()
    listen = ["127.0.0.1", f"unix:{path}"] + ([f"[::1]:{port6}"] if has_ipv6 else [])
    t.start(server={"listen": listen})
    addresses = [path] + ([("::1", port6)] if has_ipv6 else [])
    for address in addresses:
        for _ in range(5):
            conn = rawhttp.Connection(address, 10)
            t.connections.append(conn)
            s = t.stream(conn=conn)
            assert s.is_done, f"a stream over {address}"
    t.weir.stop()
    assert not os.path.exists(path), "the Unix socket is still there"
    # A dead weir's socket file is no obstacle.
    t.start_weir()
    t.weir.kill()
    wait_until(lambda: not daemons.processes_of(t.id) or
               all("weir " not in daemons.command_of(p) + " " or "-trackerd" in daemons.command_of(p)
                   or "weir-sim" in daemons.command_of(p) for p in daemons.processes_of(t.id)
                   if "run --child" not in daemons.command_of(p)), 10, "orphaned workers have left")
    t.start_weir()
    conn = rawhttp.Connection(path, 10)
    t.connections.append(conn)
    assert t.stream(conn=conn).is_done


@case()
def test_several_addresses(t):
    other = t.ports.take()
    t.start(server={"listen": ["127.0.0.1", f"127.0.0.1:{other}", "127.0.0.2"]})
    for address in (t.address, ("127.0.0.1", other), ("127.0.0.2", t.port)):
        conn = rawhttp.Connection(address, 10)
        eq(t.get("/health", conn=conn).status, 200, f"status at {address}")
        conn.close()


# ---- workers ---------------------------------------------------------------------------------


@case()
def test_a_killed_worker_is_replaced(t):
    """Requests on other workers never notice."""
    t.start(server={"workers": 3})
    t.sim.script("one", ["tokens=100,delay=20"])
    responses = [t.chat() for _ in range(24)]
    victim = t.weir.children()[0]
    others = set(t.weir.children()) - {victim}
    eq(len(others), 2, "workers besides the victim")
    os.kill(victim, signal.SIGKILL)
    new = wait_until(lambda: len(w := set(t.weir.children()) - {victim}) == 3 and w - others, 5,
                     "a new worker")
    assert others < set(t.weir.children()), "the others live on"
    whole = cut = 0
    for response in responses:
        try:
            s = rawhttp.Stream(response)
            assert s.is_done and not s.errors
            whole += 1
        except (rawhttp.Truncated, ConnectionError):
            cut += 1
    assert whole >= 1 and cut >= 1, f"{whole} whole, {cut} cut: no test of both sides"
    assert cut <= 20, f"{cut} of 24 streams died with one of three workers"
    for _ in range(20):
        t.sim.script("one", ["ok"])
        assert t.stream().is_done
    row = t.row()
    eq((row["midStreamFailures"], row["status"]), (0, "available"), "row")
    assert new and t.weir.is_alive()
    assert messages_matching(t.weir.log(), str(victim)), "the death is logged with its pid"


@case()
def test_queued_connections_survive_a_workers_death(t):
    t.start(server={"workers": 2})
    for _ in range(5):
        victim = t.weir.children()[0]
        os.kill(victim, signal.SIGSTOP)
        conns = [t.connect() for _ in range(30)]
        for conn in conns:
            conn.request("GET", "/health", {"Connection": "close"})
        os.kill(victim, signal.SIGKILL)
        served = 0
        for conn in conns:
            try:
                served += conn.response("GET").status == 200
            except (rawhttp.Truncated, ConnectionError):
                pass
            conn.close()
        eq(served, 30, "connections served that nobody had accepted yet")
        wait_until(lambda: len(set(t.weir.children()) - {victim}) == 2, 5, "a new worker")


@case()
def test_a_worker_that_keeps_dying_is_not_restarted_in_a_frenzy(t):
    t.start(server={"workers": 2})
    keep = t.weir.children()[1]
    seen = set()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for pid in set(t.weir.children()) - {keep}:
            if pid not in seen:
                seen.add(pid)
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    assert 1 < len(seen) < 60, f"{len(seen)} restarts in 3 s"
    assert t.stream().is_done
    wait_until(lambda: len(t.weir.children()) == 2, 15, "it comes back when the killing stops")


def _ask(t, times, within):
    """That many /health on connections of their own, one after the other; returns the longest wait."""
    longest = 0
    for _ in range(times):
        began = time.monotonic()
        conn = rawhttp.Connection(t.address, 10)
        eq(t.get("/health", conn=conn).status, 200, "status")
        conn.close()
        longest = max(longest, time.monotonic() - began)
    assert longest < within * SLOW, f"one waited for {longest:.2f} s"
    return longest


@case()
def test_nobody_waits_for_a_stopped_worker(t):
    """Others accept what the kernel deals to it, until it turns again."""
    t.start(server={"workers": 3, "stuckWorkerMs": 0})
    first, *others = t.weir.children()
    os.kill(first, signal.SIGSTOP)
    _ask(t, 60, 1.0)
    _ask(t, 60, 0.3)
    os.kill(first, signal.SIGCONT)
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    _ask(t, 60, 1.0)
    for pid in others:
        os.kill(pid, signal.SIGCONT)
    _ask(t, 60, 1.0)


@case()
def test_nobody_waits_when_a_dead_worker_is_not_replaced(t):
    t.start(server={"workers": 3})
    t.weir.send_signal(signal.SIGSTOP)
    victim, *others = t.weir.children()
    os.kill(victim, signal.SIGKILL)
    _ask(t, 60, 1.0)
    t.weir.send_signal(signal.SIGCONT)
    wait_until(lambda: len(set(t.weir.children()) - {victim}) == 3, 5, "another worker")
    _ask(t, 20, 1.0)


@case()
def test_nobody_waits_for_a_worker_that_is_told_to_stop_alone(t):
    """It drains, its place is empty until then."""
    t.start(server={"workers": 2})
    t.sim.script("one", ["stall=2"])
    running = [t.chat() for _ in range(12)]
    t.sim.script("one", ["ok"])
    os.kill(t.weir.children()[0], signal.SIGTERM)
    _ask(t, 40, 1.0)
    for response in running:
        response.conn.close()


@case(limit=60)
def test_a_storm_of_killed_workers(t):
    """Nobody waits long, and nothing is lost but what a killed worker held."""
    t.start(server={"workers": 3})
    is_over = threading.Event()
    waits, lost = [], []

    def ask():
        while not is_over.is_set():
            began = time.monotonic()
            try:
                conn = rawhttp.Connection(t.address, 20)
                eq(t.get("/health", conn=conn).status, 200, "status")
                conn.close()
            except (rawhttp.Truncated, ConnectionError):
                lost.append(1)
            waits.append(time.monotonic() - began)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    kills = 0
    until = time.monotonic() + 6
    while time.monotonic() < until:
        alive = [pid for pid in t.weir.children() if not _is_zombie(pid)]
        if alive:
            os.kill(random.choice(alive), signal.SIGKILL)
            kills += 1
        time.sleep(0.22)
    is_over.set()
    for thread in threads:
        thread.join()
    assert kills > 10 and len(waits) > 100, f"{kills} kills, {len(waits)} requests"
    assert max(waits) < 2 * SLOW, f"one of {len(waits)} waited for {max(waits):.1f} s"
    assert len(lost) <= 4 * kills, f"{len(lost)} lost over {kills} kills"


def _stuck(t):
    return [int(pid) for pid in re.findall(r"\(pid (\d+)\) has not turned for \d+ ms", t.weir.log())]


@case()
def test_a_stuck_worker_is_replaced(t):
    """The log tells what it had begun."""
    t.start(server={"workers": 2, "stuckWorkerMs": 1000})
    victim, other = t.weir.children()
    os.kill(victim, signal.SIGSTOP)
    t.weir.wait_log(rf"worker \d \(pid {victim}\) has not turned for 1\d\d\d ms \(it is stopped\), "
                    r"last it began [a-z' ]+: killing it")
    wait_until(lambda: len(set(t.weir.children()) - {victim}) == 2, 5, "another worker")
    assert other in t.weir.children()
    _ask(t, 20, 1.0)
    eq(_stuck(t), [victim], "workers killed")


@case()
def test_stuck_workers_are_replaced_one_by_one(t):
    t.start(server={"workers": 3, "stuckWorkerMs": 600})
    victims = t.weir.children()
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: len(_stuck(t)) == 3, 10, "all of them killed")
    wait_until(lambda: len(set(t.weir.children()) - set(victims)) == 3, 5, "three others")
    told = [(r["time"], r["msg"]) for r in log_records(t.weir.log())
            if re.search(r"has not turned|worker \d started", r["msg"])]
    kinds = ["stuck" if "turned" in msg else "started" for _, msg in told][3:]
    eq(kinds, ["stuck", "started"] * 3, "the order of it")
    _ask(t, 20, 1.0)


@case()
def test_a_stuck_worker_does_not_hold_up_a_stop(t):
    """Every worker holds all listeners: one that is stopped would keep the port until the drain's end."""
    t.start(server={"workers": 2, "stuckWorkerMs": 500, "drainTimeoutMs": 30000})
    victim = t.weir.children()[0]
    os.kill(victim, signal.SIGSTOP)
    t.weir.send_signal(signal.SIGTERM)
    eq(t.weir.wait_exit(5), 0, "exit code")
    t.weir.was_stopped = True
    eq(_stuck(t), [victim], "workers killed")
    t.start_weir()


@case()
def test_a_suspended_machine_kills_nobody(t):
    t.start(server={"workers": 2, "stuckWorkerMs": 1000})
    workers = t.weir.children()
    group = [t.weir.pid] + workers
    for pid in group:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2.5)  # that nothing happens meanwhile is the point
    for pid in group:
        os.kill(pid, signal.SIGCONT)
    time.sleep(1.5)
    eq((_stuck(t), set(t.weir.children())), ([], set(workers)), "who was killed, who lives")


@case()
def test_workers_leave_with_their_master(t):
    """The master is killed: workers finish and go, and a new master can start."""
    t.start()
    workers = t.weir.children()
    t.weir.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{w}") and not _is_zombie(w) for w in workers),
               10, "the workers have left")
    t.start_weir()
    assert t.stream().is_done


@case()
def test_a_restart_right_after_a_kill(t):
    """The port is waited for while the orphans notice, also when one of them is stopped."""
    t.start()
    for _ in range(4):
        t.weir.kill()
        t.start_weir()
        eq(t.get("/health").status, 200, "status")
    for _ in range(2):
        stopped = t.weir.children()[0]
        os.kill(stopped, signal.SIGSTOP)
        t.weir.kill()
        t.start_weir()
        t.weir.wait_log(rf"pid {stopped}, a worker of a weir that was killed, does not turn")
        assert _is_zombie(stopped), "the stopped one is still there"
        _ask(t, 20, 0.5)


def _is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rsplit(b")", 1)[1].split()[0] == b"Z"
    except OSError:
        return True


# ---- stopping --------------------------------------------------------------------------------


@case(params=[("TERM", signal.SIGTERM), ("INT", signal.SIGINT)])
def test_drain(t, number):
    """Running requests finish, new connections are refused, exit 0."""
    t.start(server={"drainTimeoutMs": 20000})
    t.sim.script("one", ["tokens=30,delay=50"])
    idle = t.connect()
    eq(t.get("/health", conn=idle).status, 200, "status")
    responses = [t.chat() for _ in range(6)]
    waiting = t.send_chat()
    t.sim.wait(model="one", requests=7)
    t.weir.send_signal(number)

    def is_refused():
        try:
            rawhttp.Connection(t.address, 1).close()
            return False
        except ConnectionRefusedError:
            return True
    wait_until(is_refused, 2, "new connections are refused")
    for response in responses + [waiting.response()]:
        s = rawhttp.Stream(response)
        assert s.is_done and not s.errors, "a running stream was cut"
    ended = time.monotonic()
    eq(t.weir.wait_exit(), 0, "exit code")
    t.weir.was_stopped = True
    assert time.monotonic() - ended < 3 * SLOW, "the drain took long after the last request"
    assert idle.is_closed_by_peer(1), "the idle connection"


@case()
def test_a_stop_answers_what_was_queued(t):
    """Connections that nobody had accepted yet are answered, not reset."""
    t.start(server={"workers": 2})
    for pid in t.weir.children():
        os.kill(pid, signal.SIGSTOP)
    conns = [t.connect() for _ in range(40)]
    for conn in conns:
        conn.request("GET", "/v1/models", {"Authorization": "Bearer " + KEY})
    t.weir.send_signal(signal.SIGTERM)
    t.weir.wait_log(r"stopping: ")
    for pid in t.weir.children():
        os.kill(pid, signal.SIGCONT)
    for conn in conns:
        answer = conn.response("GET")
        eq(answer.status, 200, "status of one that waited")
        answer.read()
    eq(t.weir.wait_exit(), 0, "exit code")
    t.weir.was_stopped = True


@case()
def test_the_drain_ends_by_its_timeout(t):
    """What then still runs gets an error event."""
    t.start(server={"drainTimeoutMs": 1000})
    t.sim.script("one", ["stall=2"])
    response = t.chat()
    events = response.events()
    next(events)
    began = time.monotonic()
    t.weir.send_signal(signal.SIGTERM)
    rest = list(events)
    assert rest[-1].json()["error"], "no error event at the end of the drain"
    eq(t.weir.wait_exit(), 0, "exit code")
    t.weir.was_stopped = True
    between(time.monotonic() - began, 0.9, 3.5 * SLOW, "seconds")
    eq(t.status()["ratelimits"][0]["midStreamFailures"], 0, "weir's own end never counts")


@case()
def test_the_tracker_stops_cleanly(t):
    t.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        t.trackerd.stop(number)
        assert not os.path.exists(t.socket_path), "its socket is still there"
        assert t.stream().is_done
        t.start_trackerd()
    t.wait_tracker_everywhere()


# ---- reload and reopen -----------------------------------------------------------------------


@case()
def test_reload(t):
    """A good file is taken over, running streams go on; a bad one is refused with its errors."""
    t.start()
    t.sim.script("one", ["tokens=40,delay=50"])
    running = t.chat()
    next(running.events())
    t.conf["chains"].append({"name": "added", "entries": [{"provider": "beta", "model": "three"}]})
    t.conf["settings"]["apiKeys"].append("added-key")
    t.write_conf()
    t.trackerd.send_signal(signal.SIGHUP)
    t.weir.send_signal(signal.SIGHUP)
    _wait_everywhere(t, lambda: "added" in _models(t))
    eq(t.stream("added").headers["x-weir-provider"], "beta/three", "provider of the new chain")
    eq(t.get("/v1/models", key="added-key").status, 200, "status with the new key")
    assert rawhttp.Stream(running).is_done, "a stream over the reload"
    good = dict(t.conf)
    for bad in ('{"settings": {"port": "no"', '{"version": 1, "settings": {"port": 1}, "zzz": 1}'):
        before = len(t.weir.log())
        with open(t.conf_path, "w") as f:
            f.write(bad)
        t.weir.send_signal(signal.SIGHUP)
        t.trackerd.send_signal(signal.SIGHUP)
        wait_until(lambda: re.search(r"weir\.yaml:\d+:\d+: ", t.weir.log()[before:]), 5,
                   "the errors in the log")
        assert t.stream("added").is_done, "the old configuration serves on"
        assert t.trackerd.is_alive()
    t.write_conf(good)
    t.trackerd.send_signal(signal.SIGHUP)
    t.weir.send_signal(signal.SIGHUP)
    assert t.stream("added").is_done


@case()
def test_a_refused_reload_leaves_nothing(t):
    """Neither a socket that is dealt connections, nor a file."""
    t.start()
    path = os.path.join(t.dir, "added.sock")
    t.conf["server"].update(workers=6, listen=["127.0.0.1", f"unix:{path}", "192.0.2.1"])
    t.write_conf()
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log(r"reload refused: cannot listen on 192\.0\.2\.1")
    for _ in range(40):
        conn = rawhttp.Connection(t.address, 2)
        eq(t.get("/health", conn=conn).status, 200, "status")
        conn.close()
    assert not os.path.exists(path), "the socket of the refused configuration is there"
    t.conf["server"]["listen"] = ["127.0.0.1", f"unix:{path}"]
    t.write_conf()
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log(r"configuration reloaded")
    conn = rawhttp.Connection(path, 2)
    eq(t.get("/health", conn=conn).status, 200, "status")
    conn.close()


@case()
def test_a_signal_during_the_start_is_taken(t):
    """HUP as soon as there is a pid file: a reload follows the start."""
    pid_file = os.path.join(t.dir, "weir.pid")
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"pidFile": pid_file, "workers": 8})
    t.start_weir(wait=False)
    wait_until(lambda: os.path.exists(pid_file), 5, "a pid file", every=0)
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log(r"weir serves with 8 workers")
    t.weir.wait_log(r"configuration reloaded")


def _models(t):
    return [m["id"] for m in t.get("/v1/models").json()["data"]]


def _wait_everywhere(t, condition):
    agreed = 0

    def all_agree():
        nonlocal agreed
        agreed = agreed + 1 if condition() else 0
        return agreed >= 8 * t.workers
    wait_until(all_agree, 10, "all workers have the new configuration", every=0.001)


@case()
def test_a_reload_keeps_the_state_of_pairs_that_stay(t):
    t.start(midStreamCooldownMs=60000)
    t.sim.script("one", ["cut=1"])
    t.sim.script("two", ["cut=1"])
    t.fail_midstream(3)
    before = t.wait_row("alpha/one", status="exhausted")
    t.fail_midstream(2)
    t.wait_row("beta/two", midStreamFailures=2)
    t.conf["chains"][0]["entries"].insert(0, {"provider": "beta", "model": "zero"})
    t.write_conf()
    t.trackerd.send_signal(signal.SIGHUP)
    t.weir.send_signal(signal.SIGHUP)
    _wait_everywhere(t, lambda: "zero" in _models(t))
    row = t.wait_row("alpha/one", status="exhausted")
    between(row["cooldownUntil"], before["cooldownUntil"] - 5, before["cooldownUntil"] + 5,
            "cooldownUntil")
    t.wait_row("beta/two", midStreamFailures=2)


@case(limit=90)
def test_reloads_under_load_lose_nothing(t):
    t.start()
    t.sim.script("one", ["tokens=10,delay=10"])
    for _ in range(8):
        t.weir.send_signal(signal.SIGHUP)
        for _ in range(6):
            s = t.stream()
            assert s.is_done and not s.errors
    eq(t.row()["failures"], 0, "failures")
    wait_until(lambda: len(t.weir.children()) == t.workers, 15, "the old workers have left")


@case()
def test_log_files_are_reopened(t):
    paths = {"accessLog": os.path.join(t.dir, "access.log"),
             "errorLog": os.path.join(t.dir, "error.log")}
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]}, server=paths)
    t.start_trackerd()
    t.start_weir()
    assert t.stream().is_done
    access = paths["accessLog"]
    wait_until(lambda: os.path.exists(access) and os.path.getsize(access), 5, "the access log")
    os.rename(access, access + ".1")
    assert t.stream().is_done
    assert not os.path.exists(access), "a new access log without a signal"
    t.weir.send_signal(signal.SIGUSR1)
    t.trackerd.send_signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(access), 5, "the new access log")

    def lands_in_the_new_one():
        before = os.path.getsize(access)
        old = os.path.getsize(access + ".1")
        for _ in range(2 * t.workers):
            t.stream()
        return os.path.getsize(access) > before and os.path.getsize(access + ".1") == old
    wait_until(lands_in_the_new_one, 5, "lines in the new access log alone")


@case()
def test_in_the_background(t):
    """Without -f: the parent returns when the daemon serves, exit 0; the pid file leads to it."""
    pid_file = os.path.join(t.dir, "weir.pid")
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]},
                server={"pidFile": pid_file, "errorLog": os.path.join(t.dir, "error.log")})
    code, out, err = _run(t, "weir-trackerd", "-c", t.conf_path)
    eq(code, 0, f"exit code of weir-trackerd ({out!r}, {err!r})")
    code, out, err = _run(t, "weir", "-c", t.conf_path)
    eq(code, 0, f"exit code of weir ({out!r}, {err!r})")
    eq(t.get("/health").status, 200, "status right after the parent has returned")
    pid = int(open(pid_file).read())
    assert "weir" in daemons.command_of(pid), daemons.command_of(pid)
    code, _, err = _run(t, "weir", "-c", t.conf_path)
    assert code == 69, f"exit code {code} of a second one in the background"
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 15, "weir has gone")
    assert not os.path.exists(pid_file), "its pid file is still there"
    for other in daemons.processes_of(t.id):
        if "weir-trackerd" in daemons.command_of(other):
            os.kill(other, signal.SIGTERM)
    wait_until(lambda: not [p for p in daemons.processes_of(t.id)
                            if "weir-trackerd" in daemons.command_of(p)], 10, "trackerd has gone")


@case()
def test_a_start_that_fails_in_the_background_tells(t):
    t.start()
    code, _, err = _run(t, "weir", "-c", t.conf_path)
    eq(code, 69, "exit code")
    assert str(t.port) in err, err
    code, _, err = _run(t, "weir-trackerd", "-c", t.conf_path)
    eq(code, 69, "exit code of weir-trackerd")
    t.conf["server"]["errorLog"] = "/nowhere/error.log"
    t.write_conf()
    code, _, err = _run(t, "weir", "-c", t.conf_path)
    eq((code, err.count("/nowhere/error.log")), (69, 1), f"exit code, and how often it is said ({err!r})")


@case()
def test_sim_is_a_provider(t):
    """weir-sim's key, exit on INT, and its answers without weir."""
    sim = t.start_sim(key="sim-key-1")
    conn = rawhttp.Connection(("127.0.0.1", sim.port))
    conn.request("GET", "/v1/models", {"Authorization": "Bearer nope"})
    eq(conn.response("GET").status, 401, "status with a wrong key")
    conn.close()
    conn = rawhttp.Connection(("127.0.0.1", sim.port))
    conn.request("GET", "/v1/models", {"Authorization": "Bearer sim-key-1"})
    eq(conn.response("GET").status, 200, "status with the key")
    conn.close()
    sim.daemon.stop(signal.SIGINT)
