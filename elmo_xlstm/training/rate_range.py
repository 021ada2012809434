"""The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from elmo_xlstm.errors import UserError
from elmo_xlstm.training.randomness import length_buckets
from elmo_xlstm.training.trainer import Batch, Trainer

T = TypeVar("T")
SMOOTHING = 0.9
"""Decay of the running mean of losses."""
WORSE = 4.0
"""Times the least loss, beyond which training has failed."""
BEFORE_LEAST = 10.0
"""The suggested rate is so many times less than the one of the least loss: there, training is about to fail."""


@dataclass(frozen=True)
class RateRange:
    """Losses by learning rate.

    Attributes:
        rates: rising.
        losses: of each, a running mean over the steps so far.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def least(self) -> float:
        """The rate at which the loss is least."""
        return self.rates[min(range(len(self.losses)), key=self.losses.__getitem__)]

    @property
    def suggested(self) -> float:
        """A rate to train with: well before the loss is least."""
        return max(self.rates[0], self.least / BEFORE_LEAST)


def measure_rates(
    trainer: Trainer,
    model: nn.Module,
    train: Sequence[T],
    collate: Callable[[Sequence[T]], Batch],
    length: Callable[[T], int],
    low: float,
    high: float,
    steps: int,
    seed: int = 0,
) -> RateRange:
    """Train with a rate that rises from step to step by the same factor, until the loss has risen far.

    The model's weights are of no use afterwards.

    Args:
        trainer: batch size, optimizer and clipping; its own rate and schedule are not used.
        model: fresh, with ``loss(batch)``.
        train: examples; as many passes as the steps need.
        collate: makes a batch of some.
        length: of an example.
        low: first rate.
        high: last rate.
        steps: between them.
        seed: of batch order and dropout.

    Raises:
        UserError: there are no examples, or no step has a finite loss.
    """
    if not train:
        raise UserError("there are no training examples; check the task's data")
    torch.manual_seed(seed)
    model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = trainer.optimizer([{"params": parameters}])
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for step, indices in enumerate(_batches([length(example) for example in train], trainer, seed, steps)):
        rate = low * (high / low) ** (step / max(1, steps - 1))
        optimizer.param_groups[0]["lr"] = rate
        loss = trainer.step(model, parameters, optimizer, collate([train[index] for index in indices]))
        if loss is None:
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        rates.append(rate)
        losses.append(mean / (1 - SMOOTHING ** (step + 1)))
        if losses[-1] > WORSE * max(min(losses), 1e-3) and step > steps / 10:
            break
    if not losses or not all(map(math.isfinite, losses)):
        raise UserError("no step has a finite loss, not with the least rate; look for non-finite features")
    return RateRange(tuple(rates), tuple(losses))


def _batches(lengths: Sequence[int], trainer: Trainer, seed: int, steps: int) -> Iterator[Sequence[int]]:
    epochs = (length_buckets(lengths, trainer.config.batch_size, seed, epoch) for epoch in itertools.count(1))
    return itertools.islice(itertools.chain.from_iterable(epochs), steps)
