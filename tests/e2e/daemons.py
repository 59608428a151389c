# SPDX-License-Identifier: MIT
"""Processes of a case: starting, watching and stopping weir's programs, and finding what is left.

Every process carries WEIR_TEST_ID in its environment, so that a left-over is found even when it has
left its parent and its session, and nothing else is ever touched."""

import ctypes
import errno
import os
import re
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("WEIR_BUILD") or os.path.join(TOP, "build"))

SANITIZER_WORDS = re.compile(
    rb"(ERROR|WARNING): (Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:"
)
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def program(name):
    return os.path.join(BUILD, name)


def _is_sanitized():
    try:
        with open(program("weir"), "rb") as f:
            return b"__asan_init" in f.read()
    except OSError:
        return False


SANITIZED = _is_sanitized()
# What a sanitizer keeps of freed memory comes to as much again, and more.
MEMORY = 3 if SANITIZED else 1
# Upper bounds on times are stretched where programs run slower; lower bounds never are.
SLOW = float(os.environ.get("WEIR_TEST_SLOW", 3 if SANITIZED else 1))


def wait_until(condition, within=10.0, what="the condition", every=0.01):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + within * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within * SLOW:g} s")
        time.sleep(every)


class Ports:
    """Free ports below the ephemeral range, each held against other test runs by a lock that dies
    with this process (an abstract Unix socket)."""

    def __init__(self):
        self.locks = []
        self.next = 20000 + os.getpid() * 7 % 11000

    def take(self):
        for _ in range(11000):
            port = 20000 + (self.next - 20000 + 1) % 11000
            self.next = port
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                lock.bind(f"\0weir-test-port-{port}")
            except OSError as e:
                lock.close()
                if e.errno != errno.EADDRINUSE:
                    raise
                continue
            if _is_free(port):
                self.locks.append(lock)
                return port
            lock.close()
        raise AssertionError("no free port")


def _is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Daemon:
    """A program under test in the foreground; its output goes to one log file."""

    def __init__(self, case, name, argv, env=None, expect_exit=False):
        self.name, self.argv, self.case = name, argv, case
        self.log_path = os.path.join(case.dir, f"{name}.log")
        self.is_expected_dead = expect_exit
        self.was_stopped = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=case.dir,
                env=case.environment(env), preexec_fn=_die_with_parent,
            )

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def wait_log(self, pattern, within=10.0, count=1):
        """Waits until the pattern stands in the log (that often); returns the matches."""
        def found():
            matches = re.findall(pattern, self.log())
            return matches if len(matches) >= count else None
        return wait_until(found, within, f"{self.name}: log line /{pattern}/ x{count}")

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, within=15.0):
        try:
            return self.process.wait(within * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not exited within {within * SLOW:g} s") from None

    def stop(self, number=signal.SIGTERM, within=15.0):
        """Ends it and demands exit code 0."""
        self.was_stopped = True
        self.send_signal(number)
        code = self.wait_exit(within)
        assert code == 0, f"{self.name} exited with {code} on signal {number}"

    def kill(self):
        """SIGKILL, as a fault that the case makes."""
        self.is_expected_dead = True
        self.send_signal(signal.SIGKILL)
        self.process.wait()

    def children(self):
        return [pid for pid, parent in _parents().items() if parent == self.pid]

    def rss_bytes(self):
        """Resident memory of it and its children."""
        return sum(resident_bytes(pid) for pid in [self.pid] + self.children())


def _parents():
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as f:
                    stat = f.read()
            except OSError:
                continue
            fields = stat[stat.rindex(b")") + 2:].split()
            if fields[0] != b"Z":
                parents[int(entry)] = int(fields[1])
    return parents


def resident_bytes(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            found = re.search(r"VmRSS:\s+(\d+) kB", f.read())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def processes_of(test_id):
    """Pids that carry WEIR_TEST_ID=test_id, this process apart."""
    mark = b"WEIR_TEST_ID=" + test_id.encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as f:
                environment = f.read().split(b"\0")
            with open(f"/proc/{entry}/stat", "rb") as f:
                stat = f.read()
        except OSError:
            continue
        is_zombie = stat[stat.rindex(b")") + 2:].split()[0] == b"Z"
        if mark in environment and not is_zombie:
            found.append(int(entry))
    return found


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return "?"


def shared_memory(prefix):
    """Names below /dev/shm that begin with the prefix (given with its slash)."""
    return sorted(n for n in os.listdir("/dev/shm") if n.startswith(prefix.lstrip("/")))


def sweep(test_id, shm_prefix):
    """Kills and removes whatever a case has left."""
    for _ in range(3):
        for pid in processes_of(test_id):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not processes_of(test_id):
            break
        time.sleep(0.02)
    for name in shared_memory(shm_prefix):
        try:
            os.unlink(os.path.join("/dev/shm", name))
        except FileNotFoundError:
            pass
