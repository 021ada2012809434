"""Optimizer steps of all contenders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.contenders import CONTENDERS, PACKAGE, Contender, build_contender
from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.session import Session
from benchmarks.timing import Run, measure
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.machine import keep_freed_memory

AS_IT_COMES = (
    f"All but {PACKAGE}, which runs as it comes, have our pretraining's settings: freed memory is kept by the process, "
    "and matrices are multiplied by the faster library."
)
PRODUCTS_ON_GPU = 20


def measure_training(session: Session) -> Result:
    """All contenders in all precisions, beside the matrix product whose speed counts as the peak."""
    kept = session.device.type == "cpu" and keep_freed_memory()
    contenders = [build_contender(name, session, kept) for name in CONTENDERS if session.wants(name)]
    measurements: list[Measurement] = []
    for precision in session.precisions():
        measurements += time_steps(session, contenders, session.size.batch, precision)
    notes = [f"{session.size.batch} windows of {session.size.length} pieces", *[AS_IT_COMES] * kept]
    return make_result(session, "training", PACKAGE, measurements, notes)


def time_steps(session: Session, contenders: list[Contender], batch: int, precision: str) -> list[Measurement]:
    """Steps on ``batch`` windows, beside the matrix product, interleaved."""
    input_ids = session.pieces(batch, session.size.length)
    runs = {contender.name: step_run(contender, input_ids, precision) for contender in contenders}
    multiply, operations = matrix_product(session, precision)
    runs[PEAK] = Run(multiply, {"flops": operations})
    return measure(session, {"precision": precision}, runs)


def step_run(contender: Contender, input_ids: Tensor, precision: str) -> Run:
    """A contender's step on (batch, length) piece ids."""
    tokens = float(input_ids.numel())
    work = {"tokens": tokens, "flops": contender.flops_per_token * tokens}
    return Run(partial(contender.step, input_ids, precision), work, contender.parameters)


def matrix_product(session: Session, precision: str) -> tuple[Callable[[], object], float]:
    """A square matrix product of the session's size by the faster library, and its floating-point operations.

    On an accelerator, several larger ones: long enough that starting and waiting do not count.
    """
    on_gpu = session.device.type == "cuda"
    n, products = (2 * session.size.matrix, PRODUCTS_ON_GPU) if on_gpu else (session.size.matrix, 1)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = torch.randn(2, n, n, device=session.device).to(dtype)
    output = torch.empty_like(left)

    @fast_matmul()
    def multiply() -> None:
        for _ in range(products):
            torch.mm(left, right, out=output)

    return multiply, products * 2.0 * n**3
