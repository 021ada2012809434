"""Training steps by batch size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.contenders import LSTM, OURS, PACKAGE, SAMPLED, Contenders
from benchmarks.results import Measurement, Result, make_result
from benchmarks.session import Session
from benchmarks.sizes import Size
from benchmarks.training import KEPT
from elmo_xlstm.allocator import keep_freed_memory

CHOSEN = (OURS, SAMPLED, PACKAGE, LSTM)


def measure_batches(session: Session) -> Result:
    """Each batch size in turn, the contenders interleaved; the package only where it fits into free memory."""
    size = session.size
    kept = session.device.type == "cpu" and keep_freed_memory()
    contenders = Contenders(session, kept).build(tuple(name for name in CHOSEN if session.wants(name)))
    measurements: list[Measurement] = []
    notes = [KEPT] if kept else []
    for batch in size.batches:
        input_ids = session.pieces(batch, size.length)
        runs: dict[str, Callable[[], object]] = {}
        for contender in contenders:
            needed = package_step_bytes(size, batch)
            if contender.name == PACKAGE and needed > session.free_bytes():
                notes.append(f"{PACKAGE}: left out at batch {batch}, where a step needs about {needed / 2**30:.0f} GiB")
                continue
            runs[contender.name] = partial(contender.step, input_ids)
        samples = session.time(runs)
        measurements += [
            Measurement(
                contender=contender.name,
                case={"batch": batch},
                work={
                    "tokens": float(input_ids.numel()),
                    "flops": contender.flops_per_token * input_ids.numel(),
                },
                values=samples.seconds[contender.name],
                first=samples.first[contender.name],
            )
            for contender in contenders
            if contender.name in runs
        ]
    return make_result(session, "batch", PACKAGE, measurements, notes)


def package_step_bytes(size: Size, batch: int) -> float:
    """What a training step of the package needs beside its weights, roughly: it keeps logits and all squares."""
    config = size.config()
    logits = 2 * 3 * config.vocab_size
    block = 20 * config.inner_dim + 6 * config.num_heads * size.length
    return 4.0 * batch * size.length * (logits + 2 * config.num_blocks * block)
