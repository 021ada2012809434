"""Threads and memory of this process: as many as its container allows, waiting asleep, blocks kept for reuse."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Mapping
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


# Of glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_MMAP_MAX = -4
NEVER = -1

CACHE_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
KEPT_PRIMITIVES = "64"


def limit_primitive_cache() -> None:
    """Have oneDNN, which computes LSTMs and low precisions on a CPU, keep fewer compiled primitives than its 1,024.

    It makes one for every shape it meets, with buffers of its own; sentences of all lengths fill gigabytes. To be
    called before torch computes; who has set the variable is left alone.
    """
    os.environ.setdefault(CACHE_CAPACITY, KEPT_PRIMITIVES)


def keep_freed_memory() -> bool:
    """Have the process keep memory that it frees, for work that allocates the same blocks again and again on a CPU.

    The allocator of glibc gives every large block back to the system when it is freed and fetches the next one page by
    page, each page cleared first: millions of page faults in a training step of a large model. See
    docs/performance.md. The price is that the process never shrinks.
    """
    return set_malloc_options({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER})


def give_back_freed_memory() -> None:
    """Give what the process has freed back to the system, for work in windows that goes on for long.

    Blocks of all sizes in turn leave gaps in glibc's heap, which grows with them, though ever as much is in use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


def set_malloc_options(options: Mapping[int, int]) -> bool:
    """Call glibc's ``mallopt`` (man 3 mallopt) for each option; False where a system does not have or take them."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(option, value) for option, value in options.items()])
