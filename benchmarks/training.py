"""One full optimizer step of every contender."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.contenders import CONTENDERS, PACKAGE, Contender, Contenders
from benchmarks.machine import matrix_product
from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.session import Session
from elmo_xlstm.machine import keep_freed_memory

AS_IT_COMES = (
    f"All but {PACKAGE}, which runs as it comes, have our pretraining's settings: freed memory is kept by the process, "
    "and matrices are multiplied by the faster library."
)
Key = tuple[str, str]  # contender and precision


def measure_training(session: Session) -> Result:
    """All contenders in all precisions, and the matrix product whose speed counts as the peak, in turn."""
    kept = session.device.type == "cpu" and keep_freed_memory()
    contenders = Contenders(session, kept).build(tuple(name for name in CONTENDERS if session.wants(name)))
    notes = [AS_IT_COMES] if kept else []
    return make_result(session, "training", PACKAGE, time_steps(session, contenders, session.size.batch), notes)


def time_steps(
    session: Session, contenders: list[Contender], batch: int, precisions: list[str] | None = None
) -> list[Measurement]:
    """Steps on ``batch`` windows, beside the matrix product, interleaved."""
    input_ids = session.pieces(batch, session.size.length)
    runs: dict[Key, Callable[[], object]] = {}
    work: dict[Key, dict[str, float]] = {}
    parameters: dict[Key, int] = {}
    for precision in precisions or session.precisions():
        for contender in contenders:
            key = contender.name, precision
            runs[key] = partial(contender.step, input_ids, precision)
            work[key] = {
                "tokens": float(input_ids.numel()),
                "flops": contender.flops_per_token * input_ids.numel(),
            }
            parameters[key] = contender.parameters
        runs[PEAK, precision], operations = matrix_product(session, precision)
        work[PEAK, precision] = {"flops": operations}
    samples = session.time(runs)
    return [
        Measurement(
            contender=key[0],
            case={"precision": key[1]},
            work=work[key],
            values=samples.seconds[key],
            first=samples.first[key],
            parameters=parameters.get(key),
        )
        for key in runs
    ]
