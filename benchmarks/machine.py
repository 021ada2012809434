"""What the machine can do at most: matrix products and memory copies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.session import Session
from elmo_xlstm.device import fast_matmul, matmul_by_parts
from elmo_xlstm.lm.losses.cross_entropy import CHUNK_ROWS

COPY = "memory copy"
WHOLE = "product with a long inner dimension, whole"  # of the soft-max loss's backward pass
BY_PARTS = "product with a long inner dimension, by parts"
COPIED_FLOATS = 64 * 2**20  # 256 MiB, far larger than a cache
MANY = 20


def matrix_product(session: Session, precision: str) -> tuple[Callable[[], object], float]:
    """A square matrix product of the session's size by the faster library, and its floating-point operations.

    On an accelerator, several larger ones: long enough that starting and waiting do not count.
    """
    n, products = (2 * session.size.matrix, MANY) if session.device.type == "cuda" else (session.size.matrix, 1)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = torch.randn(2, n, n, device=session.device).to(dtype)
    output = torch.empty_like(left)

    @fast_matmul()
    def multiply() -> None:
        for _ in range(products):
            torch.mm(left, right, out=output)

    return multiply, products * 2.0 * n**3


def measure_machine(session: Session) -> Result:
    """Matrix products per precision, on a CPU one with a long inner dimension in two ways, and copying."""
    runs: dict[tuple[str, str], Callable[[], object]] = {}
    work: dict[tuple[str, str], dict[str, float]] = {}
    for precision in session.precisions():
        runs[PEAK, precision], operations = matrix_product(session, precision)
        work[PEAK, precision] = {"flops": operations}
    if session.device.type == "cpu":
        size = session.size
        left, right = torch.randn(CHUNK_ROWS, size.vocab_size), torch.randn(size.vocab_size, size.embedding_dim)
        for name, multiply in ((WHOLE, torch.matmul), (BY_PARTS, matmul_by_parts)):
            runs[name, "fp32"] = fast_matmul()(partial(multiply, left, right))
            work[name, "fp32"] = {"flops": 2.0 * CHUNK_ROWS * right.numel()}
    source = torch.ones(COPIED_FLOATS if session.size.name != "tiny" else 1024, device=session.device)
    target = torch.empty_like(source)
    copies = MANY if session.device.type == "cuda" else 1
    runs[COPY, "fp32"] = lambda: [target.copy_(source) for _ in range(copies)]
    work[COPY, "fp32"] = {"bytes": copies * 2.0 * source.nbytes}  # read and written
    samples = session.time(runs)
    measurements = [
        Measurement(contender=key[0], case={"precision": key[1]}, work=work[key], values=samples.seconds[key])
        for key in runs
    ]
    return make_result(session, "machine", "", measurements)
