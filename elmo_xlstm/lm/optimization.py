"""AdamW with the right weights decayed, and the learning rate as a function of the step."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from elmo_xlstm.config import Settings
from elmo_xlstm.lm.backbones import Backbone


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
