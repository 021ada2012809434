"""Blocks one after another, each with a state of its own, and a norm after the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from elmo_xlstm.lm.backbones.interface import Backbone


class BlockStack(Backbone):
    """A backbone whose blocks know nothing of each other.

    Args:
        blocks: each maps (batch, length, dim), its state (None at the beginning) and whether a state is asked for to
            (batch, length, dim) and the state after the last token, None if it was not asked for.
        norm: after the last block.
    """

    def __init__(self, blocks: Iterable[nn.Module], norm: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.post_blocks_norm = norm

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Outputs of all blocks, each (batch, length, dim); the last one behind the norm."""
        hidden_states, _ = self._run(inputs, [None] * len(self.blocks), return_state=False)
        return hidden_states

    def step(self, inputs: Tensor, state: Sequence[Any] | None = None) -> tuple[list[Tensor], list[Any]]:
        """See :meth:`~elmo_xlstm.lm.backbones.Backbone.step`; a state is a list with an entry for each block."""
        return self._run(inputs, state or [None] * len(self.blocks), return_state=True)

    def _run(self, inputs: Tensor, states: Sequence[Any], return_state: bool) -> tuple[list[Tensor], list[Any]]:
        hidden, hidden_states, after = inputs, [], []
        for block, state in zip(self.blocks, states, strict=True):
            hidden, state = block(hidden, state, return_state)
            hidden_states.append(hidden)
            after.append(state)
        hidden_states[-1] = self.post_blocks_norm(hidden)
        return hidden_states, after
