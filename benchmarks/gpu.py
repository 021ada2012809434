"""On an accelerator: checks of results, then training timings with the batch tuned for each contender."""

from __future__ import annotations

import gc
from dataclasses import replace

import torch

from benchmarks.checks import check_device
from benchmarks.contenders import GRAPHS, KERNELS, ON_GPU, PACKAGE, SAME_BATCH, Contender, build_contender
from benchmarks.results import PEAK, Measurement, Result, make_result, write_result
from benchmarks.session import Session
from benchmarks.timing import measure
from benchmarks.training import step_run, time_steps
from elmo_xlstm.lm.kernels import kernel_problem

TUNING_REPEATS = 3
LARGEST = 32  # times the size's own batch
WORTH = 1.02  # a doubled batch must bring so much


def measure_gpu(session: Session) -> Result:
    """Contenders one after another, so that each has the memory to itself; a matrix product beside each is its peak.

    The result until then is stored after each contender: a call that is cut short loses only the last.

    Returns:
        Timings in bf16, or fp32 where there is no bf16, with the checks and the failures in the notes.
    """
    notes = [str(check) for check in check_device(session)]
    precision = session.precisions()[-1]
    batches: dict[str, int] = {}
    measurements: list[Measurement] = []
    peaks: list[Measurement] = []

    def result() -> Result:
        best_peak = sorted(peaks, key=lambda measurement: measurement.median)[:1]
        return make_result(session, "gpu", PACKAGE, [*measurements, *best_peak], notes)

    for name in filter(session.wants, ON_GPU):
        torch.compiler.reset()
        gc.collect()  # a compiled stack and its code refer to each other
        if session.device.type == "cuda":
            torch.cuda.empty_cache()
        problem = reason_against(session, name)
        if problem:
            notes.append(f"{name}: left out ({problem})")
            continue
        try:
            batches[name], found = _time(session, name, precision, batches.get(SAME_BATCH.get(name, "")))
        except Exception as error:  # compilers, kernels and allocators fail in many ways; the others are to be seen
            notes.append(f"{name}: failed ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})")
            continue
        notes.append(f"{name}: batch {batches[name]}")
        peaks += [measurement for measurement in found if measurement.contender == PEAK]
        measurements += [measurement for measurement in found if measurement.contender != PEAK]
        write_result(result(), session.output)
    return result()


def _time(session: Session, name: str, precision: str, batch: int | None) -> tuple[int, list[Measurement]]:
    """Build and time one contender, with a tuned batch if none is given."""
    contender = build_contender(name, session)
    batch = batch or tune_batch(replace(session, repeats=TUNING_REPEATS), contender, precision)
    return batch, time_steps(session, [contender], batch, precision)


def reason_against(session: Session, name: str) -> str | None:
    """Why a contender cannot take part on the session's device, or ``None``."""
    if name == KERNELS:
        return kernel_problem(session.device)
    return "CUDA graphs need a GPU" if name == GRAPHS and session.device.type != "cuda" else None


def tune_batch(session: Session, contender: Contender, precision: str) -> int:
    """The batch with most tokens per second: doubled while that helps and fits."""
    best, best_rate = session.size.batch, 0.0
    batch = best
    while batch <= LARGEST * session.size.batch:
        input_ids = session.pieces(batch, session.size.length)
        try:
            [step] = measure(session, {}, {contender.name: step_run(contender, input_ids, precision)})
        except torch.OutOfMemoryError:
            contender.optimizer.zero_grad()
            torch.cuda.empty_cache()
            break
        rate = step.rate("tokens") or 0.0
        if rate < WORTH * best_rate:
            break
        best, best_rate = batch, rate
        batch *= 2
    return best
