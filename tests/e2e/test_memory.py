# SPDX-License-Identifier: MIT
"""What weir takes while it has nothing to do. Memory is counted as the kernel does it in Pss: a page
that several processes have is shared out among them."""

import os
import re

from weirtest import case

IDLE_MAX_KB = 4096


def _kilobytes(pid):
    """Pss and Rss of a process."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        found = dict(re.findall(r"^(Pss|Rss):\s+(\d+) kB$", f.read(), re.M))
    return int(found["Pss"]), int(found["Rss"])


@case(plain=True)
def test_idle_daemons_are_small(t):
    """A master, one worker and trackerd, that have served one request, and no provider that needs
    libcurl. What they take is printed at the end of the run."""
    t.start(server={"workers": 1})
    assert t.stream().is_done, "no clean end"
    worker, = t.weir.children()
    sizes = {"master": _kilobytes(t.weir.pid), "worker": _kilobytes(worker),
             "weir-trackerd": _kilobytes(t.trackerd.pid)}
    total = sum(pss for pss, _ in sizes.values())
    text = ", ".join(f"{name} {pss} (resident {rss})" for name, (pss, rss) in sizes.items())
    with open(os.path.join(t.dir, "report.txt"), "w") as f:
        f.write(f"{text}; together {total} kB of {IDLE_MAX_KB}\n")
    assert total < IDLE_MAX_KB, f"{text}; together {total} kB"
