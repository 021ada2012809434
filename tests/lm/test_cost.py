from __future__ import annotations

import pytest

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.configuration import training_flops_per_token


def test_at_the_model_cards_size() -> None:
    total = training_flops_per_token(BiXLSTMConfig())
    assert total == pytest.approx(716e6, rel=1e-3)
    heads = total - training_flops_per_token(BiXLSTMConfig(), 0.0)
    assert heads / total == pytest.approx(0.41, abs=0.005)


def test_fewer_classes_cost_as_much_as_a_smaller_vocabulary() -> None:
    assert training_flops_per_token(BiXLSTMConfig(), 3000.0) == training_flops_per_token(BiXLSTMConfig(vocab_size=3000))


def test_six_per_weight_and_twelve_per_pair_of_positions() -> None:
    config = BiXLSTMConfig(vocab_size=50, embedding_dim=32, num_blocks=2, num_heads=2, context_length=8)
    model = BiXLSTM(config)
    products = {
        name: weight.numel()
        for name, weight in model.named_parameters()
        if weight.ndim > 1 and "token_embedding" not in name  # a look-up is no product
    }
    pairs = 2 * config.num_blocks * config.context_length * config.inner_dim
    assert training_flops_per_token(config) == 6 * sum(products.values()) + 12 * pairs
