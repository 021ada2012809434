"""On an accelerator: checks that results are right, then training timings with the batch tuned for each contender."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.checks import check_device
from benchmarks.contenders import (
    COMPILED,
    COMPILED_SAMPLED,
    GRAPHS,
    KERNELS,
    OURS,
    PACKAGE,
    SAMPLED,
    Contender,
    Contenders,
)
from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.session import Session
from benchmarks.timing import interleave, quartiles
from benchmarks.training import time_steps
from elmo_xlstm.lm.backbones.mlstm.kernels import kernel_problem

CHOSEN = (OURS, COMPILED, SAMPLED, COMPILED_SAMPLED, GRAPHS, KERNELS, PACKAGE)
# Tuned with the batch of another: every batch tried would be compiled.
SAME_BATCH = {COMPILED: OURS, COMPILED_SAMPLED: SAMPLED, GRAPHS: OURS}
TUNING_REPEATS = 3
LARGEST = 32  # times the size's own batch
WORTH = 1.02  # a doubled batch must bring so much


def measure_gpu(session: Session, keep: Callable[[Result], object]) -> tuple[Result, bool]:
    """Contenders one after another, so that each has the memory to itself; a matrix product beside each is its peak.

    Args:
        session: device, size and contenders.
        keep: called with what is measured until then, after each contender: a call that is cut short loses only the
            last.

    Returns:
        Timings in bf16, or fp32 where there is no bf16, with the checks in the notes, and who failed and why; whether
        all checks passed.
    """
    checks = check_device(session)
    notes = [str(check) for check in checks]
    precision = session.precisions()[-1]
    batches: dict[str, int] = {}
    measurements: list[Measurement] = []
    peaks: list[Measurement] = []

    def result() -> Result:
        best_peak = [min(peaks, key=lambda measurement: measurement.median)] if peaks else []
        return make_result(session, "gpu", PACKAGE, [*measurements, *best_peak], notes)

    for name in (name for name in CHOSEN if session.wants(name)):
        torch.compiler.reset()
        gc.collect()  # a compiled stack and its code refer to each other
        if session.device.type == "cuda":
            torch.cuda.empty_cache()
        problem = reason_against(session, name)
        if problem:
            notes.append(f"{name}: left out ({problem})")
            continue
        try:
            batches[name], found = _measure(session, name, precision, batches.get(SAME_BATCH.get(name, "")))
        except Exception as error:  # compilers, kernels and allocators fail in many ways; the others are to be seen
            notes.append(f"{name}: failed ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})")
            continue
        notes.append(f"{name}: batch {batches[name]}")
        peaks += [measurement for measurement in found if measurement.contender == PEAK]
        measurements += [measurement for measurement in found if measurement.contender != PEAK]
        keep(result())
    return result(), all(check.passed for check in checks)


def _measure(session: Session, name: str, precision: str, twin: int | None) -> tuple[int, list[Measurement]]:
    """Build and time one contender with a batch of its own, or the one that its twin has."""
    [contender] = Contenders(session).build((name,))
    batch = twin or tune_batch(session, contender, precision)
    return batch, time_steps(session, [contender], batch, [precision])


def reason_against(session: Session, name: str) -> str | None:
    """Why a contender cannot take part on the session's device, or ``None``."""
    if name == KERNELS:
        return kernel_problem(session.device)
    if name == GRAPHS and session.device.type != "cuda":
        return "CUDA graphs need a GPU"
    return None


def tune_batch(session: Session, contender: Contender, precision: str) -> int:
    """The batch with most tokens per second: doubled while that helps and fits."""
    best, best_rate = session.size.batch, 0.0
    batch = best
    while batch <= LARGEST * session.size.batch:
        input_ids = session.pieces(batch, session.size.length)
        try:
            step = partial(contender.step, input_ids, precision)
            samples = interleave({"step": step}, TUNING_REPEATS, session.synchronize)
        except torch.OutOfMemoryError:
            contender.optimizer.zero_grad()
            torch.cuda.empty_cache()
            break
        rate = input_ids.numel() / quartiles(samples.seconds["step"])[1]
        if rate < WORTH * best_rate:
            break
        best, best_rate = batch, rate
        batch *= 2
    return best
