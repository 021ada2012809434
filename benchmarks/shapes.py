"""Training steps by batch size and by length of the windows."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks.contenders import LSTM, OURS, PACKAGE, PACKAGE_TUNED, SAMPLED, Contenders
from benchmarks.results import Measurement, Result, make_result, timed
from benchmarks.session import Session
from benchmarks.sizes import Size
from benchmarks.training import AS_IT_COMES
from elmo_xlstm.machine import keep_freed_memory

CHOSEN = (OURS, SAMPLED, PACKAGE, LSTM)
Shape = tuple[dict[str, str | int], Size]  # what tables call it, and the size with that batch and length


def by_batch(size: Size) -> list[Shape]:
    """Windows of one length, more and more of them."""
    return [({"batch": batch}, replace(size, batch=batch)) for batch in size.batches]


def by_length(size: Size) -> list[Shape]:
    """Longer and longer windows, about as many tokens each time, at least one window."""
    tokens = size.batch * size.length
    return [
        ({"length": length}, replace(size, batch=max(1, tokens // length), length=length)) for length in size.lengths
    ]


def measure_batches(session: Session) -> Result:
    """Each batch size in turn, the contenders interleaved."""
    return _time_shapes(session, "batch", by_batch(session.size))


def measure_training_lengths(session: Session) -> Result:
    """Each length in turn, the contenders interleaved."""
    return _time_shapes(session, "training-length", by_length(session.size))


def _time_shapes(session: Session, command: str, shapes: list[Shape]) -> Result:
    kept = session.device.type == "cpu" and keep_freed_memory()
    measurements: list[Measurement] = []
    notes = [AS_IT_COMES] if kept else []
    runs: dict[str, Callable[[], object]] = {}
    for case, size in shapes:
        runs.clear()  # and with them the models before, whose memory the next ones need
        gc.collect()
        shaped = replace(session, size=size)
        names, missing = fitting_contenders(shaped, CHOSEN, case)
        notes += missing
        input_ids = shaped.pieces(size.batch, size.length)
        runs |= {
            contender.name: partial(contender.step, input_ids) for contender in Contenders(shaped, kept).build(names)
        }
        samples = session.time(runs)
        measurements += timed(samples, case, {"tokens": float(input_ids.numel())})
    return make_result(session, command, PACKAGE, measurements, notes)


def fitting_contenders(
    session: Session, contenders: tuple[str, ...], case: dict[str, str | int]
) -> tuple[tuple[str, ...], list[str]]:
    """The wanted contenders without the package where a step of it does not fit into free memory.

    Returns:
        Their names, and a note on what is left out.
    """
    names = tuple(name for name in contenders if session.wants(name))
    needed = package_step_bytes(session.size)
    if needed <= session.free_bytes():
        return names, []
    where = "".join(f" at {key} {value:,}" for key, value in case.items())
    left_out = [name for name in names if name in (PACKAGE, PACKAGE_TUNED)]
    notes = [f"{name}: left out{where}, where a step needs about {needed / 2**30:.0f} GiB" for name in left_out]
    return tuple(name for name in names if name not in left_out), notes


def package_step_bytes(size: Size) -> float:
    """What a training step of the package needs beside its weights, roughly: it keeps logits and all squares."""
    config = size.config()
    logits = 2 * 3 * config.vocab_size
    block = 20 * config.inner_dim + 6 * config.num_heads * size.length
    return 4.0 * size.batch * size.length * (logits + 2 * config.num_blocks * block)
