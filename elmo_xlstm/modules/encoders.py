"""Encoders of the words of a text, chosen by ``type``: one of yours is registered like :class:`BiLSTM`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.config import Registry, Settings
from elmo_xlstm.modules.batches import sentence_lengths

encoders = Registry("encoder", default="bilstm")


class Encoder(nn.Module):
    """Base of the encoders. The settings of one have ``type`` and ``build(input_dim)``, which makes it.

    Attributes:
        output_dim: width of an encoded word.
    """

    output_dim: int

    @abstractmethod
    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Contextual word features, which depend on nothing but the words of the sentence itself.

        Args:
            features: (B, L, input_dim).
            mask: (B, L) bool, right-padded.

        Returns:
            (B, L, output_dim).

        Raises:
            ValueError: a mask is not right-padded or a sentence is empty.
        """


class LockedDropout(nn.Module):
    """Dropout with one mask per sentence, the same at every word (Gal & Ghahramani 2016, "variational").

    Args:
        probability: of a feature being dropped.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Tensor) -> Tensor:
        """(B, L, D) → (B, L, D)."""
        if not self.training or self.probability == 0:
            return features
        ones = torch.ones_like(features[:, :1])  # (B, 1, D)
        return features * nn.functional.dropout(ones, self.probability)


class BiLSTM(Encoder):
    """A bidirectional LSTM; the output does not depend on padding or on other sentences.

    The backward direction reads each sentence reversed within its own length, so that padding always comes last and
    needs no packing: on a CPU a packed LSTM takes three times as long.

    Args:
        config: see :class:`Config`.
        input_dim: width D of the word features.

    Attributes:
        output_dim: 2 × ``hidden_size``.
    """

    @encoders.register("bilstm")
    class Config(Settings):
        """Settings of :class:`BiLSTM`."""

        # Results and runs of earlier versions have no type here, and are compared with later ones: it is not written.
        type: Literal["bilstm"] = Field(default="bilstm", exclude=True)
        hidden_size: int = Field(default=256, gt=0)
        """Width of each direction."""
        num_layers: int = Field(default=1, gt=0, le=100)
        """Layers on top of each other."""
        input_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
        """Dropout before the first layer."""
        output_dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
        """Dropout after the last layer and between layers."""
        variational: bool = True
        """Whether input and output dropout use the same mask at every word of a sentence."""

        def build(self, input_dim: int) -> BiLSTM:
            """Make the module with fresh weights."""
            return BiLSTM(self, input_dim)

    def __init__(self, config: Config, input_dim: int) -> None:
        super().__init__()
        self.output_dim = 2 * config.hidden_size
        dropout = LockedDropout if config.variational else nn.Dropout
        self.input_dropout = dropout(config.input_dropout)
        self.output_dropout = dropout(config.output_dropout)
        dims = [input_dim] + [self.output_dim] * (config.num_layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(dim, config.hidden_size, batch_first=True) for dim in dims)
        self.backwards = nn.ModuleList(nn.LSTM(dim, config.hidden_size, batch_first=True) for dim in dims)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """See :class:`Encoder`; zero at padding."""
        order = _reversal(sentence_lengths(mask), mask.shape[1])  # (B × L,)
        hidden: Tensor = self.input_dropout(features)
        for forwards, backwards in zip(self.forwards, self.backwards, strict=True):
            ahead, _ = forwards(hidden)  # (B, L, H)
            back, _ = backwards(_reorder(hidden, order))
            hidden = self.output_dropout(torch.cat([ahead, _reorder(back, order)], dim=-1))  # (B, L, 2H)
        return hidden.masked_fill(~mask.unsqueeze(-1), 0.0)


def _reversal(lengths: Tensor, length: int) -> Tensor:
    """Flat indices (B × L,) that reverse each sentence within its own words and leave padding in place."""
    positions = torch.arange(length, device=lengths.device)  # (L,)
    ends = lengths.unsqueeze(1)  # (B, 1)
    reversed_positions = torch.where(positions < ends, ends - 1 - positions, positions)  # (B, L)
    return (reversed_positions + length * torch.arange(lengths.shape[0], device=lengths.device).unsqueeze(1)).flatten()


def _reorder(features: Tensor, order: Tensor) -> Tensor:
    """(B, L, D) with its B × L rows in another order."""
    return features.flatten(0, 1).index_select(0, order).view_as(features)
