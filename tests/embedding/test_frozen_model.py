from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.embedding import frozen_model
from elmo_xlstm.embedding.frozen_model import FrozenModel
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.backbones import Backbone


def random_model(**sizes) -> BiXLSTM:
    config = BiXLSTMConfig(**{"vocab_size": 20, "embedding_dim": 16, "num_blocks": 2, "num_heads": 2, **sizes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BiXLSTM(config).eval()
        for parameter in model.parameters():  # gates are closed and norms flat at first
            parameter.data.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def assert_same_layers(model: BiXLSTM, input_ids: torch.Tensor, mask: torch.Tensor) -> None:
    with torch.inference_mode():
        expected = model.encode_layers(input_ids, mask)
        forms = [FrozenModel(model, "fp32", native).encode_layers(input_ids, mask) for native in (False, True)]
    for found in forms:
        assert torch.equal(found.embeddings, expected.embeddings)
        for ours, theirs in ((found.forward, expected.forward), (found.backward, expected.backward)):
            assert len(ours) == len(theirs) == model.config.num_blocks
            for one, other in zip(ours, theirs, strict=True):
                assert (one[mask] - other[mask]).norm() / other[mask].norm() < 3e-5


@settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    heads=st.sampled_from([1, 2, 4]),
    blocksize=st.sampled_from([1, 2, 4, 8]),
    taps=st.integers(1, 4),
)
def test_layers_are_those_of_the_model(lengths, heads, blocksize, taps) -> None:
    model = random_model(num_heads=heads, qkv_proj_blocksize=blocksize, conv1d_kernel_size=taps)
    generator = torch.Generator().manual_seed(1)
    input_ids = torch.randint(0, 20, (len(lengths), max(lengths)), generator=generator)
    assert_same_layers(model, input_ids, torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1))


def test_blocks_that_reach_into_two_heads() -> None:
    model = random_model(num_heads=16, qkv_proj_blocksize=8)
    assert model.config.inner_dim // 16 == 4
    assert_same_layers(model, torch.arange(14).view(2, 7), torch.ones(2, 7, dtype=torch.bool))


def test_long_input_takes_the_chunkwise_form(monkeypatch) -> None:
    monkeypatch.setattr(frozen_model, "PARALLEL_LENGTH", 8)
    input_ids = torch.randint(0, 20, (2, 30), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(30) < torch.tensor([[30], [17]])
    assert_same_layers(random_model(), input_ids, mask)


@pytest.mark.parametrize("length", [16, 17, 43])
def test_longer_input_is_read_by_segments(length, monkeypatch) -> None:
    monkeypatch.setattr(frozen_model, "SEGMENT_LENGTH", 16)
    seen = []
    run = frozen_model.FrozenStack._run
    monkeypatch.setattr(
        frozen_model.FrozenStack,
        "_run",
        lambda self, inputs, *rest, **named: seen.append(inputs.shape[1]) or run(self, inputs, *rest, **named),
    )
    input_ids = torch.randint(0, 20, (2, length), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(length) < torch.tensor([[length], [11]])
    assert_same_layers(random_model(), input_ids, mask)
    assert seen == 4 * ([16] * (length // 16) + [length % 16] * (length % 16 > 0))


def test_extreme_gates_stay_finite() -> None:
    model = random_model()
    with torch.no_grad():
        for stack in (model.forward_stack, model.backward_stack):
            stack.blocks[0].xlstm.mlstm_cell.igate.bias.copy_(torch.tensor([-200.0, 200.0]))
            stack.blocks[1].xlstm.mlstm_cell.fgate.bias.copy_(torch.tensor([-90.0, 90.0]))
    input_ids = torch.randint(0, 20, (2, 12), generator=torch.Generator().manual_seed(0))
    assert_same_layers(model, input_ids, torch.ones_like(input_ids, dtype=torch.bool))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stack_of_another_kind_is_used_as_it_is(precision) -> None:
    class Doubling(Backbone):
        def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
            return [2 * inputs]

    model = random_model()
    model.forward_stack = model.backward_stack = Doubling()
    input_ids = torch.tensor([[3, 4, 5], [6, 7, 0]])
    encoding = FrozenModel(model, precision).encode_layers(input_ids, torch.tensor([[1, 1, 1], [1, 1, 0]]))
    torch.testing.assert_close(encoding.backward[0], 2 * model.token_embedding(input_ids))
    torch.testing.assert_close(encoding.forward[0], 2 * model.token_embedding(input_ids))
    with pytest.raises(UserError, match="int8 is for the mLSTM, not for Doubling; choose fp32"):
        FrozenModel(model, "int8")
