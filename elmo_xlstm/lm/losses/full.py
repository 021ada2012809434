"""The exact soft-max over the whole vocabulary."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from elmo_xlstm.lm.losses.cross_entropy import ChunkedCrossEntropy, product_dtype
from elmo_xlstm.lm.losses.interface import SoftmaxLossSettings, softmax_losses


class FullSoftmax:
    """The exact loss over the whole vocabulary."""

    @softmax_losses.register("full")
    class Config(SoftmaxLossSettings):
        """Exact soft-max over the whole vocabulary."""

        type: Literal["full"] = "full"

        def build(self, token_counts: npt.NDArray[np.int64]) -> FullSoftmax:
            """Needs no counts."""
            return FullSoftmax()

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """See :class:`SoftmaxLoss`."""
        loss: Tensor = ChunkedCrossEntropy.apply(hidden, weight, None, targets, None, product_dtype(hidden))
        return loss
