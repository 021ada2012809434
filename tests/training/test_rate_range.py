from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from elmo_xlstm.errors import UserError
from elmo_xlstm.training import Trainer
from elmo_xlstm.training.rate_range import measure_rates


class Line(nn.Module):
    """Fits y = 3 x; with too large a rate the loss grows without end."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(()))
        self.broken = broken

    def loss(self, batch):
        loss = ((self.slope * batch - 3 * batch) ** 2).mean()
        return loss * math.nan if self.broken else loss


def measure(steps: int = 100, **settings):
    trainer = Trainer.Config(batch_size=4, gradient_clip=None).build()
    model = Line(**settings)
    train = [float(n % 5 + 1) for n in range(20)]
    return measure_rates(trainer, model, train, torch.tensor, lambda _: 1, 1e-4, 100.0, steps)


def test_rates_rise_by_the_same_factor_until_training_fails() -> None:
    found = measure()
    factors = [b / a for a, b in zip(found.rates, found.rates[1:], strict=False)]
    assert found.rates[0] == pytest.approx(1e-4) and factors == pytest.approx([factors[0]] * len(factors))
    assert len(found.rates) == len(found.losses) < 100, "it stops when the loss has risen far"
    assert found.rates[0] <= found.suggested < found.least < found.rates[-1]
    assert min(found.losses) < 0.5 * found.losses[0] and found.losses[-1] > 4 * min(found.losses)
    assert found == measure()


def test_nothing_to_measure() -> None:
    with pytest.raises(UserError, match="no step has a finite loss"):
        measure(broken=True)
    with pytest.raises(UserError, match="no training examples"):
        measure_rates(Trainer.Config().build(), Line(), [], torch.tensor, lambda _: 1, 1e-4, 1.0, 5)
