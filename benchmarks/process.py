"""A measured process: what it imports and the memory that it holds. It imports no torch: that takes seconds."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError


def benchmark_environment() -> dict[str, str]:
    """For a process that imports this checkout."""
    root = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


def in_own_process(
    module: str, arguments: list[object], what: str, environment: Mapping[str, str] | None = None
) -> Any:
    """What a module prints as JSON in its last line, run in a fresh process with ``arguments`` as JSON.

    Args:
        module: is run with ``python -m``.
        arguments: of it.
        what: it measures, for messages.
        environment: variables that differ from this process's.

    Raises:
        UserError: the process failed, for example because memory ran out.
    """
    command = [sys.executable, "-m", module, json.dumps(arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**benchmark_environment(), **(environment or {})}
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UserError(
            f"{what}: its process ended with status {done.returncode} ({last[0]}); "
            "status -9 means that memory ran out: choose a smaller --size, or contenders with --only"
        )
    return json.loads(done.stdout.splitlines()[-1])


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
