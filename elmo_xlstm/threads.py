"""How many threads compute, and how they wait for each other: beside other work, and in a container."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

THREADS = "OMP_NUM_THREADS"
# OpenMP's name for how threads wait, the one of Intel's and LLVM's runtimes, and that of GNU's, which heeds the first.
WAITING = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT")
_set_by_user = os.environ.get(THREADS, "")


def share_the_machine() -> None:
    """Have torch's threads sleep while they wait, and be no more than the cores that the process may use.

    OpenMP's threads meet after every operation, and the early ones spin there. Beside other work they may hold the very
    core that the late one needs, and a step takes several times as long. Torch counts cores, and does not know what
    share of their time a container has.

    The runtime reads the variables when it is loaded, with torch: where that has happened, nothing is changed. What the
    user has set stays.
    """
    if "torch" in sys.modules:
        return
    if not any(name in os.environ for name in WAITING):
        os.environ.update(OMP_WAIT_POLICY="PASSIVE", KMP_BLOCKTIME="0")
    if usable_cores() < _cores():
        os.environ.setdefault(THREADS, str(usable_cores()))


def threads_of_each(processes: int) -> str:
    """``OMP_NUM_THREADS`` for each of several processes at once: the user's own, else an equal share of the cores."""
    return _set_by_user or str(max(1, usable_cores() // processes))


def usable_cores() -> int:
    """Cores that this process is bound to, or as many as its container has the time of, rounded up."""
    return max(1, math.ceil(min(_cores(), _quota())))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _quota(listed: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> float:
    """Seconds of computing in a second that the control groups of this process allow; infinite without a limit."""
    try:
        groups = [line.split(":", 2) for line in listed.read_text(encoding="utf-8").splitlines()]
    except OSError:  # no Linux
        return math.inf
    allowed = [math.inf]
    for _, controllers, path in groups:
        if not controllers or "cpu" in controllers.split(","):  # version 2, version 1
            # Those above limit it, too. A container often sees no more than the uppermost, which is then its own.
            group = mounted / ("cpu" if controllers else "") / path.strip("/")
            allowed += map(_allowed, (group, *group.parents))
    return min(allowed)


def _allowed(group: Path) -> float:
    try:
        if (both := group / "cpu.max").exists():
            quota, period = map(int, both.read_text(encoding="utf-8").split())
        else:
            quota, period = (int((group / f"cpu.cfs_{name}_us").read_text("utf-8")) for name in ("quota", "period"))
    except (OSError, ValueError):  # no such file; "max"
        return math.inf
    return quota / period if quota > 0 else math.inf  # -1 is no limit, too
