"""Whether a device computes what it should: run before its timings are believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.package_model import PackageLanguageModel
from benchmarks.session import Session
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.compilation import compile_model, compiler_problem
from elmo_xlstm.lm.kernels import kernel_problem, use_kernel


@dataclass(frozen=True)
class Check:
    """A relative difference between what was computed and what should have been.

    Attributes:
        name: of the property.
        difference: that was found.
        limit: up to which it passes.
    """

    name: str
    difference: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the limit; one that is not a number is not."""
        return self.difference <= self.limit

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        return f"{verdict}: {self.name}: {self.difference:.2g} (limit {self.limit:.2g})"


def check_device(session: Session) -> list[Check]:
    """Ours against the package, bf16 against fp32, causality; on a GPU compiled stacks and Triton kernels too."""
    with torch.backends.cudnn.flags(allow_tf32=False):  # convolutions would round to 10 bits
        model = session.place(BiXLSTM(session.size.config())).eval()
        randomize(model)
        input_ids = session.pieces(2, session.size.length)
        return [
            *_against_package(model, input_ids),
            *_autocast(session, model, input_ids),
            *_causal(model, input_ids),
            *_kernels(session, model, input_ids),
            *_compiled(session, model, input_ids),  # last: it stays compiled
        ]


@torch.no_grad()
def randomize(model: BiXLSTM) -> None:
    """Move weights away from where gates are closed and norms flat, which would hide mistakes in them."""
    for name, parameter in model.named_parameters():
        if "gate" in name or "norm" in name or "skip" in name:
            parameter.add_(0.3 * torch.randn_like(parameter) * (parameter[0].numel() ** -0.5))


def _against_package(model: BiXLSTM, input_ids: Tensor) -> list[Check]:
    package = PackageLanguageModel(model.config).to(input_ids.device).eval()
    package.copy_weights(model)
    theirs, their_gradient = _gradient(lambda: package(input_ids), package.token_embedding.weight)
    mine, my_gradient = _gradient(lambda: model(input_ids).loss, model.token_embedding.weight)
    return [
        Check("loss against the package, fp32", _difference(mine, theirs), 1e-5),
        Check("gradient of the embedding against the package, fp32", _difference(my_gradient, their_gradient), 1e-3),
    ]


def _autocast(session: Session, model: BiXLSTM, input_ids: Tensor) -> list[Check]:
    def loss(precision: str) -> Tensor:
        with session.autocast(precision):
            found: Tensor = model(input_ids).loss
        return found

    exact_loss, exact_gradient = _gradient(lambda: loss("fp32"), model.token_embedding.weight)
    half_loss, half_gradient = _gradient(lambda: loss("bf16"), model.token_embedding.weight)
    exact = last_layers(model, input_ids)
    with session.autocast("bf16"):
        half = last_layers(model, input_ids)
    return [
        Check("last layers, bf16 autocast against fp32", _difference(half, exact), 0.05),
        Check("loss, bf16 autocast against fp32", _difference(half_loss, exact_loss), 0.01),
        Check("gradient of the embedding, bf16 autocast against fp32", _difference(half_gradient, exact_gradient), 0.1),
    ]


def _causal(model: BiXLSTM, input_ids: Tensor) -> list[Check]:
    middle = input_ids.shape[1] // 2
    changed = input_ids.clone()
    changed[:, middle] = (changed[:, middle] + 1) % model.config.vocab_size
    forward, backward = last_layers(model, input_ids).chunk(2, dim=-1)
    new_forward, new_backward = last_layers(model, changed).chunk(2, dim=-1)
    before, after = slice(None, middle), slice(middle + 1, None)
    moved = min(
        _difference(new_forward[:, middle:], forward[:, middle:]),
        _difference(new_backward[:, : middle + 1], backward[:, : middle + 1]),
    )
    return [
        Check(
            "forward: a piece changes nothing before it", _difference(new_forward[:, before], forward[:, before]), 1e-6
        ),
        Check(
            "backward: a piece changes nothing after it", _difference(new_backward[:, after], backward[:, after]), 1e-6
        ),
        Check("and it changes both where it is read (0 if so)", float(moved < 1e-4), 0.0),
    ]


def _kernels(session: Session, model: BiXLSTM, input_ids: Tensor) -> list[Check]:
    """The opt-in Triton kernels against plain torch, where they can run."""
    if kernel_problem(session.device):
        return []
    weight = model.token_embedding.weight
    loss, gradient = _gradient(lambda: model(input_ids).loss, weight)
    use_kernel(model, "triton", session.device)
    found_loss, found_gradient = _gradient(lambda: model(input_ids).loss, weight)
    use_kernel(model, "torch", session.device)
    return [
        Check("loss with Triton kernels, fp32", _difference(found_loss, loss), 1e-3),
        Check("gradient of the embedding with Triton kernels, fp32", _difference(found_gradient, gradient), 0.05),
    ]


def _compiled(session: Session, model: BiXLSTM, input_ids: Tensor) -> list[Check]:
    """What torch.compile makes against plain torch, on a GPU; for a CPU the tests check it."""
    if session.device.type == "cpu" or compiler_problem(session.device):
        return []
    weight = model.token_embedding.weight
    loss, gradient = _gradient(lambda: model(input_ids).loss, weight)
    compile_model(model, by_block=False)
    try:
        found_loss, found_gradient = _gradient(lambda: model(input_ids).loss, weight)
    except Exception as error:  # whatever a compiler raises; the other checks are to be seen
        return [Check(f"torch.compile ({type(error).__name__})", math.nan, 0.0)]
    return [
        Check("loss with torch.compile, fp32", _difference(found_loss, loss), 1e-5),
        Check("gradient of the embedding with torch.compile, fp32", _difference(found_gradient, gradient), 1e-3),
    ]


@torch.inference_mode()
def last_layers(model: BiXLSTM, input_ids: Tensor) -> Tensor:
    """(batch, length, 2 * width), float32."""
    encoding = model.encode_layers(input_ids)
    return torch.cat([encoding.forward[-1], encoding.backward[-1]], dim=-1).float()


def _gradient(loss: Callable[[], Tensor], weight: Tensor) -> tuple[Tensor, Tensor]:
    value = loss()
    [gradient] = torch.autograd.grad(value, [weight])
    return value.detach(), gradient


def _difference(found: Tensor, expected: Tensor) -> float:
    return ((found.double() - expected.double()).norm() / expected.double().norm()).item()
