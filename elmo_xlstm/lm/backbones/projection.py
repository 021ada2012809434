"""Linear maps that know how their weights are drawn."""

from __future__ import annotations

import math

from torch import nn


class Projection(nn.Linear):
    """A linear map without bias.

    Args:
        inputs: width.
        outputs: width.
        std: standard deviation of its initial weights, which are drawn from a normal distribution.
    """

    def __init__(self, inputs: int, outputs: int, std: float) -> None:
        self.std = std
        super().__init__(inputs, outputs, bias=False)

    def reset_parameters(self) -> None:
        """Draw the weights."""
        nn.init.normal_(self.weight, std=self.std)


def small_std(dim: int) -> float:
    """Of maps that read the residual stream (Nguyen and Salazar 2019)."""
    return math.sqrt(2 / (5 * dim))


def residual_std(dim: int, num_blocks: int) -> float:
    """Of maps whose output is added to the residual stream of so many blocks (as in GPT-NeoX: Black et al. 2022)."""
    return 2 / num_blocks / math.sqrt(dim)
