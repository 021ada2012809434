"""An exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


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
