"""Encoding by length of the input."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial

from benchmarks.contenders import KERNELS, LSTM, OURS, PACKAGE, Contenders
from benchmarks.encoding import encode, encode_as_embedder
from benchmarks.lstm_models import LSTMLanguageModel
from benchmarks.package_model import with_package_stacks
from benchmarks.results import Result, make_result, timed
from benchmarks.session import Session
from benchmarks.shapes import by_length
from benchmarks.sizes import Size
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.backbones.mlstm.kernels import kernel_problem, use_kernel
from elmo_xlstm.device import fast_matmul, onednn_problem


def measure_lengths(session: Session) -> Result:
    """About as many tokens at every length, at least one sequence; the package only where it fits into free memory.

    Ours encode as the embedder does. On a GPU everything runs in bf16, as it would be used there, and the Triton
    kernels take part where they can.
    """
    size = session.size
    model = session.place(BiXLSTM(size.config())).eval()
    triton = None
    if session.wants(KERNELS) and kernel_problem(session.device) is None:
        triton = deepcopy(model)
        use_kernel(triton, "triton", session.device)
    lstm = Contenders(session).build((LSTM,))[0].model.eval() if session.wants(LSTM) else None
    on_gpu = session.device.type == "cuda"
    measurements, notes = [], ["bf16"] if on_gpu else []
    if not on_gpu and onednn_problem() is None:
        notes.append(f"matrices are multiplied by oneDNN, but for {PACKAGE}, as it comes")
    for case, shape in by_length(size):
        input_ids = session.pieces(shape.batch, shape.length)
        runs: dict[str, Callable[[], object]] = {}
        if session.wants(OURS):
            runs[OURS] = encode_as_embedder(session, model, "fp32", input_ids)
        if triton is not None:
            runs[KERNELS] = partial(encode, triton, input_ids)
        if isinstance(lstm, LSTMLanguageModel):
            runs[LSTM] = fast_matmul()(partial(encode, lstm, input_ids))
        needed = package_encoding_bytes(shape)
        if session.wants(PACKAGE) and needed > session.free_bytes():
            notes.append(f"{PACKAGE}: left out at length {shape.length:,}, which needs about {needed / 2**30:.0f} GiB")
        elif session.wants(PACKAGE):
            runs[PACKAGE] = partial(encode, with_package_stacks(model, shape.length), input_ids)
        with session.autocast("bf16" if on_gpu else "fp32"):
            samples = session.time(runs)
        measurements += timed(samples, case, {"tokens": float(input_ids.numel())})
    return make_result(session, "length", PACKAGE, measurements, notes)


def package_encoding_bytes(size: Size) -> float:
    """What encoding with the package needs, roughly: some ten squares in float32 at once, a mask in every block."""
    heads, blocks = size.config().num_heads, 2 * size.num_blocks
    return size.length**2 * (10.0 * 4 * size.batch * heads + blocks)
