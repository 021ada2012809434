"""The learned mixture of layers (Peters et al. 2018, equation 1)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.config import ConfigError, Settings


class ScalarMix(nn.Module):
    """``gamma * sum_j softmax(w)_j h_j`` over the layers of each token.

    Args:
        num_layers: layers of the language model, the token layer included.
        dim: width of a layer, all directions.
        config: settings.

    Attributes:
        output_dim: width of the mixture.
    """

    class Config(Settings):
        """Settings of :class:`ScalarMix`."""

        layers: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
        """Which layers are mixed, all by default: 0 is the token layer, 1 the first block, -1 the last one."""
        direction: Literal["both", "forward", "backward"] = "both"
        """Which language model is read: both, or one alone, whose vectors are half as wide."""
        initial_weights: tuple[float, ...] | None = None
        """Before the soft-max, one per mixed layer; zeros (a plain mean) by default."""
        trainable: bool = True
        """Learn weights and gamma; else they stay as they are."""
        layer_norm: bool = True
        """Normalise every layer of every token on its own first, without learned scale. No statistic is shared with
        other tokens, so that neither the batch nor its padding matters."""
        l2: Annotated[float, Field(ge=0)] = 0.0
        """Penalty on the squared weights before the soft-max, which draws them together."""
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
        """Applied to the mixture."""

        def build(self, num_layers: int, dim: int, directions: int = 2) -> ScalarMix:
            """Make the module.

            Raises:
                ConfigError: a layer is not there or is named twice, the initial weights do not fit the layers, or the
                    language model has one direction only and one of two is to be read.
            """
            if directions == 1 and self.direction != "both":
                problem = f"direction: the language model has one direction (got '{self.direction}'); leave it out"
                raise ConfigError("scalar mix", [problem])
            return ScalarMix(num_layers, dim, self)

    def __init__(self, num_layers: int, dim: int, config: Config) -> None:
        super().__init__()
        self.layers = _indices(config.layers, num_layers)
        initial = config.initial_weights or (0.0,) * len(self.layers)
        if len(initial) != len(self.layers):
            problem = (
                f"initial_weights: {len(initial)} given, but there are {len(self.layers)} layers to mix"
                + " (the token layer first)" * (config.layers is None)
            )
            raise ConfigError("scalar mix", [problem])
        self.num_layers = num_layers
        self.output_dim = dim if config.direction == "both" else dim // 2
        start = dim // 2 if config.direction == "backward" else 0
        self._read = slice(start, start + self.output_dim)
        self.config = config
        self.weights = nn.Parameter(torch.tensor(initial), requires_grad=config.trainable)
        self.gamma = nn.Parameter(torch.ones(()), requires_grad=config.trainable)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, layers: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix (batch, words, layers, dim) to (batch, words, output_dim).

        Args:
            layers: of each word, all of them.
            mask: (batch, words); accepted because every feature takes it, and not needed.
        """
        if self.config.layers is not None:
            layers = layers[:, :, self.layers]
        layers = layers[..., self._read].to(self.gamma.dtype)  # stored as fp16
        if self.config.layer_norm:
            layers = F.layer_norm(layers, (self.output_dim,))
        mixed = torch.einsum("bwnd,n->bwd", layers, self.weights.softmax(0))
        output: Tensor = self.dropout(self.gamma * mixed)
        return output

    def penalty(self) -> Tensor:
        """The L2 term to add to a loss."""
        return self.config.l2 * self.weights.square().sum()

    def normalized_weights(self) -> list[float]:
        """Weights of all layers of the language model after the soft-max; 0 for those that are not mixed."""
        shares = dict(zip(self.layers, self.weights.detach().softmax(0).tolist(), strict=True))
        return [shares.get(layer, 0.0) for layer in range(self.num_layers)]


def _indices(layers: tuple[int, ...] | None, num_layers: int) -> list[int]:
    """Layers counted from the token layer.

    Raises:
        ConfigError: one is not there, or is named twice.
    """
    if layers is None:
        return list(range(num_layers))
    missing = [layer for layer in layers if not -num_layers <= layer < num_layers]
    if missing:
        where = f"{num_layers} layers, 0 (the token layer) to {num_layers - 1}; -1 is the last"
        raise ConfigError("scalar mix", [f"layers: there is no layer {missing[0]}; the model has {where}"])
    indices = [layer % num_layers for layer in layers]
    if len(set(indices)) < len(indices):
        raise ConfigError("scalar mix", [f"layers: {list(layers)} names a layer twice"])
    return indices
