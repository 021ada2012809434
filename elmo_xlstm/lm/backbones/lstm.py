"""LSTMs as a backbone: plain ones, and those of ELMo, whose cells are wider than what they pass on.

ELMo's language model (Peters et al. 2018, section 3.4) has two layers of 4,096 cells, each projected to 512, with a
residual connection from the first layer to the second: ``{type: 'lstm', cell_dim: 4096, residual: true}`` in a model of
two blocks of width 512. Left out is that it clips cells and projections at 3, which torch's LSTM cannot.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from elmo_xlstm.lm.backbones.block_stack import BlockStack
from elmo_xlstm.lm.backbones.interface import BackboneSettings, backbones
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Size, Sizes

LSTMState = tuple[Tensor, Tensor]
"""What a layer passed on and its cells after the last token: (1, batch, dim) and (1, batch, cells)."""


class LSTMBlock(nn.Module):
    """One layer, with dropout on its output.

    Args:
        dim: width of inputs and outputs.
        cell_dim: number of cells; None for as many as ``dim``, without projection.
        residual: add the input to the output.
        dropout: share of the output.
    """

    def __init__(self, dim: int, cell_dim: int | None, residual: bool, dropout: float) -> None:
        super().__init__()
        if cell_dim is None:
            self.lstm = nn.LSTM(dim, dim, batch_first=True)
        else:
            _hear_of_projections()
            self.lstm = nn.LSTM(dim, cell_dim, proj_size=dim, batch_first=True)
        self.residual = residual
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, inputs: Tensor, state: LSTMState | None = None, return_state: bool = False
    ) -> tuple[Tensor, LSTMState | None]:
        """Map (batch, length, dim) to the same shape, and the state after the last token."""
        outputs, state = self.lstm(inputs, state)
        outputs = self.dropout(outputs)
        return inputs + outputs if self.residual else outputs, state if return_state else None


class LSTMStack(BlockStack):
    """Layers without norms between them: one causal direction."""

    def initialize(self, module: nn.Module) -> None:
        """As torch draws LSTMs, but with a forget bias of one: cells keep what they hold at first (Gers et al.)."""
        super().initialize(module)
        if isinstance(module, nn.LSTM):
            with torch.no_grad():
                for name, forget in (("bias_ih_l0", 1.0), ("bias_hh_l0", 0.0)):
                    getattr(module, name).chunk(4)[1].fill_(forget)  # input, forget, cell, output


@cache
def _hear_of_projections() -> None:
    """Have torch say now that oneDNN has no projected LSTM, which it says once, rather than amid a user's output."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        nn.LSTM(1, 2, proj_size=1, device="cpu")(torch.zeros(1, 1, 1, device="cpu"))


@backbones.register("lstm")
class LSTM(BackboneSettings):
    """LSTM layers (Hochreiter and Schmidhuber 1997), as many as the model has blocks, by torch's own kernels."""

    type: Literal["lstm"] = "lstm"
    cell_dim: Size | None = None
    """Cells of a layer, which are projected to embedding_dim (Sak et al. 2014), as ELMo's are; null: as many as
    embedding_dim, without projection."""
    residual: bool = False
    """Add a layer's input to its output, from the second layer on."""
    precisions = frozenset({"fp32", "bf16"})

    def check(self, sizes: Sizes) -> None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.check`."""
        if self.cell_dim is not None and self.cell_dim <= sizes.embedding_dim:
            raise ValueError(
                f"backbone.cell_dim={self.cell_dim} is not more than embedding_dim={sizes.embedding_dim}, to which "
                "cells are projected; leave it out for an LSTM without projection"
            )

    def build(self, config: BiXLSTMConfig) -> LSTMStack:
        """One direction."""
        return LSTMStack(
            (
                LSTMBlock(config.embedding_dim, self.cell_dim, self.residual and index > 0, config.dropout)
                for index in range(config.num_blocks)
            ),
            nn.Identity(),
        )

    def training_flops(self, config: BiXLSTMConfig) -> float:
        """The products of inputs and of what was passed on with the gates' weights, and the projection."""
        dim, cells = config.embedding_dim, self.cell_dim or config.embedding_dim
        projection = cells * dim if self.cell_dim is not None else 0
        return float(6.0 * config.num_blocks * (4 * cells * 2 * dim + projection))
