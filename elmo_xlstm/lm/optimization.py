"""AdamW and its schedule, leaving out steps whose numbers went bad, and averaging weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from elmo_xlstm.config import Settings
from elmo_xlstm.lm.backbones import Backbone

if TYPE_CHECKING:
    from accelerate import Accelerator


class OptimizerSettings(Settings):
    """AdamW (Loshchilov and Hutter 2019)."""

    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    """Peak learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled; not applied to embeddings, soft-max weights, norms, biases and gates."""
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of the gradient of all parameters together."""

    def build(self, model: nn.Module) -> torch.optim.AdamW:
        """Two parameter groups, with and without weight decay."""
        decayed: list[nn.Parameter] = []
        kept: list[nn.Parameter] = []
        of_backbones = {
            parameter: module.decayed(name, parameter)
            for module in model.modules()
            if isinstance(module, Backbone)
            for name, parameter in module.named_parameters()
        }
        for name, parameter in model.named_parameters():
            chosen = of_backbones.get(parameter)
            (decayed if (is_decayed(name, parameter) if chosen is None else chosen) else kept).append(parameter)
        groups = [{"params": decayed, "weight_decay": self.weight_decay}, {"params": kept, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=self.betas, eps=self.epsilon, fused=True)


def is_decayed(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies to what no backbone decides about, by its name and shape.

    It does to matrices and convolutions, not to vectors, lookups and gates.
    """
    lookup = "token_embedding" in name or "softmax" in name
    gate = "igate" in name or "fgate" in name
    return parameter.ndim > 1 and not lookup and not gate


class ScheduleSettings(Settings):
    """Linear warm-up, then constant, or a decay to a fraction of the peak: from then on or over the last steps."""

    warmup_steps: Annotated[int, Field(ge=0)] = 500
    decay: Literal["constant", "linear", "cosine"] = "constant"
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Learning rate after the last step, as a fraction of the peak; unused when constant."""
    decay_steps: Annotated[int, Field(ge=1)] | None = None
    """How many of the last steps decay, after a rate that stays at its peak (warm-up, stable, decay: Hu et al. 2024,
    section 4); null: all from the warm-up's end. Not with a constant rate."""

    @model_validator(mode="after")
    def _has_something_to_decay(self) -> ScheduleSettings:
        if self.decay_steps is not None and self.decay == "constant":
            raise ValueError(
                'decay_steps is for a rate that decays: set decay to "linear" or "cosine", or leave it out'
            )
        return self

    def factor(self, step: int, total_steps: int) -> float:
        """The learning rate of step ``step`` (from 0), as a fraction of the peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.decay == "constant":
            return 1.0
        start = self.warmup_steps
        if self.decay_steps is not None:
            start = max(start, total_steps - self.decay_steps)
        done = min(1.0, max(0.0, (step - start) / max(1, total_steps - start)))
        shape = 1 - done if self.decay == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.final_fraction + (1 - self.final_fraction) * shape


@dataclass(frozen=True)
class Skipped:
    """Steps that were left out.

    Attributes:
        total: since the run began.
        in_a_row: up to the last step.
        first: number of the first of these, counted from 0; meaningless if there are none.
    """

    total: int
    in_a_row: int
    first: int


class StepGuard:
    """Keeps weights and moments as they are in a step whose loss or gradient is not finite, in all processes alike.

    Everything is counted on the device: a fused optimizer leaves a step out by itself if its ``found_inf`` says so,
    as PyTorch's gradient scaler has it do. Once ``most`` steps in a row were bad, every later one is left out too, so
    that nothing is learnt between the moment when the run went wrong and the one when it is told.

    Args:
        optimizer: fused.
        accelerator: gives the device and the sum over processes.
        most: bad steps in a row after which the run is lost.
        total: steps left out before.
        in_a_row: of these, those at the end.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, accelerator: Accelerator, most: int, total: int = 0, in_a_row: int = 0
    ) -> None:
        self._optimizer = optimizer
        self._accelerator = accelerator
        self._most = most
        device = accelerator.device
        self._total = torch.tensor(total, device=device)
        self._in_a_row = torch.tensor(in_a_row, device=device)
        self._first = torch.tensor(0, device=device)
        self._step = torch.tensor(0, device=device)

    def judge(self, loss: Tensor, gradient_norm: Tensor, step: int) -> Tensor:
        """Tell the optimizer, before its step, whether to leave it out.

        Args:
            loss: of this process.
            gradient_norm: of all parameters together.
            step: number of this step, from 0.

        Returns:
            Whether it is left out: () bool on the device.
        """
        if isinstance(gradient_norm, DTensor):
            gradient_norm = gradient_norm.full_tensor()
        bad = ~(torch.isfinite(loss) & torch.isfinite(gradient_norm))
        if self._accelerator.num_processes > 1:  # a loss may be bad in one process, and the gradient finite in all
            bad = self._accelerator.reduce(bad.float(), reduction="sum") > 0
        bad = bad | (self._in_a_row >= self._most)
        self._total += bad
        self._in_a_row = (self._in_a_row + 1) * bad
        self._first = torch.where(self._in_a_row == 1, self._step.fill_(step), self._first)
        self._optimizer.found_inf = bad.float()  # type: ignore[attr-defined]
        return bad

    def read(self) -> Skipped:
        """Steps left out so far; waits until the device has got there."""
        total, in_a_row, first = torch.stack([self._total, self._in_a_row, self._first]).tolist()
        return Skipped(total, in_a_row, first)

    def is_lost(self, skipped: Skipped) -> bool:
        """Whether too many steps in a row were bad."""
        return skipped.in_a_row >= self._most


def tell_bad_numbers(skipped: Skipped, starts: Sequence[int], corpus: Path) -> str:
    """Message on steps that were left out.

    Args:
        skipped: the steps.
        starts: where the windows of the first of them begin.
        corpus: its directory.
    """
    shown = ", ".join(map(str, starts[:4])) + (", ..." if len(starts) > 4 else "")
    return (
        f"loss or gradient was not finite in {skipped.in_a_row} steps in a row, from step {skipped.first + 1} on, "
        f"whose windows start at tokens {shown} of the training part of {corpus}; these steps were left out"
    )


class WeightAverage:
    """The mean of the weights that a model had after each of its training steps, in which later ones count for more.

    After step ``t`` the weights of step ``s`` count for ``decay ** (t - s)``, over the sum of these numbers. That is
    the usual moving average with the bias correction of Adam (Kingma and Ba 2015, section 3): the random weights from
    which training starts have no part in it, however short training is.

    Args:
        model: not sharded; its weights are averaged where they lie and in their precision.
        decay: between 0, the last weights alone, and 1, the plain mean of all.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._weights = dict(model.named_parameters())
        self._averages = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def update(self, step: int) -> None:
        """Take in the model's weights.

        Args:
            step: number of the training step that made them, from 1; every step is taken in, in order.
        """
        corrected = self._decay * (1 - self._decay ** (step - 1)) / (1 - self._decay**step)
        average = get_ema_multi_avg_fn(corrected)
        average(list(self._averages.values()), list(self._weights.values()), None)

    def weights(self) -> dict[str, Tensor]:
        """The averages themselves, by the names of the parameters."""
        return dict(self._averages)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from averages that :meth:`weights` gave earlier."""
        for name, average in self._averages.items():
            average.copy_(weights[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the model has the averages for weights; after it, its own again, to the bit."""
        own = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._put(self._averages)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(values[name])
