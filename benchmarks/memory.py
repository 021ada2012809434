"""Peak memory of a training step, each contender in a process of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import torch

from benchmarks.contenders import CONTENDERS, PACKAGE, PACKAGE_TUNED, build_contender
from benchmarks.process import highest_resident, in_own_process, resident
from benchmarks.results import Measurement, Result, make_result
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from elmo_xlstm.machine import keep_freed_memory

STEPS = 2  # the first one also allocates the optimizer's state


def measure_memory(session: Session) -> Result:
    """Peak of each contender above the memory that its process held after imports and model building."""
    size, measurements = session.size, []
    for name in filter(session.wants, CONTENDERS):
        arguments = [size.name, size.batch, size.length, name, str(session.device), session.threads]
        found = [in_own_process(__name__, arguments, f"memory of {name!r}") for _ in range(session.repeats)]
        values = [peak - built for peak, built in found]
        work = {"tokens": float(size.batch * size.length)}
        measurements.append(Measurement(contender=name, work=work, values=values, unit="bytes"))
    return make_result(session, "memory", PACKAGE, measurements)


def in_this_process(session: Session, name: str) -> tuple[float, float]:
    """Bytes that this process holds at most, and those that it held after building the contender's model."""
    on_gpu = session.device.type == "cuda"
    if (name.startswith("ours") or name == PACKAGE_TUNED) and not on_gpu:
        keep_freed_memory()  # as our pretraining does
    contender = build_contender(name, session)
    input_ids = session.pieces(session.size.batch, session.size.length)
    before = float(torch.cuda.memory_allocated(session.device)) if on_gpu else resident()
    for _ in range(STEPS):
        contender.step(input_ids)
    return float(torch.cuda.max_memory_allocated(session.device)) if on_gpu else highest_resident(), before


def main(arguments: str) -> None:
    """Print peak and baseline of the contender that ``arguments`` names."""
    size, batch, length, contender, device, threads = json.loads(arguments)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    shape = replace(SIZES[size], batch=batch, length=length)
    print(json.dumps(in_this_process(Session(shape, device=torch.device(device), threads=threads), contender)))


if __name__ == "__main__":
    main(sys.argv[1])
