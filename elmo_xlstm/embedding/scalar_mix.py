"""The learned mixture of layers (Peters et al. 2018, equation 1)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.config import Settings
from elmo_xlstm.config.errors import ConfigError


class ScalarMix(nn.Module):
    """``gamma * sum_j softmax(w)_j h_j`` over the layers of each token.

    Args:
        num_layers: layers to mix, the token layer included.
        dim: width of a layer.
        config: settings.
    """

    class Config(Settings):
        """How layers are mixed."""

        initial_weights: tuple[float, ...] | None = None
        """Before the soft-max, one per layer; zeros (a plain mean) by default."""
        trainable: bool = True
        """Learn weights and gamma; else they stay as they are."""
        layer_norm: bool = True
        """Normalise every layer of every token on its own first, without learned scale. No statistic is shared with
        other tokens, so that neither the batch nor its padding matters."""
        l2: Annotated[float, Field(ge=0)] = 0.0
        """Penalty on the squared weights before the soft-max, which draws them together."""
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
        """Applied to the mixture."""

        def build(self, num_layers: int, dim: int) -> ScalarMix:
            """Make the module.

            Raises:
                ConfigError: the initial weights do not fit the number of layers.
            """
            return ScalarMix(num_layers, dim, self)

    def __init__(self, num_layers: int, dim: int, config: Config) -> None:
        super().__init__()
        initial = config.initial_weights or (0.0,) * num_layers
        if len(initial) != num_layers:
            problem = (
                f"initial_weights: {len(initial)} given, but there are {num_layers} layers (the token layer first)"
            )
            raise ConfigError("scalar mix", [problem])
        self.dim = dim
        self.config = config
        self.weights = nn.Parameter(torch.tensor(initial), requires_grad=config.trainable)
        self.gamma = nn.Parameter(torch.ones(()), requires_grad=config.trainable)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, layers: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix (batch, words, layers, dim) to (batch, words, dim).

        Args:
            layers: of each word.
            mask: (batch, words); accepted because every feature takes it, and not needed.
        """
        if self.config.layer_norm:
            layers = F.layer_norm(layers, (self.dim,))
        mixed = torch.einsum("bwnd,n->bwd", layers, self.weights.softmax(0))
        output: Tensor = self.dropout(self.gamma * mixed)
        return output

    def penalty(self) -> Tensor:
        """The L2 term to add to a loss."""
        return self.config.l2 * self.weights.square().sum()

    def normalized_weights(self) -> list[float]:
        """What each layer weighs after the soft-max."""
        return self.weights.detach().softmax(0).tolist()
