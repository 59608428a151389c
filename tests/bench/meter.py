# SPDX-License-Identifier: MIT
"""What processes cost, read from /proc: CPU, memory, and what everybody else used meanwhile."""

import os
import re
import time

TICKS_S = os.sysconf("SC_CLK_TCK")


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""  # the process has just ended


def _stat_fields(pid):
    """Of /proc/PID/stat, from the state on."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def family(pid):
    """The process and its living descendants."""
    children = {}
    for one in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        fields = _stat_fields(one)
        if fields:
            children.setdefault(int(fields[1]), []).append(one)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_s(pids):
    """CPU time of all their threads, in seconds, exact to the ns."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            fields = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
            total += int(fields[0]) if fields else 0
    return total / 1e9


def pss_kb(pids):
    """Their memory, what several share counted once."""
    total = 0
    for pid in pids:
        found = re.search(r"^Pss:\s+(\d+)", _read(f"/proc/{pid}/smaps_rollup"), re.M)
        total += int(found.group(1)) if found else 0
    return total


def _own_cpu_s():
    """Of this process and its descendants, those that have ended included."""
    return sum(int(n) for pid in family(os.getpid()) for n in _stat_fields(pid)[11:15]) / TICKS_S


def _machine_cpu_s():
    """What all processes used, and what the hypervisor gave to others while they wanted to run."""
    user, nice, system, _, _, _, _, stolen = (int(n) for n in _read("/proc/stat").split()[1:9])
    return (user + nice + system + stolen) / TICKS_S


class Others:
    """How much of the machine others use, in CPUs, since it was made."""

    def __init__(self):
        self.began_at, self.before = time.monotonic(), _machine_cpu_s() - _own_cpu_s()

    def cpus(self):
        used = _machine_cpu_s() - _own_cpu_s() - self.before
        return max(0.0, used) / max(0.01, time.monotonic() - self.began_at)
