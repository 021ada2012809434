"""The exact soft-max loss alone, forwards and backwards: ours beside what else there is."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.flops import TRAINING
from benchmarks.machine import matrix_product
from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.session import Session
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.lm.losses import FullSoftmax

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # of (tokens, dim), (vocabulary, dim) and (tokens,): a sum in nats

OURS = "ours, in chunks"
TORCH = "torch, all logits"
CUT = "cut-cross-entropy"
LIGER = "liger-kernel"
NAMES = (OURS, TORCH, CUT, LIGER)


def build(name: str, device: torch.device) -> Loss:
    """A loss by its name.

    Raises:
        ImportError: its package is not installed, or needs a GPU.
    """
    if name == OURS:
        return FullSoftmax()
    if name == TORCH:
        return lambda hidden, weight, targets: F.cross_entropy(
            F.linear(hidden, weight).float(), targets, reduction="sum"
        )
    if device.type != "cuda":
        raise ImportError("needs a GPU")
    if name == CUT:
        cut = importlib.import_module("cut_cross_entropy").linear_cross_entropy

        def cut_loss(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
            loss: Tensor = cut(hidden, weight.to(hidden.dtype), targets, reduction="sum")
            return loss

        return cut_loss
    liger = importlib.import_module("liger_kernel.transformers").LigerFusedLinearCrossEntropyLoss(reduction="sum")

    def liger_loss(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = liger(weight.to(hidden.dtype), hidden, targets)
        return loss

    return liger_loss


def measure_softmax(session: Session) -> Result:
    """All that are installed, in all precisions, on one batch's hidden states; their distance from float32's loss."""
    size, device = session.size, session.device
    tokens = size.batch * size.length
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, size.embedding_dim, generator=generator).to(device)
    weight = (torch.randn(size.vocab_size, size.embedding_dim, generator=generator) / size.embedding_dim**0.5).to(
        device
    )
    weight.requires_grad_()
    targets = session.pieces(tokens, 1).flatten()
    work = {
        "tokens": float(tokens),
        "flops": TRAINING * 2.0 * tokens * size.vocab_size * size.embedding_dim,
    }
    exact = float(build(TORCH, device)(hidden, weight.detach(), targets))
    runs: dict[tuple[str, str], Callable[[], object]] = {}
    works: dict[tuple[str, str], dict[str, float]] = {}
    notes = []
    for precision in session.precisions():
        inputs = hidden.bfloat16() if precision == "bf16" else hidden.clone()
        for name in (name for name in NAMES if session.wants(name)):
            try:
                step = partial(_step, session, precision, build(name, device), inputs.requires_grad_(), weight, targets)
                loss = float(step())
            except Exception as error:  # other people's kernels: not installed, or not for this device or type
                notes.append(f"{name}, {precision}: left out ({(str(error).splitlines() or ['no reason given'])[0]})")
                continue
            notes.append(f"{name}, {precision}: loss within {abs(loss / exact - 1):.1e} of torch's in fp32")
            runs[name, precision], works[name, precision] = step, work
        runs[PEAK, precision], operations = matrix_product(session, precision)
        works[PEAK, precision] = {"flops": operations}
    samples = session.time(runs)
    measurements = [
        Measurement(
            contender=key[0],
            case={"precision": key[1]},
            work=works[key],
            values=samples.seconds[key],
            first=samples.first[key],
        )
        for key in runs
    ]
    return make_result(session, "softmax", TORCH, measurements, notes)


@fast_matmul()
def _step(session: Session, precision: str, loss: Loss, hidden: Tensor, weight: Tensor, targets: Tensor) -> Any:
    """The loss, after its gradients have been computed."""
    with session.autocast(precision):
        value = loss(hidden, weight, targets)
    torch.autograd.grad(value, [hidden, weight])
    return value.detach()
