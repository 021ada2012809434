from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.configuration import training_flops_per_token


@pytest.mark.parametrize(("dim", "factor", "inner"), [(768, 2.0, 1536), (16, 2.0, 64), (48, 1.4, 128), (64, 1.0, 64)])
def test_widths(dim: int, factor: float, inner: int) -> None:
    config = BiXLSTMConfig(embedding_dim=dim, proj_factor=factor)
    assert config.inner_dim == inner and config.hidden_size == 2 * dim


def test_settings_survive_saving(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "vocab_size": 11,
        "embedding_dim": 32,
        "num_blocks": 3,
        "num_heads": 2,
        "proj_factor": 1.5,
        "conv1d_kernel_size": 3,
        "qkv_proj_blocksize": 8,
        "dropout": 0.3,
        "context_length": 17,
        "softmax": "tied",
        "softmax_clusters": [2, 5],
        "pad_token_id": 5,
    }
    BiXLSTM(BiXLSTMConfig(**values)).save_pretrained(tmp_path)
    loaded = BiXLSTM.from_pretrained(tmp_path).config
    assert {name: getattr(loaded, name) for name in values} == values
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["model_type"] == "bixlstm" and not stored["tie_word_embeddings"]


def test_clusters_outside_the_vocabulary_are_refused() -> None:
    assert BiXLSTMConfig().softmax_clusters is None
    with pytest.raises(ValueError, match=r"\[3, 11\] must be ascending ranks .* below the vocabulary's size 11"):
        BiXLSTMConfig(vocab_size=11, softmax_clusters=[3, 11])


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


def test_the_mlstm_by_its_name_is_the_default(tmp_path: Path) -> None:
    for name, backbone in (("default", {}), ("named", {"backbone": {"type": "mlstm"}})):
        BiXLSTM(BiXLSTMConfig(vocab_size=9, embedding_dim=8, **backbone)).save_pretrained(tmp_path / name)
    text = (tmp_path / "named" / "config.json").read_text()
    assert text == (tmp_path / "default" / "config.json").read_text() and "backbone" not in text


def test_heads_must_divide_the_width_of_the_cell() -> None:
    with pytest.raises(ValueError, match="num_heads=5 does not divide the cell's width 64"):
        BiXLSTMConfig(embedding_dim=32, num_heads=5)
