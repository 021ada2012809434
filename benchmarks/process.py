"""A measured process: what it imports and the memory that it holds. It imports no torch: that takes seconds."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path


def benchmark_environment() -> dict[str, str]:
    """For a process that imports this checkout."""
    root = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


def resident() -> float:
    """Bytes that this process holds."""
    return _status("VmRSS:") or _highest(resource.RUSAGE_SELF)


def highest_resident() -> float:
    """Bytes that this process has held at most."""
    # Linux hands ru_maxrss on to a new process from the one that started it; VmHWM begins anew with the program.
    return _status("VmHWM:") or _highest(resource.RUSAGE_SELF)


def highest_resident_of_children() -> float:
    """Bytes that the one of this process's ended children that held most has held at most."""
    return _highest(resource.RUSAGE_CHILDREN)


def _status(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith(field)), None)


def _highest(who: int) -> float:
    kibibytes = sys.platform != "darwin"  # macOS counts bytes
    return float(resource.getrusage(who).ru_maxrss * (1024 if kibibytes else 1))
