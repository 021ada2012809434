"""Interface of soft-max losses, and their registry."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from elmo_xlstm.config import Registry, Settings

softmax_losses = Registry("soft-max loss")


class SoftmaxLoss(Protocol):
    """Turns hidden states and targets into a sum of cross-entropies, in nats."""

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """Sum over tokens.

        Args:
            hidden: (tokens, dim).
            weight: (vocabulary, dim).
            targets: (tokens,) indices into the vocabulary.
        """


class SoftmaxLossSettings(Settings):
    """Settings of a soft-max loss."""

    def build(self, token_counts: npt.NDArray[np.int64]) -> SoftmaxLoss | None:
        """The loss, or nothing if it is the model's own.

        Args:
            token_counts: (vocabulary,) how often each piece occurs in the training text.
        """
        raise NotImplementedError

    def clusters_for(self, vocab_size: int) -> list[int] | None:
        """The architecture's ``softmax_clusters`` that this loss asks for.

        Args:
            vocab_size: number of word pieces.

        Raises:
            UserError: what is set does not suit the vocabulary.
        """
        return None

    def classes(self, token_counts: npt.NDArray[np.int64]) -> float:
        """Rows of the soft-max that a token is multiplied with on average, in one direction.

        Args:
            token_counts: (vocabulary,) how often each piece occurs in the training text.
        """
        return float(len(token_counts))
