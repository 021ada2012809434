"""Reading token by token gives the numbers of reading all at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.lm import BiXLSTMConfig
from elmo_xlstm.lm.backbones.mlstm.cell import LayerState
from elmo_xlstm.lm.backbones.mlstm.stack import MLSTMStack


@pytest.fixture(scope="module")
def stack() -> MLSTMStack:
    torch.manual_seed(0)
    config = BiXLSTMConfig(vocab_size=10, embedding_dim=16, num_blocks=2, num_heads=2, dropout=0.0)
    stack = MLSTMStack(config)
    for module in stack.modules():
        if list(module.parameters(recurse=False)):
            stack.initialize(module)
    for block in stack.blocks:  # gates start at zero, where they could not be told apart
        torch.nn.init.normal_(block.xlstm.mlstm_cell.igate.weight, std=0.3)
        torch.nn.init.normal_(block.xlstm.mlstm_cell.fgate.weight, std=0.3)
    return stack.eval()


@settings(max_examples=15, deadline=None)
@given(pieces=st.lists(st.integers(1, 9), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_steps_of_any_length_equal_one_pass(stack: MLSTMStack, pieces: list[int], seed: int) -> None:
    inputs = torch.randn(2, sum(pieces), 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        expected = stack(inputs)
        state: list[LayerState] | None = None
        parts = []
        for piece in inputs.split(pieces, dim=1):
            hidden, state = stack.step(piece, state)
            parts.append(hidden)
    for layer, whole in enumerate(expected):
        torch.testing.assert_close(torch.cat([part[layer] for part in parts], dim=1), whole, rtol=1e-5, atol=1e-5)


def test_a_state_does_not_grow(stack: MLSTMStack) -> None:
    _, short = stack.step(torch.randn(1, 1, 16))
    _, long = stack.step(torch.randn(1, 50, 16))
    assert [tensor.shape for layer in short for tensor in (layer.tail, *layer.cell)] == [
        tensor.shape for layer in long for tensor in (layer.tail, *layer.cell)
    ]
