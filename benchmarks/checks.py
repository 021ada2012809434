"""Whether a device computes what it should: run before its timings are believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.contenders import compile_stacks
from benchmarks.package_model import PackageLanguageModel
from benchmarks.session import Session
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.backbones.mlstm.kernels import kernel_problem, use_kernel
from elmo_xlstm.lm.compilation import compiler_problem

LONG, SHORT = 1100, 200  # tokens: computed in chunks with carried state, and at once
PREPARED = 3  # calls after which torch.compile's CUDA graphs are recorded and played
# Largest differences of a loss and of a gradient from plain torch's, by precision.
Limits = dict[str, tuple[float, float]]
COMPILED_LIMITS: Limits = {"fp32": (1e-5, 1e-3), "bf16": (0.01, 0.1)}
KERNEL_LIMITS: Limits = {"fp32": (1e-3, 0.05), "bf16": (0.01, 0.1)}
MODES: dict[str, str | None] = {"torch.compile": None, "torch.compile and CUDA graphs": "reduce-overhead"}


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
    """Ours against the package, bf16 against fp32, causality, long texts; on a GPU compiled stacks and Triton too."""
    with torch.backends.cudnn.flags(allow_tf32=False):  # convolutions would round to 10 bits
        model = session.place(BiXLSTM(session.size.config())).eval()
        randomize(model)
        input_ids = session.pieces(2, session.size.length)
        return [
            *_against_package(model, input_ids),
            *_autocast(session, model, input_ids),
            *_causal(model, input_ids),
            *_long(session, model),
            *_kernels(session, model, input_ids),
            *_compiled(session),
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
    exact_loss, exact_gradient = _training(session, model, input_ids, "fp32")
    half_loss, half_gradient = _training(session, model, input_ids, "bf16")
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


def _long(session: Session, model: BiXLSTM) -> list[Check]:
    """A text that is computed in chunks begins, for the forward model, as its first pieces alone."""
    pieces = session.pieces(1, LONG)
    whole, alone = (last_layers(model, ids).chunk(2, dim=-1)[0] for ids in (pieces, pieces[:, :SHORT]))
    return [Check("forward: a long text begins as its first pieces alone", _difference(whole[:, :SHORT], alone), 1e-4)]


def _kernels(session: Session, model: BiXLSTM, input_ids: Tensor) -> list[Check]:
    """The opt-in Triton kernels against plain torch, where they can run."""
    if kernel_problem(session.device):
        return []
    expected = {precision: _training(session, model, input_ids, precision) for precision in session.precisions()}
    use_kernel(model, "triton", session.device)
    try:
        return _agree("Triton kernels", lambda p: _training(session, model, input_ids, p), expected, KERNEL_LIMITS)
    finally:
        use_kernel(model, "torch", session.device)


def _compiled(session: Session) -> list[Check]:
    """What torch.compile makes, on a GPU; for a CPU the tests check it."""
    if session.device.type == "cpu" or compiler_problem(session.device):
        return []
    return [check for name, mode in MODES.items() for check in compiled(session, name, mode)]


def compiled(session: Session, name: str, mode: str | None) -> list[Check]:
    """What torch.compile makes of one block in each direction, against plain torch.

    Args:
        session: device, size and precisions.
        name: in the checks.
        mode: torch.compile's.
    """
    torch.compiler.reset()
    model = session.place(BiXLSTM(replace(session.size, num_blocks=1).config())).eval()
    randomize(model)
    input_ids = session.pieces(2, session.size.length)
    expected = {precision: _training(session, model, input_ids, precision) for precision in session.precisions()}
    compile_stacks(model, mode)

    def prepared(precision: str) -> tuple[Tensor, Tensor]:
        for _ in range(PREPARED):
            torch.compiler.cudagraph_mark_step_begin()
            found = _training(session, model, input_ids, precision)
        return found

    return _agree(name, prepared, expected, COMPILED_LIMITS)


def _agree(
    name: str,
    found: Callable[[str], tuple[Tensor, Tensor]],
    expected: dict[str, tuple[Tensor, Tensor]],
    limits: Limits,
) -> list[Check]:
    checks = []
    for precision, (loss, gradient) in expected.items():
        try:
            found_loss, found_gradient = found(precision)
        except Exception as error:  # whatever a compiler raises; the other checks are to be seen
            checks.append(Check(f"{name}, {precision} ({type(error).__name__})", math.nan, 0.0))
            continue
        of_loss, of_gradient = limits[precision]
        checks += [
            Check(f"loss with {name}, {precision}", _difference(found_loss, loss), of_loss),
            Check(
                f"gradient of the embedding with {name}, {precision}",
                _difference(found_gradient, gradient),
                of_gradient,
            ),
        ]
    return checks


@torch.inference_mode()
def last_layers(model: BiXLSTM, input_ids: Tensor) -> Tensor:
    """(batch, length, 2 * width), float32."""
    encoding = model.encode_layers(input_ids)
    return torch.cat([encoding.forward[-1], encoding.backward[-1]], dim=-1).float()


def _training(session: Session, model: BiXLSTM, input_ids: Tensor, precision: str) -> tuple[Tensor, Tensor]:
    """The loss, and the gradient of the embedding."""

    def loss() -> Tensor:
        with session.autocast(precision):
            found: Tensor = model(input_ids).loss
        return found

    return _gradient(loss, model.token_embedding.weight)


def _gradient(loss: Callable[[], Tensor], weight: Tensor) -> tuple[Tensor, Tensor]:
    value = loss()
    [gradient] = torch.autograd.grad(value, [weight])
    return value.detach(), gradient


def _difference(found: Tensor, expected: Tensor) -> float:
    return ((found.double() - expected.double()).norm() / expected.double().norm()).item()
