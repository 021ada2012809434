"""Peak memory of a training step, each contender in a process of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import torch

from benchmarks.contenders import CONTENDERS, OUR_TRAINING, PACKAGE, PACKAGE_TUNED, Contenders
from benchmarks.process import highest_resident, in_own_process, resident
from benchmarks.results import Measurement, Result, make_result
from benchmarks.session import Session
from benchmarks.shapes import CHOSEN, Shape, by_length, fitting_contenders
from benchmarks.sizes import SIZES
from elmo_xlstm.allocator import keep_freed_memory

STEPS = 2  # the first one also allocates the optimizer's state


def measure_memory(session: Session) -> Result:
    """Peak of each contender above what its process held after imports and model building.

    Raises:
        UserError: a process failed, for example because memory ran out.
    """
    return _measure(session, "memory", CONTENDERS, [({}, session.size)])


def measure_memory_lengths(session: Session) -> Result:
    """The same by length of the windows."""
    return _measure(session, "memory-length", CHOSEN, by_length(session.size))


def _measure(session: Session, command: str, contenders: tuple[str, ...], shapes: list[Shape]) -> Result:
    measurements, notes = [], []
    for case, size in shapes:
        shaped = replace(session, size=size)
        names, missing = fitting_contenders(shaped, contenders, case)
        notes += missing
        for name in names:
            arguments = [size.name, size.batch, size.length, name, str(session.device), session.threads]
            found = [in_own_process(__name__, arguments, f"memory of {name!r}") for _ in range(session.repeats)]
            values = [peak - built for peak, built in found]
            work = {"tokens": float(size.batch * size.length)}
            measurements.append(Measurement(contender=name, case=case, work=work, values=values, unit="bytes"))
    return make_result(session, command, PACKAGE, measurements, notes)


def in_this_process(session: Session, contender: str) -> tuple[float, float]:
    """Bytes that this process holds at most, and after building the model."""
    if contender in (*OUR_TRAINING, PACKAGE_TUNED) and session.device.type == "cpu":
        keep_freed_memory()  # as our pretraining does
    [built] = Contenders(session).build((contender,))
    input_ids = session.pieces(session.size.batch, session.size.length)
    before = _held(session.device)
    if session.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(session.device)
    for _ in range(STEPS):
        built.step(input_ids)
    session.synchronize()
    return _peak(session.device), before


def _held(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.memory_allocated(device))
    return resident()


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return highest_resident()


def main(arguments: str) -> None:
    """Print peak and baseline of the contender that ``arguments`` names."""
    name, batch, length, contender, device, threads = json.loads(arguments)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    size = replace(SIZES[name], batch=batch, length=length)
    session = Session(size, device=torch.device(device), threads=threads)
    print(json.dumps(in_this_process(session, contender)))


if __name__ == "__main__":
    main(sys.argv[1])
