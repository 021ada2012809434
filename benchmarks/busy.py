"""A training step beside a process that keeps a core busy: threads that wait asleep, and threads that spin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from benchmarks.contenders import OURS, build_contender
from benchmarks.process import in_own_process
from benchmarks.results import Measurement, Result, make_result
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from elmo_xlstm.machine import keep_freed_memory

SPINNING = "spinning threads"
WAITING = {
    OURS: {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "0"},
    SPINNING: {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"},  # as GNU's, and Intel's and LLVM's runtimes do
}
ALONE, BESIDE = "nothing", "a busy process"


def measure_busy(session: Session) -> Result:
    """Each way of waiting in turn, alone and beside a busy process, every time in a fresh process.

    Raises:
        UserError: a process failed.
    """
    load = os.getloadavg()[0]
    quiet = "quiet" if load < 0.5 else "not quiet, so that ratios alone tell something"
    note = f"The machine was {quiet}: {load:.1f} other processes were running or waiting for a core when it began."
    arguments = [session.size.name, session.threads]
    found: dict[tuple[str, str], list[float]] = {(beside, name): [] for beside in (ALONE, BESIDE) for name in WAITING}
    for _ in range(session.repeats):
        for beside, name in found:
            with busy_process() if beside == BESIDE else nullcontext():
                seconds = in_own_process(__name__, arguments, f"a step of {name!r}", WAITING[name])
            found[beside, name].append(seconds)
    work = {"tokens": float(session.size.batch * session.size.length)}
    measurements = [
        Measurement(contender=name, case={"beside": beside}, work=work, values=values)
        for (beside, name), values in found.items()
    ]
    return make_result(session, "busy", SPINNING, measurements, [note])


@contextmanager
def busy_process() -> Iterator[subprocess.Popen[bytes]]:
    """Within the block a process of one thread computes without a pause."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main(arguments: str) -> None:
    """Print the seconds of a training step, the second one of this process."""
    size, threads = json.loads(arguments)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()  # as pretraining does
    session = Session(SIZES[size], threads=threads)
    ours = build_contender(OURS, session, memory_kept=True)
    input_ids = session.pieces(session.size.batch, session.size.length)
    ours.step(input_ids)
    started = time.perf_counter()
    ours.step(input_ids)
    print(json.dumps(time.perf_counter() - started))


if __name__ == "__main__":
    main(sys.argv[1])
